"""The list of candidates, of the last run or of the text being typed, and its corrections."""

import slicer
from slicer.i18n import tr as _

from lsms_core.session.correcting import keepLesion
from lsms_core.session.lesion_rows import findingsOf, reportLine, rowsOf, segmentOf
from lsms_core.session.segment_writer import isInScene
from LSMSSegmentationLib.Panel.Diameters import Diameters
from LSMSSegmentationLib.Panel.LesionList import LesionList
from LSMSSegmentationLib.Panel.SegmentViews import savedRows, showLesion, showSegment
from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel


class CandidatesPanel:
    """Shows one list, and turns clicks and keys in it into corrections of the answer.

    Args:
        ui: the panel's widgets.
        session: the logic's Session.
        say: called with (kind, text) for the status line.
    """

    def __init__(self, ui, session, say):
        self._ui, self._session, self._say = ui, session, say
        self._names = {}
        self._saved = None
        self._candidates = None
        self._list = LesionList(ui.findingsTableWidget, self)
        self._why = WrappedLabel(ui.lesionReasonLabel)
        self._diameters = Diameters(self._lineMoved)
        ui.diametersButton.connect("clicked()", self.drawDiameters)
        ui.copyReportButton.connect("clicked()", self.copyReport)
        ui.saveReportButton.connect("clicked()", self.saveReport)
        self._show([], editable=False)

    @property
    def rowCount(self):
        return len(self._list.rows)

    # What is shown

    def showFindings(self, findings):
        """Show the candidates of a run's findings, with what became of each."""
        self._saved = None
        self._forgetOldNames(findings)
        rows = [self._diameters.measured(r) for r in rowsOf([f.answer for f in findings])]
        self._show(rows, self._names, self._colours(findings, rows))

    def showPreview(self, answers):
        """Show what the text that is being typed would keep; nothing is written."""
        self._saved = None
        self._show(rowsOf(answers), editable=False)

    def showSaved(self, tableNode, segmentationNode):
        """Show a findings table that came with a scene."""
        rows, names = savedRows(tableNode)
        self._saved = (segmentationNode, names)
        self._show(rows, names, editable=False)

    def _show(self, rows, names=None, colours=None, editable=True):
        self._list.show(rows, names, colours, editable)
        self._ui.findingsTableWidget.visible = bool(rows)
        answered = editable and any(row.kept and row.lesion for row in rows)
        self._ui.copyReportButton.enabled = answered
        self._ui.diametersButton.enabled = answered
        self._ui.saveReportButton.enabled = any(row.lesion for row in rows)
        self._tellWhy(self._list.selected())

    def _forgetOldNames(self, findings):
        # Names belong to numbers, and numbers to one set of candidates.
        answer = findings[0].answer if findings else None
        candidates = answer.candidates.labels if answer is not None else None
        if candidates is not self._candidates:
            self._candidates, self._names = candidates, {}
            self._diameters.forget()

    def _colours(self, findings, rows):
        colours = {}
        for row in rows:
            for finding in findingsOf(row, findings):
                segmentID = segmentOf(finding, row.lesion.number) if row.kept else None
                if segmentID is not None and row.number not in colours:
                    segment = finding.segmentationNode.GetSegmentation().GetSegment(segmentID)
                    colours[row.number] = segment.GetColor()
        return colours

    def _tellWhy(self, row):
        text = ""
        if row is not None and row.why:
            text = _("Lesion {number}, {what}: {why}.").format(
                number=row.number, what=row.state, why=row.why
            )
        self._ui.lesionReasonLabel.visible = bool(text)
        self._why.setText(text)

    # What the reader does with a row

    def showLesion(self, row):
        """Bring the views to a row's lesion."""
        self._tellWhy(row)
        if row.lesion is not None:
            showLesion(row.lesion)
            return
        segment = self.selectedSegment()
        if segment is not None:
            showSegment(*segment)

    def setKept(self, row, keep):
        """Add a lesion to the answer or take it out; one step for Undo."""
        from lsms_core.errors import LsmsError

        try:
            keepLesion(self._session, row, keep)
        except LsmsError as error:
            self._say("warning", str(error))
            self.showFindings(self._session.findings)

    def rename(self, row, name):
        """Name a lesion; its segment, where it has one of its own, gets the name, too."""
        if name and name != str(row.number):
            self._names[row.number] = name
        else:
            self._names.pop(row.number, None)
        findings = self._session.findings
        for finding in findingsOf(row, findings):
            if finding.request.splitLesions and name:
                segmentID = segmentOf(finding, row.lesion.number)
                if segmentID is not None:
                    inner = finding.segmentationNode.GetSegmentation()
                    inner.GetSegment(segmentID).SetName(name)
        self.showFindings(findings)

    def selectedFinding(self):
        """Return the finding that the selected row's lesion belongs to, else None."""
        row = self._list.selected()
        if row is None or row.lesion is None:
            return None
        mine = findingsOf(row, self._session.findings)
        return next((f for f in mine if segmentOf(f, row.lesion.number) is not None), None)

    def selectedSegment(self):
        """Return (segmentation, segment ID) of the selected row, None where there is none."""
        row = self._list.selected()
        if row is None:
            return None
        if self._saved is not None:
            node, names = self._saved
            return _segmentNamed(node, names.get(row.number))
        finding = self.selectedFinding()
        if finding is None:
            return None
        return finding.segmentationNode, segmentOf(finding, row.lesion.number)

    # Report

    def reportText(self):
        """Return one line for each lesion in the answer."""
        rows = self._keptRows()
        return "\n".join(reportLine(row.lesion, self._names.get(row.number, "")) for row in rows)

    def _keptRows(self):
        return [row for row in self._list.rows if row.kept and row.lesion is not None]

    def drawDiameters(self):
        """Draw the diameters of the lesions in the answer as lines that can be moved."""
        lines = self._diameters.draw(self._keptRows(), self._names)
        self._say("info", _("{count} lines were drawn.").format(count=len(lines)))

    def _lineMoved(self, number):
        self.showFindings(self._session.findings)
        row = next((row for row in self._list.rows if row.number == number), None)
        if row is not None and row.byHand:
            text = _("Lesion {number} measures {longest:.0f} x {across:.0f} mm, by hand.")
            across = row.lesion.perpendicular_mm
            self._say(
                "info", text.format(number=number, longest=row.lesion.longest_mm, across=across)
            )

    def copyReport(self):
        slicer.app.clipboard().setText(self.reportText())
        self._say("info", _("The report lines were copied to the clipboard."))

    def saveReport(self, path=None):
        """Save the list or a report, as the file's name says; asks where to without a path."""
        from lsms_core.errors import LsmsError
        from LSMSSegmentationLib.Panel import Reports

        path = path or Reports.askWhere()
        if not path:
            return
        try:
            done = Reports.saveReport(path, self._session.findings, self._list.rows, self._names)
        except LsmsError as error:
            self._say("error", str(error))
        else:
            self._say("info", done)


def _segmentNamed(node, name):
    if not isInScene(node) or name is None:
        return None
    inner = node.GetSegmentation()
    for index in range(inner.GetNumberOfSegments()):
        if inner.GetNthSegment(index).GetName() == name:
            return node, inner.GetNthSegmentID(index)
    return None
