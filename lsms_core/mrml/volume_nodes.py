"""Reads a volume node as a CT, and makes a key that changes with its contents."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene
from vtk import vtkImageData
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError
from lsms_core.mrml.transforms import ijk_to_node_ras, ijk_to_world_affine, matrix_to_vtk

# What a liver is read with, HU.
_WINDOW, _LEVEL = 350.0, 40.0


def check_volume(volume_node: vtkMRMLScalarVolumeNode | None) -> None:
    """Refuse what is no CT.

    Raises:
        InputError: for no node, no image, a label map, colour, or several components.
    """
    if volume_node is None:
        raise InputError("No volume is selected: load a CT and select it.")
    name = volume_node.GetName() or "The volume"
    if not volume_node.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError(f'"{name}" is not a scalar volume: select a CT.')
    if volume_node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(f'"{name}" is a label map: select the CT that it belongs to.')
    image = volume_node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        raise InputError(f'"{name}" has no image: load it again or select another volume.')
    components = image.GetNumberOfScalarComponents()
    if components != 1:
        raise InputError(
            f'"{name}" has {components} values a voxel (colour or a time series): '
            "select a volume of one CT series."
        )


def read_ct(volume_node: vtkMRMLScalarVolumeNode) -> CTVolume:
    """Return a scalar volume node as a CT in world coordinates.

    The array is a read-only view of the node's voxels, not a copy: it keeps its values
    when the node is deleted or gets another image, and follows edits made in place
    (:func:`volume_key` tells).

    Args:
        volume_node: a vtkMRMLScalarVolumeNode under any parent transform.

    Returns:
        (slices, rows, columns) HU with the IJK-to-world-RAS affine; under a non-linear
        transform the affine is linearised at the volume's centre.

    Raises:
        InputError: for anything that is not one CT series; see :func:`check_volume`.
    """
    check_volume(volume_node)
    image = volume_node.GetImageData()
    columns, rows, slices = image.GetDimensions()
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(slices, rows, columns)
    view = array.view()
    view.flags.writeable = False
    return CTVolume(view, ijk_to_world_affine(volume_node))


def volume_key(volume_node: vtkMRMLScalarVolumeNode | None) -> str:
    """Return a text that changes when the voxels or their place in the world do.

    It holds the node, its image's modification time, IJK to RAS, and every transform above
    it; an empty text stands for no node or no image.
    """
    if volume_node is None or volume_node.GetImageData() is None:
        return ""
    image = volume_node.GetImageData()
    parts = [
        str(volume_node.GetID()),
        str(image.GetMTime()),
        ijk_to_node_ras(volume_node).tobytes().hex(),
    ]
    parent = volume_node.GetParentTransformNode()
    while parent is not None:
        parts += [str(parent.GetID()), str(parent.GetTransformToWorldMTime())]
        parent = parent.GetParentTransformNode()
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def check_mask(volume_node: vtkMRMLScalarVolumeNode, mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask as a bool array on the volume's grid.

    Raises:
        InputError: when its shape is not the volume's.
    """
    array = np.asarray(mask)
    columns, rows, slices = volume_node.GetImageData().GetDimensions()
    if array.shape != (slices, rows, columns):
        raise InputError(
            f"The mask has shape {array.shape}, the volume {(slices, rows, columns)}: "
            "the volume was changed or replaced meanwhile; run again."
        )
    return array.astype(np.bool_, copy=False)


def add_volume(scene: vtkMRMLScene, ct: CTVolume, name: str) -> vtkMRMLScalarVolumeNode:
    """Put a CT into a scene, shown in a window for the abdomen.

    Args:
        scene: where to.
        ct: (slices, rows, columns) HU; its voxels are copied.
        name: of the node.
    """
    slices, rows, columns = ct.shape
    image = vtkImageData()
    image.SetDimensions(columns, rows, slices)
    voxels = numpy_to_vtk(np.ascontiguousarray(ct.array).ravel(), deep=True)
    image.GetPointData().SetScalars(voxels)
    node: vtkMRMLScalarVolumeNode = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(matrix_to_vtk(np.asarray(ct.affine, np.float64)))
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(_WINDOW, _LEVEL)
    display.SetDefaultColorMap()
    return node
