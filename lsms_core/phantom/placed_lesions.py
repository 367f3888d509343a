"""Puts lesions of known side, size and density into a phantom's liver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.laterality import (
    AMBIGUOUS_BAND_MM,
    Side,
    cantlie_offset_mm,
    midline_column,
)
from lsms_core.anatomy.lesion import Attenuation, Lesion
from lsms_core.anatomy.measurements import measure_slice
from lsms_core.anatomy.regions import bounding_box, signed_distance_mm
from lsms_core.errors import InputError
from lsms_core.phantom.synthesis.lesions import add_lesions
from lsms_core.phantom.synthesis.spec import LesionSpec, random_spec

_TRIES = 12
_BETWEEN_MM = 6.0
# A side holds for a lesion when it can be told in this share of its cross-section.
_SIDE_SHARE = 0.9


@dataclass(frozen=True)
class PlacedLesion:
    """A lesion to put into the liver.

    Attributes:
        side: the patient's lobe, in the sense of :mod:`lsms_core.anatomy.laterality`; None for
            either.
        spec: what it is like.
        inner: True keeps it away from the liver's surface.
        clear_mm: how far from the border between the lobes it must lie.
    """

    side: Side | None = None
    spec: LesionSpec = field(default_factory=LesionSpec)
    inner: bool = False
    clear_mm: float = AMBIGUOUS_BAND_MM


@dataclass(frozen=True)
class LesionTruth:
    """A lesion that was placed, as it is measured in the image.

    Attributes:
        instance: its number in the label map.
        side: the patient's lobe; None where it cannot be told.
        longest_mm: its longest axial diameter, in the slice where that is largest.
        slice_index: that slice.
        mean_hu: its mean attenuation there.
        contrast_hu: against the liver around it there.
        attenuation: the word for it; None between two words.
        volume_ml: its volume.
        centre_ras: its centre of mass, patient coordinates (right, anterior, superior), mm.
        spec: what was asked for.
    """

    instance: int
    side: Side | None
    longest_mm: float
    slice_index: int
    mean_hu: float
    contrast_hu: float
    attenuation: Attenuation | None
    volume_ml: float
    centre_ras: tuple[float, float, float]
    spec: LesionSpec


def random_lesions(rng: np.random.Generator, count: int) -> list[PlacedLesion]:
    """Draw lesions of either side, of sizes that fit into both lobes."""
    sides: tuple[Side, Side] = ("left", "right")
    return [
        PlacedLesion(sides[int(rng.random() < 0.6)], random_spec(rng, (8.0, 45.0)))
        for _ in range(count)
    ]


def place_lesions(
    ct: CTVolume,
    liver: NDArray[np.bool_],
    wanted: Sequence[PlacedLesion],
    rng: np.random.Generator,
    *,
    required: bool,
) -> tuple[NDArray[np.int16], NDArray[np.int32], list[LesionTruth]]:
    """Put lesions into a liver, the largest first.

    Args:
        ct: canonical axial slices, inferior to superior.
        liver: the same shape.
        wanted: the lesions; instance numbers follow this order.
        rng: source of chance.
        required: whether a lesion that finds no place is an error or is left out.

    Returns:
        The new image, instances 1..n, and what became of each lesion.

    Raises:
        InputError: when a required lesion finds no place.
    """
    image = np.asarray(ct.array)
    instances = np.zeros(image.shape, np.int32)
    if not wanted:
        return image, instances, []
    if not liver.any():
        raise InputError("This phantom shows no liver: choose a grid that covers it.")
    i_mm, j_mm, k_mm = ct.spacing_mm
    spacing = (k_mm, j_mm, i_mm)
    box = bounding_box(liver, [1, 1, 1])
    offset = np.full(image.shape, np.nan, np.float32)
    for index in np.flatnonzero(liver.any(axis=(1, 2))):
        midline = midline_column(image[index], (j_mm, i_mm))
        offset[index] = cantlie_offset_mm(midline, liver[index], (j_mm, i_mm))
    depth = np.full(image.shape, -1.0, np.float32)
    depth[box] = -signed_distance_mm(liver[box], spacing)
    order = sorted(range(len(wanted)), key=lambda n: -wanted[n].spec.diameter_mm)
    kept = []
    for n in order:
        made = _place(image, liver, instances > 0, offset, depth, wanted[n], spacing, rng)
        if made is None:
            if required:
                lesion = wanted[n]
                raise InputError(
                    f"No place for a {lesion.spec.diameter_mm:.0f} mm lesion in the "
                    f"{lesion.side or 'whole'} lobe of this phantom: ask for a smaller one, "
                    "fewer lesions, or another seed."
                )
            continue
        image, mask = made
        instances[mask] = n + 1
        kept.append(n)
    number = np.zeros(len(wanted) + 1, np.int32)
    number[np.array(sorted(kept), int) + 1] = np.arange(1, len(kept) + 1)
    instances = number[instances]
    result = ct.with_array(image)
    truth = [
        describe(result, liver, instances, place, wanted[n].spec)
        for place, n in enumerate(sorted(kept), start=1)
    ]
    return image, instances, truth


def _place(
    image: NDArray[np.int16],
    liver: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    offset: NDArray[np.float32],
    depth: NDArray[np.float32],
    lesion: PlacedLesion,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int16], NDArray[np.bool_]] | None:
    """Try until a lesion lies whole, apart from others and on its side."""
    radius = 0.5 * lesion.spec.diameter_mm
    sign = {"left": 1.0, "right": -1.0, None: 0.0}[lesion.side]
    where = liver & (depth > (1.25 * radius + 3.0 if lesion.inner else 0.8 * radius))
    if sign:
        where &= sign * offset > lesion.clear_mm + 0.6 * radius
    if taken.any():
        # Lesions lie in the liver, as places for others do.
        box = bounding_box(liver, [1, 1, 1])
        apart = signed_distance_mm(taken[box], spacing)
        where[box] &= apart > 1.3 * radius + _BETWEEN_MM
    if not where.any():
        return None
    for _ in range(_TRIES):
        made, labels = add_lesions(
            image, liver, spacing, [lesion.spec], rng, avoid=taken, where=where
        )
        mask = labels > 0
        if not mask.any():
            continue
        levels = np.flatnonzero(mask.any(axis=(1, 2)))
        if levels[0] == 0 or levels[-1] == len(image) - 1:
            continue  # cut off by the scan's end
        if not sign or np.mean(sign * offset[mask] > 0) > _SIDE_SHARE:
            return made, mask
    return None


def describe(
    ct: CTVolume,
    liver: NDArray[np.bool_],
    instances: NDArray[np.int32],
    instance: int,
    spec: LesionSpec,
) -> LesionTruth:
    """Measure a lesion in the axial slice where its longest diameter is largest."""
    mask = instances == instance
    i_mm, j_mm, k_mm = ct.spacing_mm
    best: tuple[int, Lesion] | None = None
    for index in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        findings = measure_slice(ct.array[index], liver[index], instances[index], (j_mm, i_mm))
        measured = next(m for m in findings.lesions if m.number == instance)
        if best is None or measured.longest_mm > best[1].longest_mm:
            best = index, measured
    assert best is not None
    index, measured = best
    k, j, i = (float(c.mean()) for c in np.nonzero(mask))
    centre = ct.affine @ (i, j, k, 1.0)
    return LesionTruth(
        instance=instance,
        side=measured.sides[0] if len(measured.sides) == 1 else None,
        longest_mm=measured.longest_mm,
        slice_index=index,
        mean_hu=measured.mean_hu,
        contrast_hu=float("nan") if measured.contrast_hu is None else measured.contrast_hu,
        attenuation=measured.attenuation,
        volume_ml=float(mask.sum()) * i_mm * j_mm * k_mm / 1000.0,
        centre_ras=(float(centre[0]), float(centre[1]), float(centre[2])),
        spec=spec,
    )
