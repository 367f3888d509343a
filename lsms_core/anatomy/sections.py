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
