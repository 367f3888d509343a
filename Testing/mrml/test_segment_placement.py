"""A mask written to a segment lies on the anatomy it was made from, wherever both are.

Places are checked in world coordinates by MRML's own point transforms, which know nothing
of the code under test.
"""

from __future__ import annotations

import numpy as np
import pytest
import vtk
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.mrml.labelmaps import read_mask
from lsms_core.mrml.segment_writing import SegmentMeta, WriteOptions, write_mask
from lsms_core.mrml.volume_nodes import read_ct

LINEAR = ("none", "linear", "sheared", "mirrored", "chained")
PARENTS = (*LINEAR, "warped", "warped chain")
ACQUISITIONS = ("axial", "sagittal", "coronal", "oblique", "left-handed", "anisotropic")
META = SegmentMeta("left lobe lesion")


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@pytest.mark.parametrize("parent", PARENTS)
def test_a_new_segmentation(world, acquisition, parent):
    array = np.where(world.lesion(), 20, 100).astype(np.int16)
    volume = world.volume(world.acquisitions[acquisition], array, world.parent(parent))
    segmentation = world.segmentation()
    mask = read_ct(volume).array < 60
    (segment,) = write_mask(segmentation, volume, mask, META)
    assert world.dice(segmentation, segment, volume, world.lesion()) == 1.0
    assert np.array_equal(read_mask(segmentation, volume, segment), mask)


@pytest.mark.parametrize("theirs", ["none", "linear", "chained", "sheared"])
@pytest.mark.parametrize("ours", LINEAR)
def test_a_segmentation_in_use_elsewhere(world, ours, theirs):
    """What the segmentation already holds doesn't move, and the new mask is in its place."""
    first = world.volume(world.acquisitions["oblique"], parent=world.parent(theirs))
    segmentation = world.segmentation()
    other = world.lesion(centre=(3, 6, 9), radius=2.5)
    (old,) = write_mask(segmentation, first, other, SegmentMeta("cyst"))
    before = world.segment_points(segmentation, old)
    volume = world.volume(world.acquisitions["axial"], parent=world.parent(ours))
    (segment,) = write_mask(segmentation, volume, world.lesion(), META)
    assert world.dice(segmentation, segment, volume, world.lesion()) == 1.0
    assert world.dice(segmentation, old, first, other) == 1.0
    assert np.array_equal(world.segment_points(segmentation, old), before)
    assert np.array_equal(read_mask(segmentation, volume, segment), world.lesion())


@pytest.mark.parametrize("theirs", ["none", "warped"])
@pytest.mark.parametrize("ours", ["warped", "warped chain", "linear"])
def test_a_segmentation_in_use_beyond_a_warp(world, ours, theirs):
    """Voxels of two grids that are bent against each other cannot match one to one."""
    first = world.volume(parent=world.parent(theirs))
    segmentation = world.segmentation()
    write_mask(segmentation, first, world.lesion(), SegmentMeta("cyst"))
    volume = world.volume(parent=world.parent(ours))
    (segment,) = write_mask(segmentation, volume, world.lesion(), META)
    limit = 1.0 if theirs == "none" and ours == "linear" else 0.9
    assert world.dice(segmentation, segment, volume, world.lesion()) >= limit
    shift = world.segment_points(segmentation, segment).mean(axis=0)
    shift -= world.volume_points(volume, world.lesion()).mean(axis=0)
    assert np.linalg.norm(shift) < 0.4  # half a voxel


@pytest.mark.parametrize("parent", PARENTS)
def test_an_update_stays_in_place(world, parent):
    volume = world.volume(parent=world.parent(parent))
    segmentation = world.segmentation()
    (segment,) = write_mask(segmentation, volume, world.lesion(), META)
    more = world.lesion(centre=(6, 9, 13))
    again = write_mask(segmentation, volume, more, META, WriteOptions("update"))
    assert again == [segment]
    assert world.dice(segmentation, segment, volume, world.lesion() | more) == 1.0


@pytest.mark.parametrize("parent", PARENTS)
def test_two_volumes_of_different_grids(world, parent):
    """Each keeps its own voxels, thick or thin, in one segmentation."""
    transform = world.parent(parent)
    thick = world.volume(world.acquisitions["anisotropic"], parent=transform)
    thin = world.volume(
        world.acquisitions["left-handed"], np.zeros((30, 24, 20), np.int16), transform
    )
    small = world.lesion((30, 24, 20), (20, 10, 9), 4.0)
    segmentation = world.segmentation()
    (one,) = write_mask(segmentation, thick, world.lesion(), META)
    (two,) = write_mask(segmentation, thin, small, SegmentMeta("cyst"))
    assert world.dice(segmentation, one, thick, world.lesion()) == 1.0
    assert world.dice(segmentation, two, thin, small) == 1.0


