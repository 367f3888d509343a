"""Entry of the module "Text-Prompted Lesion Segmentation (LSMS)" of 3D Slicer.

Slicer looks for the four classes below by name; the work is done in LSMSSegmentationLib.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# In a source checkout Slicer puts only this file's folder on sys.path; installed, lsms_core
# lies beside it.
if find_spec("lsms_core") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


class LSMSSegmentation(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Text-Prompted Lesion Segmentation (LSMS)")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "SegmentEditor"]
        self.parent.contributors = ["LSMS Segmentation contributors"]
        self.parent.helpText = _(
            "Name a lesion in words, choose where to look, press Enter: its outline becomes a "
            "segment. Nothing leaves this computer.<br><b>Research use only, not a medical "
            "device.</b>"
        )
        self.parent.acknowledgementText = _(
            "The network follows <i>Language-guided Scale-aware MedSegmentor for Lesion "
            'Segmentation</i>, <a href="https://arxiv.org/abs/2408.17347">arXiv 2408.17347</a>.'
        )
        slicer.app.connect("startupCompleted()", _onStartupCompleted)
        # A module that is added to a running Slicer never hears of the start-up.
        qt.QTimer.singleShot(0, _onEventLoop)


def _onStartupCompleted():
    """Register what other modules show: sample data and the Segment Editor effect."""
    from LSMSSegmentationLib.Startup import registerEverything

    registerEverything()


def _onEventLoop():
    window = slicer.util.mainWindow()
    # During start-up the window is not shown yet, and the other modules may not be there.
    if window is not None and window.visible:
        _onStartupCompleted()


class LSMSSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        self.logic = None
        self.panel = None
        VTKObservationMixin.__init__(self)  # first: without a parent the next line sets all up
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self):
        from LSMSSegmentationLib.Panel.ModulePanel import ModulePanel

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/LSMSSegmentation.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = LSMSSegmentationLogic()
        self.panel = ModulePanel(uiWidget, self.ui, self.logic)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def cleanup(self):
        self.removeObservers()
        if self.panel:
            self.panel.cleanup()
        if self.logic:
            self.logic.cleanup()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        # A run under way goes on: it does not depend on the widgets.
        self.panel.setParameterNode(None)

    def onSceneStartClose(self, _caller, _event):
        self.panel.setParameterNode(None)
        self.logic.sceneIsClosing()

    def onSceneEndClose(self, _caller, _event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, _caller, _event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        self.panel.setParameterNode(self.logic.getParameterNode())


class LSMSSegmentationLogic(ScriptedLoadableModuleLogic):
    """Segments what a text names; works with no window. See ``lsms_core.session``."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self._session = None

    @property
    def session(self):
        """The runs of this logic, made when first needed."""
        if self._session is None:
            from LSMSSegmentationLib.WorkerProcess import makeClient, makeTimer

            from lsms_core.session.session import Session

            self._session = Session(makeClient, makeTimer)
        return self._session

    def getParameterNode(self):
        from LSMSSegmentationLib.ParameterNode import LSMSSegmentationParameterNode

        return LSMSSegmentationParameterNode(super().getParameterNode())

    def segment(self, volumeNode, prompt, segmentationNode=None, **options):
        """Segment what ``prompt`` names and wait; see ``Session.segment`` for the options."""
        return self.session.segment(volumeNode, prompt, segmentationNode, **options)

    def sceneIsClosing(self):
        if self._session:
            self._session.forget()

    def cleanup(self):
        if self._session:
            self._session.close()


class LSMSSegmentationTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self, **_kwargs):
        from LSMSSegmentationLib.SelfTest import runSelfTest

        self.setUp()
        runSelfTest(self)
