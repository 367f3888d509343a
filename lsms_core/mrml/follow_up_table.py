"""Two segmented studies of a patient as a table: each lesion, and how it changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import vtk
from numpy.typing import NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode

from lsms_core.anatomy.follow_up import FollowUp, LesionChange
from lsms_core.anatomy.liver_map import LiverMap
from lsms_core.anatomy.named_outlines import recognisable
from lsms_core.errors import InputError
from lsms_core.inference.outlined_follow_up import OutlinedStudy, compare_outlines
from lsms_core.mrml.segmentation_candidates import named_masks
from lsms_core.mrml.volume_nodes import read_ct

_TEXT_COLUMNS = ("Lesion", "What became of it", "Place")
_NUMBER_COLUMNS = (
    ("Longest diameter before", "mm"),
    ("Longest diameter after", "mm"),
    ("Change", "mm"),
    ("Change", "%"),
    ("Volume before", "mL"),
    ("Volume after", "mL"),
    ("Volume change", "%"),
)
COLUMNS = (*_TEXT_COLUMNS, *(f"{name} ({unit})" for name, unit in _NUMBER_COLUMNS))


def follow_up_nodes(
    before: tuple[vtkMRMLSegmentationNode, vtkMRMLScalarVolumeNode],
    after: tuple[vtkMRMLSegmentationNode, vtkMRMLScalarVolumeNode],
) -> FollowUp:
    """Match the lesions of two segmentations, each with the CT that it was made on.

    The livers are brought onto each other where both segmentations outline one; else the
    studies' places in the world are taken as they are.

    Args:
        before: segmentation and CT of the earlier study, wherever they are in the world.
        after: of the later one.

    Raises:
        InputError: when a node cannot be used.
    """
    return compare_outlines(outlined_study(*before), outlined_study(*after))


def outlined_study(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    liver: LiverMap | None = None,
    numbers: NDArray[np.integer] | None = None,
) -> OutlinedStudy:
    """Read one study of a follow-up from the scene.

    Args:
        segmentation_node: holds the lesions, and perhaps the liver.
        volume_node: the CT.
        liver: as a search of the CT knows it.
        numbers: the lesions by the numbers that a reader knows, on the CT's grid.

    Raises:
        InputError: when a node cannot be used.
    """
    ct = read_ct(volume_node)
    if segmentation_node is None or segmentation_node.GetScene() is None:
        raise InputError("A segmentation of the follow-up was deleted: select another.")
    name = segmentation_node.GetName()
    masks = recognisable(named_masks(segmentation_node, volume_node))
    if not masks:
        raise InputError(f'"{name}" holds no outline on its CT: select another.')
    return OutlinedStudy(ct, masks, name, liver, numbers)


def follow_up_table(found: FollowUp, table_node: vtkMRMLTableNode) -> vtkMRMLTableNode:
    """Fill a vtkMRMLTableNode with a follow-up, one row a lesion; returns it.

    Numbers that a lesion does not have (a new one before, say) are NaN.

    Args:
        found: from :func:`follow_up_nodes`.
        table_node: filled anew.
    """
    blocker = table_node.StartModify()
    try:
        table_node.RemoveAllColumns()
        for index, heading in enumerate(_TEXT_COLUMNS):
            strings = vtk.vtkStringArray()
            strings.SetName(heading)
            for change in found.changes:
                strings.InsertNextValue(_texts(change)[index])
            table_node.AddColumn(strings)
        for index, (heading, unit) in enumerate(_NUMBER_COLUMNS):
            values = vtk.vtkDoubleArray()
            values.SetName(f"{heading} ({unit})")
            for change in found.changes:
                values.InsertNextValue(_numbers(change)[index])
            table_node.AddColumn(values)
            table_node.SetColumnUnitLabel(f"{heading} ({unit})", unit)
        table_node.SetUseColumnTitleAsColumnHeader(True)
        table_node.SetLocked(True)
    finally:
        table_node.EndModify(blocker)
    return table_node


def _texts(change: LesionChange) -> Sequence[str]:
    old, new = change.before, change.after
    number = " to ".join(str(one.number) for one in (old, new) if one is not None)
    said = change.fate if change.partner is None else f"{change.fate} with {change.partner}"
    one = new or old
    return number, said, one.place if one is not None else ""


def _numbers(change: LesionChange) -> Sequence[float]:
    old, new = change.before, change.after
    return tuple(
        math.nan if value is None else round(value, 3)
        for value in (
            old.longest_mm if old else None,
            new.longest_mm if new else None,
            change.size_change_mm,
            change.size_change_percent,
            old.volume_ml if old else None,
            new.volume_ml if new else None,
            change.volume_change_percent,
        )
    )
