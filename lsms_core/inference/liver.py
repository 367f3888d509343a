"""What a search through many slices knows of the liver, and a single slice does not.

In a slice by itself, stomach or colon can look like a lobe, and what lies in it like a lesion. In
a stack of slices the liver is one large piece, so what is far from it is no liver's lesion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.regions import grown, label_components

# The least depth of a stack in which the liver hangs together: in a few slices a lobe's tip is
# a piece of its own.
_DEPTH_MM = 60.0
# Pieces this large beside the largest stay: a scan may show the lobes apart.
_SHARE = 0.1
# The grid on which that is looked at, at most: a large scan as it is takes a quarter of a minute.
_GRID_MM = 3.0
# Bridges twice as thin do not join a piece to the liver.
_BRIDGE_MM = 4.0
# How far from the liver a lesion may bulge.
_REACH_MM = 7.0
# Where less of a finding than this is that near, all of it lies elsewhere.
_INSIDE = 0.5


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
    threshold: float,
) -> None:
    """Set probabilities to 0, in place, that are far from the liver's large pieces.

    What is connected at the threshold stays or goes as a whole, by where it lies; below the
    threshold every pixel counts for itself.

    Args:
        maps: (slices, rows, columns) each.
        liver: where the model saw liver, of the same shape; without any the maps stay.
        spacing_mm: (slice, row, column).
        threshold: the probability that the maps will be cut at.
    """
    steps = [max(1, int(_GRID_MM / mm)) for mm in spacing_mm]
    a, b, c = (slice(step // 2, None, step) for step in steps)
    near = _near(liver[a, b, c], [mm * step for mm, step in zip(spacing_mm, steps, strict=True)])
    if near is None:
        return
    planes, rows, columns = (
        np.minimum(np.arange(size) // step, coarse - 1)
        for size, step, coarse in zip(liver.shape, steps, near.shape, strict=True)
    )
    for probability in maps:
        kept = _whole(near, probability[a, b, c] >= threshold)
        for index, plane in enumerate(planes):
            probability[index] *= kept[plane][np.ix_(rows, columns)]


def _whole(near: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is near, with the connected parts of what is drawn whole or gone."""
    labels, count = label_components(drawn)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    inside = np.bincount(labels[near], minlength=count + 1)
    stays = inside >= _INSIDE * sizes
    stays[0] = False
    kept, gone = stays[labels], drawn & ~stays[labels]
    # The grid is coarse: a component's edge lies up to one step farther out.
    return near & ~grown(gone, (1, 1, 1)) | grown(kept, (1, 1, 1))


def _near(liver: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_] | None:
    """Return what is near the liver's large pieces; None without any."""
    labels, count = label_components(_eroded(liver, spacing_mm))
    if not count:
        return None
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = np.flatnonzero(sizes[1:] >= _SHARE * sizes[1]) + 1
    radius = [int(np.ceil((_BRIDGE_MM + _REACH_MM) / mm)) for mm in spacing_mm]
    around = grown(np.isin(labels, large), radius)
    # A large lesion leaves a hole in what is seen of the liver.
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(around.astype(np.uint8)))
    return sitk.GetArrayFromImage(filled) > 0


def _eroded(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    radius = [round(_BRIDGE_MM / mm) for mm in spacing_mm]
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    # The scan's end is no end of the liver.
    eroded = sitk.BinaryErode(image, radius[::-1], boundaryToForeground=True)
    return sitk.GetArrayFromImage(eroded) > 0
