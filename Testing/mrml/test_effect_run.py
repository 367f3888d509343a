"""The Segment Editor effect on Slicer's own editor logic: results, undo, searches, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from effect_editor import BOX, MODEL, SEARCHING, effect_run, mask

from lsms_core.errors import InputError


def test_a_finding_goes_into_the_selected_segment_as_one_undo_step(editor):
    editor.start()
    assert editor.run.busy
    assert editor.controller.model == MODEL
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(BOX))
    (outcome,) = editor.listener.outcomes
    assert (outcome.changed, outcome.segmentName) == (True, "Tumour")
    assert outcome.found == ("left lobe lesion",)
    assert editor.effect.undoStates == 1
    editor.logic.Undo()
    assert not editor.voxels().any()
    editor.logic.Redo()
    assert np.array_equal(editor.voxels(), mask(BOX))
    assert not editor.run.busy


def test_nothing_found_changes_nothing_and_adds_no_undo_step(editor):
    before = editor.add("Done", BOX)
    editor.start(segment=before)
    editor.controller.answer(mask())
    (outcome,) = editor.listener.outcomes
    assert not outcome.changed
    assert outcome.missing == ("left lobe lesion",)
    assert editor.effect.undoStates == 0
    assert np.array_equal(editor.voxels(before), mask(BOX))
    assert editor.segmentation.GetSegmentation().GetNumberOfSegments() == 2


def test_several_prompts_are_joined_and_those_not_found_are_named(editor):
    other = np.s_[1:2, 0:3, 0:4]
    editor.start("left lesion; right lesion; cyst")
    editor.controller.answer(mask(BOX), mask(), mask(other))
    assert np.array_equal(editor.voxels(), mask(BOX, other))
    (outcome,) = editor.listener.outcomes
    assert outcome.found == ("left lesion", "cyst")
    assert outcome.missing == ("right lesion",)


def test_replace_keeps_what_lies_in_slices_that_were_not_searched(editor):
    old = np.s_[1:5, 12:16, 12:16]
    segment = editor.add("Old", old)
    editor.start(slices=(2, 3), mode=effect_run.REPLACE, segment=segment)
    editor.controller.answer(mask(BOX))
    wanted = mask(old)
    wanted[2:4] = False
    assert np.array_equal(editor.voxels(segment), wanted | mask(BOX))
    editor.logic.Undo()
    assert np.array_equal(editor.voxels(segment), mask(old))


def test_remove_takes_the_finding_out_of_the_segment(editor):
    segment = editor.add("Liver", np.s_[0:6, 2:18, 2:20])
    editor.start(mode=effect_run.REMOVE, segment=segment)
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(segment), mask(np.s_[0:6, 2:18, 2:20]) & ~mask(BOX))


def test_selecting_another_segment_meanwhile_misleads_nothing(editor):
    other = editor.add("Other")
    editor.start()
    editor.node.SetSelectedSegmentID(other)
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(BOX))
    assert not editor.voxels(other).any()


def test_slices_that_were_searched_are_not_searched_again(editor):
    editor.node.SetSelectedSegmentID(editor.segment)
    editor.run.start("lesion", "axial", None, SEARCHING)
    editor.controller.found(mask(BOX))
    assert editor.listener.outcomes[-1].changed
    assert np.array_equal(editor.voxels(), mask(BOX))
    before = editor.controller.searches
    editor.run.start("lesion", "axial", None, SEARCHING, effect_run.REMOVE)
    assert editor.controller.searches == before == 1
    assert editor.listener.outcomes[-1].changed
    assert not editor.voxels().any()
    assert not editor.run.busy


def test_an_engine_for_one_text_is_asked_for_the_text(editor):
    editor.node.SetSelectedSegmentID(editor.segment)
    editor.run.start("lesion", "axial", None, SEARCHING)
    editor.controller.end("one_text")
    assert editor.controller.prompts == ("lesion",)
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(BOX))


def test_what_cannot_begin_says_what_to_do(editor):
    with pytest.raises(InputError, match="text is empty"):
        editor.start("  ")
    editor.node.SetSelectedSegmentID("")
    with pytest.raises(InputError, match='press "Add"'):
        editor.run.start("lesion", "axial", None, MODEL)
    editor.node.SetAndObserveSourceVolumeNode(None)
    with pytest.raises(InputError, match="No volume is selected"):
        editor.start()
    assert not editor.run.busy


def test_progress_cancel_and_failure_reach_the_listener(editor):
    editor.start()
    editor.controller.end("progress", {"done": 1, "total": 4, "seconds_left": 2.5})
    assert editor.listener.progress == [(1, 4, 2.5)]
    editor.run.cancel()
    assert editor.controller.cancelled
    editor.controller.end("cancelled")
    editor.start()
    editor.controller.end("died", {"message": "The worker stopped unexpectedly."})
    first, second = editor.listener.outcomes
    assert first.cancelled
    assert second.problem == "The worker stopped unexpectedly."
    assert editor.effect.undoStates == 0
