"""One prompt run is one undo step, without Qt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLSegmentEditorNode,
    vtkSegmentation,
    vtkSlicerSegmentEditorLogic,
)

from lsms_core.errors import InputError

# What vtkSegmentationHistory itself takes for a change.
_CHANGES = (
    vtkSegmentation.SegmentAdded,
    vtkSegmentation.SegmentRemoved,
    vtkSegmentation.SegmentModified,
    vtkSegmentation.SourceRepresentationModified,
)


def editor_logic(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode | None = None,
    states: int = 10,
) -> vtkSlicerSegmentEditorLogic:
    """Return a vtkSlicerSegmentEditorLogic with an undo history for a segmentation.

    Keep it as long as its history is wanted. Inside Slicer's Segment Editor use the
    editor's own logic instead, so that its Undo button knows the step.

    Args:
        segmentation_node: in a scene.
        volume_node: the source volume.
        states: how many steps can be undone.

    Raises:
        InputError: when the segmentation was deleted.
    """
    scene = segmentation_node.GetScene()
    if scene is None:
        raise InputError("The segmentation was deleted: select another and run again.")
    # One hidden editor node a segmentation: a logic follows its node's segmentation.
    tag = f"LSMSSegmentEditor_{segmentation_node.GetID()}"
    editor_node = scene.GetSingletonNode(tag, "vtkMRMLSegmentEditorNode")
    if editor_node is None:
        editor_node = vtkMRMLSegmentEditorNode()
        editor_node.SetSingletonTag(tag)
        editor_node.SetHideFromEditors(True)
        editor_node.SetSaveWithScene(False)
        editor_node = scene.AddNode(editor_node)
    logic = vtkSlicerSegmentEditorLogic()
    logic.SetMRMLScene(scene)
    logic.SetSegmentEditorNode(editor_node)
    # The state that undo leaves is kept as well, for redo.
    logic.SetMaximumNumberOfUndoStates(states + 1)
    logic.SetSegmentationNode(segmentation_node)
    if volume_node is not None:
        logic.SetSourceVolumeNode(volume_node)
    return logic


@contextmanager
def undo_step(logic: vtkSlicerSegmentEditorLogic) -> Iterator[None]:
    """Make everything written inside one step; an error inside takes it all back.

    Nothing written (nothing found) is no step.

    Args:
        logic: a vtkSlicerSegmentEditorLogic, Segment Editor's or :func:`editor_logic`'s.

    Example:
        >>> with undo_step(logic):  # doctest: +SKIP
        ...     write_mask(segmentation_node, volume_node, mask, meta)
        >>> logic.Undo()  # doctest: +SKIP
    """
    segmentation = logic.GetSegmentationNode().GetSegmentation()
    changes: list[str] = []
    logic.SaveStateForUndo()
    observers = [
        segmentation.AddObserver(event, lambda _, name: changes.append(name)) for event in _CHANGES
    ]
    try:
        yield
    except BaseException:
        # Without a change, Undo would take back the step before.
        if changes:
            logic.Undo()
        raise
    finally:
        for observer in observers:
            segmentation.RemoveObserver(observer)
