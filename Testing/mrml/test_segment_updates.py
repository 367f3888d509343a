"""A segment is updated, overwritten or refused: its slices, its lesions, locks and deletions."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from segment_snapshots import META, snapshot

from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import read_mask, segment_ids
from lsms_core.mrml.segment_writing import (
    SegmentMeta,
    WriteOptions,
    is_locked,
    read_meta,
    replace_mask,
    set_locked,
    slices_region,
    write_mask,
)


def test_update_and_overwrite_find_the_prompts_segment_and_no_other(world, scene):
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META)
    segmentation.GetSegmentation().GetSegment(mine).SetName("renamed by the user")
    (last,) = write_mask(segmentation, volume, world.lesion(), SegmentMeta("cyst"))
    before = snapshot(segmentation)[last]
    more = world.lesion(centre=(2, 12, 5), radius=2.0)
    meta = SegmentMeta("  LEFT lobe hypodense  lesion", score=0.4)
    assert write_mask(segmentation, volume, more, meta, WriteOptions("update")) == [mine]
    assert np.array_equal(read_mask(segmentation, volume, mine), more | world.lesion())
    assert write_mask(segmentation, volume, more, meta, WriteOptions("overwrite")) == [mine]
    assert np.array_equal(read_mask(segmentation, volume, mine), more)
    assert read_meta(segmentation, mine).score == 0.4
    assert segmentation.GetSegmentation().GetSegment(mine).GetName() == "renamed by the user"
    assert snapshot(segmentation)[last] == before
    assert write_mask(segmentation, volume, more, meta, WriteOptions("new")) != [mine]


def test_an_update_replaces_only_the_slices_that_were_run(world, scene):
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META)
    again = np.zeros(world.shape, bool)
    again[5, 2:4, 2:4] = True
    region = slices_region(world.shape, 0, [5])
    write_mask(segmentation, volume, again, META, WriteOptions("update"), region=region)
    expected = world.lesion()
    expected[5] = again[5]
    assert np.array_equal(read_mask(segmentation, volume, mine), expected)


def test_a_name_can_be_chosen(world, scene):
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META, WriteOptions(name="Target 1"))
    assert segmentation.GetSegmentation().GetSegment(mine).GetName() == "Target 1"
    options = WriteOptions("overwrite", name="Target 2")
    assert write_mask(segmentation, volume, world.lesion(), META, options) == [mine]
    assert segmentation.GetSegmentation().GetSegment(mine).GetName() == "Target 2"


@pytest.fixture
def three(world):
    """Three separate lesions, smallest first along i."""
    mask = np.zeros(world.shape, bool)
    mask[4:6, 4:6, 2:4] = True
    mask[4:6, 4:7, 7:11] = True
    mask[3:7, 4:9, 14:20] = True
    return mask


def test_one_segment_a_lesion_largest_first(world, scene, three):
    volume, segmentation = scene
    options = WriteOptions(split_lesions=True)
    meta = SegmentMeta("all lesions")
    ids = write_mask(segmentation, volume, three, meta, options)
    masks = [read_mask(segmentation, volume, i) for i in ids]
    assert [m.sum() for m in masks] == [120, 24, 8]
    assert np.array_equal(np.sum(masks, axis=0), three)
    segments = [segmentation.GetSegmentation().GetSegment(i) for i in ids]
    assert [s.GetName() for s in segments] == [f"all lesions {n}" for n in (1, 2, 3)]
    assert len({s.GetColor() for s in segments}) == 3
    assert [read_meta(segmentation, i).lesion for i in ids] == [1, 2, 3]


def test_lesions_are_overwritten_one_by_one(world, scene, three):
    volume, segmentation = scene
    (user,) = write_mask(segmentation, volume, world.lesion(), SegmentMeta("mine"))
    options = WriteOptions("overwrite", split_lesions=True)
    meta = SegmentMeta("all lesions")
    first = write_mask(segmentation, volume, three, meta, options)
    fewer = three.copy()
    fewer[:, :, :5] = False
    second = write_mask(segmentation, volume, fewer, meta, options)
    assert second == first[:2]
    assert segment_ids(segmentation) == [user, *second]
    third = write_mask(segmentation, volume, three, meta, options)
    assert third[:2] == second
    assert len(third) == 3


def test_lesions_are_updated_where_they_touch(world, scene, three):
    volume, segmentation = scene
    options = WriteOptions("update", split_lesions=True)
    meta = SegmentMeta("all lesions")
    first = write_mask(segmentation, volume, three, meta, options)
    # The neighbouring slice: the largest goes on, another lesion comes up.
    following = np.zeros(world.shape, bool)
    following[7, 4:8, 14:19] = True
    following[7, 14:16, 3:5] = True
    second = write_mask(segmentation, volume, following, meta, options)
    assert second[0] == first[0]
    assert second[1] not in first
    grown = read_mask(segmentation, volume, first[0])
    assert grown.sum() == 120 + 20
    assert len(segment_ids(segmentation)) == 4


@pytest.mark.parametrize("way", ["lock", "completed"])
def test_locked_segments_stay_untouched(world, scene, way):
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META)
    if way == "lock":
        set_locked(segmentation, mine, True)
    else:
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        segment = segmentation.GetSegmentation().GetSegment(mine)
        logic.SetSegmentStatus(segment, logic.Completed)
    assert is_locked(segmentation, mine)
    before = snapshot(segmentation)[mine]
    more = world.lesion(centre=(3, 9, 9))
    for policy in ("update", "overwrite"):
        made = write_mask(segmentation, volume, more, META, WriteOptions(policy))
        assert made != [mine]
        with pytest.raises(InputError, match="locked"):
            write_mask(segmentation, volume, more, META, WriteOptions(policy), mine)
        for other in made:
            segmentation.GetSegmentation().RemoveSegment(other)
    with pytest.raises(InputError, match="locked"):
        replace_mask(segmentation, volume, mine, more)
    write_mask(segmentation, volume, more, META, WriteOptions(overlap="mask-others"))
    assert snapshot(segmentation)[mine] == before
    if way == "lock":
        set_locked(segmentation, mine, False)
        assert write_mask(segmentation, volume, more, META, WriteOptions("overwrite"))[0] == mine


def test_the_threshold_cuts_again(world, scene):
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META)
    smaller = world.lesion(radius=1.5)
    for mask, threshold in ((smaller, 0.7), (np.zeros_like(smaller), 0.99), (smaller, 0.6)):
        replace_mask(segmentation, volume, mine, mask, threshold=threshold)
        assert np.array_equal(read_mask(segmentation, volume, mine), mask)
        assert read_meta(segmentation, mine).threshold == threshold
    segment = segmentation.GetSegmentation().GetSegment(mine)
    assert segment.GetName() == META.prompt
    assert read_meta(segmentation, mine).prompt == META.prompt
    other = np.zeros(world.shape, bool)
    other[9, 1, 1] = True
    region = slices_region(world.shape, 0, [9])
    replace_mask(segmentation, volume, mine, other, region=region)
    assert np.array_equal(read_mask(segmentation, volume, mine), smaller | other)


def test_a_segment_deleted_meanwhile(world, scene):
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META)
    (last,) = write_mask(segmentation, volume, world.lesion(), SegmentMeta("cyst"))
    segmentation.GetSegmentation().RemoveSegment(mine)
    before = snapshot(segmentation)
    with pytest.raises(InputError, match="any more"):
        replace_mask(segmentation, volume, mine, world.lesion(radius=1.0))
    with pytest.raises(InputError, match="any more"):
        write_mask(segmentation, volume, world.lesion(), META, WriteOptions("update"), mine)
    assert read_meta(segmentation, mine) is None
    assert snapshot(segmentation) == before
    # By its prompt it is simply made again.
    (again,) = write_mask(segmentation, volume, world.lesion(), META, WriteOptions("update"))
    assert again not in (mine, last)


def test_the_segmentation_or_the_volume_deleted_meanwhile(world, scene):
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META)
    before = snapshot(segmentation)
    world.scene.RemoveNode(volume)
    with pytest.raises(InputError, match="volume was deleted"):
        write_mask(segmentation, volume, world.lesion(), META)
    with pytest.raises(InputError, match="volume was deleted"):
        replace_mask(segmentation, volume, mine, world.lesion())
    assert snapshot(segmentation) == before
    other = world.volume()
    world.scene.RemoveNode(segmentation)
    with pytest.raises(InputError, match="segmentation was deleted"):
        write_mask(segmentation, other, world.lesion(), META)


def test_the_image_replaced_by_one_of_another_size_meanwhile(world, scene):
    volume, segmentation = scene
    write_mask(segmentation, volume, world.lesion(), META)
    before = snapshot(segmentation)
    world.set_image(volume, np.zeros((4, 5, 6), np.int16))
    with pytest.raises(InputError, match="replaced meanwhile"):
        write_mask(segmentation, volume, world.lesion(), META)
    volume.SetAndObserveImageData(None)
    with pytest.raises(InputError, match="no image"):
        write_mask(segmentation, volume, world.lesion(), META)
    assert snapshot(segmentation) == before


def test_a_segmentation_kept_as_surfaces_is_refused(world, scene):
    volume, segmentation = scene
    write_mask(segmentation, volume, world.lesion(), META)
    assert segmentation.CreateClosedSurfaceRepresentation()
    segmentation.SetSourceRepresentationToClosedSurface()
    count = segmentation.GetSegmentation().GetNumberOfSegments()
    with pytest.raises(InputError, match="source representation"):
        write_mask(segmentation, volume, world.lesion(), META)
    assert segmentation.GetSegmentation().GetNumberOfSegments() == count


def test_surfaces_follow_the_voxels(world, scene):
    """What is shown in 3D is made anew with the segment."""
    volume, segmentation = scene
    (mine,) = write_mask(segmentation, volume, world.lesion(), META)
    assert segmentation.CreateClosedSurfaceRepresentation()

    def size(segment_id):
        segment = segmentation.GetSegmentation().GetSegment(segment_id)
        bounds = segment.GetRepresentation("Closed surface").GetBounds()
        return bounds[1] - bounds[0]

    before = size(mine)
    replace_mask(segmentation, volume, mine, world.lesion(radius=5.0))
    assert size(mine) > before
    (other,) = write_mask(segmentation, volume, world.lesion(radius=1.5), SegmentMeta("cyst"))
    assert 0 < size(other) < size(mine)


def test_unknown_choices_are_refused():
    with pytest.raises(InputError, match="new, update, overwrite"):
        WriteOptions("append")
    with pytest.raises(InputError, match="allow, mask-others"):
        WriteOptions(overlap="erase")
