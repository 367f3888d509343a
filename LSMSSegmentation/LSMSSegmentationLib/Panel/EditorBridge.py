"""The panel's use of Segment Editor: undo states, and refining a segment."""

import slicer


def _editor():
    """Return Segment Editor's qMRMLSegmentEditorWidget, None where the module is missing."""
    module = getattr(slicer.modules, "segmenteditor", None)
    if module is None:
        return None
    return module.widgetRepresentation().self().editor


def saveUndoState(segmentationNode, volumeNode):
    """Make what is written next one Undo in Segment Editor.

    An editor that is busy with another segmentation is left alone: changing it would end
    that segmentation's undo history.
    """
    editor = _editor()
    if editor is None:
        return
    current = editor.segmentationNodeID()
    if current and current != segmentationNode.GetID():
        other = slicer.mrmlScene.GetNodeByID(current)
        if other is not None and other.GetSegmentation().GetNumberOfSegments():
            return
    if current != segmentationNode.GetID():
        _select(editor, segmentationNode, volumeNode)
    editor.saveStateForUndo()


def refine(segmentationNode, volumeNode, segmentID):
    """Open Segment Editor on a segment, with its CT as the source volume."""
    slicer.util.selectModule("SegmentEditor")
    editor = _editor()
    _select(editor, segmentationNode, volumeNode)
    editor.setCurrentSegmentID(segmentID)


def _select(editor, segmentationNode, volumeNode):
    if editor.segmentationNodeID() != segmentationNode.GetID():
        editor.setSegmentationNode(segmentationNode)
    if editor.sourceVolumeNodeID() != volumeNode.GetID():
        editor.setSourceVolumeNode(volumeNode)
