"""Points and affines between the coordinate systems of MRML nodes.

Affines and points are RAS millimetres; voxel indices are (i, j, k) = (column, row,
slice). A parent transform may be linear, non-linear or a chain of both.
"""

from __future__ import annotations

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLTransformNode
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

Points = NDArray[np.float64]


def matrix_from_vtk(matrix: vtk.vtkMatrix4x4) -> NDArray[np.float64]:
    """Return a vtkMatrix4x4 as a (4, 4) array."""
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])


def matrix_to_vtk(affine: NDArray[np.float64]) -> vtk.vtkMatrix4x4:
    """Return a (4, 4) array as a vtkMatrix4x4."""
    matrix = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, float(affine[row, column]))
    return matrix


def ijk_to_node_ras(volume_node: vtkMRMLScalarVolumeNode) -> NDArray[np.float64]:
    """Return the (4, 4) affine from array indices (i, j, k) to the node's own RAS, mm.

    The node's parent transform is not in it.
    """
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    affine = matrix_from_vtk(matrix)
    start = np.array(volume_node.GetImageData().GetExtent()[::2], dtype=np.float64)
    affine[:3, 3] += affine[:3, :3] @ start
    return affine


def inverse(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of a (4, 4) affine."""
    return np.asarray(np.linalg.inv(affine), np.float64)


def apply_affine(affine: NDArray[np.float64], points: ArrayLike) -> Points:
    """Map (n, 3) points by a (4, 4) affine."""
    return np.asarray(points, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3]


def between(
    source: vtkMRMLTransformNode | None, target: vtkMRMLTransformNode | None
) -> vtk.vtkGeneralTransform:
    """Return the vtkGeneralTransform from ``source``'s coordinates to ``target``'s.

    Args:
        source: a transform node whose children's coordinates are given, None for world.
        target: likewise for the coordinates that are wanted.
    """
    transform = vtk.vtkGeneralTransform()
    vtkMRMLTransformNode.GetTransformBetweenNodes(source, target, transform)
    return transform


def linear_part(transform: vtk.vtkAbstractTransform) -> NDArray[np.float64] | None:
    """Return the (4, 4) affine of a transform that is linear throughout, else None."""
    linear = vtk.vtkTransform()
    if not vtkMRMLTransformNode.IsGeneralTransformLinear(transform, linear):
        return None
    return matrix_from_vtk(linear.GetMatrix())


def move_points(
    points: ArrayLike, source: vtkMRMLTransformNode | None, target: vtkMRMLTransformNode | None
) -> Points:
    """Move (n, 3) points from ``source``'s coordinates to ``target``'s; see :func:`between`."""
    given = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    if source is target:
        return given.copy()
    transform = between(source, target)
    affine = linear_part(transform)
    if affine is not None:
        return apply_affine(affine, given)
    before, after = vtk.vtkPoints(), vtk.vtkPoints()
    before.SetDataTypeToDouble()
    after.SetDataTypeToDouble()
    before.SetData(numpy_to_vtk(np.ascontiguousarray(given), deep=True))
    transform.TransformPoints(before, after)
    return np.array(vtk_to_numpy(after.GetData()), dtype=np.float64).reshape(-1, 3)


def ijk_to_world(volume_node: vtkMRMLScalarVolumeNode, ijk: ArrayLike) -> Points:
    """Map (n, 3) voxel indices to world RAS, mm, under any parent transform."""
    points = apply_affine(ijk_to_node_ras(volume_node), np.asarray(ijk).reshape(-1, 3))
    return move_points(points, volume_node.GetParentTransformNode(), None)


def world_to_ijk(volume_node: vtkMRMLScalarVolumeNode, points: ArrayLike) -> Points:
    """Map (n, 3) world RAS points, mm, to continuous voxel indices (i, j, k)."""
    own = move_points(points, None, volume_node.GetParentTransformNode())
    return apply_affine(inverse(ijk_to_node_ras(volume_node)), own)


def ijk_to_world_affine(
    volume_node: vtkMRMLScalarVolumeNode, at: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the (4, 4) affine from voxel indices (i, j, k) to world RAS, mm.

    Exact under linear transforms; otherwise linearised around one point.

    Args:
        volume_node: a scalar volume with an image.
        at: (i, j, k) to linearise at; default: the volume's centre.
    """
    affine = ijk_to_node_ras(volume_node)
    parent = volume_node.GetParentTransformNode()
    if parent is None:
        return affine
    linear = linear_part(between(parent, None))
    if linear is not None:
        return np.asarray(linear @ affine)
    if at is None:
        centre = (np.array(volume_node.GetImageData().GetDimensions()) - 1) / 2.0
    else:
        centre = np.asarray(at, dtype=np.float64)
    steps = np.concatenate([np.eye(3), -np.eye(3)]) * 0.5
    world = ijk_to_world(volume_node, np.concatenate([centre + steps, centre[None]]))
    result = np.eye(4)
    result[:3, :3] = (world[:3] - world[3:6]).T
    result[:3, 3] = world[6] - result[:3, :3] @ centre
    return result
