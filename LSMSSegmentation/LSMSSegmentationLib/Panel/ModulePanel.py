"""The panel: ties the widgets, the parameter node and the runs together."""

from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from lsms_core.session.run_texts import progressText
from lsms_core.session.study_segmentations import segmentationFor
from LSMSSegmentationLib import ServerSettings
from LSMSSegmentationLib.Panel.FollowUpPanel import FollowUpPanel
from LSMSSegmentationLib.Panel.ModelPicker import ModelPicker
from LSMSSegmentationLib.Panel.Preview import Preview
from LSMSSegmentationLib.Panel.PromptLine import PromptLine
from LSMSSegmentationLib.Panel.Requests import reportRequest, typedRequest
from LSMSSegmentationLib.Panel.ResultsPanel import ResultsPanel
from LSMSSegmentationLib.Panel.SlicePicker import SlicePicker
from LSMSSegmentationLib.Panel.StatusLine import StatusLine
from LSMSSegmentationLib.Panel.WarmUp import WarmUp
from LSMSSegmentationLib.Panel.WhyHere import WhyHere
from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel

# Changes of the scene and of segments within this time are answered once.
_SETTLE_MILLISECONDS = 20


class ModulePanel(VTKObservationMixin):
    """Everything between the .ui file and the logic.

    Args:
        root: the loaded .ui's widget.
        ui: its named children.
        logic: LSMSSegmentationLogic.
    """

    def __init__(self, root, ui, logic):
        VTKObservationMixin.__init__(self)
        self.ui, self.logic, self.session = ui, logic, logic.session
        self._parameters = None
        self._volumeID = None
        self._guiTag = None
        self._connecting = False
        self._status = StatusLine(ui.statusLabel)
        self.promptLine = PromptLine(ui, self.run, self._status.show)
        self.slicePicker = SlicePicker(ui, self.updateWhere, self._problem)
        self.modelPicker = ModelPicker(ui)
        self.results = ResultsPanel(ui, self.session, self._status, self.update)
        self.followUp = FollowUpPanel(ui, self.session, self.update)
        self.why = WhyHere(ui, self.session, self._status.show, self.results, self.update)
        self.session.addListener(self)
        self.session.writer.beforeWrite = self._saveEditorState
        ui.runButton.connect("clicked()", self.runOrCancel)
        ui.pasteReportButton.connect("clicked()", self.runReport)
        ui.diagnosticsButton.connect("clicked()", self.copyDiagnostics)
        ui.stopWorkerButton.connect("clicked()", self.stopWorker)
        self._escape = qt.QShortcut(qt.QKeySequence(qt.Qt.Key_Escape), root)
        self._escape.context = qt.Qt.WidgetWithChildrenShortcut
        self._escape.connect("activated()", self.cancel)
        self._escape.enabled = False
        # In the views, too: a letter that Slicer itself does not use there.
        self._hotkey = qt.QShortcut(qt.QKeySequence("L"), slicer.util.mainWindow() or root)
        self._hotkey.connect("activated()", self.promptLine.focus)
        self._hotkey.enabled = False
        self._setupMessage = WrappedLabel(ui.setupMessageLabel)
        ui.setupMessageLabel.visible = False
        self.warmUp = WarmUp(ui, self.session.controller, self.update)
        self.preview = Preview(ui, self.session, self.results, self._typedRequest)
        ui.correctionLineEdit.connect("returnPressed()", self._onCorrection)
        self._sceneTimer = self._makeTimer(self._sceneChanged)
        self._segmentsTimer = self._makeTimer(self._othersChanged)
        self._install = self._makeInstallPanel()
        self.server = self._makeServerPanel()
        self.update()

    @staticmethod
    def _makeTimer(callback):
        timer = qt.QTimer()
        timer.interval = _SETTLE_MILLISECONDS
        timer.connect("timeout()", callback)
        return timer

    def _makeInstallPanel(self):
        from LSMSSegmentationLib.Install.InstallPanel import InstallPanel

        panel = InstallPanel(onChanged=self.modelPicker.refresh)
        self.ui.installContainer.layout().addWidget(panel.widget)
        return panel

    def _makeServerPanel(self):
        from LSMSSegmentationLib.Panel.ServerPanel import ServerPanel

        panel = ServerPanel(self._model, self._engineChanged)
        self.ui.installContainer.layout().addWidget(panel.widget)
        return panel

    def _engineChanged(self):
        self.session.controller.renew()
        self.update()

    def _model(self):
        parameters = self._parameters
        if parameters is None:
            return {"weights": "lsms-tiny", "engine": None, "device": "auto"}
        return {
            "weights": str(Path(parameters.model).expanduser()),
            "engine": parameters.engine or None,
            "device": parameters.device.value,
        }

    # Parameter node

    def setParameterNode(self, parameterNode):
        """Show another parameter node; None before the scene closes and while hidden."""
        if self._parameters is not None:
            self._parameters.disconnectGui(self._guiTag)
            self._guiTag = None
            self.removeObservers()
        self._parameters = parameterNode
        if parameterNode is not None:
            self._selectDefaults()
            volume = parameterNode.inputVolume
            self._volumeID = volume.GetID() if volume is not None else None
            self._guiTag = parameterNode.connectGui(self.ui)
            self.addObserver(
                parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onModified
            )
            scene = slicer.mrmlScene
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
                self.addObserver(scene, event, self._onNodes)
        for part in (self.slicePicker, self.modelPicker, self.results, self.followUp):
            part.setParameterNode(parameterNode)
        self._hotkey.enabled = parameterNode is not None
        if parameterNode is not None:
            self.promptLine.refresh()
        self.update()
        self.warmUp.consider(self._parameters)

    def _onNodes(self, _caller, _event):
        # Later: a volume is added first and gets its voxels then.
        self._sceneTimer.start()

    def _sceneChanged(self):
        self._sceneTimer.stop()
        if self._parameters is not None:
            self._selectDefaults()
            self._othersChanged()

    def segmentsChanged(self):
        self._segmentsTimer.start()

    def _othersChanged(self):
        self._segmentsTimer.stop()
        if not self.session.busy:
            self.results.othersChanged()
        self.update()

    def sceneForgotten(self):
        """The session let go of a scene that is closed: so do the messages."""
        self.results.forget()
        self.followUp.forget()
        self.update()

    def _selectDefaults(self):
        """Take what is there, to save a few clicks."""
        if self._parameters.inputVolume is None:
            for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
                if node.GetClassName() == "vtkMRMLScalarVolumeNode":
                    self._parameters.inputVolume = node
                    break

    def _onModified(self, _caller, _event):
        self._followVolume()
        self.results.settingsChanged()
        self.update()
        self.warmUp.consider(self._parameters)

    def _followVolume(self):
        """When another CT is chosen, choose its own segmentation, or a new one."""
        volume = self._parameters.inputVolume
        chosen = volume.GetID() if volume is not None else None
        if chosen not in (None, self._volumeID):
            self._volumeID = chosen
            self._parameters.segmentation = segmentationFor(volume, self._parameters.segmentation)

    # While typing

    def _typedRequest(self):
        """What Enter would run now; None where something is missing."""
        if self._parameters is None or self._parameters.inputVolume is None:
            return None
        return self._request()

    def searchedAhead(self):
        self.preview.refresh()

    def _onCorrection(self):
        """Change the answer as the words say."""
        from lsms_core.errors import LsmsError
        from lsms_core.session.correcting import correctInWords, unreadWords

        text = self.ui.correctionLineEdit.text.strip()
        if not text or self.session.busy:
            return
        try:
            undo = correctInWords(self.session, text)
        except LsmsError as error:
            self._status.show("warning", str(error))
            return
        self.ui.correctionLineEdit.text = ""
        if undo:
            self.results.undo()
        unread = unreadWords(text)
        if unread:
            words = _("Not read: {words}.").format(words=", ".join(unread))
            self._status.show("warning", f"{self._status.text}\n{words}")

    # Runs

    def runOrCancel(self):
        if self.session.busy:
            self.cancel()
        else:
            self.run()

    def cancel(self):
        """Stop the run under way, or else the comparison."""
        if self.session.busy:
            self.session.cancel()
        else:
            self.followUp.cancel()

    def run(self):
        """Start what the panel says; problems are shown, nothing is raised."""
        self._start(self._request)

    def runReport(self):
        """Ask the sentences of the report on the clipboard, in the whole volume."""
        self._start(lambda: reportRequest(self._parameters, self._model()))

    def _start(self, makeRequest):
        from lsms_core.errors import CancelledError, LsmsError

        if self.session.busy or self._parameters is None:
            return
        try:
            request = makeRequest()
            if request.lesionsFrom is None:
                self._ensurePackages()
            self.preview.stop()
            self.warmUp.started()
            self.session.start(request)
        except CancelledError as error:
            self._status.show("info", str(error))
        except LsmsError as error:
            self._status.show("error", str(error))
        else:
            # A report is kept nowhere.
            for prompt in request.prompts if request.report is None else ():
                self.promptLine.remember(prompt)
            if self.session.busy:
                self.runProgressed("model", 0, 0, None)
        self.update()

    def _request(self):
        return typedRequest(self._parameters, self.slicePicker.choice(), self._model())

    def _ensurePackages(self):
        """Install what the worker needs, when the user agrees; quick when all is there."""
        from LSMSSegmentationLib.Install import InstallSettings
        from LSMSSegmentationLib.Install.Installer import ensurePackages

        ensurePackages(InstallSettings.withTorch())

    def _saveEditorState(self, segmentationNode, volumeNode):
        from LSMSSegmentationLib.Panel import EditorBridge

        EditorBridge.saveUndoState(segmentationNode, volumeNode)

    # What the session tells

    def runProgressed(self, stage, done, total, secondsLeft):
        bar = self.ui.progressBar
        # Maximum 0 shows a bar that only says "busy".
        bar.maximum = total if stage in ("slices", "explain") else 0
        bar.value = done
        self._status.show("info", progressText(stage, done, total, secondsLeft))
        self.warmUp.progressed(stage)

    def runFinished(self, findings, notes):
        self.warmUp.ended()
        segmentationNode = findings[0].segmentationNode
        parameters = self._parameters
        if segmentationNode is not None and parameters is not None:
            parameters.segmentation = parameters.segmentation or segmentationNode
        report = findings[0].request.report
        skipped = [report.skippedText] if report is not None and report.skippedText else []
        self.results.showRun(findings, [*notes, *skipped])
        self.update()

    def runCorrected(self, findings):
        self.results.showCorrection(findings)
        self.update()

    def runCancelled(self):
        self._status.show("info", _("Cancelled; nothing was changed."))
        self.update()

    def runFailed(self, message):
        self._status.show("error", message)
        self.update()

    def _problem(self, message):
        self._status.show("error", message)

    # Showing

    def update(self):
        """Bring everything up to date that is not bound to a parameter."""
        ui, busy = self.ui, self.session.busy
        ui.runButton.text = _("Cancel") if busy else _("Run")
        ui.runButton.toolTip = _("Stop (Esc); nothing is written") if busy else _("Search (Enter)")
        ui.progressBar.visible = busy
        ui.correctionLineEdit.enabled = bool(self.session.findings) and not busy
        self._escape.enabled = busy or self.followUp.comparing.busy
        self.promptLine.setEnabled(not busy)
        running = self.session.controller.workerRunning
        remote = bool(ServerSettings.address())
        if remote:
            ui.workerLabel.text = _("A server runs the engine; images are sent there.")
        elif running:
            ui.workerLabel.text = _("The model is kept in memory for the next prompt.")
        else:
            ui.workerLabel.text = _("No model is in memory; the next run loads it.")
        ui.stopWorkerButton.enabled = running and not busy and not remote
        self.modelPicker.update()
        self.results.update()
        self.followUp.update()
        self.why.update()
        self.updateWhere()

    def updateWhere(self):
        """Show which slices Run would search."""
        self.slicePicker.update()
        ready = self._parameters is not None and self._parameters.inputVolume is not None
        self.ui.runButton.enabled = self.session.busy or ready
        self.ui.pasteReportButton.enabled = ready and not self.session.busy

    def copyDiagnostics(self):
        from LSMSSegmentationLib.Panel.Diagnostics import diagnosticsText

        slicer.app.clipboard().setText(diagnosticsText(self.session, self._parameters))
        self._tellBelow(_("The diagnostics were copied to the clipboard."))

    def stopWorker(self):
        self.session.controller.close()
        self._tellBelow(_("The model's memory was freed."))
        self.update()

    def _tellBelow(self, text):
        """Say something beside the buttons of the set-up, where the eyes are."""
        self.ui.setupMessageLabel.visible = True
        self._setupMessage.setText(text)

    def cleanup(self):
        for timer in (self._sceneTimer, self._segmentsTimer):
            timer.stop()
        self.preview.stop()
        self.setParameterNode(None)
        self._hotkey.deleteLater()
        self.results.cleanup()
        self.followUp.cleanup()
        self.why.cleanup()
        self._install.cleanup()
        self.server.cleanup()
        self.session.removeListener(self)
        self.removeObservers()
