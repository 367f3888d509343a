"""Diameters as Slicer's own line markups, on the slice where they are longest."""

import slicer

_ATTRIBUTE = "LSMSSegmentation.diameterOf"


def drawDiameters(rows, names=None):
    """Draw the two diameters of each row's lesion; those drawn before are replaced.

    Args:
        rows: LesionRows.
        names: number -> the name that the reader gave.

    Returns:
        The line nodes.
    """
    removeDiameters()
    nodes = []
    for row in rows:
        name = (names or {}).get(row.number) or str(row.number)
        for ends, letter in (
            (row.lesion.longest_ends, "L"),
            (row.lesion.perpendicular_ends, "P"),
        ):
            if ends[0] != ends[1]:
                nodes.append(_line(f"{name} {letter}", ends, row.number))
    return nodes


def removeDiameters():
    """Remove the lines that were drawn from here."""
    for node in slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode"):
        if node.GetAttribute(_ATTRIBUTE):
            slicer.mrmlScene.RemoveNode(node)


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
