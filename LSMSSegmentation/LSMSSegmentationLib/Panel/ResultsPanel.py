"""The result of a run: threshold, sizes, table, refine, undo."""

import qt
from slicer.i18n import tr as _

from lsms_core.session.run_texts import outcome, resultText
from LSMSSegmentationLib.Panel.CandidatesPanel import CandidatesPanel
from LSMSSegmentationLib.Panel.StatusLine import attempt
from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel

# Slider moves within this time become one new cut.
_SETTLE_MILLISECONDS = 30
# The saved table follows when the segments are on the screen: measuring may take longer.
_TABLE_MILLISECONDS = 200


class ResultsPanel:
    """Drives the result's widgets.

    Args:
        ui: the panel's widgets.
        session: the logic's Session.
        status: the panel's StatusLine.
        onChanged: called when segments were changed from here.
    """

    def __init__(self, ui, session, status, onChanged):
        self._ui, self._session, self._onChanged = ui, session, onChanged
        self._status, self._say = status, status.show
        self._parameters = None
        self._applied = None
        self._last = ("info", "")
        self._toldGone = False
        self._result = WrappedLabel(ui.resultLabel)
        self._reason = WrappedLabel(ui.resultReasonLabel)
        self.candidates = CandidatesPanel(ui, session, status.show)
        # Whether the list shows what a typed text would find.
        self.previewed = False
        self._tableTimer = qt.QTimer()
        self._tableTimer.interval = _TABLE_MILLISECONDS
        self._tableTimer.connect("timeout()", self.measureNow)
        self._timer = qt.QTimer()
        self._timer.interval = _SETTLE_MILLISECONDS
        self._timer.connect("timeout()", self.recutNow)
        ui.refineButton.connect("clicked()", self.refine)
        ui.undoButton.connect("clicked()", self.undo)
        ui.redoButton.connect("clicked()", self.redo)

    def setParameterNode(self, parameterNode):
        self._timer.stop()
        if self._tableTimer.active:
            self.measureNow()
        self._parameters = parameterNode
        self._applied = self._settings()
        self.refresh()

    def cleanup(self):
        self._timer.stop()
        self._tableTimer.stop()

    def _settings(self):
        parameters = self._parameters
        if parameters is None:
            return None
        return (parameters.threshold, parameters.keepLargest, parameters.minimumArea)

    def settingsChanged(self):
        """React to the threshold's and the sizes' widgets."""
        if self._session.findings and self._settings() != self._applied:
            self._timer.start()

    def recutNow(self):
        """Cut the kept maps at the widgets' values."""
        from lsms_core.errors import LsmsError

        self._timer.stop()
        wanted = self._settings()
        if wanted is None or wanted == self._applied or not self._session.findings:
            return
        self._applied = wanted
        try:
            self._session.recut(*wanted)
        except LsmsError as error:
            self._say("warning", str(error))
        else:
            self._last = outcome(self._session.findings)
            self.tellAgain()
        self.refresh()

    def showRun(self, findings, notes):
        """Show a run's findings, and set the slider to where the model cut."""
        kind, text = outcome(findings)
        self._last = kind, "\n".join([text, *notes])
        self._toldGone = False
        self.tellAgain()
        if self._parameters is not None:
            self._parameters.threshold = min(max(findings[0].threshold, 0.01), 0.99)
        self._applied = self._settings()
        self.refresh()

    def tellAgain(self):
        """Say what the last run or cut came to."""
        self._say(*self._last)

    def refresh(self):
        """Bring everything up to date after findings or segments have changed."""
        self._showCandidates()
        self._tableTimer.start()
        self.update()

    def _showCandidates(self):
        self.previewed = False
        findings, parameters = self._session.findings, self._parameters
        tableNode = parameters.findingsTable if parameters is not None else None
        if findings or tableNode is None or self._session.history.current is not None:
            self.candidates.showFindings(findings)
        else:
            self.candidates.showSaved(tableNode, parameters.segmentation)  # a reloaded scene

    def showPreview(self, answers):
        """Show what the text that is being typed would find; None for the last run again."""
        if answers is None:
            self._showCandidates()
        else:
            self.previewed = True
            self.candidates.showPreview(answers)

    def update(self):
        """Bring texts and buttons up to date; quick."""
        findings, ui = self._session.findings, self._ui
        reason = self._session.canRecut()
        for widget in (ui.thresholdSlider, ui.minimumAreaSpinBox, ui.keepLargestCheckBox):
            widget.enabled = not reason or not findings
        self._result.setText(resultText(findings) if findings else self._noneText())
        self._reason.setText(reason if findings else "")
        ui.resultReasonLabel.visible = bool(findings and reason)
        ui.refineButton.enabled = self._refinable() is not None
        history, busy = self._session.history, self._session.busy
        ui.undoButton.enabled = history.canUndo and not busy
        ui.redoButton.enabled = history.canRedo and not busy

    def _noneText(self):
        saved = self._parameters is not None and self._parameters.findingsTable is not None
        return _("from the saved scene") if saved and self.candidates.rowCount else _("none yet")

    def othersChanged(self):
        """Follow what was undone, removed or painted elsewhere, as in Segment Editor."""
        run = self._session.history.current
        gone = run is not None and run.gone
        # Only in the place of what the run had said: not over a newer message.
        if gone and not self._toldGone and self._status.text == self._last[1]:
            self._say("info", _("{run}: undone or removed elsewhere.").format(run=run.title))
        elif self._toldGone and run is not None and not gone:
            self.tellAgain()
        self._toldGone = gone
        if self.previewed:  # the list is the typed text's; what changed is shown after it
            self._tableTimer.start()
            self.update()
        else:
            self.refresh()

    def forget(self):
        """Say nothing of a scene that was closed."""
        self._last = ("info", "")
        self._toldGone = False
        self.tellAgain()

    def measureNow(self):
        """Bring the table that is saved with the scene up to date."""
        from lsms_core.errors import LsmsError
        from lsms_core.mrml.findings import findings_table
        from lsms_core.session.segment_writer import isInScene

        self._tableTimer.stop()
        findings, parameters = self._session.findings, self._parameters
        segmentIDs = [s for finding in findings for s in finding.segmentIDs]
        if parameters is None or not segmentIDs:
            return
        node, volumeNode = findings[0].segmentationNode, findings[0].request.volumeNode
        if not isInScene(node) or not isInScene(volumeNode):
            return
        try:
            parameters.findingsTable = findings_table(
                node, volumeNode, segmentIDs, parameters.findingsTable
            )
        except LsmsError as error:
            self._say("warning", str(error))

    def selectedFinding(self):
        """Return the finding that the selected row belongs to, else None."""
        return self.candidates.selectedFinding()

    def _refinable(self):
        """The selected row's segment, else the run's first: (segmentation, volume, ID)."""
        from lsms_core.session.segment_writer import isInScene

        selected = self.candidates.selectedSegment()
        if selected is not None and isInScene(selected[0]) and selected[1] is not None:
            volumeNode = self._volumeOf(selected)
            if isInScene(volumeNode) and selected[0].GetSegmentation().GetSegment(selected[1]):
                return selected[0], volumeNode, selected[1]
        for finding in self._session.findings:
            node, volumeNode = finding.segmentationNode, finding.request.volumeNode
            if not isInScene(node) or not isInScene(volumeNode):
                continue
            for segmentID in finding.segmentIDs:
                if node.GetSegmentation().GetSegment(segmentID) is not None:
                    return node, volumeNode, segmentID
        return None

    def _volumeOf(self, selected):
        finding = self.selectedFinding()
        if finding is not None and finding.segmentationNode is selected[0]:
            return finding.request.volumeNode
        return self._parameters.inputVolume if self._parameters is not None else None

    def refine(self):
        from LSMSSegmentationLib.Panel import EditorBridge

        target = self._refinable()
        if target is not None:
            EditorBridge.refine(*target)

    def undo(self):
        """Take the last run back, and show what the run before had found."""
        run = attempt(self._session.undo, self._say)
        if run is not None:
            text = _("Taken back: {run}.") if run.changes else _("Put aside: {run}.")
            self._say("info", text.format(run=run.title))
        self._showCurrent()

    def redo(self):
        run = attempt(self._session.redo, self._say)
        if run is not None:
            self._say("info", _("Back again: {run}.").format(run=run.title))
        self._showCurrent()

    def showCorrection(self, findings):
        """Show an answer that was corrected, by a click or in words."""
        self._last = outcome(findings)
        what = self._session.history.current.what
        self._say("info", _("Done: {what}. Undo takes it back.").format(what=what))
        self.refresh()

    def _showCurrent(self):
        findings = self._session.findings
        if findings and self._parameters is not None:
            self._parameters.threshold = min(max(findings[0].threshold, 0.01), 0.99)
            self._last = outcome(findings)
        self._applied = self._settings()
        self.refresh()
        self._onChanged()
