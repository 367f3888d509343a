"""Where the liver is, so that the network looks at it as it did in training.

A network that learnt from cut-out pictures around the liver does better on such pictures than on
the whole body: its normalisation and its global attention then see the statistics that they know
(docs/history/lsms-draws.md has the figures). Whole pictures are drawn at *anchors*, about every
10 mm; the liver in the two anchors around a slice, with a margin, is where that slice is drawn.
So what is drawn of a slice depends on the volume alone, not on which slices were asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.anatomy.regions import bounding_box
from lsms_core.dataset.preprocessing import ANCHORS_MM, GRID_MULTIPLE, SliceTransform
from lsms_core.models.lsms.kinds import LOBES

# A pixel of this probability is of the liver.
_LIVER = 0.5
# In smaller pictures the network has too few positions at its coarsest stride for their mean and
# deviation.
_SMALLEST = 64


Part = tuple[slice, slice]
"""The rows and columns of a grid."""


@dataclass(frozen=True)
class Box:
    """A part of a canonical slice, in mm from the centre of its first pixel.

    Attributes:
        top: of the first row.
        bottom: of the last one.
        left: of the first column.
        right: of the last one.
    """

    top: float
    bottom: float
    left: float
    right: float

    def joined(self, other: Box) -> Box:
        """Return the smallest box around both."""
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )


def anchors(index: int, count: int, plane: SlicePlane) -> tuple[int, ...]:
    """Return the one or two slices whose whole pictures tell where a slice is looked at.

    Counted from the patient's lower end (posterior, right), so that a volume stored upside down
    has the same.

    Args:
        index: of the slice.
        count: of the volume's slices.
        plane: how it is seen.
    """
    apart = max(round(ANCHORS_MM / plane.thickness_mm), 1)
    rank = count - 1 - index if plane.reverse_stack else index
    below = rank // apart * apart
    above = min(math.ceil(rank / apart) * apart, count - 1)
    ranks = sorted({below, above})
    return tuple(count - 1 - r if plane.reverse_stack else r for r in ranks)


def liver_box(maps: NDArray[np.float32], place: SliceTransform) -> Box | None:
    """Return where a whole picture shows the liver, None where it shows none.

    Args:
        maps: (3, H, W) of the grid, 0 to 1: right lobe, left lobe, lesions.
        place: of the grid on the slice.
    """
    liver = maps[:LOBES].max(axis=0) >= _LIVER
    if not liver.any():
        return None
    rows, columns = bounding_box(liver, (0, 0))
    (top, left), pixel = place.origin_mm, place.grid_spacing_mm
    return Box(
        top + rows.start * pixel,
        top + (rows.stop - 1) * pixel,
        left + columns.start * pixel,
        left + (columns.stop - 1) * pixel,
    )


def part_of_grid(box: Box, margin_mm: float, place: SliceTransform) -> Part:
    """Return the rows and columns of a grid that show a box and a margin around it."""
    (top, left), pixel = place.origin_mm, place.grid_spacing_mm
    return (
        _range(
            (box.top - margin_mm - top) / pixel,
            (box.bottom + margin_mm - top) / pixel,
            place.grid_shape[0],
        ),
        _range(
            (box.left - margin_mm - left) / pixel,
            (box.right + margin_mm - left) / pixel,
            place.grid_shape[1],
        ),
    )


def _range(low: float, high: float, size: int) -> slice:
    """Return whole multiples of pixels around a range, as far as the grid has them.

    Slices of one size run at once, so that few sizes are better than many.
    """
    first, last = math.floor(low), math.ceil(high)
    length = last - first + 1
    wanted = min(max(math.ceil(length / GRID_MULTIPLE) * GRID_MULTIPLE, _SMALLEST), size)
    # What is added goes to both sides.
    start = first - (wanted - length) // 2
    start = min(max(start, 0), size - wanted)
    return slice(start, start + wanted)
