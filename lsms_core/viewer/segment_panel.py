"""The list of segments, the tools to paint and erase, and saving."""

from __future__ import annotations

from typing import Any

from lsms_core.mrml.labelmaps import find_segment, segment_ids
from lsms_core.mrml.locks import is_locked
from lsms_core.mrml.segment_terminology import segment_colour, set_terminology
from lsms_core.viewer.page_desk import Desk

_NEW = "painted lesion"


class SegmentPanel:
    """Drives the lower part of the page."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        desk.refreshers.append(self.refresh)

    @property
    def _node(self) -> Any:  # noqa: ANN401 - a segmentation node, None for none
        return self._desk.workspace.findings

    def refresh(self) -> None:
        """List the segments as they are now."""
        state, node, painting = self._desk.state, self._node, self._desk.painting
        if node is None:
            state.segments, state.active_segment = [], ""
            return
        ids = segment_ids(node)
        if painting.active_segment not in ids:
            painting.select_segment(ids[-1] if ids else "")
        state.active_segment = painting.active_segment
        if not ids:
            state.tool = "none"
        display = node.GetDisplayNode()
        state.segments = [
            {
                "id": segment_id,
                "name": find_segment(node, segment_id).GetName(),
                "colour": _css(find_segment(node, segment_id).GetColor()),
                "visible": bool(display.GetSegmentVisibility(segment_id)),
                "locked": is_locked(node, segment_id),
            }
            for segment_id in ids
        ]

    def select(self, segment_id: str) -> None:
        """Paint in a segment from now on."""
        self._desk.painting.select_segment(segment_id)
        self._desk.refresh()

    def toggle_visible(self, segment_id: str) -> None:
        """Show or hide a segment."""
        display = self._node.GetDisplayNode()
        display.SetSegmentVisibility(segment_id, not display.GetSegmentVisibility(segment_id))
        self.refresh()

    def add(self) -> None:
        """Make an empty segment, and choose the brush."""
        if self._node is None:
            self._desk.say("warning", "Open a CT first.")
            return
        taken = [find_segment(self._node, s) for s in segment_ids(self._node)]
        names = {segment.GetName() for segment in taken}
        name, number = _NEW, 2
        while name in names:
            name, number = f"{_NEW} {number}", number + 1
        colour = segment_colour(name, [segment.GetColor() for segment in taken])
        segment_id = self._desk.painting.add_segment(name, colour)
        set_terminology(find_segment(self._node, segment_id), name)
        self.choose_tool("paint")
        self._desk.refresh()

    def remove(self, segment_id: str) -> None:
        """Remove a segment; Undo brings it back."""
        self._desk.attempt(lambda: self._desk.painting.remove_segment(segment_id))
        self._desk.refresh()

    def choose_tool(self, tool: str) -> None:
        """Choose a tool; the chosen one is switched off."""
        state, painting = self._desk.state, self._desk.painting
        wanted = "none" if tool == state.tool else tool
        state.tool = self._desk.attempt(lambda: painting.choose_tool(wanted)) or "none"
        if state.tool != "none":
            self.set_brush()

    def set_brush(self) -> None:
        """Give the brush the size that the page shows."""
        state = self._desk.state
        self._desk.painting.set_brush(float(state.brush_mm), bool(state.sphere))


def _css(colour: tuple[float, float, float]) -> str:
    return "rgb({},{},{})".format(*(round(255 * c) for c in colour))
