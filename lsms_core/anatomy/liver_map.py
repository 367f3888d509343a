"""The liver on a CT's grid, with its lobes and Couinaud's segments as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.laterality import (
    Side,
    cantlie_offset_mm,
    midline_column,
)
from lsms_core.anatomy.sections import liver_height

RIGHT, LEFT = 1, 2
SIDE_LABELS: dict[Side, int] = {"right": RIGHT, "left": LEFT}
# Couinaud's segments of the left lobe; the caudate belongs to neither lobe's main part and is
# drained on its own, but lies to the left of Cantlie's line (Brisbane 2000).
LEFT_SEGMENTS = (1, 2, 3, 4)
# How far the border of the lobes may be off, mm, where a network outlined them, where somebody
# outlined the segments, and where Cantlie's line divides the liver. The texts of training keep
# farther from the line (laterality.AMBIGUOUS_BAND_MM): they can be chosen, a patient's
# lesions cannot.
OUTLINED_BORDER_MM = 6.0
DRAWN_BORDER_MM = 2.0
DIVIDED_BORDER_MM = 8.0


@dataclass(frozen=True)
class LiverMap:
    """Where the liver lies.

    Attributes:
        liver: (slices, rows, columns) bool, with its lesions.
        lobes: the same shape, RIGHT and LEFT, 0 elsewhere; it may have holes at lesions. None
            where the lobes are not known.
        segments: the same shape, Couinaud's 1 to 8, 0 elsewhere; None where not known.
        border_mm: how far the border of the lobes may be off: nearer to it no side is sure.
        heights: of each axial slice in the liver, 0 at its lower end and 1 at its dome, NaN where
            the scan does not show both ends; None where nothing is known of them.
    """

    liver: NDArray[np.bool_]
    lobes: NDArray[np.uint8] | None = None
    segments: NDArray[np.uint8] | None = None
    border_mm: float = OUTLINED_BORDER_MM
    heights: NDArray[np.float64] | None = None

    def side(self, side: Side) -> NDArray[np.bool_]:
        """Return one lobe, the lesions that lie in it included as far as the map shows."""
        if self.lobes is None:
            return np.zeros_like(self.liver)
        return np.asarray(self.lobes == SIDE_LABELS[side])


def with_lobes(volume: CTVolume, known: LiverMap) -> LiverMap:
    """Return a map whose lobes are known: from the segments, else divided by Cantlie's line.

    Args:
        volume: the CT, HU.
        known: on its grid; returned as it is where it has lobes.
    """
    if known.lobes is not None:
        return known
    if known.segments is not None:
        lobes = np.zeros(known.liver.shape, np.uint8)
        lobes[known.segments > 0] = RIGHT
        lobes[np.isin(known.segments, LEFT_SEGMENTS)] = LEFT
        return replace(known, lobes=lobes, border_mm=DRAWN_BORDER_MM)
    return replace(known, lobes=divide(volume, known.liver), border_mm=DIVIDED_BORDER_MM)


def with_heights(volume: CTVolume, known: LiverMap) -> LiverMap:
    """Return a map that knows the height of each axial slice in the liver.

    Args:
        volume: the CT.
        known: on its grid; the whole liver as far as the scan shows it.
    """
    plane = SlicePlane.of(volume, "axial")
    others = tuple(a for a in range(3) if a != plane.axis)
    areas = np.count_nonzero(known.liver, axis=others)
    rising = areas[::-1] if plane.reverse_stack else areas
    told = [liver_height(rising, level) for level in range(len(rising))]
    heights = np.array([np.nan if h is None else h for h in told])
    return replace(known, heights=heights[::-1] if plane.reverse_stack else heights)


def cropped(known: LiverMap, axis: int, first: int, stop: int, axial: int) -> LiverMap:
    """Return the part of a map between two slices.

    Args:
        known: the map.
        axis: of the array, along which the slices lie.
        first: the first slice.
        stop: the one after the last.
        axial: the axis along which axial slices lie, for the heights.
    """
    place: list[slice] = [slice(None)] * 3
    place[axis] = slice(first, stop)
    where = tuple(place)
    heights = known.heights
    return LiverMap(
        known.liver[where],
        None if known.lobes is None else known.lobes[where],
        None if known.segments is None else known.segments[where],
        known.border_mm,
        heights[first:stop] if heights is not None and axis == axial else heights,
    )


def divide(volume: CTVolume, liver: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Divide a liver into its lobes by Cantlie's line (:mod:`lsms_core.anatomy.laterality`).

    Args:
        volume: the CT, HU.
        liver: (slices, rows, columns), with its lesions.

    Returns:
        RIGHT and LEFT, 0 outside the liver.
    """
    lobes = np.zeros(liver.shape, np.uint8)
    plane = SlicePlane.of(volume, "axial")
    for index in np.flatnonzero(plane.stack(liver).any(axis=(1, 2))).tolist():
        organ = plane.extract(liver, index)
        middle = midline_column(plane.extract(volume.array, index), plane.spacing_mm)
        offset = cantlie_offset_mm(middle, organ, plane.spacing_mm)
        sides = np.where(offset > 0, LEFT, RIGHT).astype(np.uint8)
        plane.restore_into(lobes, index, np.where(organ, sides, np.uint8(0)))
    return lobes
