"""Two studies in a scene: which lesion is which, and how it changed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lsms_core.errors import InputError
from lsms_core.mrml.follow_up_table import COLUMNS, follow_up_nodes, follow_up_table
from lsms_core.mrml.segment_writing import SegmentMeta, WriteOptions, write_mask


def study(world, parent=None, voxel_mm=1.0, **masks):
    affine = world.acquisitions["left-handed"] * np.array([voxel_mm, voxel_mm, voxel_mm, 1.0])
    volume = world.volume(affine, parent=parent)
    node = world.segmentation()
    for name, mask in masks.items():
        write_mask(node, volume, mask, SegmentMeta(name), WriteOptions(name=name))
    return node, volume


def box(world, k, j, i):
    mask = np.zeros(world.shape, bool)
    mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


def rows_of(table):
    columns = [table.GetTable().GetColumn(c) for c in range(table.GetNumberOfColumns())]
    return [
        {c.GetName(): c.GetVariantValue(r) for c in columns} for r in range(table.GetNumberOfRows())
    ]


def test_a_grown_a_new_and_a_vanished_lesion(world):
    stays, goes = box(world, (2, 4), (2, 6), (2, 6)), box(world, (7, 9), (13, 15), (18, 21))
    grown, new = box(world, (2, 5), (2, 8), (2, 8)), box(world, (2, 4), (13, 16), (1, 4))
    before = study(world, hepatic_lesion=stays | goes)
    after = study(world, hepatic_lesion=grown | new)
    table = world.add("vtkMRMLTableNode")
    found = follow_up_nodes(before, after)
    rows = rows_of(follow_up_table(found, table))
    assert tuple(rows[0]) == COLUMNS
    by_fate = {row["What became of it"].ToString(): row for row in rows}
    assert by_fate.keys() == {"matched", "new", "vanished"}
    matched = by_fate["matched"]
    assert matched["Longest diameter before (mm)"].ToDouble() == pytest.approx(
        math.hypot(4, 4), abs=1e-3
    )
    assert matched["Longest diameter after (mm)"].ToDouble() == pytest.approx(
        math.hypot(6, 6), abs=1e-3
    )
    assert matched["Change (mm)"].ToDouble() == pytest.approx(math.hypot(2, 2), abs=1e-3)
    assert matched["Change (%)"].ToDouble() == pytest.approx(50.0, abs=1e-2)
    assert matched["Volume change (%)"].ToDouble() == pytest.approx(
        100 * (3 * 36 / 32 - 1), abs=1e-2
    )
    assert math.isnan(by_fate["new"]["Longest diameter before (mm)"].ToDouble())
    assert math.isnan(by_fate["vanished"]["Volume after (mL)"].ToDouble())
    # Filled anew, not filled on.
    follow_up_table(found, table)
    assert table.GetNumberOfRows() == 3


def test_outlined_livers_are_brought_onto_each_other(world):
    liver = box(world, (1, 9), (2, 15), (2, 19))
    lesion = box(world, (3, 6), (4, 8), (4, 9))
    before = study(world, voxel_mm=9.0, liver=liver, liver_lesion=lesion)
    moved = world.linear(world.linear_matrix(0.0, (60.0, -20.0, 30.0)))
    after = study(world, moved, 9.0, liver=liver, liver_lesion=lesion)
    found = follow_up_nodes(before, after)
    assert [change.fate for change in found.changes] == ["matched"]
    assert found.alignment.overlap > 0.95
    assert found.changes[0].size_change_mm == pytest.approx(0.0, abs=1e-6)


def test_a_deleted_segmentation_is_refused(world):
    node, volume = study(world, hepatic_lesion=box(world, (2, 4), (2, 6), (2, 6)))
    world.scene.RemoveNode(node)
    with pytest.raises(InputError, match="was deleted"):
        follow_up_nodes((node, volume), (node, volume))
