"""Real MRML scenes, volumes and transforms from slicer-core, without an application."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
vtk = pytest.importorskip("vtk", reason="vtk is not installed")

from vtk.util.numpy_support import numpy_to_vtk  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))

from segment_voxels import labelmap_of, voxels_in  # noqa: E402

SHAPE = (10, 18, 22)  # slices, rows, columns

RIGHT, ANTERIOR, SUPERIOR = np.eye(3)


def affine_of(i, j, k, spacing, origin=(-31.0, 17.0, 5.0)):
    """IJK to RAS from the directions of i, j, k."""
    affine = np.eye(4)
    affine[:3, :3] = np.stack([i, j, k], axis=1) * spacing
    affine[:3, 3] = origin
    return affine


def rotation(axis, degrees):
    transform = vtk.vtkTransform()
    transform.RotateWXYZ(degrees, *axis)
    return np.array([[transform.GetMatrix().GetElement(r, c) for c in range(3)] for r in range(3)])


OBLIQUE = rotation((1.0, 2.0, 0.5), 25.0)

# Directions of i, j, k as scanners and converters write them.
ACQUISITIONS = {
    "axial": affine_of(-RIGHT, -ANTERIOR, SUPERIOR, (0.8, 0.8, 1.0)),
    "sagittal": affine_of(-ANTERIOR, -SUPERIOR, RIGHT, (0.9, 0.9, 2.0)),
    "coronal": affine_of(-RIGHT, -SUPERIOR, ANTERIOR, (0.9, 0.9, 3.0)),
    "oblique": affine_of(*(OBLIQUE @ np.stack([-RIGHT, -ANTERIOR, SUPERIOR]).T).T, (0.7, 0.8, 2.5)),
    "left-handed": affine_of(RIGHT, -ANTERIOR, SUPERIOR, (1.0, 1.0, 1.5)),
    "anisotropic": affine_of(-RIGHT, -ANTERIOR, -SUPERIOR, (0.5, 1.7, 6.0)),
}


def linear_matrix(degrees=20.0, shift=(12.0, -7.0, 30.0), scale=(1.0, 1.0, 1.0), shear=0.0):
    matrix = np.eye(4)
    sheared = np.eye(3)
    sheared[1, 2] = shear
    matrix[:3, :3] = rotation((0.3, -1.0, 0.6), degrees) @ sheared @ np.diag(scale)
    matrix[:3, 3] = shift
    return matrix


def world_points(node, affine_matrix, ijk):
    """Voxel indices (n, 3) of something under ``node`` to world points, by MRML itself."""
    points = []
    for index in ijk:
        local = affine_matrix.MultiplyPoint((*map(float, index), 1.0))[:3]
        moved = [0.0, 0.0, 0.0]
        node.TransformPointToWorld(local, moved)
        points.append(moved)
    return np.array(points).reshape(-1, 3)


def voxels_of(mask):
    """(n, 3) indices (i, j, k) of what is set in a (k, j, i) mask."""
    return np.argwhere(mask)[:, ::-1]


def volume_points(volume, mask):
    """World points of a mask's voxel centres, independent of lsms_core."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return world_points(volume, matrix, voxels_of(mask))


def segment_points(segmentation, segment_id):
    """World points of a segment's voxel centres, independent of lsms_core."""
    matrix = vtk.vtkMatrix4x4()
    labelmap_of(segmentation, segment_id)[0].GetImageToWorldMatrix(matrix)
    return world_points(segmentation, matrix, voxels_in(segmentation, segment_id))


