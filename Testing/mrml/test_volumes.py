"""Volume nodes become CTs with their place in the world, and a key that tells of changes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.errors import InputError
from lsms_core.mrml.transforms import ijk_to_world, ijk_to_world_affine, world_to_ijk
from lsms_core.mrml.volume_nodes import read_ct, volume_key

LINEAR = ("none", "linear", "sheared", "mirrored", "chained")
WARPED = ("warped", "warped chain")
ACQUISITIONS = ("axial", "sagittal", "coronal", "oblique", "left-handed", "anisotropic")


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@pytest.mark.parametrize("parent", LINEAR)
def test_the_affine_leads_every_voxel_to_its_place_in_the_world(world, acquisition, parent):
    volume = world.volume(world.acquisitions[acquisition], parent=world.parent(parent))
    ct = read_ct(volume)
    some = np.zeros(world.shape, bool)
    some[::3, ::5, ::4] = True
    ijk = np.argwhere(some)[:, ::-1]
    expected = world.volume_points(volume, some)
    assert np.allclose(ijk @ ct.affine[:3, :3].T + ct.affine[:3, 3], expected, atol=1e-9)
    assert np.allclose(world_to_ijk(volume, expected), ijk, atol=1e-9)


@pytest.mark.parametrize("parent", WARPED)
def test_under_a_warp_points_are_exact_and_the_affine_fits_the_centre(world, parent):
    volume = world.volume(parent=world.parent(parent))
    everything = np.ones(world.shape, bool)
    ijk = np.argwhere(everything)[:, ::-1]
    expected = world.volume_points(volume, everything)
    assert np.allclose(ijk_to_world(volume, ijk), expected, atol=1e-9)
    assert np.allclose(world_to_ijk(volume, expected), ijk, atol=0.05)
    middle = (np.array(world.shape[::-1]) - 1) / 2.0
    affine = read_ct(volume).affine
    error = np.linalg.norm(ijk @ affine[:3, :3].T + affine[:3, 3] - expected, axis=1)
    near = np.linalg.norm((ijk - middle), axis=1) < 1.5
    assert error[near].max() < 0.1
    # A linear guess must not do: the warp bends further out.
    assert error.max() > 0.5
    corner = np.array([1, 2, 1])
    there = ijk_to_world_affine(volume, corner)
    assert np.allclose(
        there[:3, :3] @ corner + there[:3, 3], ijk_to_world(volume, corner)[0], atol=1e-9
    )


def test_the_array_is_the_nodes_own(world):
    array = np.arange(np.prod(world.shape), dtype=np.int16).reshape(world.shape)
    volume = world.volume(array=array)
    ct = read_ct(volume)
    assert np.array_equal(ct.array, array)
    assert ct.array.dtype == np.int16
    with pytest.raises(ValueError, match="read-only"):
        ct.array[0, 0, 0] = 1


def test_the_array_outlives_its_node(world):
    array = np.arange(np.prod(world.shape), dtype=np.int16).reshape(world.shape)
    volume = world.volume(array=array)
    ct = read_ct(volume)
    world.scene.RemoveNode(volume)
    del volume
    assert np.array_equal(ct.array, array)


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_left_is_the_patients_left_however_it_was_stored(world, acquisition):
    """A marker at the patient's left front lies at the canonical slice's right top."""
    volume = world.volume(world.acquisitions[acquisition])
    points = world.volume_points(volume, np.ones(world.shape, bool))
    # Left is -R; the front is +A. The farthest voxel that way is the marker.
    marker = int((-points[:, 0] + points[:, 1]).argmax())
    array = np.zeros(world.shape, np.int16)
    array.flat[marker] = 1000
    world.set_image(volume, array)
    ct = read_ct(volume)
    plane = SlicePlane.of(ct, "axial")
    rows, columns = np.nonzero(plane.stack(ct.array).max(axis=0))
    height, width = plane.stack(ct.array).shape[1:]
    assert rows[0] < height / 2
    assert columns[0] > width / 2


def test_what_is_no_ct_is_refused(world):
    colour = world.volume(
        array=np.zeros((4, 5, 6, 3), np.uint8), class_name="vtkMRMLVectorVolumeNode"
    )
    series = world.volume(array=np.zeros((4, 5, 6, 7), np.int16))
    labels = world.volume(class_name="vtkMRMLLabelMapVolumeNode")
    empty = world.add("vtkMRMLScalarVolumeNode")
    model = world.add("vtkMRMLModelNode")
    for node, reason in (
        (None, "No volume"),
        (colour, "3 values"),
        (series, "7 values"),
        (labels, "label map"),
        (empty, "no image"),
        (model, "not a scalar volume"),
    ):
        with pytest.raises(InputError, match=reason):
            read_ct(node)


def test_a_flat_affine_is_refused(world):
    volume = world.volume(parent=world.linear(np.diag([1.0, 1.0, 0.0, 1.0])))
    with pytest.raises(InputError, match="no volume"):
        read_ct(volume)


def changes(world, volume):
    """Everything that must change the key, by name."""
    inner = volume.GetParentTransformNode()
    outer = inner.GetParentTransformNode()

    def voxels():
        volume.GetImageData().GetPointData().GetScalars().SetValue(3, 77)
        volume.GetImageData().GetPointData().GetScalars().Modified()

    return {
        "voxels": voxels,
        "image": lambda: world.set_image(volume, np.zeros(world.shape, np.int16)),
        "spacing": lambda: volume.SetSpacing(1.0, 1.0, 4.0),
        "origin": lambda: volume.SetOrigin(1.0, 2.0, 3.0),
        "transform": lambda: inner.SetMatrixTransformToParent(
            world.vtk_matrix(world.linear_matrix(3.0))
        ),
        "outer transform": lambda: outer.SetMatrixTransformToParent(
            world.vtk_matrix(world.linear_matrix(4.0))
        ),
        "chain": lambda: inner.SetAndObserveTransformNodeID(None),
        "other transform": lambda: volume.SetAndObserveTransformNodeID(outer.GetID()),
    }


@pytest.mark.parametrize(
    "change",
    [
        "voxels",
        "image",
        "spacing",
        "origin",
        "transform",
        "outer transform",
        "chain",
        "other transform",
    ],
)
def test_the_key_changes_with(world, change):
    volume = world.volume(parent=world.linear(np.eye(4), world.linear(world.linear_matrix())))
    before = volume_key(volume)
    assert volume_key(volume) == before
    volume.SetName("Renamed")
    volume.SetAttribute("note", "seen")
    assert volume_key(volume) == before
    changes(world, volume)[change]()
    assert volume_key(volume) != before


def test_the_key_changes_with_a_warp(world):
    warp = world.warp()
    volume = world.volume(parent=warp)
    before = volume_key(volume)
    transform = warp.GetTransformToParent()
    transform.SetDisplacementScale(0.5)
    warp.SetAndObserveTransformToParent(transform)
    assert volume_key(volume) != before


def test_no_volume_no_key(world):
    assert volume_key(None) == ""
    assert volume_key(world.add("vtkMRMLScalarVolumeNode")) == ""
    one, other = world.volume(), world.volume()
    assert volume_key(one) != volume_key(other)


def test_the_process_of_slicer_stays_free_of_torch_and_qt(repository):
    names = sorted(p.stem for p in (repository / "lsms_core" / "mrml").glob("[a-z]*.py"))
    assert {"volume_nodes", "views", "segment_writing", "undo", "findings"} <= set(names)
    code = (
        f"import sys, importlib; [importlib.import_module('lsms_core.mrml.' + n) for n in {names}]"
    )
    code += "; print(sorted({'torch', 'transformers', 'qt', 'ctk', 'PySide6'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
