"""Diameters as Slicer's own line markups, on the slice where they are longest; moved by hand."""

from dataclasses import dataclass, replace

import slicer

_ATTRIBUTE = "LSMSSegmentation.diameterOf"
_FIELDS = {
    "L": ("longest_ends", "longest_mm"),
    "P": ("perpendicular_ends", "perpendicular_mm"),
}


@dataclass
class _Drawn:
    """A line, and what it was drawn from."""

    node: object
    tag: int
    number: int
    letter: str
    lesion: object


class Diameters:
    """Draws the lines, and keeps what a reader made of them.

    Args:
        onMoved: called with a row's number when one of its lines was moved.
    """

    def __init__(self, onMoved):
        self._onMoved = onMoved
        self._lines = []
        self._moved = {}

    def draw(self, rows, names=None):
        """Draw the two diameters of each row's lesion; those drawn before are replaced.

        Args:
            rows: LesionRows.
            names: number -> the name that the reader gave.

        Returns:
            The line nodes.
        """
        self.remove()
        for row in rows:
            name = (names or {}).get(row.number) or str(row.number)
            for letter, (field, _size) in _FIELDS.items():
                ends = getattr(row.lesion, field)
                if ends[0] != ends[1]:
                    node = _line(f"{name} {letter}", ends, row.number)
                    self._follow(node, row, letter)
        return [line.node for line in self._lines]

    def _follow(self, node, row, letter):
        line = _Drawn(node, 0, row.number, letter, self._drawnFrom(row))
        line.tag = node.AddObserver(node.PointModifiedEvent, lambda *_: self._lineMoved(line))
        self._lines.append(line)

    def _drawnFrom(self, row):
        known = self._moved.get(row.number)
        return known[0] if known is not None else row.lesion

    def remove(self):
        """Remove the lines that were drawn from here; what was measured with them stays."""
        for line in self._lines:
            line.node.RemoveObserver(line.tag)
        self._lines = []
        for node in slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode"):
            if node.GetAttribute(_ATTRIBUTE):
                slicer.mrmlScene.RemoveNode(node)

    def forget(self):
        """Forget what was measured by hand: the lesions are others now."""
        self._moved = {}

    def measured(self, row):
        """Return a row with what its moved lines measure; the row itself where none was moved."""
        drawn, fields = self._moved.get(row.number, (None, None))
        if drawn is None or row.lesion is None:
            return row
        if drawn.longest_ends != row.lesion.longest_ends or drawn.slices != row.lesion.slices:
            return row  # its outline was corrected since
        return row.withLesion(replace(row.lesion, **fields), byHand=True)

    def _lineMoved(self, line):
        if line.node.GetNumberOfDefinedControlPoints() < 2:
            return
        ends = []
        for index in (0, 1):
            point = [0.0, 0.0, 0.0]
            line.node.GetNthControlPointPositionWorld(index, point)
            ends.append(tuple(point))
        ends_field, size_field = _FIELDS[line.letter]
        _drawn, fields = self._moved.setdefault(line.number, (line.lesion, {}))
        fields[ends_field] = tuple(ends)
        fields[size_field] = line.node.GetLineLengthWorld()
        self._onMoved(line.number)


def _line(name, ends, number):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
    node.SetAttribute(_ATTRIBUTE, str(number))
    for end in ends:
        node.AddControlPointWorld([float(value) for value in end])
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetPropertiesLabelVisibility(True)
        display.SetPointLabelsVisibility(False)
        # On the slice of the diameter only: elsewhere it would measure nothing.
        display.SetSliceProjection(False)
    return node
