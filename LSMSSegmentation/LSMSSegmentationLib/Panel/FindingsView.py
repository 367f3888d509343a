"""The findings as a table in the panel; the numbers are those of the MRML table node."""

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

_ROW_PIXELS = 24
_MOST_ROWS = 8


def headings():
    return [_("Segment"), _("Size mm"), _("mm²"), _("mL"), _("HU"), _("Slices")]


class FindingsView:
    """Fills the table widget; a click shows the finding in the slice views."""

    def __init__(self, table):
        self._table = table
        self._rows = []
        table.columnCount = len(headings())
        table.setHorizontalHeaderLabels(headings())
        table.verticalHeader().visible = False
        table.verticalHeader().defaultSectionSize = _ROW_PIXELS
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        # The name gives way, so that all numbers can be read in a narrow panel.
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        header.minimumSectionSize = 30
        header.setFixedHeight(_ROW_PIXELS)
        table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        table.connect("cellClicked(int,int)", self._onCell)

    def show(self, tableNode, segmentationNode, segmentIDs):
        """Show a findings table made of these segments, None for nothing."""
        names = {}
        if segmentationNode is not None:
            segmentation = segmentationNode.GetSegmentation()
            for segmentID in segmentIDs:
                segment = segmentation.GetSegment(segmentID)
                if segment is not None:
                    names.setdefault(segment.GetName(), segmentID)
        rows = _rows(tableNode)
        self._rows = [(segmentationNode, names.get(row[0])) for row in rows]
        self._table.clearContents()
        self._table.rowCount = len(rows)
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                item = qt.QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(qt.Qt.AlignCenter)
                else:
                    item.setToolTip(text)
                self._table.setItem(number, column, item)
        # As high as its rows, so that no blank strip is left below them.
        height = _ROW_PIXELS * (min(len(rows), _MOST_ROWS) + 1) + 2 * self._table.frameWidth
        self._table.minimumHeight = height
        self._table.maximumHeight = height

    @property
    def rowCount(self):
        return len(self._rows)

    def selectedSegment(self):
        """Return (segmentation, segment ID) of the selected row, None where none is selected."""
        row = self._table.currentRow()
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def _onCell(self, row, _column):
        if row < len(self._rows):
            segmentationNode, segmentID = self._rows[row]
            if segmentID is not None:
                showSegment(segmentationNode, segmentID)


def _rows(tableNode):
    if tableNode is None:
        return []
    table = tableNode.GetTable()

    def number(row, heading, digits):
        return f"{table.GetValueByName(row, heading).ToDouble():.{digits}f}"

    rows = []
    for row in range(table.GetNumberOfRows()):
        longest = number(row, "Longest axial diameter (mm)", 1)
        rows.append(
            [
                table.GetValueByName(row, "Segment").ToString(),
                f"{longest} × {number(row, 'Perpendicular (mm)', 1)}",
                number(row, "Area (mm2)", 0),
                number(row, "Volume (mL)", 2),
                number(row, "Mean (HU)", 0),
                table.GetValueByName(row, "Slices").ToString(),
            ]
        )
    return rows


def showSegment(segmentationNode, segmentID):
    """Bring all slice views to the largest cross-section of a segment."""
    from lsms_core.errors import LsmsError
    from lsms_core.mrml.labelmaps import segment_patch
    from lsms_core.mrml.transforms import apply_affine, move_points

    try:
        patch = segment_patch(segmentationNode, segmentID)
    except LsmsError:
        return
    if patch is None:
        return
    k = int(np.argmax(patch.array.sum(axis=(1, 2))))
    j, i = (float(np.median(n)) for n in np.nonzero(patch.array[k]))
    there = apply_affine(patch.affine, np.array([[i, j, k]]) + patch.start)
    right, anterior, superior = move_points(there, patch.parent, None)[0]
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByOffsetting(right, anterior, superior)
