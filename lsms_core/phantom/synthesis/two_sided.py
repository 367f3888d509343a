"""Slices with lesions in both lobes, made in real livers.

Few patients have lesions in both lobes in one slice, and only such slices show whether "left" and
"right" lead to different answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.laterality import (
    AMBIGUOUS_BAND_MM,
    cantlie_offset_mm,
    midline_column,
    side_of,
)
from lsms_core.anatomy.regions import LESION_LABEL, bounding_box, lesion_instances
from lsms_core.phantom.synthesis.lesions import add_lesions
from lsms_core.phantom.synthesis.spec import random_spec

DIAMETER_MM = (8.0, 35.0)
COUNTS = (2, 2, 3, 4)
# Real slices of liver smaller than this share of the largest have no room for two lobes' lesions.
_SMALLEST_SHARE = 0.3
_TRIES = 8
# Lesions reach this far beyond the slice that they are centred in.
_REACH_MM = 0.5 * DIAMETER_MM[1] * 1.8 + 10.0


def add_two_sided(
    image: CTVolume, label: NDArray[np.generic], every: int, rng: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.uint8], list[int]]:
    """Add 2 to 4 lesions to one axial slice in ``every``, at least one to each lobe.

    A slice is left as it is where no such lesions find room, or where the side of any lesion
    in it, real or added, would not be clear.

    Args:
        image: the CT.
        label: on its grid; 0 background, 1 liver, 2 lesion.
        every: distance of the slices, at least 1.
        rng: source of chance.

    Returns:
        The new CT and label, in the order of the array, and the indices of the slices with
        added lesions along the axial plane's axis.
    """
    plane = SlicePlane.of(image, "axial")
    array = np.array(image.array, dtype=np.int16)
    labels = np.array(label, dtype=np.uint8)
    # Views: what is written here is written there.
    hu, marks = plane.stack(array), plane.stack(labels)
    areas = np.count_nonzero(marks > 0, axis=(1, 2))
    levels = np.flatnonzero(areas > _SMALLEST_SHARE * areas.max(initial=1))
    spacing = (plane.thickness_mm, *plane.spacing_mm)
    reach = int(np.ceil(_REACH_MM / plane.thickness_mm))
    changed: list[int] = []
    for level in levels[every // 2 :: every].tolist():
        slab = slice(max(level - reach, 0), level + reach + 1)
        centre = level - slab.start
        midline = midline_column(hu[level], plane.spacing_mm)
        # The slab's own liver, so that distances to the line are those that will be measured.
        offset = cantlie_offset_mm(midline, marks[level] > 0, plane.spacing_mm)
        box = (slab, *bounding_box(marks[slab].max(axis=0) > 0, (8, 8)))
        for _ in range(_TRIES):
            made = _both_lobes(hu[box], marks[box], centre, offset[box[1:]], spacing, rng)
            if made is not None:
                hu[box], added = made
                marks[box][added > 0] = LESION_LABEL
                changed.append(level)
                break
    return array, labels, changed


def _both_lobes(
    hu: NDArray[np.int16],
    marks: NDArray[np.uint8],
    centre: int,
    offset_mm: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int16], NDArray[np.int32]] | None:
    """Try once; None where a lesion finds no room or a side is not clear."""
    added = np.zeros(hu.shape, np.int32)
    signs = [1, -1, *rng.choice([1, -1], int(rng.choice(COUNTS)) - 2).tolist()]
    for sign in signs:
        spec = random_spec(rng, DIAMETER_MM)
        where = np.zeros(hu.shape, bool)
        where[centre] = sign * offset_mm > AMBIGUOUS_BAND_MM + 0.4 * spec.diameter_mm
        avoid = (marks == LESION_LABEL) | (added > 0)
        hu, one = add_lesions(hu, marks > 0, spacing_mm, [spec], rng, avoid=avoid, where=where)
        added |= one
    found = lesion_instances((marks[centre] == LESION_LABEL) | (added[centre] > 0), spacing_mm[1:])
    numbers = [n for n in np.unique(found).tolist() if n]
    sides = {side_of(offset_mm, found == n) for n in numbers}
    return (hu, added) if sides == {"left", "right"} else None
