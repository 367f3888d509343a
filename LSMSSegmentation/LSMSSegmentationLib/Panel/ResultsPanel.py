"""What was found: threshold, sizes, table, refine, undo."""

import qt
from slicer.i18n import tr as _

from LSMSSegmentationLib.Panel.FindingsView import FindingsView
from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel

# Slider moves within this time become one new cut.
_SETTLE_MILLISECONDS = 30


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
        self._table = FindingsView(ui.findingsTableWidget)
        self._timer = qt.QTimer()
        self._timer.interval = _SETTLE_MILLISECONDS
        self._timer.connect("timeout()", self.recutNow)
        ui.refineButton.connect("clicked()", self.refine)
        ui.undoButton.connect("clicked()", self.undo)
        ui.redoButton.connect("clicked()", self.redo)

    def setParameterNode(self, parameterNode):
        self._timer.stop()
        self._parameters = parameterNode
        self._applied = self._settings()
        self.refresh()

    def cleanup(self):
        self._timer.stop()

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
        """Measure the findings anew, and bring everything up to date."""
        self._updateTable(self._session.findings)
        self.update()

    def update(self):
        """Bring texts and buttons up to date; quick."""
        findings, ui = self._session.findings, self._ui
        reason = self._session.canRecut()
        for widget in (ui.thresholdSlider, ui.minimumAreaSpinBox, ui.keepLargestCheckBox):
            widget.enabled = not reason or not findings
        self._result.setText(_resultText(findings) if findings else self._noneText())
        self._reason.setText(reason if findings else "")
        ui.resultReasonLabel.visible = bool(findings and reason)
        ui.refineButton.enabled = self._refinable() is not None
        history, busy = self._session.history, self._session.busy
        ui.undoButton.enabled = history.canUndo and not busy
        ui.redoButton.enabled = history.canRedo and not busy

    def _noneText(self):
        saved = self._parameters is not None and self._parameters.findingsTable is not None
        return _("from the saved scene") if saved and self._table.rowCount else _("none yet")

    def othersChanged(self):
        """Follow what was undone, removed or painted elsewhere, as in Segment Editor."""
        run = self._session.history.current
        gone = run is not None and run.gone
        # Only in the place of what the run had said: not over a newer message.
        if gone and not self._toldGone and self._status.text == self._last[1]:
            prompts = ", ".join(f"“{prompt}”" for prompt in run.prompts)
            self._say("info", _("{prompts}: undone or removed elsewhere.").format(prompts=prompts))
        elif self._toldGone and run is not None and not gone:
            self.tellAgain()
        self._toldGone = gone
        self.refresh()

    def forget(self):
        """Say nothing of a scene that was closed."""
        self._last = ("info", "")
        self._toldGone = False
        self.tellAgain()

    def _updateTable(self, findings):
        from lsms_core.errors import LsmsError
        from lsms_core.mrml.findings import findings_table
        from lsms_core.mrml.labelmaps import segment_ids
        from LSMSSegmentationLib.SegmentWriter import isInScene

        parameters = self._parameters
        segmentIDs = [s for finding in findings for s in finding.segmentIDs]
        node = findings[0].segmentationNode if findings else None
        tableNode = parameters.findingsTable if parameters is not None else None
        if not findings and tableNode is not None and not self._session.history.current:
            # A scene that was saved with its table.
            node = parameters.segmentation
            segmentIDs = segment_ids(node) if node is not None else []
        elif not isInScene(node) or not isInScene(findings[0].request.volumeNode):
            node, segmentIDs = None, []
        elif segmentIDs and parameters is not None:
            try:
                tableNode = findings_table(
                    node, findings[0].request.volumeNode, segmentIDs, tableNode
                )
                parameters.findingsTable = tableNode
            except LsmsError as error:
                self._say("warning", str(error))
                tableNode = None
        shown = bool(segmentIDs) and tableNode is not None
        self._table.show(tableNode if shown else None, node, segmentIDs)
        self._ui.findingsTableWidget.visible = shown and self._table.rowCount > 0

    def selectedFinding(self):
        """Return the finding whose segment's row is selected in the table, else None."""
        selected = self._table.selectedSegment()
        if selected is not None:
            for finding in self._session.findings:
                if finding.segmentationNode is selected[0] and selected[1] in finding.segmentIDs:
                    return finding
        return None

    def _refinable(self):
        """The selected row's segment, else the run's first: (segmentation, volume, ID)."""
        from LSMSSegmentationLib.SegmentWriter import isInScene

        selected = self._table.selectedSegment()
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
        run = self._attempt(self._session.undo)
        if run is not None:
            text = _("Taken back: {prompts}.") if run.changes else _("Put aside: {prompts}.")
            self._say("info", text.format(prompts=", ".join(f"“{p}”" for p in run.prompts)))
        self._showCurrent()

    def redo(self):
        run = self._attempt(self._session.redo)
        if run is not None:
            prompts = ", ".join(f"“{prompt}”" for prompt in run.prompts)
            self._say("info", _("Back again: {prompts}.").format(prompts=prompts))
        self._showCurrent()

    def _attempt(self, action):
        from lsms_core.errors import LsmsError

        try:
            return action()
        except LsmsError as error:
            self._say("error", str(error))
            return None

    def _showCurrent(self):
        findings = self._session.findings
        if findings and self._parameters is not None:
            self._parameters.threshold = min(max(findings[0].threshold, 0.01), 0.99)
            self._last = outcome(findings)
        self._applied = self._settings()
        self.refresh()
        self._onChanged()


def outcome(findings):
    """Return (kind, text) for the status line."""
    missing = [finding for finding in findings if not finding.present]
    covered = [f for f in findings if f.present and not f.segmentIDs]
    found = [finding for finding in findings if finding.present and finding.segmentIDs]
    lines = []
    for finding in found:
        count = len(finding.segmentIDs)
        text = _("Found “{prompt}”.") if count == 1 else _("Found “{prompt}” in {count} segments.")
        lines.append(text.format(prompt=finding.prompt, count=count))
    for finding in covered:
        text = _("“{prompt}” lies wholly in other segments, which were left as they are.")
        lines.append(text.format(prompt=finding.prompt))
    for finding in missing:
        if finding.segmentIDs:
            text = _("Nothing is left of “{prompt}” with these settings.")
        else:
            text = _(
                "Nothing found for “{prompt}” (score {score:.2f}). No segment was made or "
                "changed. A lower threshold shows weaker candidates."
            )
        lines.append(text.format(prompt=finding.prompt, score=finding.score))
    return ("info" if found and not missing else "nothing"), "\n".join(lines)


def _resultText(findings):
    lines = []
    for finding in findings:
        state = _("score {score:.2f}") if finding.present else _("not found, score {score:.2f}")
        lines.append(f"{finding.prompt}: " + state.format(score=finding.score))
    return "\n".join(lines)
