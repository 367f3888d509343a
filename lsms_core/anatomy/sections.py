"""The Couinaud segments that may hold a lesion, estimated from a single slice.

Couinaud's segments (Le foie: etudes anatomiques et chirurgicales, 1957; Brisbane 2000
terminology) are divided by the hepatic veins, the umbilical fissure and the portal vein's
level. None of them is in a liver mask, so each border is approximated and has a band around
it in which no part is given:

=====================  ========================================================
border                 approximated by
=====================  ========================================================
right lobe, front/back  the coronal plane through the right lobe's centre in the slice
left lobe, IV from II/III  the patient's midline
upper from lower       half the liver's height, where the scan shows all of it
=====================  ========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.laterality import Side

Section = Literal["right anterior", "right posterior", "left medial", "left lateral"]

# Half the width of the band around a border in which no part is given.
_BAND_MM = 10.0
_BAND_HEIGHT = 0.08
# A scan shows the liver's end when its last slice of liver is this small beside the largest.
_END_SHARE = 0.35

# The caudate lies in front of the vena cava: its middle to the right of the midline, and how far
# to both sides it may reach, mm.
_CAUDATE_MM = (10.0, 30.0)

SECTIONS: tuple[Section, ...] = get_args(Section)
# section -> (segment in the liver's upper half, in its lower half); IVa and IVb are one number
SEGMENTS: dict[Section, tuple[str, str]] = {
    "right anterior": ("8", "5"),
    "right posterior": ("7", "6"),
    "left medial": ("4", "4"),
    "left lateral": ("2", "3"),
}


def section_segments(section: Section) -> tuple[str, ...]:
    """Return the numbers of a section's segments, in order: ("5", "8") for "right anterior"."""
    return tuple(sorted(set(SEGMENTS[section])))


def lobe_segments(sides: Sequence[Side]) -> tuple[str, ...]:
    """Return the numbers of the lobes' segments; the caudate, "1", belongs to neither."""
    parts = [section for section in SECTIONS if section.split()[0] in sides]
    return tuple(sorted({number for part in parts for number in SEGMENTS[part]}))


def possible_segments(
    sides: Sequence[Side],
    centroid_mm: tuple[float, float],
    *,
    right_centre_mm: float | None,
    midline_mm: float,
    liver_rows_mm: tuple[float, float],
    height: float | None,
) -> tuple[str, ...]:
    """Return Couinaud's segments "1" to "8" that may hold a lesion, as far as lines can tell.

    Close to a border the segments on both sides of it are possible. The caudate lies behind,
    near the midline, with other segments around it.

    Args:
        sides: the lobes that it may lie in.
        centroid_mm: its (row, column) centre in the canonical axial slice.
        right_centre_mm: row of the right lobe's centre, None without a right lobe.
        midline_mm: column of the patient's midline.
        liver_rows_mm: first and last row of the liver in the slice.
        height: of the slice in the liver, 0 to 1; None where it is not known.
    """
    row, column = centroid_mm
    parts: list[Section] = []
    if "right" in sides:
        front = None if right_centre_mm is None else right_centre_mm - row
        if front is None or front > -_BAND_MM:
            parts.append("right anterior")
        if front is None or front < _BAND_MM:
            parts.append("right posterior")
    if "left" in sides:
        if column - midline_mm < _BAND_MM:
            parts.append("left medial")
        if column - midline_mm > -_BAND_MM:
            parts.append("left lateral")
    found = set()
    for part in parts:
        upper, lower = SEGMENTS[part]
        if height is None or height > 0.5 - _BAND_HEIGHT:
            found.add(upper)
        if height is None or height < 0.5 + _BAND_HEIGHT:
            found.add(lower)
    behind = row > 0.5 * (liver_rows_mm[0] + liver_rows_mm[1])
    if behind and abs(column - (midline_mm - _CAUDATE_MM[0])) < _CAUDATE_MM[1]:
        found.add("1")
    return tuple(sorted(found))


def liver_height(areas: Sequence[int] | NDArray[np.int64], index: int) -> float | None:
    """Height of a slice in the liver: 0 at its lower end, 1 at its dome.

    Args:
        areas: pixels of liver in each slice, from inferior to superior.
        index: the slice.

    Returns:
        None where the scan does not show both ends of the liver.
    """
    counts = np.asarray(areas)
    levels = np.flatnonzero(counts)
    if len(levels) < 2:
        return None
    ends = max(counts[levels[0]], counts[levels[-1]])
    if ends > _END_SHARE * counts.max():
        return None
    return float((index - levels[0]) / (levels[-1] - levels[0]))
