"""A slice view and the volume's slice that it shows, checked against Slicer's own logic."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.errors import InputError
from lsms_core.mrml.transforms import ijk_to_world, world_to_ijk
from lsms_core.mrml.views import rotate_to_volume_plane, view_slice

ACQUISITIONS = ("axial", "sagittal", "coronal", "oblique", "left-handed", "anisotropic")
LINEAR = ("none", "linear", "mirrored", "chained")
PRESETS = ("Axial", "Sagittal", "Coronal")
NORMALS = {"Axial": 2, "Sagittal": 0, "Coronal": 1}  # world axis


def view(world, orientation="Axial", centre=(0.0, 0.0, 0.0)):
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(world.scene)
    node = world.add("vtkMRMLSliceNode")
    node.SetOrientation(orientation)
    for axis in range(3):
        node.GetSliceToRAS().SetElement(axis, 3, centre[axis])
    node.UpdateMatrices()
    return node


def matrix(node):
    return np.array([[node.GetSliceToRAS().GetElement(r, c) for c in range(4)] for r in range(4)])


def slicers_answer(world, node, volume):
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLScene(world.scene)
    logic.SetSliceNode(node)
    return logic.GetSliceIndexFromOffset(node.GetSliceOffset(), volume)


@pytest.mark.parametrize(
    "acquisition", ["axial", "sagittal", "coronal", "left-handed", "anisotropic"]
)
@pytest.mark.parametrize("orientation", PRESETS)
def test_the_slice_under_a_view_along_the_volume(world, acquisition, orientation):
    volume = world.volume(world.acquisitions[acquisition])
    for ijk in ((0, 0, 0), (3, 7, 4), (21, 17, 9)):
        point = ijk_to_world(volume, ijk)[0]
        node = view(world, orientation, point)
        found = view_slice(node, volume)
        assert found.plane == orientation.lower()
        assert found.index == ijk[2 - found.axis]
        assert found.count == world.shape[found.axis]
        assert found.inside
        assert not found.oblique
        assert slicers_answer(world, node, volume) == found.index + 1
        # The axis is the one that the view's normal follows.
        direction = world.acquisitions[acquisition][:3, 2 - found.axis]
        assert int(np.abs(direction).argmax()) == NORMALS[orientation]


@pytest.mark.parametrize("parent", LINEAR)
@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_turned_volumes_are_oblique_until_the_view_is_turned_too(world, acquisition, parent):
    volume = world.volume(world.acquisitions[acquisition], parent=world.parent(parent))
    turned = acquisition == "oblique" or parent in ("linear", "chained")
    for orientation in PRESETS:
        node = view(world, orientation, ijk_to_world(volume, (10.3, 8.2, 4.4))[0])
        before = matrix(node)
        found = view_slice(node, volume)
        assert found.oblique == turned
        assert found.inside
        assert (slicers_answer(world, node, volume) == -1) == turned
        rotate_to_volume_plane(node, volume)
        after = view_slice(node, volume)
        assert not after.oblique
        assert (after.axis, after.index) == (found.axis, found.index)
        assert slicers_answer(world, node, volume) == after.index + 1
        # Through the slice's centre, orthonormal, as close to the old view as the grid allows.
        centre = matrix(node)[:3, 3]
        assert world_to_ijk(volume, centre)[0][2 - after.axis] == pytest.approx(
            after.index, abs=1e-6
        )
        frame = matrix(node)[:3, :3]
        assert np.allclose(frame.T @ frame, np.eye(3), atol=1e-9)
        assert np.linalg.det(frame) == pytest.approx(np.linalg.det(before[:3, :3]))
        assert np.all(np.sum(frame * before[:3, :3], axis=0) > 0.7)


def test_shear_is_followed_where_slicer_only_knows_axes(world):
    """Under a gantry tilt the slices' normal is not the stacking direction."""
    tilt = np.eye(4)
    tilt[1, 2] = 0.3
    volume = world.volume(parent=world.linear(tilt))
    node = view(world, "Axial", ijk_to_world(volume, (10, 8, 6))[0])
    found = view_slice(node, volume)
    assert (found.axis, found.index, found.oblique) == (0, 6, False)


@pytest.mark.parametrize("parent", ["warped", "warped chain"])
def test_the_slice_at_the_views_centre_of_a_warped_volume(world, parent):
    volume = world.volume(parent=world.parent(parent))
    for k in (0, 4, 9):
        node = view(world, "Axial", ijk_to_world(volume, (10, 8, k))[0])
        found = view_slice(node, volume)
        assert (found.axis, found.index, found.inside) == (0, k, True)
        rotate_to_volume_plane(node, volume)
        after = view_slice(node, volume)
        assert (after.axis, after.index, after.oblique) == (0, k, False)


def test_outside_the_volume_the_nearest_slice_is_named(world):
    volume = world.volume()
    below = view(world, "Axial", ijk_to_world(volume, (0, 0, -0.6))[0])
    assert (view_slice(below, volume).index, view_slice(below, volume).inside) == (0, False)
    above = view(world, "Axial", ijk_to_world(volume, (0, 0, 9.6))[0])
    assert (view_slice(above, volume).index, view_slice(above, volume).inside) == (9, False)
    assert slicers_answer(world, above, volume) == -2
    edge = view(world, "Axial", ijk_to_world(volume, (0, 0, 9.4))[0])
    assert (view_slice(edge, volume).index, view_slice(edge, volume).inside) == (9, True)
    rotate_to_volume_plane(above, volume)
    assert view_slice(above, volume).inside


def test_no_volume_is_refused(world):
    node = view(world)
    for call in (view_slice, rotate_to_volume_plane):
        with pytest.raises(InputError, match="No volume"):
            call(node, None)


@given(data=st.data())
def test_rotating_always_ends_along_the_volume(world, data):
    angle = st.floats(-180.0, 180.0)
    affine = np.eye(4)
    spacing = [data.draw(st.floats(0.5, 5.0)) for _ in range(3)]
    flip = [data.draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)]
    affine[:3, :3] = world.rotation((0.2, 0.5, 1.0), data.draw(angle)) * spacing * flip
    matrix_ = world.linear_matrix(data.draw(angle), shear=data.draw(st.floats(-0.4, 0.4)))
    volume = world.volume(affine, parent=world.linear(matrix_))
    node = view(world, data.draw(st.sampled_from(PRESETS)))
    inside = [data.draw(st.floats(0.0, n - 1.0)) for n in world.shape[::-1]]
    for axis, value in enumerate(ijk_to_world(volume, inside)[0]):
        node.GetSliceToRAS().SetElement(axis, 3, value)
    node.UpdateMatrices()
    before = view_slice(node, volume)
    rotate_to_volume_plane(node, volume)
    after = view_slice(node, volume)
    assert not after.oblique
    assert after.inside
    assert (after.axis, after.index) == (before.axis, before.index)
