"""What the stand-ins for Slicer's scripted effect hand to Slicer's own editor logic."""

from __future__ import annotations


class HandsToLogic:
    """For a class with ``logic``, a vtkSlicerSegmentEditorLogic, and ``undoStates``, a count."""

    def parameterSetNode(self):
        return self.logic.GetSegmentEditorNode()

    def saveStateForUndo(self):
        self.undoStates += 1
        self.logic.SaveStateForUndo()

    def defaultModifierLabelmap(self):
        self.logic.ResetModifierLabelmapToDefault()
        return self.logic.GetModifierLabelmap()

    def modifySegmentByLabelmap(self, node, segmentID, labelmap, mode, bypassMasking=False):
        self.logic.ModifySegmentByLabelmap(node, segmentID, labelmap, mode, True, bypassMasking)
