"""Connected components and distances of 2-D and 3-D masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

# Values of a label map of the liver and its lesions; 0 is everything else.
LIVER_LABEL, LESION_LABEL = 1, 2
# Smaller specks are noise of the outlining and do not count as lesions.
SMALLEST_LESION_MM2 = 12.0
# Images with fewer voxels are worth one thread.
_SMALL = 1 << 18


def label_components(
    mask: NDArray[np.bool_], *, corners: bool = True
) -> tuple[NDArray[np.int32], int]:
    """Number the connected components, largest first.

    Args:
        mask: 2-D or 3-D.
        corners: edges and corners connect, too; else only faces do, except in a single slice,
            as in a search's candidates.

    Returns:
        Labels 1..n of the mask's shape, and n.
    """
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask).astype(np.uint8))
    connect = _alone_if_small(sitk.ConnectedComponentImageFilter(), mask.size)
    connect.SetFullyConnected(corners or 1 in mask.shape)
    sort = _alone_if_small(sitk.RelabelComponentImageFilter(), mask.size)
    labels = sitk.GetArrayFromImage(sort.Execute(connect.Execute(image))).astype(np.int32)
    return labels, int(labels.max(initial=0))


def lesion_instances(
    lesions: NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> NDArray[np.int32]:
    """Number the lesions of a slice, largest first; specks under SMALLEST_LESION_MM2 are 0.

    Args:
        lesions: (rows, columns).
        spacing_mm: (row, column) spacing.
    """
    labels, count = label_components(lesions)
    pixel = spacing_mm[0] * spacing_mm[1]
    for number in range(1, count + 1):
        mask = labels == number
        if mask.sum() * pixel < SMALLEST_LESION_MM2:
            labels[mask] = 0
    return labels


def grown(mask: NDArray[np.bool_], radius: Sequence[int]) -> NDArray[np.bool_]:
    """Return a 2-D or 3-D mask dilated by an ellipsoid of that many pixels along each axis."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return sitk.GetArrayFromImage(sitk.BinaryDilate(image, list(radius[::-1]))) > 0


def signed_distance_mm(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.float32]:
    """Distance to the mask's border, mm: negative inside, positive outside.

    Args:
        mask: 2-D or 3-D, with at least one voxel set.
        spacing_mm: voxel size along each array axis.
    """
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask).astype(np.uint8))
    image.SetSpacing([float(s) for s in reversed(spacing_mm)])
    measure = _alone_if_small(sitk.SignedMaurerDistanceMapImageFilter(), mask.size)
    measure.SquaredDistanceOff()
    measure.UseImageSpacingOn()
    return np.asarray(sitk.GetArrayFromImage(measure.Execute(image)), dtype=np.float32)


def bounding_box(mask: NDArray[Any], margin: Sequence[int]) -> tuple[slice, ...]:
    """Return the slices of the mask's bounding box, widened by ``margin`` pixels per axis."""
    box: list[slice] = []
    part = mask
    for axis in range(mask.ndim):  # each axis in what the ones before have left
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hits = np.flatnonzero(part.any(axis=others))
        low, high = int(hits[0]), int(hits[-1]) + 1
        part = part[(slice(None),) * axis + (slice(low, high),)]
        box.append(slice(max(low - margin[axis], 0), min(high + margin[axis], mask.shape[axis])))
    return tuple(box)


def boxes_of(labels: NDArray[Any]) -> dict[int, tuple[slice, slice, slice]]:
    """Return the bounding box of each number in a map of lesions."""
    present = labels != 0
    if not present.any():
        return {}
    # Most of a CT holds no lesion: the rest is all that the filter has to look at.
    place = bounding_box(present, [0] * labels.ndim)
    first = [s.start for s in place]
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.SetNumberOfThreads(1)
    statistics.Execute(sitk.GetImageFromArray(labels[place].astype(np.uint32)))
    boxes = {}
    for number in statistics.GetLabels():
        found = statistics.GetBoundingBox(number)
        starts = [a + b for a, b in zip(first, found[2::-1], strict=True)]
        ends = [a + b for a, b in zip(starts, found[:2:-1], strict=True)]
        boxes[int(number)] = (
            slice(starts[0], ends[0]),
            slice(starts[1], ends[1]),
            slice(starts[2], ends[2]),
        )
    return boxes


def _alone_if_small(step: Any, voxels: int) -> Any:  # noqa: ANN401 - a SimpleITK filter
    """Keep a filter on one thread where starting more would cost longer than its work."""
    if voxels < _SMALL:
        step.SetNumberOfThreads(1)
    return step
