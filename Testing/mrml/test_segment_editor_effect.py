"""The Segment Editor effect on Slicer's own editor logic: masking, overwriting, locks, undo."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer")
import vtk  # noqa: E402
from vtk.util.numpy_support import numpy_to_vtk  # noqa: E402

from lsms_core.errors import InputError  # noqa: E402
from lsms_core.mrml.labelmaps import read_mask  # noqa: E402
from lsms_core.mrml.locks import set_locked  # noqa: E402
from lsms_core.worker.client import WorkerEvent  # noqa: E402

MODULE = Path(__file__).resolve().parents[2] / "LSMSSegmentation"
if str(MODULE) not in sys.path:
    sys.path.insert(0, str(MODULE))

from LSMSSegmentationLib.Effect import EffectRun as effect_run  # noqa: E402

from lsms_core.session.run_answers import Answering  # noqa: E402

SHAPE = (6, 20, 24)
BOX = np.s_[2:4, 5:10, 6:12]
# Its engine looks for one text at a time: the tests give the map of each text.
MODEL = {"weights": "tiny", "engine": "medclip-sam", "device": "cpu"}
SEARCHING = {"weights": "tiny", "engine": "lsms", "device": "cpu"}
AS_GIVEN = {"min_area_mm2": 0.0, "min_depth_mm": 0.0}


class ScriptedEffect:
    """What qSlicerSegmentEditorScriptedEffect does for Python: it hands all to the logic."""

    def __init__(self, logic):
        self.logic = logic
        self.undoStates = 0

    def parameterSetNode(self):
        return self.logic.GetSegmentEditorNode()

    def saveStateForUndo(self):
        self.undoStates += 1
        self.logic.SaveStateForUndo()

    def defaultModifierLabelmap(self):
        self.logic.ResetModifierLabelmapToDefault()
        return self.logic.GetModifierLabelmap()

    def modifySegmentByLabelmap(self, node, segmentID, labelmap, mode, bypassMasking=False):
        self.logic.ModifySegmentByLabelmap(node, segmentID, labelmap, mode, True, bypassMasking)


class Controller:
    """Stands in for RunController: the test says what the worker answers."""

    def __init__(self):
        self.busy = False
        self.cancelled = False
        self.searches = 0

    def start(self, ct, prompts, plane, slices, model, volumeKey, onEvent=None):
        self.ct, self.prompts, self.plane, self.slices = ct, prompts, plane, slices
        self.model, self.onEvent, self.busy = model, onEvent, True

    def search(self, ct, prompts, plane, slices, model, volumeKey, onEvent=None):
        self.ct, self.plane, self.slices, self.model = ct, plane, slices, model
        self.onEvent, self.busy = onEvent, True
        self.searches += 1

    def cancel(self):
        self.cancelled = True

    def answer(self, *masks, axis=0):
        """Give one whole-volume mask a prompt, cut down to the slices that were asked for."""
        slices = self.slices
        kept = range(SHAPE[axis]) if slices is None else slices
        arrays = {
            f"probability{n}": np.take(mask, list(kept), axis).astype(np.float16)
            for n, mask in enumerate(masks)
        }
        predictions = [{"text": text, "postprocessing": AS_GIVEN} for text in self.prompts]
        fields = {"axis": axis, "slices": slices, "predictions": predictions}
        self.end("result", fields, arrays)

    def found(self, labels):
        """End a search: numbers of lesions on the volume's grid."""
        from lsms_core.inference.candidates import CandidateSet, Search
        from lsms_core.worker.messages import candidates_message

        search = Search(self.ct, tuple(range(SHAPE[0])), 0, "axial", engine="lsms", model="fake 1")
        found = CandidateSet.from_labels(search, labels.astype(np.uint16))
        fields, arrays = candidates_message(found, None)
        self.end("candidates", fields, arrays)

    def end(self, kind, fields=None, arrays=None):
        self.busy = kind == "progress"
        self.onEvent(WorkerEvent(kind, 1, fields or {}, arrays or {}))