def in_segment(segmentation, segment_id, points):
    """Whether world points lie in a segment, voxel by voxel, independent of lsms_core."""
    labelmap, label = labelmap_of(segmentation, segment_id)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetWorldToImageMatrix(matrix)
    extent = labelmap.GetExtent()
    inside = []
    for point in points:
        local = [0.0, 0.0, 0.0]
        segmentation.TransformPointFromWorld(point, local)
        index = [int(np.floor(v + 0.5)) for v in matrix.MultiplyPoint((*local, 1.0))[:3]]
        there = all(extent[2 * a] <= index[a] <= extent[2 * a + 1] for a in range(3))
        inside.append(there and labelmap.GetScalarComponentAsDouble(*index, 0) == label)
    return np.array(inside, bool)


def in_mask(volume, mask, points):
    """Whether world points lie in a mask on a volume's grid, independent of lsms_core."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    inside = []
    for point in points:
        local = [0.0, 0.0, 0.0]
        volume.TransformPointFromWorld(point, local)
        index = np.floor(np.array(matrix.MultiplyPoint((*local, 1.0))[:3]) + 0.5).astype(int)
        there = np.all((index >= 0) & (index < mask.shape[::-1]))
        inside.append(bool(there) and bool(mask[tuple(index[::-1])]))
    return np.array(inside, bool)


def dice_in_world(segmentation, segment_id, volume, mask):
    """Dice of a mask and a segment, each sampled at the other's voxel centres in the world."""
    of_mask = volume_points(volume, mask)
    of_segment = segment_points(segmentation, segment_id)
    hits = in_segment(segmentation, segment_id, of_mask).sum()
    hits += in_mask(volume, mask, of_segment).sum()
    return hits / (len(of_mask) + len(of_segment))


def lesion(shape=SHAPE, centre=(5, 8, 12), radius=3.2):
    """A lopsided blob, so that any flip shows."""
    k, j, i = np.indices(shape)
    dk, dj, di = k - centre[0], j - centre[1], i - centre[2]
    blob = dk**2 + dj**2 + (di * 0.7) ** 2 <= radius**2
    blob[centre[0], centre[1], : centre[2] + 1] = True
    return blob


