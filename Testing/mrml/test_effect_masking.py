"""The Segment Editor effect keeps to masking, overwriting, locks and transforms."""

from __future__ import annotations

import numpy as np
import pytest
import vtk
from effect_editor import BOX, SHAPE, Editor, mask

from lsms_core.errors import InputError
from lsms_core.mrml.locks import set_locked


def test_intensity_masking_holds(effect_modes):
    values = np.full(SHAPE, 40, np.int16)
    values[:, :8] = 200
    editor = Editor(values)
    editor.node.SetSourceVolumeIntensityMask(True)
    editor.node.SetSourceVolumeIntensityMaskRange(0, 100)
    editor.start()
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(BOX) & (values < 100))


def test_masking_by_another_segment_holds_and_masked_out_is_said(editor):
    liver = editor.add("Liver", np.s_[3:6, :, :])
    editor.node.SetOverwriteMode(editor.node.OverwriteNone)
    editor.node.SetMaskMode(editor.segmentation.EditAllowedInsideSingleSegment)
    editor.node.SetMaskSegmentID(liver)
    editor.start()
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(), mask(np.s_[3:4, 5:10, 6:12]))
    editor.start()
    editor.controller.answer(mask(np.s_[0:2, 5:10, 6:12]))
    assert editor.listener.outcomes[-1].reason == "masked"
    assert not editor.listener.outcomes[-1].changed


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_overwrite_mode_holds(editor, overwrite):
    liver = editor.add("Liver", np.s_[0:6, 2:18, 2:20])
    modes = (editor.node.OverwriteNone, editor.node.OverwriteAllSegments)
    editor.node.SetOverwriteMode(modes[overwrite])
    editor.start()
    editor.controller.answer(mask(BOX))
    left = mask(np.s_[0:6, 2:18, 2:20])
    assert np.array_equal(editor.voxels(liver), left & ~mask(BOX) if overwrite else left)
    assert np.array_equal(editor.voxels(), mask(BOX))


def test_a_locked_segment_is_neither_erased_nor_written(editor):
    done = editor.add("Signed off", np.s_[0:6, 2:8, 2:20])
    set_locked(editor.segmentation, done, True)
    editor.node.SetOverwriteMode(editor.node.OverwriteAllSegments)
    editor.start()
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(done), mask(np.s_[0:6, 2:8, 2:20]))
    assert np.array_equal(editor.voxels(), mask(BOX) & ~mask(np.s_[0:6, 2:8, 2:20]))
    with pytest.raises(InputError, match="locked or completed"):
        editor.start(segment=done)
    editor.start()
    editor.controller.answer(mask(np.s_[1:3, 3:6, 4:8]))
    assert editor.listener.outcomes[-1].reason == "locked"


def test_a_segment_locked_or_removed_during_the_run_is_left_alone(editor):
    editor.start()
    set_locked(editor.segmentation, editor.segment, True)
    editor.controller.answer(mask(BOX))
    assert "locked or completed" in editor.listener.outcomes[-1].problem
    set_locked(editor.segmentation, editor.segment, False)
    assert not editor.voxels().any()
    editor.start()
    other = editor.add("Other")
    editor.segmentation.GetSegmentation().RemoveSegment(editor.segment)
    editor.controller.answer(mask(BOX))
    assert "not in" in editor.listener.outcomes[-1].problem
    assert not editor.voxels(other).any()


def test_a_changed_volume_or_segmentation_stops_the_result(editor):
    editor.start()
    editor.volume.GetImageData().Modified()
    editor.controller.answer(mask(BOX))
    assert "volume was changed" in editor.listener.outcomes[-1].problem
    editor.start()
    editor.node.SetAndObserveSegmentationNode(None)
    editor.controller.answer(mask(BOX))
    assert "Another segmentation" in editor.listener.outcomes[-1].problem
    assert not editor.voxels().any()


def test_under_a_parent_transform_the_finding_lands_once(effect_modes):
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 12.0)
    matrix.SetElement(1, 2, 0.2)  # a gantry tilt
    editor = Editor(transform=matrix)
    editor.start()
    editor.controller.answer(mask(BOX))
    missed = np.logical_xor(editor.voxels(), mask(BOX)).sum()
    assert missed <= 0.25 * mask(BOX).sum()
    # Under the volume's own transform it is exact, as it is in the module.
    editor.segmentation.SetAndObserveTransformNodeID(editor.volume.GetTransformNodeID())
    editor.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(editor.volume)
    second = editor.add("Second")
    editor.start(segment=second)
    editor.controller.answer(mask(BOX))
    assert np.array_equal(editor.voxels(second), mask(BOX))
