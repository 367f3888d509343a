"""Reads and writes segments as masks on a volume's grid, under any transforms.

A segment may lie on another grid than the volume, and its segmentation under other
transforms. Voxel indices are (i, j, k), arrays (k, j, i).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTransformNode,
    vtkOrientedImageData,
    vtkSegment,
    vtkSegmentationConverter,
    vtkSlicerSegmentationsModuleLogic,
)
from vtk import vtkMatrix4x4
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from lsms_core.anatomy.regions import bounding_box
from lsms_core.errors import InputError, OutputError
from lsms_core.mrml.transforms import (
    apply_affine,
    between,
    ijk_to_node_ras,
    inverse,
    linear_part,
    matrix_from_vtk,
    matrix_to_vtk,
    move_points,
)

Bool3D = NDArray[np.bool_]
LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
# Grids whose voxels differ by less than this part of a voxel are the same.
_ON_GRID = 1e-3
_CORNERS = np.array([(a, b, c) for a in (-0.5, 0.5) for b in (-0.5, 0.5) for c in (-0.5, 0.5)])


@dataclass(frozen=True)
class Patch:
    """A box of voxels on a grid somewhere in the world.

    Attributes:
        array: (k, j, i) bool.
        affine: (4, 4) from the grid's (i, j, k) to the RAS of ``parent``'s children, mm.
        parent: the transform node above, None for world.
        start: (i, j, k) of the array's first voxel on the grid; may be negative.
    """

    array: Bool3D
    affine: NDArray[np.float64]
    parent: vtkMRMLTransformNode | None
    start: tuple[int, int, int] = (0, 0, 0)

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The patch's place in an array (k, j, i) of its whole grid; it must lie inside."""
        k, j, i = (
            slice(first, first + size)
            for first, size in zip(self.start[::-1], self.array.shape, strict=True)
        )
        return k, j, i

    def cropped(self) -> Patch:
        """Return the smallest box with everything that is set (at least one voxel is)."""
        box = bounding_box(self.array, (0, 0, 0))
        low = [s.start for s in box[::-1]]
        i, j, k = (a + b for a, b in zip(self.start, low, strict=True))
        return Patch(self.array[box], self.affine, self.parent, (i, j, k))

    def within(self, shape: Sequence[int]) -> Patch | None:
        """Return what lies in an array (k, j, i) of the whole grid, cropped; None for nothing."""
        low = [max(0, -first) for first in self.start[::-1]]
        high = [max(0, count - first) for first, count in zip(self.start[::-1], shape, strict=True)]
        part = self.array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        if not part.any():
            return None
        i, j, k = (first + a for first, a in zip(self.start, low[::-1], strict=True))
        return Patch(part, self.affine, self.parent, (i, j, k)).cropped()

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points (n, 3) in the parent's coordinates lie in voxels that are set."""
        ijk = apply_affine(inverse(self.affine), points)
        # The margin keeps centres that rounding put on a voxel's edge where they belong.
        index = np.floor(ijk + 0.5 + 1e-6).astype(np.intp) - np.array(self.start, np.intp)
        inside = np.all((index >= 0) & (index < np.array(self.array.shape[::-1])), axis=1)
        result = np.zeros(len(index), np.bool_)
        i, j, k = index[inside].T
        result[inside] = self.array[k, j, i]
        return result

    def onto(self, shape: Sequence[int], start: Sequence[int] = (0, 0, 0)) -> Bool3D:
        """Return the grid's voxels in a box; outside of the patch nothing is set.

        Args:
            shape: (k, j, i) of the box.
            start: (i, j, k) of its first voxel on the grid.
        """
        result = np.zeros(tuple(shape), np.bool_)
        into, out = [], []
        for axis, size in enumerate(shape):
            low = self.start[2 - axis] - start[2 - axis]
            first, last = max(low, 0), min(low + self.array.shape[axis], size)
            into.append(slice(first, max(first, last)))
            out.append(slice(first - low, max(first, last) - low))
        if all(i.stop > i.start for i in into):
            result[tuple(into)] = self.array[tuple(out)]
        return result


def mask_patch(
    volume_node: vtkMRMLScalarVolumeNode, mask: Bool3D, start: tuple[int, int, int] = (0, 0, 0)
) -> Patch:
    """Return a mask on the volume's grid, from a voxel (i, j, k) on, with its place."""
    return Patch(mask, ijk_to_node_ras(volume_node), volume_node.GetParentTransformNode(), start)