class World:
    """A scene, what is needed to fill it, and measures that know nothing of lsms_core."""

    shape = SHAPE
    acquisitions = ACQUISITIONS
    lesion = staticmethod(lesion)
    rotation = staticmethod(rotation)
    linear_matrix = staticmethod(linear_matrix)
    volume_points = staticmethod(volume_points)
    segment_points = staticmethod(segment_points)
    in_segment = staticmethod(in_segment)
    in_mask = staticmethod(in_mask)
    dice = staticmethod(dice_in_world)

    def __init__(self):
        self.scene = slicer.vtkMRMLScene()
        # As the application does: node classes and representations are made known by the logic.
        self.logic = slicer.vtkSlicerSegmentationsModuleLogic()
        self.logic.SetMRMLScene(self.scene)

    def add(self, class_name, name=""):
        node = self.scene.AddNewNodeByClass(class_name)
        if name:
            node.SetName(name)
        return node

    def volume(self, affine=None, array=None, parent=None, class_name="vtkMRMLScalarVolumeNode"):
        node = self.add(class_name, "CT")
        if array is None:
            array = np.random.default_rng(7).integers(-100, 200, SHAPE).astype(np.int16)
        self.set_image(node, array)
        affine = ACQUISITIONS["axial"] if affine is None else affine
        node.SetIJKToRASMatrix(self.vtk_matrix(affine))
        self.under(node, parent)
        return node

    @staticmethod
    def set_image(node, array):
        image = vtk.vtkImageData()
        image.SetDimensions(array.shape[2], array.shape[1], array.shape[0])
        components = array.reshape(array.shape[0] * array.shape[1] * array.shape[2], -1)
        image.GetPointData().SetScalars(numpy_to_vtk(components, deep=True))
        node.SetAndObserveImageData(image)

    @staticmethod
    def vtk_matrix(affine):
        matrix = vtk.vtkMatrix4x4()
        for row in range(4):
            for column in range(4):
                matrix.SetElement(row, column, float(affine[row, column]))
        return matrix

    @staticmethod
    def under(node, parent):
        if parent is not None:
            node.SetAndObserveTransformNodeID(parent.GetID())

    def linear(self, matrix, parent=None):
        node = self.add("vtkMRMLLinearTransformNode")
        node.SetMatrixTransformToParent(self.vtk_matrix(matrix))
        self.under(node, parent)
        return node

    def warp(self, parent=None, size=2.0):
        """A smooth displacement field, up to ``size`` mm in each direction."""
        node = self.add("vtkMRMLGridTransformNode")
        count, step, first = 40, 4.0, -80.0
        grid = vtk.vtkImageData()
        grid.SetDimensions(count, count, count)
        grid.SetSpacing(step, step, step)
        grid.SetOrigin(first, first, first)
        k, j, i = np.mgrid[0:count, 0:count, 0:count] * step / 6.0
        field = np.stack([np.sin(j) + 0.3, np.cos(k + 0.5), np.sin(i + j)], axis=-1) * size
        vectors = numpy_to_vtk(np.ascontiguousarray(field.reshape(-1, 3)), deep=True)
        grid.GetPointData().SetScalars(vectors)
        transform = slicer.vtkOrientedGridTransform()
        transform.SetDisplacementGridData(grid)
        transform.SetInterpolationModeToCubic()
        node.SetAndObserveTransformToParent(transform)
        self.under(node, parent)
        return node

    def parent(self, kind):
        """A transform node of one kind; its chain's ends and middles included."""
        if kind == "none":
            return None
        if kind == "linear":
            return self.linear(linear_matrix())
        if kind == "sheared":
            return self.linear(linear_matrix(10.0, scale=(1.2, 0.8, 1.1), shear=0.25))
        if kind == "mirrored":
            return self.linear(linear_matrix(0.0, scale=(-1.0, 1.0, 1.0)))
        if kind == "chained":
            outer = self.linear(linear_matrix(15.0, (3.0, 2.0, -9.0)))
            return self.linear(linear_matrix(-30.0), self.linear(linear_matrix(5.0), outer))
        if kind == "warped":
            return self.warp()
        if kind == "warped chain":
            outer = self.linear(linear_matrix(-12.0, (1.0, 5.0, 0.0)))
            return self.linear(linear_matrix(8.0, (4.0, 0.0, 2.0)), self.warp(outer))
        raise KeyError(kind)

    def segmentation(self, parent=None):
        node = self.add("vtkMRMLSegmentationNode", "Segmentation")
        self.under(node, parent)
        return node


@pytest.fixture
def world():
    made = World()
    yield made
    made.scene.Clear(1)


@pytest.fixture(autouse=True)
def no_vtk_errors():
    """Slicer reports misuse to VTK's window and carries on; here that is a failure."""
    window = vtk.vtkStringOutputWindow()
    before = vtk.vtkOutputWindow.GetInstance()
    vtk.vtkOutputWindow.SetInstance(window)
    yield window
    vtk.vtkOutputWindow.SetInstance(before)
    text = window.GetOutput() or ""
    assert "ERROR:" not in text, text


@pytest.fixture
def scene(world):
    """A volume under a linear transform, and an empty segmentation."""
    return world.volume(parent=world.parent("linear")), world.segmentation()


@pytest.fixture
def effect_modes(monkeypatch):
    """Slicer's Qt class, which slicer-core lacks; its modes are the logic's."""
    logic = slicer.vtkSlicerSegmentEditorLogic
    modes = SimpleNamespace(
        ModificationModeSet=logic.ModificationModeSet,
        ModificationModeAdd=logic.ModificationModeAdd,
        ModificationModeRemove=logic.ModificationModeRemove,
    )
    monkeypatch.setattr(slicer, "qSlicerSegmentEditorAbstractEffect", modes, raising=False)


@pytest.fixture
def editor(effect_modes):
    """Segment Editor on a volume with one empty segment."""
    from effect_editor import Editor

    return Editor()
