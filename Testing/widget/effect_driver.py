"""Segment Editor's Python side without the application, and the effect with its options shown."""

from __future__ import annotations

import sys
import types
from types import SimpleNamespace

import numpy as np
import pytest

from lsms_core.worker.client import WorkerEvent
from Testing.scripted_effect import HandsToLogic

SHAPE = (8, 20, 24)
BOX = np.s_[2:6, 5:10, 6:12]
AS_GIVEN = {"min_area_mm2": 0.0, "min_depth_mm": 0.0}


class Controller:
    """Stands in for RunController: the test says what the worker answers."""

    busy = cancelled = False
    searches = 0

    def start(self, ct, prompts, plane, slices, model, volumeKey, onEvent=None):
        self.prompts, self.plane, self.slices, self.model = prompts, plane, slices, model
        self.onEvent, self.busy = onEvent, True

    def search(self, ct, prompts, plane, slices, model, volumeKey, onEvent=None):
        self.ct, self.plane, self.slices, self.model = ct, plane, slices, model
        self.onEvent, self.busy = onEvent, True
        self.searches += 1

    def found(self, labels):
        """End a search: lesions by number."""
        from lsms_core.inference.candidates import CandidateSet, Search
        from lsms_core.worker.messages import candidates_message

        chosen = tuple(range(SHAPE[0]) if self.slices is None else self.slices)
        search = Search(self.ct, chosen, 0, "axial", engine="lsms", model="fake 1")
        found = CandidateSet.from_labels(search, labels.astype(np.uint16))
        self.end("candidates", *candidates_message(found, self.slices))

    def cancel(self):
        self.cancelled = True

    def answer(self, mask):
        kept = range(SHAPE[0]) if self.slices is None else self.slices
        arrays = {"probability0": mask[list(kept)].astype(np.float16)}
        told = {"text": self.prompts[0], "postprocessing": AS_GIVEN}
        fields = {"axis": 0, "slices": self.slices, "predictions": [told]}
        self.end("result", fields, arrays)

    def end(self, kind, fields=None, arrays=None):
        self.busy = kind == "progress"
        self.onEvent(WorkerEvent(kind, 1, fields or {}, arrays or {}))


def slicer_parts():
    """What Segment Editor brings: the base class, the effect factory and the adaptor class."""
    import qt
    import shim
    import slicer

    shim.use_pythonqt_attributes([__name__])
    monkeypatch = pytest.MonkeyPatch()
    registered = []

    class AbstractScriptedSegmentEditorEffect:
        def __init__(self, scriptedEffect):
            self.scriptedEffect = scriptedEffect

        def register(self):
            registered.append(self.scriptedEffect)

    class qSlicerSegmentEditorScriptedEffect(HandsToLogic):
        """Keeps parameters and options, and hands changes to Slicer's own editor logic."""

        name = title = ""
        perSegment = requireSegments = showEffectCursorInSliceView = True

        def __init__(self, parent=None):
            self.parameters = {}
            self.errors = []
            self.logic = None
            self.visible = True
            self.undoStates = 0
            self.frame = qt.QFrame()
            self.form = qt.QFormLayout(self.frame)
            self._self = None

        def setPythonSource(self, path):
            """As qSlicerSegmentEditorScriptedEffect.cxx: the class comes from the package."""
            assert path.endswith(".py")
            folder, _, filename = path.rpartition("/")
            package = folder.rpartition("/")[2]
            className = filename.removesuffix(".py")
            if not hasattr(sys.modules.get(package), className):
                import importlib.util

                spec = importlib.util.spec_from_file_location(package, path)
                module = importlib.util.module_from_spec(spec)
                sys.modules[package] = module
                spec.loader.exec_module(module)
            self._self = getattr(sys.modules[package], className)(self)
            return True

        def self(self):
            return self._self

        def addOptionsWidget(self, widget):
            self.form.addRow(widget)

        def addLabeledOptionsWidget(self, label, widget):
            self.form.addRow(label, widget)

        def parameterDefined(self, name):
            return name in self.parameters

        def parameter(self, name):
            """As Slicer: one that is not there writes an error into the log."""
            if name not in self.parameters:
                self.errors.append(f'Parameter named "{name}" cannot be found')
            return self.parameters.get(name, "")

        def setParameter(self, name, value):
            assert isinstance(value, str)
            self.parameters[name] = value

        def setParameterDefault(self, name, value):
            # The node drops empty values.
            if value:
                self.parameters.setdefault(name, value)

        def confirmCurrentSegmentVisible(self):
            return 1 if self.visible else 0

    base = types.ModuleType("SegmentEditorEffects")
    base.AbstractScriptedSegmentEditorEffect = AbstractScriptedSegmentEditorEffect
    adaptor = types.ModuleType("qSlicerSegmentationsEditorEffectsPythonQt")
    adaptor.qSlicerSegmentEditorScriptedEffect = qSlicerSegmentEditorScriptedEffect
    monkeypatch.setitem(sys.modules, base.__name__, base)
    monkeypatch.setitem(sys.modules, adaptor.__name__, adaptor)
    logic = slicer.vtkSlicerSegmentEditorLogic
    modes = SimpleNamespace(
        ModificationModeAdd=logic.ModificationModeAdd,
        ModificationModeRemove=logic.ModificationModeRemove,
    )
    monkeypatch.setattr(slicer, "qSlicerSegmentEditorAbstractEffect", modes, raising=False)
    yield SimpleNamespace(registered=registered, adaptor=adaptor)
    monkeypatch.undo()