def segment_patch(segmentation_node: vtkMRMLSegmentationNode, segment_id: str) -> Patch | None:
    """Return a segment's voxels with their place, None for an empty segment.

    Raises:
        InputError: when the segment is gone, or is kept as a surface only.
    """
    segment = find_segment(segmentation_node, segment_id)
    labelmap = segment.GetRepresentation(LABELMAP)
    if labelmap is None:
        raise InputError(
            f'Segment "{segment.GetName()}" is kept as a surface: in the Segmentations module, '
            "make the binary labelmap its source representation."
        )
    extent = labelmap.GetExtent()
    scalars = labelmap.GetPointData().GetScalars()
    size = [extent[2 * a + 1] - extent[2 * a] + 1 for a in range(3)]
    if min(size) <= 0 or scalars is None:
        return None
    array = vtk_to_numpy(scalars).reshape(size[::-1]) == segment.GetLabelValue()
    if not array.any():
        return None
    matrix = vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    parent = segmentation_node.GetParentTransformNode()
    return Patch(array, matrix_from_vtk(matrix), parent, tuple(extent[::2])).cropped()


def find_segment(segmentation_node: vtkMRMLSegmentationNode, segment_id: str) -> vtkSegment:
    """Return the vtkSegment of an ID.

    Raises:
        InputError: when there is none.
    """
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        raise InputError(
            f'The segment "{segment_id}" is not in "{segmentation_node.GetName()}" any more: '
            "run the text again."
        )
    return segment


def segment_ids(segmentation_node: vtkMRMLSegmentationNode) -> list[str]:
    """Return the IDs of all segments, in the order of the list that the user sees."""
    segmentation = segmentation_node.GetSegmentation()
    return [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]


def read_mask(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    segment_id: str,
) -> Bool3D:
    """Return a segment on the volume's grid: the voxels whose centres lie in it.

    Raises:
        InputError: see :func:`segment_patch`.
    """
    columns, rows, slices = volume_node.GetImageData().GetDimensions()
    patch = patch_on_volume(segmentation_node, volume_node, segment_id)
    if patch is None:
        return np.zeros((slices, rows, columns), np.bool_)
    return patch.onto((slices, rows, columns))


def patch_on_volume(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    segment_id: str,
) -> Patch | None:
    """Return a segment on the volume's grid, which it may reach beyond; None for an empty one.

    Raises:
        InputError: see :func:`segment_patch`.
    """
    patch = segment_patch(segmentation_node, segment_id)
    if patch is None:
        return None
    affine, parent = ijk_to_node_ras(volume_node), volume_node.GetParentTransformNode()
    return resample(patch, affine, parent)


def resample(
    patch: Patch, affine: NDArray[np.float64], parent: vtkMRMLTransformNode | None
) -> Patch:
    """Bring a patch to another grid: each voxel there takes what its centre lies in.

    Where the two grids share their voxels nothing is changed.

    Args:
        patch: what to bring; at least one voxel is set.
        affine: (4, 4) of the grid, (i, j, k) to the RAS of ``parent``'s children, mm.
        parent: the transform node above the grid, None for world.
    """
    linear = linear_part(between(patch.parent, parent))
    if linear is not None:
        step = inverse(affine) @ linear @ patch.affine
        shift = np.round(step[:3, 3])
        ends = np.array([patch.start, np.add(patch.start, patch.array.shape[::-1])])
        if np.abs(apply_affine(step, ends) - ends - shift).max() < _ON_GRID:
            i, j, k = (int(a + b) for a, b in zip(patch.start, shift, strict=True))
            return Patch(patch.array, affine, parent, (i, j, k))
    corners = (_row_ends(patch)[:, None] + _CORNERS).reshape(-1, 3)
    there = move_points(apply_affine(patch.affine, corners), patch.parent, parent)
    ijk = apply_affine(inverse(affine), there)
    low = np.floor(ijk.min(axis=0)).astype(int) - 1
    columns, rows, slices = np.ceil(ijk.max(axis=0)).astype(int) + 2 - low
    box = np.zeros((slices, rows, columns), np.bool_)
    j, i = (grid.ravel() for grid in np.mgrid[0:rows, 0:columns])
    for k in range(slices):
        voxels = np.stack([i, j, np.full_like(i, k)], axis=1) + low
        points = move_points(apply_affine(affine, voxels), parent, patch.parent)
        box[k] = patch.contains(points).reshape(rows, columns)
    return Patch(box, affine, parent, (int(low[0]), int(low[1]), int(low[2])))


