"""Painting and erasing by Slicer's segment editor, and one order of steps for Undo.

A stroke and a run are both one undo step. The session takes back runs, the editor's stack takes
back strokes; the order of the two is kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from trame_slicer.core import SegmentationEditor
from trame_slicer.segmentation import (
    BrushDiameterMode,
    SegmentationEffectErase,
    SegmentationEffectNoTool,
    SegmentationEffectPaint,
)
from undo_stack import UndoStack

from lsms_core.errors import InputError
from lsms_core.mrml.locks import unlocked_segment
from lsms_core.session.session import Session

TOOLS = {
    "none": SegmentationEffectNoTool,
    "paint": SegmentationEffectPaint,
    "erase": SegmentationEffectErase,
}
# Strokes keep a copy of the segmentation each.
_MOST_STROKES = 20
_RUN, _STROKE = "run", "stroke"


class Painting:
    """Drives the editor.

    Args:
        editor: of the SlicerApp.
        session: whose runs are steps, too.
        on_stroke: called after something was painted or erased.
    """

    def __init__(
        self, editor: SegmentationEditor, session: Session, on_stroke: Callable[[], None]
    ) -> None:
        self._editor, self._session, self._on_stroke = editor, session, on_stroke
        self._stack = UndoStack(undo_limit=_MOST_STROKES)
        self._stack.index_changed.connect(self._on_index)
        self._index = 0
        self._done: list[str] = []
        self._undone: list[str] = []
        self._switching = False

    def take(self, findings: vtkMRMLSegmentationNode, volume: vtkMRMLScalarVolumeNode) -> None:
        """Edit another study's findings; earlier steps are forgotten."""
        self._editor.set_undo_stack(self._stack)
        self._editor.set_active_segmentation(findings, volume)
        self._done, self._undone, self._index = [], [], self._stack.index()

    def leave(self) -> None:
        """Let go of the study."""
        self._editor.clear()
        self._done, self._undone, self._index = [], [], self._stack.index()

    @property
    def active_segment(self) -> str:
        """The ID of the segment that is painted in, "" for none."""
        return str(self._editor.active_segment_id or "")

    def select_segment(self, segment_id: str) -> None:
        """Paint in a segment from now on."""
        self._editor.set_active_segment_id(segment_id)

    def choose_tool(self, tool: str) -> str:
        """Choose the tool "paint", "erase" or "none", and return it.

        Raises:
            InputError: when there is no segment that may be changed.
        """
        if tool != "none":
            if not self.active_segment:
                raise InputError("Select a segment to paint in, or make a new one.")
            unlocked_segment(self._editor.active_segmentation_node, self.active_segment)
        self._editor.set_active_effect_type(TOOLS[tool])
        return tool

    def set_brush(self, diameter_mm: float, sphere: bool) -> None:
        """Set the brush's diameter, and whether it reaches into the neighbouring slices."""
        for kind in (SegmentationEffectPaint, SegmentationEffectErase):
            effect: Any = self._editor.get_effect(kind)
            effect.set_brush_diameter(diameter_mm, BrushDiameterMode.Absolute)
            effect.set_use_sphere_brush(sphere)

    def add_segment(self, name: str, colour: tuple[float, float, float]) -> str:
        """Make an empty segment to paint in, and return its ID; one step for Undo."""
        return str(self._editor.add_empty_segment(segment_name=name, segment_color=list(colour)))

    def remove_segment(self, segment_id: str) -> None:
        """Remove a segment; one step for Undo.

        Raises:
            InputError: when it is locked or gone.
        """
        unlocked_segment(self._editor.active_segmentation_node, segment_id)
        self._editor.remove_segment(segment_id)

    # Steps

    def note_run(self) -> None:
        """A run has written something, or was corrected."""
        self._done.append(_RUN)
        self._undone = []

    def _on_index(self, index: int) -> None:
        grew = index > self._index or (index == self._index and not self._switching)
        self._index = index
        if self._switching or not grew:
            return
        self._done.append(_STROKE)
        self._undone = []
        self._on_stroke()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back."""
        return bool(self._undone)

    def undo(self) -> str:
        """Take back the last step, and return what it was; "" where there is none.

        Raises:
            LsmsError: when it cannot be taken back; nothing is changed then.
        """
        return self._switch(self._done, self._undone, self._session.undo, self._stack.undo)

    def redo(self) -> str:
        """Bring back the step that was taken back last; see :meth:`undo`."""
        return self._switch(self._undone, self._done, self._session.redo, self._stack.redo)

    def _switch(
        self,
        source: list[str],
        target: list[str],
        run: Callable[[], Any],
        stroke: Callable[[], None],
    ) -> str:
        if not source:
            return ""
        step = source[-1]
        self._switching = True
        try:
            if step == _STROKE:
                stroke()
                said = "a change by hand"
            else:
                done = run()
                said = done.title if done is not None else ""
        finally:
            self._switching = False
        target.append(source.pop())
        return said