class Editor:
    """The effect with its options shown, on a CT with one segment."""

    def __init__(self, entry, slicer_parts, monkeypatch):
        import qt
        import slicer
        import vtk
        from LSMSSegmentationLib.Effect.Registration import registerSegmentEditorEffect
        from LSMSSegmentationLib.Install import Installer
        from vtk.util.numpy_support import numpy_to_vtk

        from lsms_core.session.run_answers import Answering

        scene = slicer.mrmlScene
        self.volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        image = vtk.vtkImageData()
        image.SetDimensions(*SHAPE[::-1])
        image.GetPointData().SetScalars(numpy_to_vtk(np.full(SHAPE, 40, np.int16).ravel(), True))
        self.volume.SetAndObserveImageData(image)
        self.volume.SetSpacing(1.0, 1.0, 2.0)
        self.segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
        self.segmentation.CreateDefaultDisplayNodes()
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        self.segment = self.segmentation.GetSegmentation().AddEmptySegment("", "Tumour")
        self.node = scene.AddNode(slicer.vtkMRMLSegmentEditorNode())
        registerSegmentEditorEffect()
        self.scripted = slicer_parts.registered[-1]
        self.scripted.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.scripted.logic.SetMRMLScene(scene)
        self.scripted.logic.SetSegmentEditorNode(self.node)
        self.scripted.logic.SetSegmentationNode(self.segmentation)
        self.scripted.logic.SetSourceVolumeNode(self.volume)
        self.node.SetSelectedSegmentID(self.segment)
        self.controller = Controller()
        self.parameters = entry.LSMSSegmentationLogic().getParameterNode()
        # Looks for one text at a time: the tests give the map of each text.
        self.parameters.engine = "medclip-sam"
        logic = SimpleNamespace(
            session=SimpleNamespace(controller=self.controller, answering=Answering()),
            getParameterNode=lambda: self.parameters,
        )
        monkeypatch.setattr(slicer.util, "getModuleLogic", lambda name: logic, raising=False)
        self.installed = []
        monkeypatch.setattr(Installer, "ensurePackages", self.installed.append)
        self.effect = self.scripted.self()
        self.effect.setMRMLDefaults()
        self.effect.setupOptionsFrame()
        self.effect.updateGUIFromMRML()
        self.effect.activate()
        self.scripted.frame.resize(380, 240)
        self.scripted.frame.show()
        self.red = scene.GetNodeByID("vtkMRMLSliceNodeRed")
        self.showSlice(3)
        self.keys, self.qt = qt.QTest, qt

    def showSlice(self, index):
        self.red.SetOrientation("Axial")
        self.red.JumpSliceByCentering(12.0, 10.0, index * 2.0)

    def type(self, text):
        edit = self.effect.promptWidgets.promptLineEdit
        edit.selectAll()
        self.keys.keyClicks(edit, text)
        self.keys.keyClick(edit, self.qt.Qt.Key_Escape)  # closes the completer's list

    def enter(self):
        self.keys.keyClick(self.effect.promptWidgets.promptLineEdit, self.qt.Qt.Key_Return)

    def said(self):
        return self.effect.statusLabel.text

    def voxels(self):
        from lsms_core.mrml.labelmaps import read_mask

        return read_mask(self.segmentation, self.volume, self.segment)

    def close(self):
        import slicer

        self.effect.cleanup()
        self.scripted.frame.close()
        self.parameters.engine = ""
        for node in (self.node, self.segmentation, self.volume):
            slicer.mrmlScene.RemoveNode(node)


def mask(box=None):
    whole = np.zeros(SHAPE, np.bool_)
    if box is not None:
        whole[box] = True
    return whole
