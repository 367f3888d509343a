"""One prompt run is one undo step, and what other people did in the segmentation stays."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import read_mask, segment_ids
from lsms_core.mrml.segment_writing import (
    SegmentMeta,
    WriteOptions,
    read_meta,
    replace_mask,
    write_mask,
)
from lsms_core.mrml.undo import RunChanges

META = SegmentMeta("left lobe lesion", score=0.8, threshold=0.5)


def state(segmentation, volume):
    """What a reader can see of each segment, whatever the order of the list."""
    found = {}
    for segment_id in segment_ids(segmentation):
        segment = segmentation.GetSegmentation().GetSegment(segment_id)
        mask = read_mask(segmentation, volume, segment_id)
        meta = read_meta(segmentation, segment_id)
        found[segment_id] = (segment.GetName(), segment.GetColor(), meta, mask.tobytes())
    return found


class Used:
    """A segmentation in which a user has drawn something."""

    def __init__(self, world):
        self.world = world
        self.volume = world.volume(parent=world.parent("chained"))
        self.node = world.segmentation()
        write_mask(self.node, self.volume, world.lesion(centre=(2, 12, 5)), SegmentMeta("mine"))
        (self.mine,) = segment_ids(self.node)

    def run(self, mask, meta=META, options=None, segment_id=None):
        changes = RunChanges(self.node)
        with changes.written(segment_ids(self.node)):
            self.made = write_mask(
                self.node, self.volume, mask, meta, options or WriteOptions(), segment_id
            )
        return changes

    def paint(self, segment_id, mask):
        """Change a segment as a brush does; a run knows nothing of it."""
        replace_mask(self.node, self.volume, segment_id, mask)

    def mask(self, segment_id):
        return read_mask(self.node, self.volume, segment_id)

    def segment(self, segment_id):
        return self.node.GetSegmentation().GetSegment(segment_id)

    @property
    def state(self):
        return state(self.node, self.volume)


@pytest.fixture
def used(world):
    return Used(world)


def test_a_run_with_many_segments_is_one_step(world, used):
    before = used.state
    several = np.zeros(world.shape, bool)
    several[4:6, 4:6, 2:4] = several[4:6, 4:6, 8:12] = several[1:3, 9:14, 15:20] = True
    changes = used.run(several, options=WriteOptions(split_lesions=True))
    after = used.state
    assert len(after) == 4
    assert changes.alive
    changes.undo()
    assert used.state == before
    assert not changes.alive
    changes.redo()
    assert used.state == after


def test_runs_are_undone_one_by_one(world, used):
    more = world.lesion(centre=(6, 9, 13))
    states, runs = [used.state], []
    for mask, policy in ((world.lesion(), "new"), (more, "update"), (more, "overwrite")):
        runs.append(used.run(mask, options=WriteOptions(policy)))
        states.append(used.state)
    assert len({str(s) for s in states}) == 4
    for run, expected in zip(runs[::-1], states[-2::-1], strict=True):
        run.undo()
        assert used.state == expected
    for run, expected in zip(runs, states[1:], strict=True):
        run.redo()
        assert used.state == expected


def test_a_moved_threshold_belongs_to_its_run(world, used):
    before = used.state
    changes = used.run(world.lesion(radius=2.0))
    (made,) = used.made
    with changes.written([made]):
        replace_mask(used.node, used.volume, made, world.lesion(radius=1.0), threshold=0.8)
    after = used.state
    changes.undo()
    assert used.state == before
    changes.redo()
    assert used.state == after


def test_a_segment_added_after_the_run_stays(world, used):
    changes = used.run(world.lesion())
    (theirs,) = write_mask(
        used.node, used.volume, world.lesion(centre=(7, 4, 17)), SegmentMeta("painted by hand")
    )
    kept = used.state[theirs]
    changes.undo()
    assert list(used.state) == [used.mine, theirs]
    assert used.state[theirs] == kept
    changes.redo()
    assert used.state[theirs] == kept
    assert len(used.state) == 3


def test_paint_in_another_segment_stays(world, used):
    changes = used.run(world.lesion())
    painted = used.mask(used.mine) | world.lesion(centre=(8, 3, 3), radius=1.5)
    used.paint(used.mine, painted)
    changes.undo()
    assert np.array_equal(used.mask(used.mine), painted)
    changes.redo()
    assert np.array_equal(used.mask(used.mine), painted)


def test_paint_in_the_runs_own_segment_stays(world, used):
    found = world.lesion()
    changes = used.run(found)
    (made,) = used.made
    stroke = world.lesion(centre=(8, 3, 3), radius=1.5)
    assert not (stroke & found).any()
    erased = found & (np.arange(world.shape[2]) < np.argwhere(found)[:, 2].mean())
    used.paint(made, (found & ~erased) | stroke)
    changes.undo()
    assert np.array_equal(used.mask(made), stroke)
    changes.redo()
    assert np.array_equal(used.mask(made), (found & ~erased) | stroke)


def test_an_update_gives_back_what_was_there_before(world, used):
    used.run(world.lesion(radius=1.5))
    (made,) = used.made
    before = used.mask(made)
    changes = used.run(world.lesion(centre=(6, 9, 13)), options=WriteOptions("update"))
    assert used.made == [made]
    stroke = world.lesion(centre=(8, 3, 3), radius=1.5)
    used.paint(made, used.mask(made) | stroke)
    changes.undo()
    assert np.array_equal(used.mask(made), before | stroke)


def test_a_new_name_and_colour_stay(world, used):
    used.run(world.lesion())
    (made,) = used.made
    changes = used.run(world.lesion(radius=1.0), options=WriteOptions("overwrite"))
    used.segment(made).SetName("Metastasis 1")
    used.segment(made).SetColor(0.1, 0.2, 0.3)
    changes.undo()
    assert used.segment(made).GetName() == "Metastasis 1"
    assert np.allclose(used.segment(made).GetColor(), (0.1, 0.2, 0.3))


def test_a_segment_that_a_user_removed_does_not_come_back(world, used):
    used.run(world.lesion())
    (made,) = used.made
    changes = used.run(world.lesion(radius=1.0), options=WriteOptions("overwrite"))
    used.node.GetSegmentation().RemoveSegment(made)
    assert not changes.alive
    changes.undo()
    assert segment_ids(used.node) == [used.mine]


def test_a_segment_that_the_run_removed_comes_back(world, used):
    two = world.lesion(centre=(2, 4, 4), radius=1.5) | world.lesion(centre=(7, 13, 17), radius=1.5)
    used.run(two, options=WriteOptions(split_lesions=True))
    assert len(used.made) == 2
    before = used.state
    changes = used.run(
        world.lesion(centre=(2, 4, 4), radius=1.5),
        options=WriteOptions("overwrite", split_lesions=True),
    )
    assert len(used.state) == 2
    changes.undo()
    assert used.state == before
    changes.redo()
    assert len(used.state) == 2


def test_neighbours_in_a_shared_layer_keep_their_voxels(world, used):
    write_mask(
        used.node, used.volume, world.lesion(centre=(7, 4, 17), radius=2.0), SegmentMeta("b")
    )
    used.node.GetSegmentation().CollapseBinaryLabelmaps(True)
    before = used.state
    changes = used.run(np.ones(world.shape, bool), META, WriteOptions("overwrite"), used.mine)
    assert used.mask(used.mine).all()
    changes.undo()
    assert used.state == before


def test_a_collapsed_segmentation_is_still_undone(world, used):
    """Segment Editor joins layers when it saves its own state; the voxels stay the same."""
    before = used.state
    changes = used.run(world.lesion())
    used.node.GetSegmentation().CollapseBinaryLabelmaps(False)
    changes.undo()
    assert used.state == before


def test_nothing_found_is_no_step(world, used):
    changes = used.run(np.zeros(world.shape, bool))
    assert changes.empty
    assert not changes.alive


def test_an_error_takes_everything_back_and_only_that(world, used):
    before = used.state

    def half_a_run():
        with RunChanges(used.node).written([used.mine]):
            write_mask(used.node, used.volume, world.lesion(), META)
            used.paint(used.mine, world.lesion(radius=1.0))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_a_run()
    assert used.state == before


def test_an_error_before_any_change_undoes_nothing(world, used):
    used.run(world.lesion())
    before = used.state
    with pytest.raises(InputError), RunChanges(used.node).written(segment_ids(used.node)):
        write_mask(used.node, used.volume, np.ones((2, 2, 2), bool), META)
    assert used.state == before


def test_a_deleted_segmentation_takes_no_run(world, used):
    changes = used.run(world.lesion())
    world.scene.RemoveNode(used.node)
    assert not changes.alive
    with pytest.raises(InputError, match="segmentation was deleted"):
        changes.undo()
    with pytest.raises(InputError, match="segmentation was deleted"), changes.written([]):
        pass


@pytest.mark.parametrize("parent", ["none", "chained"])
def test_undo_under_a_transform_that_came_later(world, used, parent):
    changes = used.run(world.lesion())
    used.node.SetAndObserveTransformNodeID(
        world.parent(parent).GetID() if world.parent(parent) else None
    )
    changes.undo()
    assert segment_ids(used.node) == [used.mine]
