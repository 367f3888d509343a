"""The button "Why here?" on the real panel: what it asks, what it shows, what goes wrong."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ONE = np.s_[5:8, 8:14, 10:16]
OTHER = np.s_[4:9, 15:20, 20:28]
RED, GREEN = (200, 0, 0), (0, 180, 0)
REMOVED = "The volume was changed or removed after the run"


@pytest.fixture
def found(panel, volume, blob):
    """A run with a finding, and what must be the same after any explanation."""
    panel.run("left lobe lesion", blob(ONE))
    return state(panel, volume)


def state(panel, volume):
    masks = {s: panel.mask(s, volume) for s in panel.segments()}
    return panel.status, panel.segments(), {s: m.tobytes() for s, m in masks.items()}


def dialog(panel):
    return panel.panel.why.dialog


def colour(label):
    picture = label.pixmap.toImage()
    pixel = picture.pixelColor(picture.width() // 2, picture.height() // 2)
    return pixel.red(), pixel.green(), pixel.blue()


def test_there_is_nothing_to_explain_before_a_run(panel, volume):
    assert panel.ui.whyButton.text == "Why here?"
    assert not panel.ui.whyButton.enabled
    panel.click(panel.ui.whyButton)
    assert panel.client.asked == []


def test_the_button_asks_without_blocking_and_shows_every_stage(panel, volume, found):
    assert panel.ui.whyButton.enabled
    panel.click(panel.ui.whyButton)
    asked = panel.client.asked[-1]
    assert (asked["explain"], asked["plane"], asked["index"]) == ("left lobe lesion", 0, 5)
    assert asked["threshold"] == pytest.approx(0.5)
    assert asked["key"] == panel.client.asked[0]["key"]  # the volume need not be sent again
    assert asked["model"] == panel.client.asked[0]["model"]
    assert not panel.ui.whyButton.enabled
    assert panel.ui.runButton.text == "Cancel"
    panel.client.tell("progress", {"stage": "explain", "done": 1, "total": 4})
    panel.poll()
    assert panel.status == "Explaining: step 1 of 4"
    assert (panel.ui.progressBar.maximum, panel.ui.progressBar.value) == (4, 1)
    panel.client.answer_why(RED, GREEN, words=[("left", 0.62), ("lobe", 0.0)])
    panel.poll()
    shown = dialog(panel)
    assert shown.widget.visible
    assert not shown.widget.modal
    assert shown.verdictLabel.text == "It reaches 0.90."
    assert shown.whereLabel.text.startswith("Axial slice 5, model fake.")
    assert [colour(label) for label in shown.pictureLabels] == [RED, GREEN]
    texts = [label.text for label in shown.captionLabels]
    assert texts == ["Stage 0\nWhat stage 0 found.", "Stage 1\nWhat stage 1 found."]
    assert "“left” 62, “lobe” 0. A word with 0 makes no" in shown.wordsLabel.text
    assert panel.ui.runButton.text == "Run"
    assert panel.ui.whyButton.enabled
    assert state(panel, volume) == found
    panel.click(shown.closeButton)
    assert not shown.widget.visible


def test_the_next_explanation_takes_the_place_of_the_last(panel, volume, found):
    for colours in ((RED, GREEN, RED), (GREEN,)):
        panel.click(panel.ui.whyButton)
        panel.client.answer_why(*colours)
        panel.poll()
        assert [colour(label) for label in dialog(panel).pictureLabels] == list(colours)
        assert not dialog(panel).wordsLabel.visible


def test_the_slice_with_most_of_it_at_the_threshold_in_force_is_explained(panel, volume, blob):
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.WholeVolume
    panel.settle()
    panel.run("lesion", blob(ONE, np.s_[7, 2:6, 2:6]))
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    panel.click(panel.ui.whyButton)
    assert panel.client.asked[-1]["index"] == 7
    assert panel.client.asked[-1]["threshold"] == pytest.approx(0.3)


def test_nothing_found_can_be_explained_too(panel, volume, blob):
    panel.run("kidney stone", blob(ONE, inner=0.2, rim=0.1))
    before = panel.status
    assert "Nothing found" in before
    panel.click(panel.ui.whyButton)
    assert panel.client.asked[-1]["explain"] == "kidney stone"
    panel.client.answer_why(RED, verdict="It is below 0.50.")
    panel.poll()
    assert dialog(panel).verdictLabel.text == "It is below 0.50."
    assert panel.status == before
    assert panel.segments() == {}


def test_the_selected_row_is_explained_and_another_prompt_can_be_chosen(panel, volume, blob):
    nothing = blob(ONE, inner=0.2, rim=0.1)
    panel.run("left lesion; right lesion; stone", blob(ONE), blob(OTHER), nothing)
    panel.ui.findingsTableWidget.setCurrentCell(1, 0)
    panel.click(panel.ui.whyButton)
    assert panel.client.asked[-1]["explain"] == "right lesion"
    panel.client.answer_why(RED)
    panel.poll()
    box = dialog(panel).promptComboBox
    assert [box.itemText(n) for n in range(box.count)] == ["left lesion", "right lesion", "stone"]
    assert box.currentIndex == 1
    box.currentIndex = 2
    panel.settle()
    assert panel.client.asked[-1]["explain"] == "stone"
    assert not box.enabled
    panel.client.answer_why(GREEN)
    panel.poll()
    assert colour(dialog(panel).pictureLabels[0]) == GREEN
    assert box.currentIndex == 2
    assert box.enabled


def test_it_can_be_cancelled(panel, volume, found):
    from PySide6.QtCore import Qt

    panel.click(panel.ui.whyButton)
    panel.press(Qt.Key_Escape)
    assert panel.client.cancelled == [2]
    panel.client.tell("cancelled")
    panel.poll()
    assert panel.status == "Cancelled; nothing was changed."
    assert dialog(panel) is None
    assert state(panel, volume)[1:] == found[1:]
    panel.click(panel.ui.whyButton)
    panel.client.answer_why(RED)
    panel.poll()
    assert state(panel, volume) == found


@pytest.mark.parametrize("kind", ["died", "error"])
def test_one_message_when_the_worker_fails_and_it_can_be_asked_again(panel, volume, found, kind):
    panel.click(panel.ui.whyButton)
    panel.client.tell(kind, {"message": "The worker stopped; press Run."})
    panel.poll()
    assert panel.status == "The worker stopped; press Run."
    assert state(panel, volume)[1:] == found[1:]
    panel.click(panel.ui.whyButton)
    panel.client.answer_why(RED)
    panel.poll()
    assert dialog(panel).widget.visible


def test_a_worker_that_cannot_be_started_is_told(panel, volume, found):
    panel.client.refusal = "The worker could not be started."
    panel.click(panel.ui.whyButton)
    assert panel.status == "The worker could not be started."
    assert panel.ui.whyButton.enabled
    assert panel.ui.runButton.text == "Run"


def test_a_volume_removed_before_or_while_it_is_asked(panel, volume, found):
    segments = panel.segments()
    panel.click(panel.ui.whyButton)
    panel.slicer.mrmlScene.RemoveNode(volume)
    panel.client.answer_why(RED)
    panel.poll()
    assert panel.status.startswith(REMOVED)
    assert dialog(panel) is None
    asked = len(panel.client.asked)
    panel.click(panel.ui.whyButton)
    assert panel.status.startswith(REMOVED)
    assert len(panel.client.asked) == asked
    assert panel.segments() == segments


def test_a_changed_volume_is_not_explained(panel, volume, found):
    panel.slicer.util.updateVolumeFromArray(volume, np.ones((12, 24, 32), np.int16))
    panel.click(panel.ui.whyButton)
    assert panel.status.startswith(REMOVED)
    assert len(panel.client.asked) == 1


def test_undo_a_new_run_and_a_closed_scene_take_the_window_away(panel, volume, blob, found):
    def explain():
        panel.click(panel.ui.whyButton)
        panel.client.answer_why(RED)
        panel.poll()
        assert dialog(panel).widget.visible

    explain()
    panel.run("right lobe lesion", blob(OTHER))
    assert not dialog(panel).widget.visible
    explain()
    panel.click(panel.ui.undoButton)
    assert not dialog(panel).widget.visible
    assert panel.ui.whyButton.enabled  # the run before is the last one again
    panel.click(panel.ui.redoButton)
    explain()
    panel.widget.onSceneStartClose(None, None)
    panel.slicer.mrmlScene.Clear(0)
    panel.widget.initializeParameterNode()
    assert not dialog(panel).widget.visible
    assert not panel.ui.whyButton.enabled


def test_a_scene_closed_while_it_is_asked(panel, volume, found):
    panel.click(panel.ui.whyButton)
    panel.widget.onSceneStartClose(None, None)
    panel.slicer.mrmlScene.Clear(0)
    panel.widget.initializeParameterNode()
    assert panel.client.closed == 1
    assert not panel.session.busy
    assert dialog(panel) is None


def test_the_reasons_stand_below_the_pictures(panel, volume, found):
    panel.click(panel.ui.whyButton)
    panel.client.answer_why(RED, reasons=("lesion 1: dropped, the text asks for the left lobe",))
    panel.poll()
    assert "lesion 1: dropped" in dialog(panel).wordsLabel.text
    assert dialog(panel).wordsLabel.visible
