"""What was found: threshold, sizes, table, refine, undo."""

import qt
from slicer.i18n import tr as _

from LSMSSegmentationLib.Panel.FindingsView import FindingsView

# Slider moves within this time become one new cut.
_SETTLE_MILLISECONDS = 30


class ResultsPanel:
    """Drives the result's widgets.

    Args:
        ui: the panel's widgets.
        session: the logic's Session.
        say: called with (kind, text) for the status line.
        onChanged: called when segments were changed from here.
    """

    def __init__(self, ui, session, say, onChanged):
        self._ui, self._session, self._say, self._onChanged = ui, session, say, onChanged
        self._parameters = None
        self._applied = None
        self._last = ("info", "")
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
        ui.resultLabel.text = _resultText(findings) if findings else _("none yet")
        ui.resultLabel.toolTip = reason if findings else ""
        ui.refineButton.enabled = self._refinable() is not None
        ui.undoButton.enabled = self._session.writer.canUndo and not self._session.busy
        ui.redoButton.enabled = self._session.writer.canRedo and not self._session.busy

    def _updateTable(self, findings):
        from lsms_core.errors import LsmsError
        from lsms_core.mrml.findings import findings_table
        from LSMSSegmentationLib.SegmentWriter import isInScene

        segmentIDs = [s for finding in findings for s in finding.segmentIDs]
        node = findings[0].segmentationNode if findings else None
        if not isInScene(node) or not isInScene(findings[0].request.volumeNode):
            node, segmentIDs = None, []
        tableNode = self._parameters.findingsTable if self._parameters is not None else None
        if segmentIDs and self._parameters is not None:
            try:
                tableNode = findings_table(
                    node, findings[0].request.volumeNode, segmentIDs, tableNode
                )
                self._parameters.findingsTable = tableNode
            except LsmsError as error:
                self._say("warning", str(error))
                tableNode = None
        shown = bool(segmentIDs) and tableNode is not None
        self._table.show(tableNode if shown else None, node, segmentIDs)
        self._ui.findingsTableWidget.visible = shown

    def selectedFinding(self):
        """Return the finding whose segment's row is selected in the table, else None."""
        selected = self._table.selectedSegment()
        if selected is not None:
            for finding in self._session.findings:
                if finding.segmentationNode is selected[0] and selected[1] in finding.segmentIDs:
                    return finding
        return None

    def _refinable(self):
        """The first segment of the run that is still there: (segmentation, volume, ID)."""
        from LSMSSegmentationLib.SegmentWriter import isInScene

        for finding in self._session.findings:
            node, volumeNode = finding.segmentationNode, finding.request.volumeNode
            if not isInScene(node) or not isInScene(volumeNode):
                continue
            for segmentID in finding.segmentIDs:
                if node.GetSegmentation().GetSegment(segmentID) is not None:
                    return node, volumeNode, segmentID
        return None

    def refine(self):
        from LSMSSegmentationLib.Panel import EditorBridge

        target = self._refinable()
        if target is not None:
            EditorBridge.refine(*target)

    def undo(self):
        if self._session.undo():
            self._say("info", _("The last run was taken back."))
        self.refresh()
        self._onChanged()

    def redo(self):
        if self._session.redo():
            self._say("info", _("The run is back."))
            if self._session.findings and self._parameters is not None:
                self._parameters.threshold = self._session.findings[0].threshold
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
