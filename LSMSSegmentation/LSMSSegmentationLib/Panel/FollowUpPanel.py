"""Compares with an earlier study in the scene, and lists what became of each lesion."""

import qt
import slicer
from slicer.i18n import tr as _

from lsms_core.session.comparing import Comparing, StudyNodes, whyNotComparable
from lsms_core.session.follow_up_rows import changeRows, followUpText
from lsms_core.session.study_segmentations import ctOf
from LSMSSegmentationLib.Panel.ListTable import fitHeight, prepareTable
from LSMSSegmentationLib.Panel.SegmentViews import showPoint
from LSMSSegmentationLib.Panel.StatusLine import StatusLine
from LSMSSegmentationLib.Panel.WrappedLabel import WrappedLabel
from LSMSSegmentationLib.WorkerProcess import makeLocalClient, makeTimer


def headings():
    return [_("No."), _("Where"), _("Size mm"), _("mL"), _("Change of both")]


class FollowUpPanel:
    """Drives the section "Compare with earlier study".

    Args:
        ui: the panel's widgets.
        session: the logic's Session.
        onChanged: called when a comparison began or ended.
    """

    def __init__(self, ui, session, onChanged):
        self._ui, self._onChanged = ui, onChanged
        self._parameters = None
        self._suggestedFor = None
        self._rows = []
        self.comparing = Comparing(session, self, makeLocalClient, makeTimer)
        self._reason = WrappedLabel(ui.compareReasonLabel)
        self._status = StatusLine(ui.compareStatusLabel)
        ui.compareButton.connect("clicked()", self.compareOrCancel)
        ui.compareProgressBar.visible = False
        prepareTable(ui.followUpTableWidget, headings(), self._onCurrent, self._onClicked)
        self._show([])

    def setParameterNode(self, parameterNode):
        """Show another parameter node; None before the scene closes and while hidden."""
        self._parameters = parameterNode
        self.update()

    @property
    def _earlier(self):
        parameters = self._parameters
        return StudyNodes(parameters.earlierSegmentation, parameters.earlierVolume)

    @property
    def _later(self):
        return StudyNodes(self._parameters.segmentation, self._parameters.inputVolume)

    def update(self):
        """Bring reason and button up to date; quick."""
        ui, busy = self._ui, self.comparing.busy
        reason = ""
        if self._parameters is not None and not busy:
            self._suggestCT()
            reason = whyNotComparable(self._earlier, self._later)
        ui.compareButton.text = _("Cancel") if busy else _("Compare")
        ui.compareButton.enabled = busy or (self._parameters is not None and not reason)
        ui.compareReasonLabel.visible = bool(reason)
        self._reason.setText(reason)
        ui.compareProgressBar.visible = busy

    def _suggestCT(self):
        """Take the CT that the segmentation was made on, once for each that is chosen."""
        node = self._parameters.earlierSegmentation
        if node is self._suggestedFor:
            return
        self._suggestedFor = node
        volumeNode = ctOf(node)
        if volumeNode is not None:
            self._parameters.earlierVolume = volumeNode

    # The comparison

    def cancel(self):
        self.comparing.cancel()

    def compareOrCancel(self):
        from lsms_core.errors import LsmsError

        if self.comparing.busy:
            self.cancel()
            return
        try:
            self.comparing.start(self._earlier, self._later)
        except LsmsError as error:
            self._status.show("error", str(error))
        else:
            self.compareProgressed(0, 0)
        self._onChanged()

    def compareProgressed(self, done, total):
        steps = [
            _("Measuring the earlier study…"),
            _("Measuring the later study…"),
            _("Bringing the livers onto each other…"),
            _("Matching the lesions…"),
        ]
        bar = self._ui.compareProgressBar
        bar.maximum, bar.value = total, done
        self._status.show("info", steps[min(done, len(steps) - 1)])

    def compareFinished(self, found):
        self._status.show(*followUpText(found))
        if self._parameters is not None:
            self._fillTable(found)
        self._show(changeRows(found))
        self._onChanged()

    def compareFailed(self, kind, message):
        self._status.show(kind, message)
        self._onChanged()

    def _fillTable(self, found):
        """Put the changes into the scene's table, which is saved with it."""
        from lsms_core.mrml.follow_up_table import follow_up_table

        node = self._parameters.followUpTable
        if node is None:
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Follow-up")
            self._parameters.followUpTable = node
        follow_up_table(found, node)

    # The list

    def _show(self, rows):
        table = self._ui.followUpTableWidget
        self._rows = []  # while it is filled, nothing is shown in the views
        table.clearContents()
        table.rowCount = len(rows)
        for index, row in enumerate(rows):
            texts = (row.numbers, row.place, row.size, row.volume, row.change)
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
                item.setToolTip(text)
                table.setItem(index, column, item)
        fitHeight(table)
        table.visible = bool(rows)
        self._rows = list(rows)

    def _onCurrent(self, index, _column, before, _columnBefore):
        if index != before:
            self._onClicked(index, 0)

    def _onClicked(self, index, _column):
        if 0 <= index < len(self._rows):
            showPoint(self._rows[index].point)

    def forget(self):
        """Say nothing of a scene that was closed."""
        self.comparing.close()
        self._suggestedFor = None
        self._status.show("info", "")
        self._show([])

    def cleanup(self):
        self.comparing.close()
