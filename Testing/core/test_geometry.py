"""Canonical slices: the patient's left stays left, whatever the storage order."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume, SlicePlane, closest_world_axes
from lsms_core.errors import InputError

# A reference volume: R-A-S coordinates of every voxel, so that values say where they are.
SHAPE_RAS = (5, 6, 7)
SPACING_RAS = (0.7, 0.8, 3.0)
STORAGES = [(p, s) for p in permutations(range(3)) for s in product((1, -1), repeat=3)]


def stored_volume(permutation: tuple[int, ...], signs: tuple[int, ...]) -> CTVolume:
    """Voxels valued 100 r + 10 a + s (indices towards R, A, S), stored in any axis order."""
    r, a, s = np.meshgrid(*map(np.arange, SHAPE_RAS), indexing="ij")
    values = 100 * r + 10 * a + s
    affine = np.eye(4)
    affine[:3, :3] = 0
    flips = []
    for index, world in enumerate(permutation):
        affine[world, index] = signs[index] * SPACING_RAS[world]
        if signs[index] < 0:
            affine[world, 3] = SPACING_RAS[world] * (SHAPE_RAS[world] - 1)
        flips.append(slice(None, None, signs[index]))
    ijk = values.transpose(permutation)[tuple(flips)]
    return CTVolume(np.ascontiguousarray(ijk.transpose(2, 1, 0)), affine)


@pytest.mark.parametrize(("permutation", "signs"), STORAGES)
def test_every_storage_gives_the_same_canonical_axial_slice(permutation, signs):
    volume = stored_volume(permutation, signs)
    plane = SlicePlane.of(volume, "axial")
    level = 3
    index = SHAPE_RAS[2] - 1 - level if plane.reverse_stack else level
    image = plane.extract(volume.array, index)
    assert image.shape == (SHAPE_RAS[1], SHAPE_RAS[0])
    rows = np.arange(SHAPE_RAS[1])[::-1, None]  # anterior first
    columns = np.arange(SHAPE_RAS[0])[::-1]  # the patient's right first
    np.testing.assert_array_equal(image, 100 * columns + 10 * rows + level)
    assert plane.spacing_mm == pytest.approx((0.8, 0.7))
    assert plane.thickness_mm == pytest.approx(3.0)


@pytest.mark.parametrize(("permutation", "signs"), STORAGES[::5])
@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal", 0, 1, 2])
def test_restore_returns_every_voxel_to_its_place(permutation, signs, name):
    volume = stored_volume(permutation, signs)
    plane = SlicePlane.of(volume, name)
    rebuilt = np.zeros_like(volume.array)
    for index in range(plane.count(volume.shape)):
        plane.restore_into(rebuilt, index, plane.extract(volume.array, index))
    np.testing.assert_array_equal(rebuilt, volume.array)
    np.testing.assert_array_equal(plane.stack(volume.array)[2], plane.extract(volume.array, 2))


@pytest.mark.parametrize(("permutation", "signs"), STORAGES)
@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_neighbours_lie_on_the_same_anatomical_side(permutation, signs, name):
    volume = stored_volume(permutation, signs)
    plane = SlicePlane.of(volume, name)
    thickness = plane.thickness_mm
    below, here, above = plane.neighbours(2, plane.count(volume.shape), (-thickness, 0, thickness))
    step = {"axial": 1, "coronal": 10, "sagittal": -100}[name]
    value = {i: int(plane.extract(volume.array, i)[0, 0]) for i in (below, here, above)}
    assert value[above] - value[here] == step
    assert value[here] - value[below] == step


def test_neighbours_are_clamped_at_the_ends():
    plane = SlicePlane.of(np.diag([-0.7, -0.7, 5.0, 1.0]))
    assert plane.neighbours(0, 10, (-4.0, 0.0, 4.0)) == [0, 0, 1]
    assert plane.neighbours(9, 10, (-4.0, 0.0, 4.0)) == [8, 9, 9]
    assert plane.neighbours(0, 1, (-4.0, 0.0, 4.0)) == [0, 0, 0]


@given(
    angles=st.tuples(*[st.floats(-0.6, 0.6)] * 3), flips=st.tuples(*[st.sampled_from([1, -1])] * 3)
)
def test_sitk_round_trip_keeps_an_oblique_left_handed_grid(angles, flips):
    a, b, c = angles
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rx @ ry @ rz @ np.diag(np.array(flips) * (0.7, 0.9, 2.5))
    affine[:3, 3] = (-12.0, 30.0, 450.0)
    volume = CTVolume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine)
    again = CTVolume.from_sitk(volume.to_sitk())
    np.testing.assert_allclose(again.affine, affine, atol=1e-6)
    np.testing.assert_array_equal(again.array, volume.array)
    assert sorted(closest_world_axes(affine)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("array", "affine", "message"),
    [
        (np.zeros((2, 2)), np.eye(4), "three dimensions"),
        (np.zeros((2, 2, 2, 2)), np.eye(4), "three dimensions"),
        (np.zeros((2, 2, 2)), np.diag([1, 1, 0, 1.0]), "zero spacing"),
        (np.zeros((2, 2, 2)), np.full((4, 4), np.nan), "not a finite"),
        (np.zeros((2, 2, 2)), np.eye(3), "4 x 4"),
    ],
)
def test_unusable_volumes_are_refused(array, affine, message):
    with pytest.raises(InputError, match=message):
        CTVolume(array, affine)


@pytest.mark.parametrize("plane", ["top", 3, -1, True, None, 1.0])
def test_unknown_planes_are_refused(plane):
    with pytest.raises(InputError, match="Unknown plane"):
        SlicePlane.of(np.eye(4), plane)


def test_a_slice_outside_the_volume_is_refused():
    volume = stored_volume((0, 1, 2), (1, 1, 1))
    with pytest.raises(InputError, match="use 0 to 6"):
        SlicePlane.of(volume).extract(volume.array, 7)
