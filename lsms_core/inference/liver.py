"""What a search through many slices knows of the liver, and a single slice does not.

In a slice by itself, stomach or colon can look like a lobe, and what lies in it like a lesion. In
a stack of slices the liver is one large piece, so what is far from it is no liver's lesion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.data.regions import bounding_box, label_components

# The least depth of a stack in which the liver hangs together: in a few slices a lobe's tip is
# a piece of its own.
_DEPTH_MM = 60.0
# Pieces this large beside the largest stay: a scan may show the lobes apart.
_SHARE = 0.1
# Bridges twice as thin do not join a piece to the liver.
_BRIDGE_MM = 4.0
# How far from the liver a lesion may bulge.
_REACH_MM = 7.0


def shows_liver_whole(slices: Sequence[int], thickness_mm: float) -> bool:
    """Whether slices are a stack without gaps that is deep enough to tell the liver's pieces.

    Args:
        slices: the indices that are run.
        thickness_mm: distance of neighbouring slices.
    """
    depth = max(slices) - min(slices) + 1
    return len(set(slices)) == depth and depth * thickness_mm >= _DEPTH_MM


def keep_near_liver(
    maps: Sequence[NDArray[np.float16]],
    liver: NDArray[np.bool_],
    spacing_mm: Sequence[float],
) -> None:
    """Set probabilities to 0, in place, that are far from the liver's large pieces.

    Args:
        maps: (slices, rows, columns) each.
        liver: where the model saw liver, of the same shape; without any the maps stay.
        spacing_mm: (slice, row, column).
    """
    thick = _eroded(liver, spacing_mm)
    labels, count = label_components(thick)
    if not count:
        return
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = np.flatnonzero(sizes[1:] >= _SHARE * sizes[1]) + 1
    radius = [int(np.ceil((_BRIDGE_MM + _REACH_MM) / mm)) for mm in spacing_mm]
    kept = np.isin(labels, large)
    box = bounding_box(kept, radius)
    image = sitk.GetImageFromArray(kept[box].astype(np.uint8))
    near = sitk.GetArrayFromImage(sitk.BinaryDilate(image, radius[::-1])) > 0
    for probability in maps:
        inside = probability[box] * near
        probability[:] = 0
        probability[box] = inside


def _eroded(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    radius = [round(_BRIDGE_MM / mm) for mm in spacing_mm]
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    # The scan's end is no end of the liver.
    eroded = sitk.BinaryErode(image, radius[::-1], boundaryToForeground=True)
    return sitk.GetArrayFromImage(eroded) > 0
