"""Finds the slice of a volume that a slice view shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSliceNode

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.mrml.transforms import (
    ijk_to_world_affine,
    inverse,
    matrix_from_vtk,
    matrix_to_vtk,
    world_to_ijk,
)
from lsms_core.mrml.volume_nodes import check_volume

# A view that leaves a slice by more than this on its way across the volume is oblique.
_DRIFT_VOXELS = 0.5


@dataclass(frozen=True)
class ViewSlice:
    """The volume's slice that a slice view shows.

    Attributes:
        plane: "axial", "coronal" or "sagittal", of the volume's slices.
        axis: the array axis (0, 1, 2 of slice, row, column) along which these slices lie.
        index: the slice nearest to the view's centre, 0-based, clamped to the volume.
        count: how many slices there are along the axis.
        oblique: whether the view is not along any of the volume's planes.
        inside: whether the view's centre lies between the first and the last slice.
    """

    plane: str
    axis: int
    index: int
    count: int
    oblique: bool
    inside: bool


def view_slice(slice_node: vtkMRMLSliceNode, volume_node: vtkMRMLScalarVolumeNode) -> ViewSlice:
    """Return the slice of ``volume_node`` that ``slice_node`` shows.

    Under a non-linear transform a flat view cuts through curved slices: the slice at the
    view's centre counts.

    Args:
        slice_node: a vtkMRMLSliceNode (Red, Green, Yellow, ...).
        volume_node: a scalar volume under any parent transform.

    Raises:
        InputError: when the volume cannot be used.
    """
    check_volume(volume_node)
    view = matrix_from_vtk(slice_node.GetSliceToRAS())
    affine = _affine_at_view(view, volume_node)
    size = np.array(volume_node.GetImageData().GetDimensions())
    axis_ijk = _closest_axis(view, affine)
    centre = float(world_to_ijk(volume_node, view[:3, 3])[0][axis_ijk])
    nearest = int(np.floor(centre + 0.5))
    count = int(size[axis_ijk])
    axis = 2 - axis_ijk
    return ViewSlice(
        plane=SlicePlane.of(affine, axis).plane,
        axis=axis,
        index=min(max(nearest, 0), count - 1),
        count=count,
        oblique=_drift(view, affine, size, axis_ijk) > _DRIFT_VOXELS,
        inside=0 <= nearest < count,
    )


def rotate_to_volume_plane(
    slice_node: vtkMRMLSliceNode, volume_node: vtkMRMLScalarVolumeNode
) -> None:
    """Turn a slice view into the closest plane of the volume, through a slice's centre.

    Unlike vtkMRMLSliceNode::RotateToVolumePlane this holds under non-linear transforms
    (at the view's centre) and under shear.

    Raises:
        InputError: when the volume cannot be used.
    """
    check_volume(volume_node)
    size = np.array(volume_node.GetImageData().GetDimensions())
    # Where the volume is warped, moving to a slice's centre turns its plane a little.
    for _ in range(3):
        view = matrix_from_vtk(slice_node.GetSliceToRAS())
        affine = _affine_at_view(view, volume_node)
        axis = _closest_axis(view, affine)
        normal = inverse(affine)[axis, :3]
        view[:3, :3] = _closest_frame(view, affine, axis)
        centre = float(world_to_ijk(volume_node, view[:3, 3])[0][axis])
        wanted = float(np.clip(np.floor(centre + 0.5), 0, size[axis] - 1))
        view[:3, 3] += normal / (normal @ normal) * (wanted - centre)
        slice_node.GetSliceToRAS().DeepCopy(matrix_to_vtk(view))
        slice_node.UpdateMatrices()


def _affine_at_view(
    view: NDArray[np.float64], volume_node: vtkMRMLScalarVolumeNode
) -> NDArray[np.float64]:
    """IJK to world around the view's centre (or the volume's point closest to it)."""
    size = np.array(volume_node.GetImageData().GetDimensions())
    at = np.clip(world_to_ijk(volume_node, view[:3, 3])[0], 0, size - 1)
    return ijk_to_world_affine(volume_node, at)


def _closest_axis(view: NDArray[np.float64], affine: NDArray[np.float64]) -> int:
    """IJK axis whose slices are most parallel to the view."""
    normals = inverse(affine)[:3, :3]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return int(np.abs(normals @ view[:3, 2]).argmax())


def _drift(
    view: NDArray[np.float64], affine: NDArray[np.float64], size: NDArray[np.int_], axis: int
) -> float:
    """How many slices the view crosses on its way across the volume."""
    normal = inverse(affine)[axis, :3]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    others = [a for a in range(3) if a != axis]
    reach = float(np.linalg.norm([spacing[a] * max(size[a] - 1, 1) for a in others]))
    x, y = (view[:3, c] / np.linalg.norm(view[:3, c]) for c in (0, 1))
    return float(np.hypot(normal @ x, normal @ y)) * reach


def _closest_frame(
    view: NDArray[np.float64], affine: NDArray[np.float64], axis: int
) -> NDArray[np.float64]:
    """Orthonormal view directions (columns) in the volume's plane, closest to the view's."""
    normal = inverse(affine)[axis, :3]
    normal = normal / np.linalg.norm(normal)
    if normal @ view[:3, 2] < 0:
        normal = -normal
    # In-plane, the view's horizontal follows the closest edge of the volume.
    edges = [affine[:3, a] / np.linalg.norm(affine[:3, a]) for a in range(3) if a != axis]
    edges += [np.cross(normal, e) for e in edges]
    edges += [-e for e in edges]
    x = max(edges, key=lambda e: float(e @ view[:3, 0]))
    x = x / np.linalg.norm(x)
    y = np.cross(normal, x)
    if np.linalg.det(view[:3, :3]) < 0:
        y = -y
    return np.stack([x, y, normal], axis=1)