class Listener:
    def __init__(self):
        self.progress, self.outcomes = [], []

    def runProgressed(self, *numbers):
        self.progress.append(numbers)

    def runEnded(self, outcome):
        self.outcomes.append(outcome)


class Editor:
    """A scene as Segment Editor holds it: a volume, a segmentation, an editor node."""

    def __init__(self, values=None, transform=None):
        self.scene = slicer.vtkMRMLScene()
        # As the application does: this makes node classes and representations known.
        self.segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
        self.segmentations.SetMRMLScene(self.scene)
        self.volume = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        image = vtk.vtkImageData()
        image.SetDimensions(*SHAPE[::-1])
        array = np.full(SHAPE, 40, np.int16) if values is None else values
        image.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True))
        self.volume.SetAndObserveImageData(image)
        self.volume.SetSpacing(0.8, 0.8, 3.0)
        self.volume.SetOrigin(-20, 30, 100)
        self.segmentation = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
        if transform is not None:
            node = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
            node.SetMatrixTransformToParent(transform)
            self.volume.SetAndObserveTransformNodeID(node.GetID())
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        self.segmentation.CreateDefaultDisplayNodes()
        self.node = self.scene.AddNode(slicer.vtkMRMLSegmentEditorNode())
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.logic.SetMRMLScene(self.scene)
        self.logic.SetSegmentEditorNode(self.node)
        self.logic.SetSegmentationNode(self.segmentation)
        self.logic.SetSourceVolumeNode(self.volume)
        self.effect = ScriptedEffect(self.logic)
        self.controller, self.listener = Controller(), Listener()
        self.answering = Answering()
        self.run = effect_run.EffectRun(self.effect, self.controller, self.answering, self.listener)
        self.segment = self.add("Tumour")

    def add(self, name, box=None):
        """Add a segment, painted as a brush would do it."""
        segment = self.segmentation.GetSegmentation().AddEmptySegment("", name)
        if box is not None:
            labelmap = self.effect.defaultModifierLabelmap()
            voxels = effect_run.ontoModifier(labelmap, self.segmentation, self.volume, mask(box))
            self.node.SetSelectedSegmentID(segment)
            target = effect_run.EffectTarget(self.segmentation, segment, self.volume, "", "Add")
            self.run._apply(target, labelmap, voxels, self.logic.ModificationModeAdd)
        return segment

    def start(self, text="left lobe lesion", slices=None, mode=effect_run.ADD, segment=None):
        self.node.SetSelectedSegmentID(segment or self.segment)
        self.run.start(text, "axial", slices, MODEL, mode)

    def voxels(self, segment=None):
        return read_mask(self.segmentation, self.volume, segment or self.segment)


def mask(*boxes):
    whole = np.zeros(SHAPE, np.bool_)
    for box in boxes:
        whole[box] = True
    return whole


@pytest.fixture(autouse=True)
def _effect_modes(monkeypatch):
    """Slicer's Qt class, which slicer-core lacks; its modes are the logic's."""
    logic = slicer.vtkSlicerSegmentEditorLogic
    modes = SimpleNamespace(
        ModificationModeSet=logic.ModificationModeSet,
        ModificationModeAdd=logic.ModificationModeAdd,
        ModificationModeRemove=logic.ModificationModeRemove,
    )
    monkeypatch.setattr(slicer, "qSlicerSegmentEditorAbstractEffect", modes, raising=False)


@pytest.fixture
def editor():
    return Editor()


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


def test_intensity_masking_holds():
    values = np.full(SHAPE, 40, np.int16)
    values[:, :8] = 200
    editor = Editor(values)
    editor.node.SetSourceVolumeIntensityMask(True)
    editor.node.SetSourceVolumeIntensityMaskRange(0, 100)
    editor.start()
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(BOX) & (values < 100))


