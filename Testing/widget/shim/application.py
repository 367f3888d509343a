"""slicer.app, slicer.modules and the scene with its three slice views."""

from pathlib import Path
from types import SimpleNamespace

import qt
from PySide6 import QtWidgets


class Application:
    """What the module asks of qSlicerApplication."""

    applicationVersion = "5.12.0-shim"
    revision = "00000"
    os = "shim"
    arch = "none"

    def __init__(self):
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["shim"])
        self._manager = SimpleNamespace(connect=lambda *_: None, disconnect=lambda *_: None)
        self.startup = []

    def connect(self, signal, receiver):
        if signal != "startupCompleted()":
            raise AttributeError(f"the shim's application has no signal {signal}")
        self.startup.append(receiver)

    def processEvents(self):
        self._qt.processEvents()

    def clipboard(self):
        return QtWidgets.QApplication.clipboard()

    def moduleManager(self):
        return self._manager

    def translate(self, context, text):
        return text

    def layoutManager(self):
        return None

    def testingEnabled(self):
        return True


class SegmentEditorWidget:
    """Records what it is asked, by qMRMLSegmentEditorWidget's method names."""

    def __init__(self):
        self.calls = []
        self._segmentation, self._volume, self._segment = None, None, ""

    def segmentationNodeID(self):
        return self._segmentation.GetID() if self._segmentation else ""

    def sourceVolumeNodeID(self):
        return self._volume.GetID() if self._volume else ""

    def setSegmentationNode(self, node):
        self._segmentation = node
        self.calls.append(("setSegmentationNode", node))

    def setSourceVolumeNode(self, node):
        self._volume = node
        self.calls.append(("setSourceVolumeNode", node))

    def setCurrentSegmentID(self, segment_id):
        if not isinstance(segment_id, str):
            raise TypeError("a segment's ID is a text")
        self._segment = segment_id
        self.calls.append(("setCurrentSegmentID", segment_id))

    def currentSegmentID(self):
        return self._segment

    def saveStateForUndo(self):
        self.calls.append(("saveStateForUndo",))


def add_slice_views(scene, slicer):
    """Add the Red, Green and Yellow slice nodes as Slicer's layout does."""
    for name, orientation in (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal")):
        node = scene.CreateNodeByClass("vtkMRMLSliceNode")
        node.UnRegister(None)
        node.SetSingletonTag(name)
        node.SetLayoutName(name)
        node.SetName(name)
        node = scene.AddNode(node)
        node.SetOrientation(orientation)
        node.SetDimensions(256, 256, 1)
        node.SetFieldOfView(250, 250, 1)


def complete(slicer, module_path):
    """Add what slicer-core's ``slicer`` lacks of the desktop's."""
    slicer.app = Application()
    slicer.mrmlScene = slicer.vtkMRMLScene()
    # Without presets an orientation has no matrix.
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(slicer.mrmlScene)
    add_slice_views(slicer.mrmlScene, slicer)
    # The module's logic registers its nodes with the scene, so that scenes can be read.
    slicer.shim_segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
    slicer.shim_segmentations.SetMRMLScene(slicer.mrmlScene)
    editor = SegmentEditorWidget()
    module = SimpleNamespace(
        editor=editor, widgetRepresentation=lambda: SimpleNamespace(self=lambda: module)
    )
    slicer.modules = SimpleNamespace(
        lsmssegmentation=SimpleNamespace(path=str(Path(module_path))), segmenteditor=module
    )
    slicer.selfTests = {}
    slicer.selected_modules = []
    slicer.util.selectModule = slicer.selected_modules.append
    slicer.util.mainWindow = lambda verbose=True: None
    assert qt.QUiLoader is not None