def labelmap_image(
    patch: Patch, segmentation_node: vtkMRMLSegmentationNode
) -> vtkOrientedImageData | None:
    """Return a patch as a vtkOrientedImageData in the segmentation's coordinates.

    Exact under linear transforms; where a non-linear one lies between the two, the patch is
    resampled to the nearest voxels. None for an empty patch.
    """
    if not patch.array.any():
        return None
    parent = segmentation_node.GetParentTransformNode()
    patch = patch.cropped()
    linear = linear_part(between(patch.parent, parent))
    if linear is not None:
        patch = Patch(patch.array, linear @ patch.affine, parent, patch.start)
    else:
        patch = resample(patch, _linearised(patch, parent), parent)
        if not patch.array.any():
            return None
        patch = patch.cropped()
    image = vtkOrientedImageData()
    extent: list[int] = []
    for first, size in zip(patch.start, patch.array.shape[::-1], strict=True):
        extent += [first, first + size - 1]
    image.SetExtent(extent)
    values = np.ascontiguousarray(patch.array).astype(np.uint8).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(values, deep=True))
    image.SetGeometryFromImageToWorldMatrix(matrix_to_vtk(patch.affine))
    return image


def add_segment(
    segmentation_node: vtkMRMLSegmentationNode,
    image: vtkOrientedImageData,
    name: str,
    colour: tuple[float, ...],
) -> str:
    """Add a segment on a layer of its own and return its ID."""
    segment = vtkSegment()
    segment.SetName(name)
    segment.SetColor(*colour)
    segment.AddRepresentation(LABELMAP, image)
    segmentation = segmentation_node.GetSegmentation()
    segment_id = segmentation.GenerateUniqueSegmentID()
    if not segmentation.AddSegment(segment, segment_id):
        raise OutputError(f'Slicer could not add the segment "{name}"; save and restart Slicer.')
    return str(segment_id)


def fill_segment(
    segmentation_node: vtkMRMLSegmentationNode, segment_id: str, image: vtkOrientedImageData | None
) -> None:
    """Replace a segment's voxels; other segments, also of its layer, keep theirs.

    Args:
        segmentation_node: the segmentation.
        segment_id: one of its segments.
        image: the new voxels, of any grid; None empties the segment.
    """
    segmentation = segmentation_node.GetSegmentation()
    # Slicer would bring a shared layer to the new grid as a whole, and so resample the
    # neighbours. (IsSharedBinaryLabelmap can't be asked first: it answers the opposite.)
    segmentation.SeparateSegmentLabelmap(segment_id)
    if image is None:
        if segment_patch(segmentation_node, segment_id) is not None:
            vtkSlicerSegmentationsModuleLogic.ClearSegment(segmentation_node, segment_id)
        return
    logic = vtkSlicerSegmentationsModuleLogic
    if not logic.SetBinaryLabelmapToSegment(
        image, segmentation_node, segment_id, logic.MODE_REPLACE
    ):
        raise OutputError(f'Slicer could not write the segment "{segment_id}"; undo and run again.')


def _linearised(patch: Patch, parent: vtkMRMLTransformNode | None) -> NDArray[np.float64]:
    """The patch's grid in ``parent``'s coordinates, linearised around the patch's centre."""
    centre = np.array(patch.start) + (np.array(patch.array.shape[::-1]) - 1) / 2.0
    ijk = np.concatenate([centre + np.eye(3) * 0.5, centre - np.eye(3) * 0.5, centre[None]])
    there = move_points(apply_affine(patch.affine, ijk), patch.parent, parent)
    affine = np.eye(4)
    affine[:3, :3] = (there[:3] - there[3:6]).T
    affine[:3, 3] = there[6] - affine[:3, :3] @ centre
    return affine


def _row_ends(patch: Patch) -> NDArray[np.float64]:
    """Grid indices (n, 3) of the first and the last voxel set in each row."""
    k, j = np.nonzero(patch.array.any(axis=2))
    rows = patch.array[k, j]
    first = rows.argmax(axis=1)
    last = patch.array.shape[2] - 1 - rows[:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([i, j, k], axis=1) for i in (first, last)])
    return np.asarray(ends + np.array(patch.start), np.float64)
