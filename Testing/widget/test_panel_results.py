"""Threshold, sizes, table; changes under the run's feet; what is saved with the scene."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ONE = np.s_[5:8, 8:14, 10:16]
OTHER = np.s_[4:9, 15:20, 20:28]


@pytest.fixture
def whole(panel, volume):
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.WholeVolume
    panel.settle()
    return volume


def count(panel, volume):
    return {s: int(panel.mask(s, volume).sum()) for s in panel.segments()}


def test_the_threshold_cuts_again_without_the_worker(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    (segment_id,) = panel.segments()
    assert count(panel, volume) == {segment_id: 36}
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    assert count(panel, volume) == {segment_id: 64}
    panel.ui.thresholdSlider.value = 0.95
    panel.recut()
    assert count(panel, volume) == {segment_id: 0}
    assert "Nothing is left" in panel.status
    panel.ui.thresholdSlider.value = 0.5
    panel.recut()
    assert count(panel, volume) == {segment_id: 36}
    assert len(panel.client.asked) == 1


def test_a_new_run_sets_the_threshold_to_the_models_own(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    panel.run("right lobe lesion", blob(OTHER))
    assert panel.ui.thresholdSlider.value == pytest.approx(0.5)
    first, second = panel.segments()
    assert count(panel, volume) == {first: 64, second: 40}


def test_smallest_area_and_largest_only(panel, volume, blob):
    panel.run("all lesions", blob(ONE, np.s_[5, 20:22, 3:5]))
    (segment_id,) = panel.segments()
    assert count(panel, volume) == {segment_id: 36}  # 16 mm2 are below the default of 20
    panel.ui.minimumAreaSpinBox.value = 0
    panel.recut()
    assert count(panel, volume) == {segment_id: 40}
    panel.click(panel.ui.keepLargestCheckBox)
    panel.recut()
    assert count(panel, volume) == {segment_id: 36}


def test_one_segment_a_lesion_and_the_threshold_keeps_them_apart(panel, whole, blob):
    panel.parameters.splitLesions = True
    panel.run("all lesions", blob(ONE, OTHER))
    assert len(panel.segments()) == 2
    before = count(panel, whole)
    assert sorted(before.values()) == [108, 200]
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    after = count(panel, whole)
    assert list(after) == list(before)
    assert all(after[s] > before[s] for s in before)
    panel.ui.thresholdSlider.value = 0.5
    panel.recut()
    assert count(panel, whole) == before


def test_an_edited_segment_is_not_cut_again(panel, volume, blob):
    from lsms_core.mrml.segment_writing import replace_mask

    panel.run("left lobe lesion", blob(ONE))
    (segment_id,) = panel.segments()
    edited = panel.mask(segment_id, volume)
    edited[5, 0, 0] = True
    replace_mask(panel.segmentation, volume, segment_id, edited)
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    assert "was edited after the run" in panel.status
    assert np.array_equal(panel.mask(segment_id, volume), edited)
    assert not panel.ui.thresholdSlider.enabled


def test_a_removed_segment_is_not_cut_again(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    panel.segmentation.GetSegmentation().RemoveSegment(next(iter(panel.segments())))
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    panel.wait()
    assert "undone or removed elsewhere" in panel.status
    assert panel.segments() == {}


def test_a_run_that_lost_one_segment_is_not_cut_again(panel, whole, blob):
    panel.run("left lobe lesion; right lobe lesion", blob(ONE), blob(OTHER))
    panel.segmentation.GetSegmentation().RemoveSegment(next(iter(panel.segments())))
    before = count(panel, whole)
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    assert "was removed" in panel.status
    assert count(panel, whole) == before


def test_the_same_prompt_updates_only_the_slices_searched(panel, volume, blob):
    from LSMSSegmentationLib.ParameterNode import Where

    parameters = panel.parameters
    parameters.where = Where.SliceNumber
    for index in (5, 6):
        parameters.sliceNumber = index
        panel.run("left lobe lesion", blob(ONE))
    (segment_id,) = panel.segments()
    found = panel.mask(segment_id, volume)
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == [5, 6]


def test_keeping_the_earlier_segment(panel, volume, blob):
    from LSMSSegmentationLib.ParameterNode import Policy

    panel.parameters.policy = Policy.New
    panel.run("left lobe lesion", blob(ONE))
    panel.run("left lobe lesion", blob(OTHER))
    assert len(panel.segments()) == 2
    assert sorted(count(panel, volume).values()) == [36, 40]


def test_other_segments_are_left_out_on_request(panel, volume, blob):
    from LSMSSegmentationLib.ParameterNode import Overlap

    panel.run("left lobe lesion", blob(ONE))
    panel.parameters.overlap = Overlap.MaskOthers
    wide = np.s_[5:8, 8:14, 10:20]
    panel.run("right lobe lesion", blob(wide, rim=0.0))
    first, second = panel.segments()
    both = panel.mask(first, volume) & panel.mask(second, volume)
    assert not both.any()
    panel.ui.thresholdSlider.value = 0.4
    panel.recut()
    assert not (panel.mask(first, volume) & panel.mask(second, volume)).any()
    panel.run("lesion", blob(ONE, rim=0.0))
    assert "lies wholly in other segments" in panel.status
    assert len(panel.segments()) == 2


def test_the_list_measures_and_a_click_shows_the_finding(panel, whole, blob):
    panel.run("left lobe lesion", blob(OTHER))
    table = panel.ui.findingsTableWidget
    assert table.rowCount == 1
    lesion = panel.session.findings[0].answer.candidates.lesions[0]
    assert lesion.area_mm2 == 160
    assert lesion.volume_ml == pytest.approx(2.4)
    assert lesion.slices == (4, 8)
    red = panel.slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
    before = red.GetSliceOffset()
    panel.panel.results.candidates._list._onClicked(0, 0)
    assert red.GetSliceOffset() != before
    panel.settle()
    from lsms_core.mrml.views import view_slice

    assert 4 <= view_slice(red, whole).index <= 8
    panel.panel.results.measureNow()
    assert panel.parameters.findingsTable.GetTable().GetNumberOfRows() == 1


def test_a_volume_removed_under_the_run(panel, volume, blob, keys_return):
    panel.type("left lobe lesion")
    keys_return()
    panel.slicer.mrmlScene.RemoveNode(volume)
    panel.client.answer(blob(ONE))
    panel.poll()
    assert "The volume was removed while the run was under way" in panel.status
    assert panel.segmentation is None


@pytest.mark.parametrize("change", ["voxels", "geometry", "transform", "replaced"])
def test_a_volume_changed_under_the_run(panel, volume, blob, keys_return, change):
    import vtk

    panel.type("left lobe lesion")
    keys_return()
    if change == "voxels":
        panel.slicer.util.arrayFromVolume(volume)[:] = 7
        panel.slicer.util.arrayFromVolumeModified(volume)
    elif change == "geometry":
        volume.SetSpacing(9, 9, 9)
    elif change == "transform":
        node = panel.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        volume.SetAndObserveTransformNodeID(node.GetID())
    else:
        image = vtk.vtkImageData()
        image.SetDimensions(3, 3, 3)
        image.AllocateScalars(vtk.VTK_SHORT, 1)
        volume.SetAndObserveImageData(image)
    panel.client.answer(blob(ONE))
    panel.poll()
    assert "The volume was changed while the run was under way" in panel.status
    assert panel.segmentation is None


def test_a_segmentation_removed_under_the_run(panel, volume, blob, keys_return):
    panel.run("left lobe lesion", blob(ONE))
    panel.type("right lobe lesion")
    keys_return()
    panel.slicer.mrmlScene.RemoveNode(panel.segmentation)
    panel.client.answer(blob(OTHER))
    panel.poll()
    assert "The segmentation was removed while the run was under way" in panel.status
    assert panel.segmentation is None


def test_a_segment_removed_under_the_run_is_made_again(panel, volume, blob, keys_return):
    panel.run("left lobe lesion", blob(ONE))
    panel.type("left lobe lesion")
    keys_return()
    panel.segmentation.GetSegmentation().RemoveSegment(next(iter(panel.segments())))
    panel.client.answer(blob(ONE))
    panel.poll()
    assert list(panel.segments().values()) == ["left lobe lesion"]


def test_closing_the_scene_ends_the_run(panel, volume, blob, keys_return):
    panel.type("left lobe lesion")
    keys_return()
    panel.slicer.mrmlScene.Clear(0)
    panel.settle()
    assert not panel.session.busy
    assert panel.client.closed
    assert panel.ui.whereLabel.text == "Select a CT volume."
    panel.add_volume()
    panel.widget.enter()
    panel.run("right lobe lesion", blob(ONE))
    assert list(panel.segments().values()) == ["right lobe lesion"]


def test_a_run_goes_on_while_another_module_is_shown(panel, volume, blob, keys_return):
    panel.type("left lobe lesion")
    keys_return()
    panel.widget.exit()
    panel.client.answer(blob(ONE))
    panel.poll()
    assert list(panel.segments().values()) == ["left lobe lesion"]
    panel.widget.enter()
    panel.settle()
    assert panel.ui.resultLabel.text.startswith("left lobe lesion: score")
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    assert sorted(count(panel, volume).values()) == [64]


def test_settings_and_prompts_come_back_with_the_scene(panel, volume, blob, tmp_path):
    from LSMSSegmentationLib.ParameterNode import Device, Overlap, Plane, Policy, Where

    panel.run("left lobe lesion", blob(ONE))
    chosen = {
        "where": Where.SliceRange,
        "plane": Plane.Coronal,
        "firstSlice": 3,
        "lastSlice": 9,
        "policy": Policy.New,
        "overlap": Overlap.MaskOthers,
        "device": Device.CPU,
        "splitLesions": True,
        "keepLargest": True,
        "minimumArea": 55.0,
        "model": "another-model",
        "engine": "lsms",
        "prompt": "what I was typing",
    }
    for name, value in chosen.items():
        setattr(panel.parameters, name, value)
    scene = panel.slicer.mrmlScene
    path = tmp_path / "scene.mrml"
    scene.SetURL(str(path))
    panel.slicer.util.arrayFromVolume(volume)  # the volume's own file is not what is tested
    assert scene.Commit(str(path))
    scene.Clear(0)
    panel.widget.enter()
    assert panel.ui.promptLineEdit.text == ""
    scene.SetURL(str(path))
    scene.Import()
    panel.widget.enter()
    panel.settle()
    for name, value in chosen.items():
        assert getattr(panel.parameters, name) == value, name
    assert panel.ui.promptLineEdit.text == "what I was typing"
    assert panel.ui.lastSliceSpinBox.value == 9
    assert panel.ui.modelComboBox.currentText == "another-model"
    from lsms_core.mrml.history import history

    assert history(scene) == ["left lobe lesion"]


@pytest.fixture
def keys_return(panel):
    from PySide6.QtCore import Qt

    return lambda: panel.press(Qt.Key_Return)
