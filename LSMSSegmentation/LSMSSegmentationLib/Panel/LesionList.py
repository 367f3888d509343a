"""The list of lesions with their decisions and reasons, for mouse and keyboard."""

import qt
from slicer.i18n import tr as _

from LSMSSegmentationLib.Panel.ListTable import fitHeight, prepareTable

_PLAIN = qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled
_GREY = "#8a8a8a"


def headings():
    return [_("No."), _("Where"), _("Size mm"), _("HU"), _("Why")]


_KEYS = {
    qt.Qt.Key_Space: "toggle",
    qt.Qt.Key_Delete: "remove",
    qt.Qt.Key_Backspace: "remove",
    qt.Qt.Key_F2: "rename",
    qt.Qt.Key_Up: "up",
    qt.Qt.Key_Down: "down",
}


class _Keys(qt.QObject):
    """Passes on the keys that do something to the selected row."""

    def __init__(self, onKey):
        qt.QObject.__init__(self)
        self._onKey = onKey

    def eventFilter(self, _watched, event):
        if event.type() == qt.QEvent.KeyPress and event.key() in _KEYS:
            return self._onKey(_KEYS[event.key()])
        return False


class LesionList:
    """Drives the table of lesions.

    Args:
        table: a QTableWidget.
        actions: an object with ``showLesion(row)``, ``setKept(row, keep)`` and
            ``rename(row, name)``; ``row`` is a :class:`LesionRow`.
    """

    def __init__(self, table, actions):
        self._table, self._actions = table, actions
        self._rows = []
        self._shown = []
        self._names = {}
        self._filling = False
        self._editable = False
        # The reason takes what is left; it stands whole below the list for the selected row.
        prepareTable(table, headings(), self._onCurrent, self._onClicked)
        table.horizontalHeader().minimumSectionSize = 30
        table.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
        table.connect("cellChanged(int,int)", self._onChanged)
        table.connect("cellDoubleClicked(int,int)", self._onDoubleClicked)
        self._keys = _Keys(self._onKey)
        table.installEventFilter(self._keys)

    @property
    def rows(self):
        return list(self._rows)

    def selected(self):
        """Return the selected row, None where none is selected."""
        index = self._table.currentRow()
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def show(self, rows, names=None, colours=None, editable=True):
        """Show rows, and keep the selected lesion selected.

        Args:
            rows: LesionRows.
            names: number -> the name that the reader gave.
            colours: number -> (red, green, blue), 0 to 1, of the lesion in the views.
            editable: whether rows can be kept, dropped and renamed; a preview's cannot.
        """
        before = self.selected()
        names, colours = names or {}, colours or {}
        self._filling = True
        self._rows, self._names, self._editable = list(rows), dict(names), editable
        self._table.rowCount = len(rows)
        self._shown = [
            self._fill(index, row, names.get(row.number), colours.get(row.number))
            for index, row in enumerate(rows)
        ]
        fitHeight(self._table)
        if before is not None:
            for index, row in enumerate(rows):
                if row.number == before.number and index != self._table.currentRow():
                    self._table.setCurrentCell(index, 0)
        self._filling = False

    def _fill(self, index, row, name, colour):
        """Write a row where it says something else than before; return what it says.

        The list is shown anew whenever something in the scene changes, and a new item takes away
        the name that the reader is typing.
        """
        texts = (name or str(row.number), row.place, row.size, row.attenuation, row.why)
        says = (row.number, *texts, row.kept, colour, self._editable)
        if self._shown[index : index + 1] == [says] and self._unchanged(index, row, texts[0]):
            return says
        for column, text in enumerate(texts):
            item = self._item(row, column, text)
            if column == 0:
                self._mark(item, row, colour)
            self._table.setItem(index, column, item)
        return says

    def _unchanged(self, index, row, name):
        """Return whether the reader's last click or name was not one that was refused."""
        item = self._table.item(index, 0)
        return item.text() == name and (item.checkState() == qt.Qt.Checked) == row.kept

    def _item(self, row, column, text):
        item = qt.QTableWidgetItem(text)
        item.setFlags(_PLAIN)
        item.setToolTip(row.why or text)
        if column in (2, 3):
            item.setTextAlignment(qt.Qt.AlignCenter)
        if not row.kept:
            item.setForeground(qt.QBrush(qt.QColor(_GREY)))
        return item

    def _mark(self, item, row, colour):
        if self._editable:
            item.setFlags(_PLAIN | qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEditable)
        item.setCheckState(qt.Qt.Checked if row.kept else qt.Qt.Unchecked)
        if row.kept and colour is not None:
            red, green, blue = (round(255 * value) for value in colour)
            item.setBackground(qt.QBrush(qt.QColor(red, green, blue)))
            item.setForeground(qt.QBrush(qt.QColor("#000000")))

    def _onChanged(self, index, column):
        if self._filling or column != 0 or not 0 <= index < len(self._rows):
            return
        row, item = self._rows[index], self._table.item(index, 0)
        name = item.text().strip()
        keep = item.checkState() == qt.Qt.Checked
        if keep != row.kept:
            self._actions.setKept(row, keep)
        elif name != (self._names.get(row.number) or str(row.number)):
            self._actions.rename(row, name)

    def _onCurrent(self, index, _column, before, _columnBefore):
        if not self._filling and index != before and 0 <= index < len(self._rows):
            self._actions.showLesion(self._rows[index])

    def _onClicked(self, index, _column):
        # A second click on the selected row: the views may have been scrolled away.
        if 0 <= index < len(self._rows):
            self._actions.showLesion(self._rows[index])

    def _onDoubleClicked(self, index, column):
        # Qt itself opens the editor in the number's cell; the other cells are not edited.
        if column != 0 and self._editable and 0 <= index < len(self._rows):
            self._table.editItem(self._table.item(index, 0))

    def _onKey(self, what):
        if what in ("up", "down"):
            # At the end of the list the key would go on to the section around it, which
            # takes the keyboard away.
            last = len(self._rows) - 1
            return self._table.currentRow() == (0 if what == "up" else last)
        row = self.selected()
        if row is None or not self._editable:
            return False
        if what == "rename":
            self._table.editItem(self._table.item(self._table.currentRow(), 0))
            return True
        keep = not row.kept if what == "toggle" else False
        if keep != row.kept:
            self._actions.setKept(row, keep)
        return True
