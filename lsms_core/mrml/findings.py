"""Findings as a table: what a radiologist measures of each segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import vtk
from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
    vtkSegment,
)

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.measurements import diameters_mm
from lsms_core.anatomy.regions import bounding_box, label_components
from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import Bool3D, find_segment, read_mask
from lsms_core.mrml.labelmaps import segment_ids as all_segment_ids
from lsms_core.mrml.provenance_tags import read_tags
from lsms_core.mrml.volume_nodes import read_ct

# Heading and unit of each column; text columns first.
_TEXT_COLUMNS = ("Segment", "Finding", "Side", "Slices")
_NUMBER_COLUMNS = (
    ("Lesions", ""),
    ("Longest axial diameter", "mm"),
    ("Perpendicular", "mm"),
    ("Area", "mm2"),
    ("Volume", "mL"),
    ("Mean", "HU"),
)
COLUMNS = (*_TEXT_COLUMNS, *(f"{n} ({u})" if u else n for n, u in _NUMBER_COLUMNS))


@dataclass(frozen=True)
class Finding:
    """The measurements of one segment.

    Attributes:
        lesions: how many connected parts it has.
        longest_mm: the longest diameter of any one lesion in any one axial slice.
        perpendicular_mm: the longest diameter perpendicular to it, of that lesion there.
        area_mm2: the area of that lesion there.
        volume_ml: the volume of all lesions.
        mean_hu: the mean HU of all lesions.
        slices: first and last axial slice, 0-based array indices.
    """

    lesions: int
    longest_mm: float
    perpendicular_mm: float
    area_mm2: float
    volume_ml: float
    mean_hu: float
    slices: tuple[int, int]


def measure(ct: CTVolume, mask: Bool3D) -> Finding | None:
    """Measure a mask, None when it is empty.

    Diameters and area are taken in the image's own slices closest to axial, in mm of the
    patient; for a coronal or sagittal acquisition these are slices across it.

    Args:
        ct: the image.
        mask: (slices, rows, columns) on its grid.
    """
    if not mask.any():
        return None
    box = bounding_box(mask, (0, 0, 0))
    plane = SlicePlane.of(ct, "axial")
    part = mask[box]
    longest, perpendicular, area = 0.0, 0.0, 0.0
    for section in plane.stack(part):
        labels, count = label_components(section)
        for number in range(1, count + 1):
            lesion = labels == number
            found = diameters_mm(lesion[bounding_box(lesion, (0, 0))], plane.spacing_mm)
            if found[0] > longest:
                longest, perpendicular = found
                area = float(lesion.sum()) * plane.spacing_mm[0] * plane.spacing_mm[1]
    where = box[plane.axis]
    voxel_mm3 = abs(float(np.linalg.det(ct.affine[:3, :3])))
    return Finding(
        lesions=label_components(part)[1],
        longest_mm=longest,
        perpendicular_mm=perpendicular,
        area_mm2=area,
        volume_ml=float(part.sum()) * voxel_mm3 / 1000.0,
        mean_hu=float(ct.array[box][part].mean(dtype=np.float64)),
        slices=(int(where.start), int(where.stop) - 1),
    )


def findings_table(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    segment_ids: Sequence[str] | None = None,
    table_node: vtkMRMLTableNode | None = None,
) -> vtkMRMLTableNode:
    """Measure segments into a vtkMRMLTableNode, one row each; empty segments have no row.

    Args:
        segmentation_node: the segmentation.
        volume_node: the CT to measure on, under any parent transform.
        segment_ids: which segments; default: all. Segments that are gone are left out.
        table_node: the table to fill anew; default: a new one in the scene.

    Returns:
        The table node.

    Raises:
        InputError: when the volume cannot be used or a node is gone.
    """
    ct = read_ct(volume_node)
    if segmentation_node is None or segmentation_node.GetScene() is None:
        raise InputError("The segmentation was deleted: select another.")
    present = all_segment_ids(segmentation_node)
    wanted = present if segment_ids is None else [s for s in segment_ids if s in present]
    rows = []
    for segment_id in wanted:
        finding = measure(ct, read_mask(segmentation_node, volume_node, segment_id))
        if finding is not None:
            rows.append((find_segment(segmentation_node, segment_id), finding))
    if table_node is None:
        name = f"{segmentation_node.GetName()} table"
        table_node = segmentation_node.GetScene().AddNewNodeByClass("vtkMRMLTableNode", name)
    _fill(table_node, rows)
    return table_node


def findings_text(table_node: vtkMRMLTableNode) -> str:
    """Return a findings table as text to paste: a heading and one line a row, tab-separated."""
    table = table_node.GetTable()
    columns = [table.GetColumn(c) for c in range(table.GetNumberOfColumns())]
    lines = ["\t".join(str(c.GetName()) for c in columns)]
    for row in range(table.GetNumberOfRows()):
        cells = [c.GetVariantValue(row).ToString() for c in columns]
        lines.append("\t".join(cell.replace("\t", " ") for cell in cells))
    return "\n".join(lines)


def _fill(table_node: vtkMRMLTableNode, rows: Sequence[tuple[vtkSegment, Finding]]) -> None:
    blocker = table_node.StartModify()
    try:
        table_node.RemoveAllColumns()
        texts: list[tuple[str, ...]] = []
        numbers: list[tuple[float, ...]] = []
        for segment, found in rows:
            meta = read_tags(segment)
            first, last = found.slices
            texts.append(
                (
                    segment.GetName(),
                    meta.finding if meta else "",
                    meta.laterality if meta else "",
                    str(first) if first == last else f"{first}-{last}",
                )
            )
            numbers.append(
                (
                    found.lesions,
                    round(found.longest_mm, 1),
                    round(found.perpendicular_mm, 1),
                    round(found.area_mm2, 1),
                    round(found.volume_ml, 3),
                    round(found.mean_hu, 1),
                )
            )
        for index, heading in enumerate(_TEXT_COLUMNS):
            strings = vtk.vtkStringArray()
            strings.SetName(heading)
            for text in texts:
                strings.InsertNextValue(text[index])
            table_node.AddColumn(strings)
        for index, (heading, (_, unit)) in enumerate(
            zip(COLUMNS[len(_TEXT_COLUMNS) :], _NUMBER_COLUMNS, strict=True)
        ):
            values = vtk.vtkIntArray() if index == 0 else vtk.vtkDoubleArray()
            values.SetName(heading)
            for number in numbers:
                values.InsertNextValue(number[index])
            table_node.AddColumn(values)
            if unit:
                table_node.SetColumnUnitLabel(heading, unit)
        table_node.SetUseColumnTitleAsColumnHeader(True)
        table_node.SetLocked(True)
    finally:
        table_node.EndModify(blocker)
