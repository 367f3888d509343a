"""Segment Editor on slicer-core: a scripted effect, a scene, and a worker scripted by the test."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from lsms_core.mrml.labelmaps import read_mask
from lsms_core.session.run_answers import Answering
from lsms_core.worker.client import WorkerEvent
from Testing.scripted_effect import HandsToLogic

MODULE = Path(__file__).resolve().parents[2] / "LSMSSegmentation"
if str(MODULE) not in sys.path:
    sys.path.insert(0, str(MODULE))

from LSMSSegmentationLib.Effect import EffectRun as effect_run  # noqa: E402

SHAPE = (6, 20, 24)
BOX = np.s_[2:4, 5:10, 6:12]
# Its engine looks for one text at a time: the tests give the map of each text.
MODEL = {"weights": "tiny", "engine": "medclip-sam", "device": "cpu"}
SEARCHING = {"weights": "tiny", "engine": "lsms", "device": "cpu"}
AS_GIVEN = {"min_area_mm2": 0.0, "min_depth_mm": 0.0}


class ScriptedEffect(HandsToLogic):
    """What qSlicerSegmentEditorScriptedEffect does for Python: it hands all to the logic."""

    def __init__(self, logic):
        self.logic = logic
        self.undoStates = 0


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
