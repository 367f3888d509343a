"""Runs inside Slicer: the effect in a real Segment Editor, on the project's synthetic CT."""

import time
import unittest

import slicer


def makeEditor():
    """Return an editor that knows the effect."""
    editor = slicer.qMRMLSegmentEditorWidget()
    if "LSMS" in editor.availableEffectNames():
        return editor
    # Tests given on the command line may begin before the start-up has been reported. An editor
    # takes the effects that are registered when it is made.
    from LSMSSegmentationLib.Effect.Registration import registerSegmentEditorEffect

    registerSegmentEditorEffect()
    return slicer.qMRMLSegmentEditorWidget()


class LSMSSegmentEditorEffectTest(unittest.TestCase):
    def setUp(self):
        from LSMSSegmentationLib.SampleCT import loadSyntheticCT

        slicer.mrmlScene.Clear()
        self.volumeNode = loadSyntheticCT()[0]
        scene = slicer.mrmlScene
        self.segmentationNode = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        self.segmentationNode.CreateDefaultDisplayNodes()
        self.segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(self.volumeNode)
        self.segmentID = self.segmentationNode.GetSegmentation().AddEmptySegment("", "Tumour")
        self.editor = makeEditor()
        self.editor.setMRMLScene(scene)
        self.editor.setMaximumNumberOfUndoStates(10)
        self.editor.setMRMLSegmentEditorNode(
            scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode", "LSMSTestEditor")
        )
        self.editor.setSegmentationNode(self.segmentationNode)
        self.editor.setSourceVolumeNode(self.volumeNode)
        self.editor.setCurrentSegmentID(self.segmentID)
        self.editor.setActiveEffectByName("LSMS")
        self.effect = self.editor.activeEffect()
        assert self.effect is not None, "Segment Editor does not know the effect"

    def tearDown(self):
        self.editor.setActiveEffectByName("")
        self.editor.setMRMLScene(None)
        slicer.mrmlScene.Clear()

    def test_package_survives_registration(self):
        import LSMSSegmentationLib

        assert hasattr(LSMSSegmentationLib, "__path__")
        assert type(self.effect.self()).__name__ == "SegmentEditorEffect"

    def test_options_are_kept_in_the_editor_node(self):
        options = self.effect.self()
        options.promptWidgets.promptLineEdit.text = "left lobe lesion"
        options.whereComboBox.currentIndex = 3
        assert self.effect.parameter("Prompt") == "left lobe lesion"
        assert self.effect.parameter("Where") == "Volume"
        self.effect.setParameter("Where", "Green")
        assert options.whereComboBox.currentIndex == 1

    def test_empty_text_is_said(self):
        options = self.effect.self()
        options.promptWidgets.promptLineEdit.text = ""
        options.onRun()
        assert "The text is empty" in options.statusLabel.text

    def test_an_answer_is_written_and_undone(self):
        """An answer made by hand goes through the real editor; no model is needed."""
        import numpy as np
        from LSMSSegmentationLib.Effect.EffectRun import EffectRun

        from lsms_core.mrml.labelmaps import read_mask
        from lsms_core.session.run_answers import Answering
        from lsms_core.worker.client import WorkerEvent

        outcomes = []

        class Listener:
            def runProgressed(self, *numbers):
                pass

            def runEnded(self, outcome):
                outcomes.append(outcome)

        class Controller:
            busy = False

            def start(self, ct, prompts, plane, slices, model, key, onEvent=None):
                self.shape, self.onEvent = ct.shape, onEvent

        controller = Controller()
        run = EffectRun(self.effect, controller, Answering(), Listener())
        # An engine that looks for one text at a time gives a map for it.
        run.start("lesion", "axial", None, {"weights": "none", "engine": "medclip-sam"})
        mask = np.zeros(controller.shape, np.uint8)
        mask[10:14, 40:60, 50:80] = 1
        as_given = {"min_area_mm2": 0.0, "min_depth_mm": 0.0}
        told = [{"text": "lesion", "postprocessing": as_given}]
        fields = {"axis": 0, "slices": None, "predictions": told}
        arrays = {"probability0": mask.astype(np.float16)}
        controller.onEvent(WorkerEvent("result", 1, fields, arrays))
        assert outcomes[0].changed, outcomes[0]
        written = read_mask(self.segmentationNode, self.volumeNode, self.segmentID)
        assert np.array_equal(written, mask.astype(bool))
        self.editor.undo()
        written = read_mask(self.segmentationNode, self.volumeNode, self.segmentID)
        assert not written.any()

    def test_a_prompt_runs_in_the_worker(self):
        from LSMSSegmentationLib.Install.InstallBackend import SlicerBackend
        from LSMSSegmentationLib.Install.Installer import Installer

        from lsms_core.errors import BundleError
        from lsms_core.models.installed import find_bundle

        if not Installer(SlicerBackend(), lambda plan: False).plan().empty:
            self.skipTest("onnxruntime is not installed in this Slicer")
        parameters = slicer.util.getModuleLogic("LSMSSegmentation").getParameterNode()
        try:
            find_bundle(parameters.model)
        except BundleError as error:
            self.skipTest(str(error))
        options = self.effect.self()
        options.promptWidgets.promptLineEdit.text = "all lesions"
        options.whereComboBox.currentIndex = 0
        options.onRun()
        assert options.busy, options.statusLabel.text
        deadline = time.monotonic() + 180
        while options.busy and time.monotonic() < deadline:
            slicer.app.processEvents()
            time.sleep(0.01)
        assert not options.busy, "no answer within three minutes"
        assert options.status.kind != "error", options.statusLabel.text