def test_a_thin_mask_joins_a_thick_segment_without_leaving_its_place(world):
    thick = world.volume(world.acquisitions["axial"] @ np.diag([2.0, 2.0, 3.0, 1.0]))
    thin = world.volume(world.acquisitions["axial"], np.zeros((30, 36, 44), np.int16))
    segmentation = world.segmentation()
    first = world.lesion(centre=(2, 4, 6), radius=2.0)
    (segment,) = write_mask(segmentation, thick, first, META)
    more = world.lesion((30, 36, 44), (20, 24, 30), 7.0)
    assert write_mask(segmentation, thin, more, META, WriteOptions("update")) == [segment]
    # The old voxels are all there, and the new place is covered to the thick voxel's size.
    assert world.in_segment(segmentation, segment, world.volume_points(thick, first)).all()
    inner = world.lesion((30, 36, 44), (20, 24, 30), 5.0)
    inner[:, :, :26] = False
    assert world.in_segment(segmentation, segment, world.volume_points(thin, inner)).all()
    far = world.lesion((30, 36, 44), (5, 30, 40), 3.0)
    far[:, :, :35] = False
    assert not world.in_segment(segmentation, segment, world.volume_points(thin, far)).any()


def test_what_slicers_own_shortcut_gets_wrong_is_right_here(world):
    """ImportLabelmapToSegmentationNode applies the transform twice: the reason for all this."""
    shift = np.eye(4)
    shift[0, 3] = 12.0
    volume = world.volume(parent=world.linear(shift))
    labels = world.volume(
        array=world.lesion().astype(np.uint8),
        parent=volume.GetParentTransformNode(),
        class_name="vtkMRMLLabelMapVolumeNode",
    )
    labels.SetIJKToRASMatrix(world.vtk_matrix(world.acquisitions["axial"]))
    shortcut = world.segmentation()
    wanted = vtk.vtkStringArray()
    shortcut.GetSegmentation().AddEmptySegment("s", "s")
    wanted.InsertNextValue("s")
    world.logic.ImportLabelmapToSegmentationNode(labels, shortcut, wanted)
    assert world.dice(shortcut, "s", volume, world.lesion()) < 0.5
    segmentation = world.segmentation()
    (segment,) = write_mask(segmentation, volume, world.lesion(), META)
    assert world.dice(segmentation, segment, volume, world.lesion()) == 1.0


angles = st.floats(-180.0, 180.0)
shifts = st.tuples(*[st.floats(-80.0, 80.0)] * 3)
spacings = st.tuples(*[st.floats(0.4, 6.0)] * 3)
flips = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)


@given(data=st.data())
def test_any_grid_under_any_linear_chain(world, data):
    axis = data.draw(st.sampled_from([(1.0, 0.0, 0.2), (0.0, 1.0, 0.0), (0.5, 0.5, 0.7)]))
    affine = np.eye(4)
    turned = world.rotation(axis, data.draw(angles))
    order = list(data.draw(st.permutations([0, 1, 2])))
    affine[:3, :3] = turned[:, order] * data.draw(spacings) * data.draw(flips)
    affine[:3, 3] = data.draw(shifts)
    parent = None
    for _ in range(data.draw(st.integers(0, 2))):
        matrix = world.linear_matrix(
            data.draw(angles), data.draw(shifts), shear=data.draw(st.floats(-0.3, 0.3))
        )
        parent = world.linear(matrix, parent)
    volume = world.volume(affine, parent=parent)
    k, j, i = (data.draw(st.integers(0, n - 1)) for n in world.shape)
    mask = world.lesion(centre=(k, j, i), radius=2.0)
    segmentation = world.segmentation()
    if data.draw(st.booleans()):
        # In use before, elsewhere in the world.
        write_mask(segmentation, world.volume(), world.lesion(), SegmentMeta("cyst"))
    (segment,) = write_mask(segmentation, volume, mask, META)
    assert world.dice(segmentation, segment, volume, mask) == 1.0
    assert np.array_equal(read_mask(segmentation, volume, segment), mask)
