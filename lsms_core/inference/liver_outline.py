"""Cleans the network's outline of the liver, and decides which candidates lie in it.

In a single slice, stomach or colon can look like a lobe. In a stack of slices the liver is one
large piece, and pieces far from it are removed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.liver_map import LEFT, RIGHT, LiverMap
from lsms_core.anatomy.regions import bounding_box, grown, label_components, signed_distance_mm

# The least depth of a stack in which the liver hangs together: in a few slices a lobe's tip is
# a piece of its own.
_DEPTH_MM = 60.0
# Pieces this large beside the largest stay: a scan may show the lobes apart.
_SHARE = 0.1
# The grid on which that is looked at, at most: a large scan as it is takes a quarter of a minute.
_GRID_MM = 3.0
# Bridges twice as thin do not join a piece to the liver.
_BRIDGE_MM = 4.0
_NEAR_MM = 8.0
# A candidate with less of its volume in the liver, or this near to it, lies elsewhere. On training
# patients true lesions had 0.74 and more in the liver, most of what lay outside had 0.5 and less.
_REACH_MM = 2.0
_INSIDE = 0.5

# How a slice's lobes are kept while a search runs: the likelier lobe, and whether it is liver.
_IS_LEFT, _IS_LIVER = 1, 2


def lobe_codes(lobes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return what is kept of a slice's lobes, (rows, columns).

    Args:
        lobes: (2, rows, columns), how probably a pixel is of the right and of the left lobe.
    """
    left = lobes[1] > lobes[0]
    liver = lobes.max(axis=0) > 0.5
    return (left * np.uint8(_IS_LEFT) + liver * np.uint8(_IS_LIVER)).astype(np.uint8)


def liver_map(
    codes: NDArray[np.uint8],
    lesions: NDArray[np.bool_],
    slices: Sequence[int],
    axis: int,
    spacing_mm: Sequence[float],
) -> LiverMap:
    """Return the liver with its lesions, and its lobes.

    Args:
        codes: (slices, rows, columns), each slice from :func:`lobe_codes`.
        lesions: where lesions were outlined, whatever their place.
        slices: the indices that were run along ``axis``.
        axis: of the array.
        spacing_mm: along each axis of the array.
    """
    seen = codes >= _IS_LIVER
    if shows_liver_whole(slices, spacing_mm[axis]):
        _keep_large_pieces(seen, spacing_mm)
    liver = seen.copy()
    lobes = np.zeros(codes.shape, np.uint8)
    if seen.any():
        _fill_slices(liver, lesions, axis)
        box = bounding_box(liver, [0, 0, 0])
        left = (codes[box] & _IS_LEFT).astype(bool)
        lobes[box] = np.where(left, np.uint8(LEFT), np.uint8(RIGHT)) * liver[box]
    return LiverMap(liver, lobes)


def shows_liver_whole(slices: Sequence[int], thickness_mm: float) -> bool:
    """Whether slices are a stack without gaps that is deep enough to tell the liver's pieces.

    Args:
        slices: the indices that are run.
        thickness_mm: distance of neighbouring slices.
    """
    depth = max(slices) - min(slices) + 1
    return len(set(slices)) == depth and depth * thickness_mm >= _DEPTH_MM


def lies_in_liver(
    mine: NDArray[np.bool_], liver: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> bool:
    """Whether most of a candidate lies in the liver.

    Args:
        mine: the candidate, in a box with some margin around it.
        liver: the liver there, with or without the candidate.
        spacing_mm: along each axis.
    """
    if not liver.any():
        return False
    near = signed_distance_mm(liver, spacing_mm)[mine] <= _REACH_MM
    return bool(near.mean() >= _INSIDE)


def margin_voxels(spacing_mm: Sequence[float]) -> list[int]:
    """How many voxels around a candidate :func:`lies_in_liver` has to see along each axis."""
    return [int(np.ceil(_REACH_MM / mm)) + 1 for mm in spacing_mm]


def _keep_large_pieces(liver: NDArray[np.bool_], spacing_mm: Sequence[float]) -> None:
    """Unset, in place, what is far from the liver's large pieces."""
    steps = [max(1, int(_GRID_MM / mm)) for mm in spacing_mm]
    a, b, c = (slice(step // 2, None, step) for step in steps)
    coarse = liver[a, b, c]
    near = _near(coarse, [mm * step for mm, step in zip(spacing_mm, steps, strict=True)])
    if near is None:
        return
    planes, rows, columns = (
        np.minimum(np.arange(size) // step, small - 1)
        for size, step, small in zip(liver.shape, steps, near.shape, strict=True)
    )
    for index, plane in enumerate(planes):
        liver[index] &= near[plane][np.ix_(rows, columns)]


def _near(liver: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_] | None:
    """Return what is near the liver's large pieces; None without any."""
    labels, count = label_components(_eroded(liver, spacing_mm))
    if not count:
        return None
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = np.flatnonzero(sizes[1:] >= _SHARE * sizes[1]) + 1
    # So far that a corner, which is rounded off with the bridges, comes back.
    radius = [int(np.ceil(_NEAR_MM / mm)) for mm in spacing_mm]
    return grown(np.isin(labels, large), radius)


def _eroded(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    radius = [round(_BRIDGE_MM / mm) for mm in spacing_mm]
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    # The scan's end is no end of the liver.
    eroded = sitk.BinaryErode(image, radius[::-1], boundaryToForeground=True)
    return sitk.GetArrayFromImage(eroded) > 0


def _fill_slices(liver: NDArray[np.bool_], lesions: NDArray[np.bool_], axis: int) -> None:
    """Fill, in place, what a slice's liver and lesions enclose: lesions and vessels."""
    box = bounding_box(liver, [1, 1, 1])
    part = np.moveaxis(liver[box], axis, 0)
    found = np.moveaxis(lesions[box], axis, 0)
    for index in np.flatnonzero(part.any(axis=(1, 2))).tolist():
        enclosed = _filled(part[index])
        # A lesion that only touches the liver from outside does not become a part of it.
        part[index] = enclosed | _filled(enclosed | found[index]) & ~found[index]


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return np.asarray(sitk.GetArrayFromImage(sitk.BinaryFillhole(image, True)) > 0)
