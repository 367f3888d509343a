"""The findings table says in mm, mL and HU what lies in the patient."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.errors import InputError
from lsms_core.mrml.findings import COLUMNS, findings_table
from lsms_core.mrml.segment_writing import SegmentMeta, write_mask

PARENTS = ("none", "linear", "mirrored", "chained")


def rows_of(table):
    columns = [table.GetTable().GetColumn(c) for c in range(table.GetNumberOfColumns())]
    return [
        {c.GetName(): c.GetVariantValue(r) for c in columns} for r in range(table.GetNumberOfRows())
    ]


def number(row, heading):
    return row[heading].ToDouble()


@pytest.fixture
def block(world):
    """A block of 4 x 6 x 8 voxels (slices, rows, columns) at 50 HU in a body of 110 HU."""
    mask = np.zeros(world.shape, bool)
    mask[3:7, 5:11, 6:14] = True
    return mask, np.where(mask, 50, 110).astype(np.int16)


@pytest.mark.parametrize("parent", PARENTS)
def test_a_block_of_known_size(world, block, parent):
    mask, array = block
    volume = world.volume(world.acquisitions["axial"], array, world.parent(parent))
    segmentation = world.segmentation()
    write_mask(segmentation, volume, mask, SegmentMeta("right lobe cyst"))
    table = findings_table(segmentation, volume)
    (row,) = rows_of(table)
    assert tuple(row) == COLUMNS
    assert row["Segment"].ToString() == "right lobe cyst"
    assert row["Finding"].ToString() == "Cyst"
    assert row["Side"].ToString() == "Right"
    assert row["Slices"].ToString() == "3-6"
    assert row["Lesions"].ToInt() == 1
    width, height = 8 * 0.8, 6 * 0.8
    diagonal = np.hypot(width, height)
    assert number(row, "Longest diameter (mm)") == pytest.approx(diagonal, abs=0.1)
    # At a right angle to the diagonal, the block's height limits the line through its middle.
    assert number(row, "Perpendicular (mm)") == pytest.approx(height * diagonal / width, abs=0.3)
    assert number(row, "Area (mm2)") == pytest.approx(width * height, abs=0.06)
    assert number(row, "Volume (mL)") == pytest.approx(4 * width * height / 1000.0, abs=1e-3)
    assert number(row, "Mean (HU)") == 50.0
    assert number(row, "Standard deviation (HU)") == 0.0
    assert row["Plane of diameters"].ToString() == "axial"


def test_a_single_coronal_slice_is_measured_in_its_plane(world, block):
    mask, array = block
    mask = mask & (np.arange(world.shape[1]) == 6)[:, None]
    volume = world.volume(world.acquisitions["axial"], array)
    segmentation = world.segmentation()
    write_mask(segmentation, volume, mask, SegmentMeta("cyst", plane="coronal", slices="6"))
    (row,) = rows_of(findings_table(segmentation, volume))
    assert row["Plane of diameters"].ToString() == "coronal"
    assert row["Slices"].ToString() == "6"
    assert number(row, "Longest diameter (mm)") == pytest.approx(np.hypot(8 * 0.8, 4), abs=0.1)


@pytest.mark.parametrize(
    ("acquisition", "slices", "sides"),
    [
        # Voxels of the block along the patient's left-right and front-back axes.
        ("axial", "3-6", (8 * 0.8, 6 * 0.8)),
        ("left-handed", "3-6", (8 * 1.0, 6 * 1.0)),
        ("coronal", "5-10", (8 * 0.9, 4 * 3.0)),
        ("sagittal", "5-10", (4 * 2.0, 8 * 0.9)),
    ],
)
def test_diameters_are_axial_however_it_was_acquired(world, block, acquisition, slices, sides):
    mask, array = block
    volume = world.volume(world.acquisitions[acquisition], array)
    segmentation = world.segmentation()
    write_mask(segmentation, volume, mask, SegmentMeta("cyst"))
    (row,) = rows_of(findings_table(segmentation, volume))
    assert row["Slices"].ToString() == slices
    assert number(row, "Longest diameter (mm)") == pytest.approx(np.hypot(*sides), abs=0.1)
    assert number(row, "Area (mm2)") == pytest.approx(sides[0] * sides[1], abs=0.06)


def test_a_parent_that_scales_is_measured_in_the_world(world, block):
    mask, array = block
    double = np.diag([2.0, 2.0, 2.0, 1.0])
    volume = world.volume(array=array, parent=world.linear(double))
    segmentation = world.segmentation()
    write_mask(segmentation, volume, mask, SegmentMeta("cyst"))
    (row,) = rows_of(findings_table(segmentation, volume))
    assert number(row, "Volume (mL)") == pytest.approx(8 * 4 * 6 * 8 * 0.64 / 1000.0, abs=1e-3)
    assert number(row, "Area (mm2)") == pytest.approx(4 * 6 * 8 * 0.64, abs=0.06)


def test_the_longest_diameter_is_that_of_one_lesion(world):
    """Two lesions far apart are not one long one."""
    volume = world.volume(world.acquisitions["left-handed"])
    mask = np.zeros(world.shape, bool)
    mask[4, 2:5, 1:4] = True
    mask[4, 10:14, 16:20] = True
    segmentation = world.segmentation()
    write_mask(segmentation, volume, mask, SegmentMeta("all lesions"))
    (row,) = rows_of(findings_table(segmentation, volume))
    assert row["Lesions"].ToInt() == 2
    assert row["Slices"].ToString() == "4"
    assert number(row, "Longest diameter (mm)") == pytest.approx(np.hypot(4, 4), abs=0.1)
    assert number(row, "Area (mm2)") == 16.0


def test_chosen_segments_only_and_empty_or_deleted_ones_left_out(world):
    volume = world.volume()
    segmentation = world.segmentation()
    ids = [
        write_mask(segmentation, volume, world.lesion(), SegmentMeta(name))[0]
        for name in ("one", "two", "three", "four")
    ]
    segmentation.GetSegmentation().ClearSegment(ids[1])
    segmentation.GetSegmentation().RemoveSegment(ids[2])
    table = findings_table(segmentation, volume, ids[:3])
    assert [r["Segment"].ToString() for r in rows_of(table)] == ["one"]
    again = findings_table(segmentation, volume, table_node=table)
    assert again is table
    assert [r["Segment"].ToString() for r in rows_of(table)] == ["one", "four"]
    assert tuple(rows_of(table)[0]) == COLUMNS


def test_a_segment_made_by_hand_is_measured_too(world):
    volume = world.volume()
    segmentation = world.segmentation()
    (made,) = write_mask(segmentation, volume, world.lesion(), SegmentMeta("one"))
    segment = segmentation.GetSegmentation().GetSegment(made)
    segment.SetName("by hand")
    for tag in ("LSMS.prompt", "LSMS.finding"):
        segment.RemoveTag(tag)
    (row,) = rows_of(findings_table(segmentation, volume))
    assert (row["Segment"].ToString(), row["Finding"].ToString()) == ("by hand", "")


def test_nothing_to_measure_is_an_empty_table(world):
    table = findings_table(world.segmentation(), world.volume())
    assert table.GetNumberOfRows() == 0
    assert table.GetNumberOfColumns() == len(COLUMNS)


def test_a_deleted_segmentation_is_refused(world):
    segmentation = world.segmentation()
    world.scene.RemoveNode(segmentation)
    with pytest.raises(InputError, match="segmentation was deleted"):
        findings_table(segmentation, world.volume())
