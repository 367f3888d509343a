"""The effect's options, driven by keys and clicks, and its registration as Slicer does it."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lsms_core.errors import CancelledError, DependencyError
from lsms_core.worker.client import WorkerEvent

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


@pytest.fixture(scope="module")
def slicer_parts(entry):
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

    class qSlicerSegmentEditorScriptedEffect:
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

        def parameterSetNode(self):
            return self.logic.GetSegmentEditorNode()

        def saveStateForUndo(self):
            self.undoStates += 1
            self.logic.SaveStateForUndo()

        def defaultModifierLabelmap(self):
            self.logic.ResetModifierLabelmapToDefault()
            return self.logic.GetModifierLabelmap()

        def modifySegmentByLabelmap(self, node, segmentID, labelmap, mode):
            self.logic.ModifySegmentByLabelmap(node, segmentID, labelmap, mode, True, False)

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


@pytest.fixture
def editor(entry, slicer_parts, monkeypatch):
    made = Editor(entry, slicer_parts, monkeypatch)
    yield made
    made.close()


def mask(box=None):
    whole = np.zeros(SHAPE, np.bool_)
    if box is not None:
        whole[box] = True
    return whole


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
