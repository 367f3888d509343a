"""Type, see, refine: the panel's main way, by keys and clicks."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.errors import CancelledError, DependencyError

pytestmark = pytest.mark.slow

ONE = np.s_[5:8, 8:14, 10:16]
OTHER = np.s_[4:9, 15:20, 20:28]


@pytest.fixture
def keys():
    from PySide6.QtCore import Qt

    return Qt


def test_the_entry_file_is_what_slicer_expects(entry):
    from types import SimpleNamespace

    import slicer

    parent = SimpleNamespace(path=slicer.modules.lsmssegmentation.path)
    entry.LSMSSegmentation(parent)
    assert parent.title == "Text-Prompted Lesion Segmentation (LSMS)"
    assert parent.categories == ["Segmentation"]
    assert slicer.app.startup  # sample data and the effect are registered after start-up
    bases = {
        "LSMSSegmentationWidget": "ScriptedLoadableModuleWidget",
        "LSMSSegmentationLogic": "ScriptedLoadableModuleLogic",
        "LSMSSegmentationTest": "ScriptedLoadableModuleTest",
    }
    for name, base in bases.items():
        assert getattr(entry, name).__bases__[0].__name__ == base


def test_without_a_volume_the_panel_says_what_to_do(panel):
    assert panel.ui.whereLabel.text == "Select a CT volume."
    assert not panel.ui.runButton.enabled


def test_enter_runs_the_slice_of_the_view_and_makes_one_segment(panel, volume, blob, keys):
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    asked = panel.client.asked[-1]
    assert asked["texts"] == ["left lobe lesion"]
    assert (asked["plane"], asked["slices"]) == (0, (5,))
    assert asked["model"] == {"weights": "lsms-tiny", "engine": None, "device": "auto"}
    assert panel.ui.runButton.text == "Cancel"
    assert panel.ui.progressBar.visible
    panel.client.answer(blob(ONE))
    panel.poll()
    assert panel.ui.runButton.text == "Run"
    assert not panel.ui.progressBar.visible
    assert panel.status == "Found “left lobe lesion”."
    assert list(panel.segments().values()) == ["left lobe lesion"]
    (segment_id,) = panel.segments()
    expected = np.zeros((12, 24, 32), bool)
    expected[5, 8:14, 10:16] = True
    assert np.array_equal(panel.mask(segment_id, volume), expected)
    assert panel.parameters.segmentation is panel.segmentation


def test_tags_say_how_the_segment_was_made(panel, volume, blob):
    from lsms_core.mrml.segment_writing import read_meta

    panel.run("left lobe cystic lesion", blob(ONE))
    (segment_id,) = panel.segments()
    meta = read_meta(panel.segmentation, segment_id)
    assert (meta.prompt, meta.plane, meta.slices) == ("left lobe cystic lesion", "axial", "5")
    assert (meta.model, meta.engine, meta.laterality) == ("fake 1", "lsms", "Left")
    assert meta.date.startswith("20")


def test_the_completion_is_taken_before_the_run(panel, volume, keys):
    panel.type("largest lesion in the l")
    popup = panel.panel.promptLine._completer.popup()
    assert popup.visible
    panel.press(keys.Key_Down, popup)
    panel.press(keys.Key_Return, popup)
    assert panel.ui.promptLineEdit.text == "largest lesion in the left lobe"
    assert not panel.client.asked
    panel.press(keys.Key_Return)
    assert panel.client.asked[-1]["texts"] == ["largest lesion in the left lobe"]


def test_enter_runs_what_was_typed_while_completions_are_offered(panel, volume, keys):
    panel.type("lesion")
    popup = panel.panel.promptLine._completer.popup()
    assert popup.visible
    panel.press(keys.Key_Return, popup)
    assert [a["texts"] for a in panel.client.asked] == [["lesion"]]


def test_semicolons_part_several_prompts_of_one_run(panel, volume, blob):
    panel.run("left lobe lesion; right lobe lesion", blob(ONE), blob(OTHER))
    assert panel.client.asked[-1]["texts"] == ["left lobe lesion", "right lobe lesion"]
    assert sorted(panel.segments().values()) == ["left lobe lesion", "right lobe lesion"]
    panel.click(panel.ui.undoButton)
    assert panel.segments() == {}


def test_nothing_found_says_so_and_touches_nothing(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    (kept,) = panel.segments()
    before = panel.mask(kept, volume)
    panel.run("calcified lesion", blob(OTHER, inner=0.3, rim=0.1))
    assert panel.status.startswith("Nothing found for “calcified lesion” (score 0.30).")
    assert list(panel.segments()) == [kept]
    assert np.array_equal(panel.mask(kept, volume), before)


def test_nothing_found_at_first_makes_no_segmentation(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE, inner=0.2, rim=0.1))
    assert panel.segmentation is None
    assert panel.ui.findingsTableWidget.visible is False


def test_a_lower_threshold_shows_what_was_not_found(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE, inner=0.3, rim=0.0))
    panel.ui.thresholdSlider.value = 0.2
    panel.recut()
    assert list(panel.segments().values()) == ["left lobe lesion"]
    assert panel.status == "Found “left lobe lesion”."
    panel.click(panel.ui.undoButton)
    assert panel.segments() == {}


@pytest.mark.parametrize("text", ["", "   ", "?!"])
def test_a_prompt_without_words_is_refused(panel, volume, keys, text):
    panel.type(text)
    panel.press(keys.Key_Return)
    assert not panel.client.asked
    assert "type" in panel.status
    assert not panel.ui.progressBar.visible


def test_escape_cancels_and_the_prompt_stays(panel, volume, keys):
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    panel.press(keys.Key_Escape)
    assert panel.client.cancelled == [1]
    # At once, whatever the worker is doing and still says.
    assert panel.status == "Cancelled; nothing was changed."
    assert panel.ui.runButton.text == "Run"
    for kind in ("progress", "cancelled"):
        panel.client.tell(kind, {"stage": "slices", "done": 1, "total": 9})
        panel.poll()
    assert panel.status == "Cancelled; nothing was changed."
    assert panel.ui.promptLineEdit.text == "left lobe lesion"
    assert panel.segmentation is None


def test_the_run_button_cancels_too_and_runs_again(panel, volume, blob, keys):
    panel.type("left lobe lesion")
    panel.click(panel.ui.runButton)
    panel.click(panel.ui.runButton)
    assert panel.client.cancelled == [1]
    panel.click(panel.ui.runButton)
    assert panel.client.cancelled == [1]
    assert panel.session.busy
    panel.client.answer(blob(ONE))
    panel.poll()
    assert list(panel.segments().values()) == ["left lobe lesion"]


def test_progress_says_how_long_it_will_take(panel, volume, keys):
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    assert panel.status == "Loading the model…"
    assert panel.ui.progressBar.maximum == 0
    panel.client.tell("progress", {"stage": "slices", "done": 3, "total": 9, "seconds_left": 42.4})
    panel.poll()
    assert panel.status == "Slice 3 of 9, about 42 s left"
    assert (panel.ui.progressBar.value, panel.ui.progressBar.maximum) == (3, 9)
    panel.client.tell("progress", {"stage": "slices", "done": 4, "total": 9, "seconds_left": 130})
    panel.poll()
    assert panel.status == "Slice 4 of 9, about 2 min left"


def test_a_dead_worker_is_reported_and_run_starts_it_again(panel, volume, blob, keys):
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    panel.client.running = False
    panel.client.tell(
        "died", {"message": "The worker stopped.", "diagnostics": "Killed"}, request=0
    )
    panel.poll()
    assert panel.status == "The worker stopped."
    assert panel.ui.runButton.text == "Run"
    assert panel.ui.promptLineEdit.text == "left lobe lesion"
    assert panel.session.controller.lastWords == "Killed"
    panel.press(keys.Key_Return)
    panel.client.answer(blob(ONE))
    panel.poll()
    assert list(panel.segments().values()) == ["left lobe lesion"]


def test_an_error_of_the_worker_is_shown(panel, volume, keys):
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    panel.client.tell("error", {"message": "No model 'x' was found."})
    panel.poll()
    assert panel.status == "No model 'x' was found."
    assert panel.ui.runButton.text == "Run"


def test_a_worker_that_cannot_start_is_reported(panel, volume, keys):
    panel.client.refusal = "The worker could not be started."
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    assert panel.status == "The worker could not be started."
    assert panel.ui.runButton.text == "Run"


@pytest.mark.parametrize(
    "error", [CancelledError("Nothing was installed."), DependencyError("No.")]
)
def test_without_packages_nothing_is_run(panel, volume, keys, error):
    def refuse():
        raise error

    panel.panel._ensurePackages = refuse
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    assert panel.status == str(error)
    assert not panel.client.asked


def test_an_answer_to_another_request_is_ignored(panel, volume, blob, keys):
    panel.type("left lobe lesion")
    panel.press(keys.Key_Return)
    panel.client.tell("error", {"message": "old"}, request=77)
    panel.poll()
    assert panel.session.busy


def test_refine_opens_segment_editor_on_the_segment(panel, volume, blob):
    editor = panel.slicer.modules.segmenteditor.editor
    panel.run("left lobe lesion", blob(ONE))
    assert editor.calls[-1] == ("saveStateForUndo",)
    editor.calls.clear()
    panel.click(panel.ui.refineButton)
    assert panel.slicer.selected_modules[-1] == "SegmentEditor"
    assert editor.segmentationNodeID() == panel.segmentation.GetID()
    assert editor.sourceVolumeNodeID() == volume.GetID()
    assert editor.calls[-1] == ("setCurrentSegmentID", next(iter(panel.segments())))


def test_one_run_is_one_undo_and_can_be_brought_back(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    panel.run("right lobe lesion", blob(OTHER))
    assert len(panel.segments()) == 2
    panel.click(panel.ui.undoButton)
    assert list(panel.segments().values()) == ["left lobe lesion"]
    panel.click(panel.ui.redoButton)
    assert len(panel.segments()) == 2
    panel.click(panel.ui.undoButton)
    panel.click(panel.ui.undoButton)
    assert panel.segments() == {}
    assert not panel.ui.undoButton.enabled
