"""Refines the rim of a finding with the image, at the image's own resolution.

The model works on pixels of about 1.6 mm, and its rims are soft and a little wide. The image shows
the rim more precisely where the two sides differ by more than the noise.

Around each finding, two levels are measured: L in its core and B in the liver around it, with
the noise N of the latter. For normal distributions with means L and B and the same variance, a
pixel's logarithmic likelihood ratio is linear in its attenuation s:

    log p(s | L) / p(s | B) = w r,    w = (L - B)^2 / (2 N^2),    r = 2 (s - B) / (L - B) - 1

so that r is 1 at L, -1 at B and 0 half-way. By Bayes' rule it is added to the logit of the map. It
is bounded, |r| <= 1 and w <= 1.5, because lesions have rims and cores, and the liver has vessels:
where the map is certain it does not change, and faint lesions hardly change. Components that are
too small to count as a finding do not grow.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.regions import bounding_box, label_components, signed_distance_mm

# The picture is smoothed a little: a rim of single pixels is noise.
_SMOOTHING_MM = 1.0
# Most that the picture adds to the logit.
_HEAVIEST = 1.5
# What a finding's core is, as a share of its highest probability.
_CORE = 0.7
# Where the liver around a finding is looked at, mm from it: not at its soft rim, nor far off.
_CLOSEST_MM, _FARTHEST_MM = 3.0, 12.0
# Too few pixels tell no level.
_FEWEST = 20
_LEAST_NOISE_HU = 3.0
# From here on, where the model saw no liver around a finding: neither fat nor air.
_SOFT_TISSUE_HU = -20.0
# The ratio of a normal distribution's standard deviation to its median absolute deviation.
_MAD = 1.4826
_SURE = 1e-4


def follow_edges(
    probability: NDArray[np.float32],
    hu: NDArray[np.floating],
    spacing_mm: tuple[float, float],
    *,
    threshold: float,
    reach_mm: float,
    min_area_mm2: float,
    liver: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return a map whose findings end where the picture changes.

    Args:
        probability: (rows, columns), how probably a pixel is lesion, 0 to 1.
        hu: the slice, of the same shape, finite.
        spacing_mm: (row, column) spacing.
        threshold: the probability that the map is meant to be cut at.
        reach_mm: how far from a finding the map changes; within it, it may change anywhere.
        min_area_mm2: smaller findings stay as they are.
        liver: how probably a pixel is liver, of the same shape.
    """
    labels, count = label_components(probability >= threshold)
    result = probability.copy()
    margin = [int(np.ceil((_FARTHEST_MM + _CLOSEST_MM) / mm)) for mm in spacing_mm]
    for number in range(1, count + 1):
        inside = labels == number
        if np.count_nonzero(inside) * spacing_mm[0] * spacing_mm[1] < min_area_mm2:
            break  # they are numbered by size
        box = bounding_box(inside, margin)
        _follow(
            result[box],
            probability[box],
            labels[box],
            number,
            _smooth(hu[box], spacing_mm),
            liver[box],
            spacing_mm,
            reach_mm,
        )
    return result


def _follow(
    result: NDArray[np.float32],
    probability: NDArray[np.float32],
    labels: NDArray[np.int32],
    number: int,
    hu: NDArray[np.float32],
    liver: NDArray[np.float32],
    spacing_mm: tuple[float, float],
    reach_mm: float,
) -> None:
    mine = labels == number
    distance = signed_distance_mm(mine, spacing_mm)
    others = (labels > 0) & ~mine
    elsewhere = np.full_like(distance, np.inf)
    if others.any():
        elsewhere = signed_distance_mm(others, spacing_mm)
    core = mine & (probability >= _CORE * probability[mine].max())
    ring = (distance > _CLOSEST_MM) & (distance < _FARTHEST_MM) & (elsewhere > _CLOSEST_MM)
    around = _around(ring, hu, liver)
    if around is None:
        return
    level, base = float(np.median(hu[core])), float(np.median(hu[around]))
    noise = max(_MAD * float(np.median(np.abs(hu[around] - base))), _LEAST_NOISE_HU)
    if level == base:
        return
    ratio = np.clip(2 * (hu - base) / (level - base) - 1, -1, 1)
    weight = min(0.5 * ((level - base) / noise) ** 2, _HEAVIEST)
    near = (distance <= reach_mm) & (distance < elsewhere)
    p = np.clip(probability[near], _SURE, 1 - _SURE)
    result[near] = 1 / (1 + (1 - p) / p * np.exp(-weight * ratio[near]))


def _around(
    ring: NDArray[np.bool_], hu: NDArray[np.float32], liver: NDArray[np.float32]
) -> NDArray[np.bool_] | None:
    """Where the level around a finding can be measured, if anywhere."""
    for tissue in (liver > 0.5, hu > _SOFT_TISSUE_HU):
        if np.count_nonzero(ring & tissue) >= _FEWEST:
            return ring & tissue
    return None


def _smooth(hu: NDArray[np.floating], spacing_mm: tuple[float, float]) -> NDArray[np.float32]:
    image = sitk.GetImageFromArray(np.ascontiguousarray(hu, dtype=np.float32))
    image.SetSpacing(spacing_mm[::-1])
    smooth: NDArray[np.float32] = sitk.GetArrayFromImage(
        sitk.DiscreteGaussian(image, _SMOOTHING_MM**2)
    )
    return smooth
