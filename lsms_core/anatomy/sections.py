"""Which part of a lobe a lesion lies in, as far as a slice can tell.

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
_NUMBERS = {
    "I": "1", "II": "2", "III": "3", "IVa": "4", "IVb": "4",
    "V": "5", "VI": "6", "VII": "7", "VIII": "8",
}  # fmt: skip

SECTIONS: tuple[Section, ...] = get_args(Section)
# section -> (segment in the liver's upper half, in its lower half)
SEGMENTS: dict[Section, tuple[str, str]] = {
    "right anterior": ("VIII", "V"),
    "right posterior": ("VII", "VI"),
    "left medial": ("IVa", "IVb"),
    "left lateral": ("II", "III"),
}


def section_of(
    side: Side | None,
    centroid_mm: tuple[float, float],
    right_centre_mm: float | None,
    midline_mm: float,
) -> Section | None:
    """Return the lobe's part that holds a lesion, None close to a border.

    Args:
        side: the lesion's lobe.
        centroid_mm: its (row, column) centre in the canonical axial slice.
        right_centre_mm: row of the right lobe's centre, None without a right lobe.
        midline_mm: column of the patient's midline.
    """
    row, column = centroid_mm
    if side == "right" and right_centre_mm is not None:
        if abs(row - right_centre_mm) < _BAND_MM:
            return None
        return "right anterior" if row < right_centre_mm else "right posterior"
    if side == "left":
        if abs(column - midline_mm) < _BAND_MM:
            return None
        return "left lateral" if column > midline_mm else "left medial"
    return None


def segment_of(section: Section | None, height: float | None) -> str | None:
    """Return Couinaud's segment, None where section or height cannot tell.

    Args:
        section: from :func:`section_of`.
        height: from :func:`liver_height`.
    """
    if section is None or height is None or abs(height - 0.5) < _BAND_HEIGHT:
        return None
    upper, lower = SEGMENTS[section]
    return upper if height > 0.5 else lower


def section_with(segment: str) -> Section:
    """Return the section that a segment, such as "IVa", is a part of."""
    return next(section for section, segments in SEGMENTS.items() if segment in segments)


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
            found.add(_NUMBERS[upper])
        if height is None or height < 0.5 + _BAND_HEIGHT:
            found.add(_NUMBERS[lower])
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
