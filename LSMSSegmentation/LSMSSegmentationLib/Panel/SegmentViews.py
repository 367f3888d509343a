"""Bringing the slice views to a lesion or a segment, and rows of a table that was saved."""

import numpy as np
import slicer

from lsms_core.session.lesion_rows import LesionRow


def showPoint(ras):
    """Bring all slice views to a point, RAS mm in the world."""
    right, anterior, superior = (float(value) for value in ras)
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByOffsetting(right, anterior, superior)


def showLesion(lesion):
    """Bring all slice views to the middle of a lesion's longest diameter."""
    showPoint(np.mean(lesion.longest_ends, axis=0))


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
    showPoint(move_points(there, patch.parent, None)[0])


def savedRows(tableNode):
    """Return the rows of a findings table that came with a scene, and their segments' names."""
    table = tableNode.GetTable()

    def number(row, heading):
        return table.GetValueByName(row, heading).ToDouble()

    heading = "Longest diameter (mm)"
    if table.GetColumnByName(heading) is None:
        heading = "Longest axial diameter (mm)"  # tables saved by version 0.9
    rows, names = [], {}
    for index in range(table.GetNumberOfRows()):
        longest = number(index, heading)
        names[index + 1] = table.GetValueByName(index, "Segment").ToString()
        side = table.GetValueByName(index, "Side").ToString().lower()
        rows.append(
            LesionRow(
                number=index + 1,
                place=f"{side} lobe" if side in ("left", "right") else side,
                size=f"{longest:.0f} × {number(index, 'Perpendicular (mm)'):.0f}",
                attenuation=f"{number(index, 'Mean (HU)'):.0f}",
                kept=True,
                why="",
                lesion=None,
            )
        )
    return rows, names