def test_masking_by_another_segment_holds_and_masked_out_is_said(editor):
    liver = editor.add("Liver", np.s_[3:6, :, :])
    editor.node.SetOverwriteMode(editor.node.OverwriteNone)
    editor.node.SetMaskMode(editor.segmentation.EditAllowedInsideSingleSegment)
    editor.node.SetMaskSegmentID(liver)
    editor.start()
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(np.s_[3:4, 5:10, 6:12]))
    editor.start()
    editor.controller.answer(mask(np.s_[0:2, 5:10, 6:12]))
    assert editor.listener.outcomes[-1].reason == "masked"
    assert not editor.listener.outcomes[-1].changed


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_overwrite_mode_holds(editor, overwrite):
    liver = editor.add("Liver", np.s_[0:6, 2:18, 2:20])
    modes = (editor.node.OverwriteNone, editor.node.OverwriteAllSegments)
    editor.node.SetOverwriteMode(modes[overwrite])
    editor.start()
    editor.controller.answer(mask(BOX))
    left = mask(np.s_[0:6, 2:18, 2:20])
    assert np.array_equal(editor.voxels(liver), left & ~mask(BOX) if overwrite else left)
    assert np.array_equal(editor.voxels(), mask(BOX))


def test_a_locked_segment_is_neither_erased_nor_written(editor):
    done = editor.add("Signed off", np.s_[0:6, 2:8, 2:20])
    set_locked(editor.segmentation, done, True)
    editor.node.SetOverwriteMode(editor.node.OverwriteAllSegments)
    editor.start()
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(done), mask(np.s_[0:6, 2:8, 2:20]))
    assert np.array_equal(editor.voxels(), mask(BOX) & ~mask(np.s_[0:6, 2:8, 2:20]))
    with pytest.raises(InputError, match="locked or completed"):
        editor.start(segment=done)
    editor.start()
    editor.controller.answer(mask(np.s_[1:3, 3:6, 4:8]))
    assert editor.listener.outcomes[-1].reason == "locked"


def test_a_segment_locked_or_removed_during_the_run_is_left_alone(editor):
    editor.start()
    set_locked(editor.segmentation, editor.segment, True)
    editor.controller.answer(mask(BOX))
    assert "locked or completed" in editor.listener.outcomes[-1].problem
    set_locked(editor.segmentation, editor.segment, False)
    assert not editor.voxels().any()
    editor.start()
    other = editor.add("Other")
    editor.segmentation.GetSegmentation().RemoveSegment(editor.segment)
    editor.controller.answer(mask(BOX))
    assert "not in" in editor.listener.outcomes[-1].problem
    assert not editor.voxels(other).any()


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


def test_a_changed_volume_or_segmentation_stops_the_result(editor):
    editor.start()
    editor.volume.GetImageData().Modified()
    editor.controller.answer(mask(BOX))
    assert "volume was changed" in editor.listener.outcomes[-1].problem
    editor.start()
    editor.node.SetAndObserveSegmentationNode(None)
    editor.controller.answer(mask(BOX))
    assert "Another segmentation" in editor.listener.outcomes[-1].problem
    assert not editor.voxels().any()


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


def test_under_a_parent_transform_the_finding_lands_once(monkeypatch):
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 12.0)
    matrix.SetElement(1, 2, 0.2)  # a gantry tilt
    editor = Editor(transform=matrix)
    editor.start()
    editor.controller.answer(mask(BOX))
    missed = np.logical_xor(editor.voxels(), mask(BOX)).sum()
    assert missed <= 0.25 * mask(BOX).sum()
    # Under the volume's own transform it is exact, as it is in the module.
    editor.segmentation.SetAndObserveTransformNodeID(editor.volume.GetTransformNodeID())
    editor.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(editor.volume)
    second = editor.add("Second")
    editor.start(segment=second)
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(second), mask(BOX))
