"""Findings as a table: the measurements of each segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import vtk
from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
    vtkSegment,
)

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.lesion_summary import LesionSummary, summarise_lesions
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.anatomy.regions import label_components
from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import Patch, find_segment, patch_on_volume
from lsms_core.mrml.labelmaps import segment_ids as all_segment_ids
from lsms_core.mrml.provenance_tags import read_tags
from lsms_core.mrml.volume_nodes import read_ct

# Heading and unit of each column; text columns first.
_TEXT_COLUMNS = ("Segment", "Finding", "Side", "Slices", "Plane of diameters")
_NUMBER_COLUMNS = (
    ("Lesions", ""),
    ("Longest diameter", "mm"),
    ("Perpendicular", "mm"),
    ("Area", "mm2"),
    ("Volume", "mL"),
    ("Mean", "HU"),
    ("Standard deviation", "HU"),
)
COLUMNS = (*_TEXT_COLUMNS, *(f"{n} ({u})" if u else n for n, u in _NUMBER_COLUMNS))


@dataclass(frozen=True)
class SegmentMeasurements:
    """The lesions of one segment, measured as everywhere else.

    Attributes:
        lesions: each connected part with its measurements, the largest first.
        summary: of all of them.
        slices: first and last slice of the image's own, 0-based array indices.
    """

    lesions: tuple[Lesion, ...]
    summary: LesionSummary
    slices: tuple[int, int]


def measure(ct: CTVolume, patch: Patch, plane: str | int = "axial") -> SegmentMeasurements | None:
    """Measure a segment, None where nothing of it lies in the image.

    Args:
        ct: the image.
        patch: the segment on its grid.
        plane: where diameters and areas are taken; for a coronal or sagittal acquisition the
            slices closest to axial lie across the image's own.
    """
    inside = patch.within(ct.shape)
    if inside is None:
        return None
    affine = ct.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ inside.start
    labels, _ = label_components(inside.array, corners=False)
    seen = CTVolume(ct.array[inside.box], affine)
    lesions = tuple(measure_lesions(seen, labels, plane=plane))
    summary = summarise_lesions(lesions)
    assert summary is not None  # there is at least one voxel
    where = inside.box[SlicePlane.of(ct, plane).axis]
    return SegmentMeasurements(lesions, summary, (int(where.start), int(where.stop) - 1))


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
        segment = find_segment(segmentation_node, segment_id)
        patch = patch_on_volume(segmentation_node, volume_node, segment_id)
        found = None if patch is None else _measured(ct, patch, segment)
        if found is not None:
            rows.append((segment, found))
    if table_node is None:
        name = f"{segmentation_node.GetName()} table"
        table_node = segmentation_node.GetScene().AddNewNodeByClass("vtkMRMLTableNode", name)
    _fill(table_node, rows)
    return table_node


def _measured(ct: CTVolume, patch: Patch, segment: vtkSegment) -> SegmentMeasurements | None:
    """Measure a segment in the plane in which its answer was measured."""
    meta = read_tags(segment)
    plane: str = "axial"
    if meta is not None and meta.plane and meta.slices and "-" not in meta.slices:
        plane = meta.plane  # a single slice of another plane has no axial extent
    return measure(ct, patch, plane)


def _fill(
    table_node: vtkMRMLTableNode, rows: Sequence[tuple[vtkSegment, SegmentMeasurements]]
) -> None:
    blocker = table_node.StartModify()
    try:
        table_node.RemoveAllColumns()
        texts: list[tuple[str, ...]] = []
        numbers: list[tuple[float, ...]] = []
        for segment, found in rows:
            meta = read_tags(segment)
            first, last = found.slices
            summary, longest = found.summary, found.summary.longest
            texts.append(
                (
                    segment.GetName(),
                    meta.finding if meta else "",
                    meta.laterality if meta else "",
                    str(first) if first == last else f"{first}-{last}",
                    longest.plane,
                )
            )
            numbers.append(
                (
                    summary.count,
                    round(longest.longest_mm, 1),
                    round(longest.perpendicular_mm, 1),
                    round(longest.area_mm2, 1),
                    round(summary.volume_ml, 3),
                    round(summary.mean_hu, 1),
                    round(summary.sd_hu, 1),
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
