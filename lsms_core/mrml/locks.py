"""Locked segments, which must not change."""

from __future__ import annotations

from slicer import vtkMRMLSegmentationNode, vtkSegment, vtkSlicerSegmentationsModuleLogic

from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import find_segment
from lsms_core.mrml.provenance_tags import tag_of

LOCKED_TAG = "LSMS.locked"


def is_locked(segmentation_node: vtkMRMLSegmentationNode, segment_id: str) -> bool:
    """Whether a segment must not change: locked here, or "Completed" in Segment Editor.

    Slicer itself knows no lock for segments; the status is how a reader signs one off.
    """
    segment = find_segment(segmentation_node, segment_id)
    logic = vtkSlicerSegmentationsModuleLogic
    done = logic.GetSegmentStatus(segment) == logic.Completed
    return done or tag_of(segment, LOCKED_TAG) == "1"


def set_locked(segmentation_node: vtkMRMLSegmentationNode, segment_id: str, locked: bool) -> None:
    """Lock or unlock a segment; the lock is saved with it."""
    segment = find_segment(segmentation_node, segment_id)
    if locked:
        segment.SetTag(LOCKED_TAG, "1")
    else:
        segment.RemoveTag(LOCKED_TAG)


def unlocked_segment(segmentation_node: vtkMRMLSegmentationNode, segment_id: str) -> vtkSegment:
    """Return a segment that may be changed.

    Raises:
        InputError: when it is gone, locked or completed.
    """
    segment = find_segment(segmentation_node, segment_id)
    if is_locked(segmentation_node, segment_id):
        raise InputError(
            f'Segment "{segment.GetName()}" is locked or completed: unlock it, or write to a '
            "new segment."
        )
    return segment
