"""What the panel's lists have in common."""

import qt

_ROW_PIXELS = 24
_MOST_ROWS = 10


def prepareTable(table, headings, onCurrent, onClicked):
    """Give a list its columns; the last one takes the room that the others leave.

    Args:
        table: a QTableWidget.
        headings: of the columns.
        onCurrent: called when another row or column is selected.
        onClicked: called with the row and column of a click.
    """
    table.columnCount = len(headings)
    table.setHorizontalHeaderLabels(headings)
    table.verticalHeader().visible = False
    table.verticalHeader().defaultSectionSize = _ROW_PIXELS
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(len(headings) - 1, qt.QHeaderView.Stretch)
    header.setFixedHeight(_ROW_PIXELS)
    # Else Tab would go from cell to cell for ever, and never to what follows the list.
    table.tabKeyNavigation = False
    table.connect("currentCellChanged(int,int,int,int)", onCurrent)
    table.connect("cellClicked(int,int)", onClicked)


def fitHeight(table):
    """Make a list as high as its rows, so that no blank strip is left, and no higher than ten."""
    rows = min(table.rowCount, _MOST_ROWS) + 1
    height = _ROW_PIXELS * rows + 2 * table.frameWidth
    table.minimumHeight = table.maximumHeight = height
