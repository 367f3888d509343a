"""The Segment Editor effect: registered as Slicer does it, then driven by keys and clicks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from effect_driver import BOX, mask

from lsms_core.errors import CancelledError, DependencyError


def test_registration_keeps_the_package_importable(editor, slicer_parts):
    import LSMSSegmentationLib

    assert editor.scripted.name == "LSMS"
    assert (editor.scripted.perSegment, editor.scripted.requireSegments) == (True, True)
    # Slicer clones the effect for every editor; the package must survive that, too.
    clone = editor.effect.clone()
    assert type(clone.self()) is type(editor.effect)
    assert sys.modules["LSMSSegmentationLib"] is LSMSSegmentationLib
    from LSMSSegmentationLib.Effect.EffectTexts import whereText

    assert whereText("Red")
    assert not editor.effect.icon().isNull()
    assert "Research use only" in editor.effect.helpText()


def test_a_package_that_lacks_the_class_would_be_replaced(entry, slicer_parts, monkeypatch):
    """Why registration puts the class there: this is what Slicer does without it."""
    import LSMSSegmentationLib
    from LSMSSegmentationLib import SegmentEditorEffect as found

    path = sys.modules["LSMSSegmentationLib.SegmentEditorEffect"].__file__
    monkeypatch.setitem(sys.modules, "LSMSSegmentationLib", LSMSSegmentationLib)
    monkeypatch.delattr(LSMSSegmentationLib, "SegmentEditorEffect")
    assert found is not None
    adaptor = slicer_parts.adaptor.qSlicerSegmentEditorScriptedEffect()
    adaptor.setPythonSource(path)
    assert not hasattr(sys.modules["LSMSSegmentationLib"], "__path__")


def test_choosing_the_effect_asks_for_no_parameter_that_slicer_dropped(editor):
    assert not editor.scripted.parameterDefined("Prompt")
    assert editor.scripted.errors == []
    editor.type("left lobe lesion")
    editor.effect.updateGUIFromMRML()
    assert editor.scripted.parameter("Prompt") == "left lobe lesion"
    assert editor.scripted.errors == []


def test_the_reading_stands_below_the_prompt(editor):
    editor.type("left lobe calcified lesion")
    assert "left&nbsp;lobe" in editor.effect.readingLabel.text
    assert "not&nbsp;read:&nbsp;calcified" in editor.effect.readingLabel.text
    editor.type("asdf qwerty")
    assert "not&nbsp;understood" in editor.effect.readingLabel.text


def test_what_was_not_understood_is_said(editor):
    editor.parameters.engine = "lsms"
    editor.type("asdf qwerty")
    editor.enter()
    editor.controller.found(mask(BOX))
    assert editor.said().startswith('Not understood: "asdf qwerty"')
    assert editor.said().endswith("The segment was not changed.")


def test_slices_that_were_searched_are_not_searched_again(editor):
    editor.parameters.engine = "lsms"
    other = np.s_[2:6, 12:17, 14:20]
    editor.type("lesion")
    editor.enter()
    editor.controller.found(mask(BOX) + 2 * mask(other))
    assert editor.controller.searches == 1
    editor.effect.promptWidgets.promptLineEdit.clear()
    editor.type("only the largest lesion")
    editor.effect.modeComboBox.currentIndex = 2  # taken out again
    editor.enter()
    assert editor.controller.searches == 1
    assert not editor.effect.busy
    assert editor.said().startswith('Found "only the largest lesion"')
    assert editor.effect.runButton.text == "Run"


def test_enter_outlines_what_the_view_shows(editor):
    editor.type("left lobe lesion")
    editor.enter()
    assert editor.controller.prompts == ("left lobe lesion",)
    assert (editor.controller.plane, editor.controller.slices) == (0, (3,))
    assert editor.installed == [False]
    assert editor.effect.runButton.text == "Cancel"
    assert editor.effect.promptWidgets.promptLineEdit.readOnly
    editor.controller.end("progress", {"done": 0, "total": 1})
    assert "Slice 0 of 1" in editor.said()
    editor.controller.answer(mask(BOX))
    wanted = mask(BOX)
    wanted[[2, 4, 5]] = False
    assert np.array_equal(editor.voxels(), wanted)
    assert editor.said().startswith('Found "left lobe lesion"; "Tumour" was changed.')
    assert editor.effect.runButton.text == "Run"
    assert editor.scripted.undoStates == 1
    editor.scripted.logic.Undo()
    assert not editor.voxels().any()


def test_the_model_is_the_modules(editor, entry):
    parameters = entry.LSMSSegmentationLogic().getParameterNode()
    before = parameters.model
    parameters.model = "~/models/other"
    try:
        editor.type("lesion")
        editor.enter()
    finally:
        parameters.model = before
    assert editor.controller.model["weights"] == str(Path.home() / "models" / "other")
    assert editor.controller.model["device"] == "auto"


def test_nothing_found_says_so(editor):
    editor.type("cyst")
    editor.enter()
    editor.controller.answer(mask())
    assert (
        editor.said()
        == 'Nothing found for "cyst": the search found no lesion. The segment was not changed.'
    )
    assert editor.effect.status.kind == "nothing"
    assert editor.scripted.undoStates == 0


def test_the_options_are_kept_with_the_scene(editor):
    editor.type("cyst")
    editor.effect.whereComboBox.currentIndex = 3
    editor.effect.modeComboBox.currentIndex = 2
    kept = dict(editor.scripted.parameters)
    assert kept == {"Prompt": "cyst", "Where": "Volume", "Mode": "Remove"}
    editor.scripted.parameters.update({"Prompt": "mass", "Where": "Green", "Mode": "Replace"})
    editor.effect.updateGUIFromMRML()
    assert editor.effect.promptWidgets.promptLineEdit.text == "mass"
    assert editor.effect.whereComboBox.currentText == "Slice shown in Green"
    assert editor.effect.modeComboBox.currentText == "Replace the segment in these slices"
    assert editor.scripted.parameters["Mode"] == "Replace"


def test_the_whole_volume_is_searched_and_taken_out(editor):
    editor.type("cyst")
    editor.effect.whereComboBox.currentIndex = 3
    editor.enter()
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(BOX))
    editor.effect.modeComboBox.currentIndex = 2
    editor.enter()
    editor.controller.answer(mask(np.s_[2:4, 5:10, 6:12]))
    assert np.array_equal(editor.voxels(), mask(np.s_[4:6, 5:10, 6:12]))


def test_escape_and_the_button_cancel(editor):
    editor.type("cyst")
    editor.enter()
    edit = editor.effect.promptWidgets.promptLineEdit
    editor.keys.keyClick(edit, editor.qt.Qt.Key_Escape)
    editor.effect.onRunOrCancel()
    assert editor.controller.cancelled
    editor.controller.end("cancelled")
    assert editor.said() == "Cancelled; nothing was changed."
    assert editor.effect.runButton.text == "Run"


def test_a_run_that_a_closing_scene_ended_is_not_waited_for(editor):
    editor.type("cyst")
    editor.enter()
    editor.controller.busy = False  # RunController.close() drops a run without an event
    editor.effect.updateGUIFromMRML()
    assert editor.effect.runButton.text == "Run"
    editor.enter()
    assert editor.controller.busy


def test_leaving_the_effect_cancels(editor):
    editor.type("cyst")
    editor.effect.runButton.click()
    assert editor.controller.busy
    editor.effect.deactivate()
    assert editor.controller.cancelled


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda e: e.type("   "), "The text is empty"),
        (lambda e: e.showSlice(40), "outside the volume"),
        (lambda e: e.red.SetSliceToRASByNTP(0.5, 0.5, 0.7, 1, 0, 0, 12, 10, 6, 0), "tilted"),
        (lambda e: e.node.SetSelectedSegmentID(""), 'press "Add"'),
    ],
)
def test_what_cannot_run_says_why(editor, prepare, said):
    editor.type("cyst")
    prepare(editor)
    editor.enter()
    assert said in editor.said()
    assert not editor.controller.busy
    assert editor.effect.runButton.text == "Run"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CancelledError("Nothing was installed. Press Run when you want to install."), "info"),
        (DependencyError("The PyTorch extension is missing."), "error"),
    ],
)
def test_missing_packages_are_said(editor, monkeypatch, error, kind):
    from LSMSSegmentationLib.Install import Installer

    def ensurePackages(_cpuOnly):
        raise error

    monkeypatch.setattr(Installer, "ensurePackages", ensurePackages)
    editor.type("cyst")
    editor.enter()
    assert editor.said() == str(error)
    assert editor.effect.status.kind == kind
    assert not editor.controller.busy


def test_a_hidden_segment_is_asked_for_first(editor):
    editor.scripted.visible = False
    editor.type("cyst")
    editor.enter()
    assert not editor.controller.busy
