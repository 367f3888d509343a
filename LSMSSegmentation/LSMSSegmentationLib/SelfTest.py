"""The module's test inside Slicer: real worker, the released weights, synthetic CT, no network."""
# ruff: noqa: PT009 - Slicer's test class is a unittest.TestCase, which reports by its own asserts

import time

import numpy as np
import slicer

_SECONDS = 300.0
_MODEL = "lsms-tiny"


def runSelfTest(test):
    """Run everything.

    Args:
        test: the LSMSSegmentationTest, for its assertions and delayDisplay.
    """
    from LSMSSegmentationLib import PromptHistory
    from LSMSSegmentationLib.Install.InstallBackend import SlicerBackend

    if SlicerBackend().version("onnxruntime") is None:
        test.skipTest("ONNX Runtime is missing: install it in the module's panel first.")
    with PromptHistory.kept():
        phantom, volumeNode = makeVolume()
        _logicWithoutWindow(test, _MODEL, phantom, volumeNode)
        slicer.mrmlScene.Clear(0)
        phantom, volumeNode = makeVolume()
        _panel(test, _MODEL, phantom, volumeNode)
    test.delayDisplay("The test has passed")


def makeVolume():
    """Return a small synthetic CT and its volume node."""
    from lsms_core.phantom import SMALL_SHAPE, make_phantom
    from LSMSSegmentationLib.SampleCT import addSyntheticCT

    phantom = make_phantom(2, shape=SMALL_SHAPE)
    return phantom, addSyntheticCT(phantom)


def makeOutlines(phantom, volumeNode):
    """Return a segmentation with the phantom's liver and lesions, as another program makes them."""
    from lsms_core.mrml.segment_writing import SegmentMeta, WriteOptions, write_mask

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Outlines")
    for name, mask in (("liver", phantom.liver), ("liver_lesions", phantom.instances > 0)):
        write_mask(node, volumeNode, mask, SegmentMeta(name), WriteOptions(name=name))
    return node


def _largest(phantom):
    return int(np.argmax(np.bincount(phantom.instances.ravel())[1:])) + 1


def _logicWithoutWindow(test, model, phantom, volumeNode):
    """Under a transform, a mask must lie where the volume's voxels lie."""
    import vtk

    from lsms_core.mrml.labelmaps import read_mask
    from LSMSSegmentation import LSMSSegmentationLogic

    transform = vtk.vtkTransform()
    transform.Translate(12.0, -7.0, 30.0)
    transform.RotateZ(20.0)
    transformNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    transformNode.SetMatrixTransformToParent(transform.GetMatrix())
    volumeNode.SetAndObserveTransformNodeID(transformNode.GetID())
    logic = LSMSSegmentationLogic()
    try:
        theirs = makeOutlines(phantom, volumeNode)
        (finding,) = logic.segment(volumeNode, "largest lesion", lesionsFrom=theirs)
        test.assertTrue(finding.present)
        test.assertEqual(len(finding.answer.kept), 1)
        node = finding.segmentationNode
        test.assertIsNot(node, theirs)
        found = read_mask(node, volumeNode, finding.segmentIDs[0])
        test.assertTrue(np.array_equal(found, finding.mask))
        test.assertTrue(np.array_equal(found, phantom.instances == _largest(phantom)))
        test.assertIsNotNone(logic.session.undo())
        test.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 0)
        middle = phantom.ct.shape[0] // 2
        (finding,) = logic.segment(
            volumeNode,
            "left lobe lesion",
            slices=(middle - 1, middle),
            model=model,
            device="cpu",
            timeout=_SECONDS,
            minimumArea=0.0,
        )
        test.assertEqual(finding.slices, (middle - 1, middle))
        test.assertEqual(finding.mask.shape, phantom.ct.shape)
    finally:
        logic.cleanup()
    test.delayDisplay("The logic works without a window")


def _panel(test, model, phantom, volumeNode):
    """Test the steps of a user: open, type, run, cancel, refine."""
    from LSMSSegmentationLib.ParameterNode import Device, Where

    slicer.util.selectModule("LSMSSegmentation")
    widget = slicer.modules.lsmssegmentation.widgetRepresentation().self()
    slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
    widget.initializeParameterNode()
    parameters, session = widget.logic.getParameterNode(), widget.logic.session
    test.assertIs(parameters.inputVolume, volumeNode)
    parameters.model, parameters.device = model, Device.CPU
    parameters.minimumArea = 0.0
    parameters.where = Where.SliceNumber
    parameters.sliceNumber = 16
    widget.ui.promptLineEdit.text = "left lobe lesion"
    test.assertEqual(parameters.prompt, "left lobe lesion")
    test.assertIn("axial slice 16", widget.ui.whereLabel.text)
    widget.ui.runButton.click()
    _wait(test, session, widget)
    test.assertTrue(session.findings, widget.ui.statusLabel.text)
    test.delayDisplay("The worker searched a slice")

    parameters.where = Where.WholeVolume
    widget.ui.runButton.click()
    test.assertTrue(session.busy, widget.ui.statusLabel.text)
    widget.ui.runButton.click()
    test.assertFalse(session.busy, widget.ui.statusLabel.text)
    test.delayDisplay("A run was cancelled")

    parameters.segmentation = None
    parameters.lesionsFrom = makeOutlines(phantom, volumeNode)
    widget.ui.promptLineEdit.text = "largest lesion"
    widget.ui.runButton.click()
    _wait(test, session, widget)
    segmentation = parameters.segmentation.GetSegmentation()
    test.assertEqual(segmentation.GetNumberOfSegments(), 1)
    test.assertEqual(widget.ui.findingsTableWidget.rowCount, len(phantom.lesions))
    test.delayDisplay("A prompt made a segment")

    widget.ui.refineButton.click()
    slicer.app.processEvents()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    test.assertEqual(editor.segmentationNodeID(), parameters.segmentation.GetID())
    test.assertEqual(editor.currentSegmentID(), segmentation.GetNthSegmentID(0))
    slicer.util.selectModule("LSMSSegmentation")
    widget.ui.undoButton.click()
    test.assertEqual(segmentation.GetNumberOfSegments(), 0)
    widget.logic.cleanup()


def _wait(test, session, widget):
    deadline = time.monotonic() + _SECONDS
    while session.busy and time.monotonic() < deadline:
        slicer.app.processEvents()
        time.sleep(0.005)
    test.assertFalse(session.busy, widget.ui.statusLabel.text)
