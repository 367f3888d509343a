"""A saved scene comes back with every segment, tag, colour, lock, table and prompt."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from lsms_core.mrml.findings import findings_table
from lsms_core.mrml.history import favourites, history, remember, set_favourite
from lsms_core.mrml.labelmaps import read_mask, segment_ids
from lsms_core.mrml.segment_terminology import terminology_entry
from lsms_core.mrml.segment_writing import (
    SegmentMeta,
    WriteOptions,
    is_locked,
    read_meta,
    set_locked,
    write_mask,
)
from lsms_core.mrml.undo import RunChanges
from lsms_core.mrml.volume_nodes import volume_key

AWKWARD = 'l\u00e9sion "gauche" | 50% <1 cm & more: ~^\u2026'
META = SegmentMeta(
    AWKWARD,
    model="lsms-tiny|1",
    engine="lsms",
    score=0.875,
    threshold=0.45,
    plane="axial",
    slices="4-6",
    date="2025-03-04T05:06:07+01:00",
)


def save(world, folder):
    """As the application saves: each node's data to a file, then the scene."""
    for number in range(world.scene.GetNumberOfNodes()):
        node = world.scene.GetNthNode(number)
        if not node.IsA("vtkMRMLStorableNode") or not node.GetSaveWithScene():
            continue
        storage = node.GetStorageNode()
        if storage is None:
            node.AddDefaultStorageNode()
            storage = node.GetStorageNode()
        if storage is None:
            continue
        extension = storage.GetDefaultWriteFileExtension()
        storage.SetFileName(str(folder / f"{node.GetID()}.{extension}"))
        assert storage.WriteData(node), node.GetID()
    world.scene.SetRootDirectory(str(folder))
    world.scene.SetURL(str(folder / "scene.mrml"))
    assert world.scene.Commit()


def load(world, folder):
    world.scene.Clear(0)
    assert world.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert history(world.scene) == []
    world.scene.SetURL(str(folder / "scene.mrml"))
    assert world.scene.Connect()


def first(world, class_name):
    return world.scene.GetFirstNodeByClass(class_name)


@pytest.mark.parametrize("parent", ["none", "chained", "warped"])
def test_everything_is_back(world, tmp_path, parent):
    volume = world.volume(world.acquisitions["axial"], parent=world.parent(parent))
    segmentation = world.segmentation()
    more = world.lesion(centre=(5, 8, 14))
    (one,) = write_mask(segmentation, volume, world.lesion(), META)
    (two,) = write_mask(segmentation, volume, more, SegmentMeta("cyst"), WriteOptions(name="C | 1"))
    set_locked(segmentation, two, True)
    with RunChanges(segmentation).written([]):
        (three,) = write_mask(segmentation, volume, world.lesion(radius=1.5), META)
    remember(world.scene, AWKWARD)
    remember(world.scene, "cyst")
    set_favourite(world.scene, AWKWARD)
    before = cells_of(findings_table(segmentation, volume))
    colours = [segmentation.GetSegmentation().GetSegment(s).GetColor() for s in (one, two, three)]
    places = [world.segment_points(segmentation, s).mean(axis=0) for s in (one, two, three)]
    metas = [read_meta(segmentation, s) for s in (one, two, three)]

    save(world, tmp_path)
    load(world, tmp_path)
    segmentation = first(world, "vtkMRMLSegmentationNode")
    volume = first(world, "vtkMRMLScalarVolumeNode")
    assert segment_ids(segmentation) == [one, two, three]
    assert [read_meta(segmentation, s) for s in (one, two, three)] == metas
    assert metas[0].prompt == AWKWARD
    segments = [segmentation.GetSegmentation().GetSegment(s) for s in (one, two, three)]
    assert np.allclose([s.GetColor() for s in segments], colours, atol=1e-5)
    assert [s.GetName() for s in segments] == [AWKWARD, "C | 1", f"{AWKWARD} (2)"]
    assert segments[1].GetTerminology() == terminology_entry("cyst")
    assert is_locked(segmentation, two)
    assert not is_locked(segmentation, one)
    assert np.array_equal(read_mask(segmentation, volume, one), world.lesion())
    assert np.array_equal(read_mask(segmentation, volume, two), more)
    assert world.dice(segmentation, one, volume, world.lesion()) == 1.0
    again = [world.segment_points(segmentation, s).mean(axis=0) for s in (one, two, three)]
    assert np.allclose(again, places, atol=1e-3)
    assert history(world.scene) == ["cyst", AWKWARD]
    assert favourites(world.scene) == [AWKWARD]
    table = first(world, "vtkMRMLTableNode")
    assert cells_of(table)[0] == before[0]
    assert table.GetNumberOfRows() == 3
    assert cells_of(findings_table(segmentation, volume)) == before
    # The editor that kept the undo steps is no part of the scene.
    assert "SegmentEditor" not in (tmp_path / "scene.mrml").read_text()
    # And work goes on where it ended.
    assert write_mask(segmentation, volume, more, META, WriteOptions("overwrite"))[0] == one


def cells_of(table):
    """The table's headings and rows as texts."""
    columns = [table.GetTable().GetColumn(c) for c in range(table.GetNumberOfColumns())]
    rows = range(table.GetNumberOfRows())
    return [
        [c.GetName() for c in columns],
        *([c.GetVariantValue(r).ToString() for c in columns] for r in rows),
    ]


def test_a_closed_scene_leaves_nothing_to_trip_over(world):
    volume = world.volume()
    key = volume_key(volume)
    remember(world.scene, "cyst")
    world.scene.Clear(0)
    assert history(world.scene) == []
    fresh = world.volume()
    assert volume_key(fresh) != key
    assert write_mask(world.segmentation(), fresh, world.lesion(), SegmentMeta("cyst"))


def test_a_seg_nrrd_carries_its_making(world, tmp_path):
    """The file alone, loaded elsewhere, still says how each segment was made."""
    volume = world.volume()
    segmentation = world.segmentation()
    (made,) = write_mask(segmentation, volume, world.lesion(), META)
    meta = read_meta(segmentation, made)
    segmentation.AddDefaultStorageNode()
    path = str(tmp_path / "result.seg.nrrd")
    segmentation.GetStorageNode().SetFileName(path)
    assert segmentation.GetStorageNode().WriteData(segmentation)
    other = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(other)
    loaded = logic.LoadSegmentationFromFile(path)
    assert read_meta(loaded, segment_ids(loaded)[0]) == meta
