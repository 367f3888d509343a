"""The shared state of the page's parts: the browsers' state, the study, the views."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lsms_core.errors import LsmsError
from lsms_core.viewer.painting import Painting
from lsms_core.viewer.workspace import Workspace

logger = logging.getLogger(__name__)

# Everything that the page shows, as it is before a study is open.
FIRST_STATE: dict[str, Any] = {
    "studies": [],
    "study": None,
    "series_list": [],
    "series": None,
    "outlines_list": [],
    "outlines": "",
    "opened": "",
    "reading_file": False,
    "prompt": "",
    "chips": [],
    "where": "view",
    "view": "Red",
    "plane": "axial",
    "first_slice": 0,
    "last_slice": 0,
    "end_slice": 0,
    "where_text": "",
    "where_ok": False,
    "busy": False,
    "runs": 0,
    "progress": -1,
    "status": "",
    "status_kind": "info",
    "lesions": [],
    "lesion": -1,
    "lesion_why": "",
    "lesions_fixed": True,
    "threshold": 0.5,
    "minimum_area": 20,
    "keep_largest": False,
    "split_lesions": False,
    "can_cut": False,
    "cut_reason": "",
    "correction": "",
    "can_correct": False,
    "can_undo": False,
    "can_redo": False,
    "segments": [],
    "active_segment": "",
    "tool": "none",
    "brush_mm": 8,
    "sphere": False,
    "findings_head": [],
    "findings_rows": [],
    "show_3d": True,
    "download": "",
}


@dataclass
class Desk:
    """The objects that all parts of the page use.

    Attributes:
        state: trame's; entries are those of :data:`FIRST_STATE`.
        workspace: the study and its session.
        painting: the tools, and the order of steps for Undo.
        slice_node: returns the slice node of the view "Red", "Green" or "Yellow".
        fit_views: shows a volume in all views and fits them to it.
        show_surfaces: shows or hides the segments in the 3D view.
        refreshers: called after anything has changed.
    """

    state: Any
    workspace: Workspace
    painting: Painting
    slice_node: Callable[[str], Any]
    fit_views: Callable[[Any], None]
    show_surfaces: Callable[[bool], None]
    refreshers: list[Callable[[], None]] = field(default_factory=list)

    def say(self, kind: str, text: str) -> None:
        """Show a message; ``kind`` is "info", "nothing", "warning" or "error"."""
        self.state.status, self.state.status_kind = text, kind

    def refresh(self) -> None:
        """Bring everything on the page up to date."""
        for refresher in self.refreshers:
            refresher()

    def attempt(self, action: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        """Do something that a user's error may stop; the message is shown then.

        Returns:
            What it returned; None where it was stopped.
        """
        try:
            return action()
        except LsmsError as error:
            self.say("warning", str(error))
            return None

    def show_point(self, ras: np.ndarray[Any, Any]) -> None:
        """Bring all slice views to a point, RAS mm in the world."""
        right, anterior, superior = (float(value) for value in ras)
        for view in ("Red", "Green", "Yellow"):
            node = self.slice_node(view)
            if node is not None:
                node.JumpSliceByOffsetting(right, anterior, superior)
