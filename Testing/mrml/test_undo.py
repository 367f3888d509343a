"""One prompt run is one undo step, in the logic that Segment Editor itself uses."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import read_mask, segment_ids
from lsms_core.mrml.segments import (
    SegmentMeta,
    WriteOptions,
    read_meta,
    replace_mask,
    write_mask,
)
from lsms_core.mrml.undo import editor_logic, undo_step

META = SegmentMeta("left lobe lesion", score=0.8, threshold=0.5)


def state(segmentation, volume):
    found = []
    for segment_id in segment_ids(segmentation):
        segment = segmentation.GetSegmentation().GetSegment(segment_id)
        mask = read_mask(segmentation, volume, segment_id)
        meta = read_meta(segmentation, segment_id)
        found.append((segment_id, segment.GetName(), segment.GetColor(), meta, mask.tobytes()))
    return found


@pytest.fixture
def used(world):
    """A segmentation with a user's segment, and its editor."""
    volume = world.volume(parent=world.parent("chained"))
    segmentation = world.segmentation()
    write_mask(segmentation, volume, world.lesion(centre=(2, 12, 5)), SegmentMeta("mine"))
    return volume, segmentation, editor_logic(segmentation, volume)


def test_a_run_with_many_segments_is_one_step(world, used):
    volume, segmentation, logic = used
    before = state(segmentation, volume)
    several = np.zeros(world.shape, bool)
    several[4:6, 4:6, 2:4] = several[4:6, 4:6, 8:12] = several[1:3, 9:14, 15:20] = True
    with undo_step(logic):
        write_mask(segmentation, volume, several, META, WriteOptions(split_lesions=True))
    after = state(segmentation, volume)
    assert len(after) == 4
    logic.Undo()
    assert state(segmentation, volume) == before
    assert not logic.CanUndo()
    logic.Redo()
    assert state(segmentation, volume) == after
    assert not logic.CanRedo()


def test_steps_are_undone_one_by_one(world, used):
    volume, segmentation, logic = used
    states = [state(segmentation, volume)]
    with undo_step(logic):
        (made,) = write_mask(segmentation, volume, world.lesion(), META)
    states.append(state(segmentation, volume))
    more = world.lesion(centre=(6, 9, 13))
    with undo_step(logic):
        write_mask(segmentation, volume, more, META, WriteOptions("update"))
    states.append(state(segmentation, volume))
    with undo_step(logic):
        write_mask(segmentation, volume, more, META, WriteOptions("overwrite"))
    states.append(state(segmentation, volume))
    with undo_step(logic):
        replace_mask(segmentation, volume, made, world.lesion(radius=1.0), threshold=0.8)
    states.append(state(segmentation, volume))
    assert len({str(s) for s in states}) == 5
    for expected in states[-2::-1]:
        logic.Undo()
        assert state(segmentation, volume) == expected
    for expected in states[1:]:
        logic.Redo()
        assert state(segmentation, volume) == expected


def test_undo_gives_a_shared_layer_back_whole(world, used):
    volume, segmentation, logic = used
    write_mask(segmentation, volume, world.lesion(centre=(7, 4, 17), radius=2.0), SegmentMeta("b"))
    segmentation.GetSegmentation().CollapseBinaryLabelmaps(True)
    before = state(segmentation, volume)
    first = segment_ids(segmentation)[0]
    everything = np.ones(world.shape, bool)
    with undo_step(logic):
        write_mask(segmentation, volume, everything, META, WriteOptions("overwrite"), first)
    assert read_mask(segmentation, volume, first).all()
    logic.Undo()
    assert state(segmentation, volume) == before


def test_nothing_found_is_no_step(world, used):
    volume, segmentation, logic = used
    with undo_step(logic):
        write_mask(segmentation, volume, np.zeros(world.shape, bool), META)
    assert not logic.CanUndo()
    with undo_step(logic):
        write_mask(segmentation, volume, world.lesion(), META)
    assert logic.CanUndo()
    with undo_step(logic):
        write_mask(segmentation, volume, np.zeros(world.shape, bool), META)
    logic.Undo()
    assert len(segment_ids(segmentation)) == 1


def test_an_error_takes_everything_back(world, used):
    volume, segmentation, logic = used
    before = state(segmentation, volume)

    def half_a_run():
        with undo_step(logic):
            write_mask(segmentation, volume, world.lesion(), META)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_a_run()
    assert state(segmentation, volume) == before


def test_an_error_before_any_change_undoes_nothing(world, used):
    volume, segmentation, logic = used
    with undo_step(logic):
        write_mask(segmentation, volume, world.lesion(), META)
    before = state(segmentation, volume)
    with pytest.raises(InputError), undo_step(logic):
        write_mask(segmentation, volume, np.ones((2, 2, 2), bool), META)
    assert state(segmentation, volume) == before


def test_a_change_after_undo_ends_redo(world, used):
    volume, segmentation, logic = used
    with undo_step(logic):
        write_mask(segmentation, volume, world.lesion(), META)
    logic.Undo()
    assert logic.CanRedo()
    with undo_step(logic):
        write_mask(segmentation, volume, world.lesion(radius=1.5), META)
    assert not logic.CanRedo()


def test_two_segmentations_have_their_own_steps(world, used):
    volume, segmentation, logic = used
    other = world.segmentation()
    other_logic = editor_logic(other, volume)
    with undo_step(logic):
        write_mask(segmentation, volume, world.lesion(), META)
    with undo_step(other_logic):
        write_mask(other, volume, world.lesion(), META)
    logic.Undo()
    assert len(segment_ids(segmentation)) == 1
    assert len(segment_ids(other)) == 1
    other_logic.Undo()
    assert segment_ids(other) == []


def test_a_deleted_segmentation_has_no_editor(world):
    segmentation = world.segmentation()
    world.scene.RemoveNode(segmentation)
    with pytest.raises(InputError, match="segmentation was deleted"):
        editor_logic(segmentation)
