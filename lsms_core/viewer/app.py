"""The page's parts put together, and its server."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web
from slicer import vtkMRMLSliceNode
from trame.app import get_server
from trame_rca.encoders import RcaImageEncoder
from trame_slicer import module as trame_slicer_module
from trame_slicer.core import LayoutManager, SlicerApp
from trame_slicer.rca_view import register_rca_factories
from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition
from vtk import vtkCommand, vtkLogger, vtkObject

from lsms_core.errors import LsmsError
from lsms_core.mrml.views import view_slice
from lsms_core.service.address import is_loopback
from lsms_core.viewer.event_loop import LoopTimer, Settled
from lsms_core.viewer.page import Actions, build_page
from lsms_core.viewer.page_access import access_middleware
from lsms_core.viewer.page_desk import FIRST_STATE, Desk
from lsms_core.viewer.painting import Painting
from lsms_core.viewer.result_panel import ResultPanel
from lsms_core.viewer.run_panel import RunPanel
from lsms_core.viewer.saving import SavedFile, save
from lsms_core.viewer.segment_panel import SegmentPanel
from lsms_core.viewer.study_panel import StudyPanel
from lsms_core.viewer.surfaces import Surfaces
from lsms_core.viewer.workspace import Workspace

logger = logging.getLogger(__name__)
_ASSETS = Path(__file__).with_name("assets")
# A file that no browser fetched is dropped when so many others were saved after it.
_MOST_FILES = 4


class ViewerApp:
    """The page and what is behind it.

    Args:
        folder: a folder with CTs, or one CT.
        model: ``weights``, ``engine`` and ``device``.
        make_client: returns a client of the engine.

    Raises:
        InputError: when the folder holds no CT.
    """

    def __init__(
        self, folder: Path, model: Mapping[str, Any], make_client: Callable[[], Any]
    ) -> None:
        self.server = get_server(f"lsms-viewer-{secrets.token_hex(4)}", client_type="vue3")
        self.server.enable_module(trame_slicer_module)
        self.server.enable_module(
            {
                "serve": {"lsms_viewer": str(_ASSETS)},
                "scripts": ["lsms_viewer/viewer.js"],
                "styles": ["lsms_viewer/viewer.css"],
            }
        )
        self.state = self.server.state
        self.state.update({**FIRST_STATE, "trame__title": "LSMS"})
        self._files: dict[str, SavedFile] = {}
        _render_without_a_screen()
        self._slicer = SlicerApp()
        self._views = self._make_views()
        workspace = Workspace(self._slicer.scene, model, make_client, self._make_timer)
        self._painting = Painting(
            self._slicer.segmentation_editor, workspace.session, self._on_stroke
        )
        self.desk = Desk(
            self.state, workspace, self._painting, self._slice_node, self._fit, self._show_surfaces
        )
        self._surfaces = Surfaces(
            self._slicer.segmentation_editor, self._slicer.view_manager.get_view("ThreeD")
        )
        self.desk.refreshers.append(lambda: self._surfaces.update(workspace.findings))
        self._results = ResultPanel(self.desk)
        self._runs = RunPanel(self.desk, self._results)
        self._segments = SegmentPanel(self.desk)
        self._studies = StudyPanel(self.desk, folder)
        self._bind()
        build_page(self.server, self._actions(), self._views.initialize_layout_grid)

    # Views

    def _make_views(self) -> LayoutManager:
        slicer = self._slicer
        register_rca_factories(
            slicer.view_manager, self.server, rca_encoder=RcaImageEncoder.JPEG, target_fps=20
        )
        views = LayoutManager(slicer.scene, slicer.view_manager, self.server)
        definition = ViewLayoutDefinition
        left = [definition.axial_view(), definition.coronal_view()]
        right = [definition.threed_view(), definition.sagittal_view()]
        columns = [Layout(LayoutDirection.Vertical, part) for part in (left, right)]
        views.register_layout("four", Layout(LayoutDirection.Horizontal, columns))
        views.set_layout("four")
        for view in slicer.view_manager.get_views():
            # Smoothing by eight samples costs a software renderer most of its time.
            view.render_window().SetMultiSamples(0)
        for view in slicer.view_manager.get_slice_views():
            node = slicer.scene.GetNodeByID(view.get_view_node_id())
            node.AddObserver(vtkCommand.ModifiedEvent, self._on_view)
        return views

    def _slice_node(self, view: str) -> vtkMRMLSliceNode | None:
        found = self._slicer.view_manager.get_view(view)
        return self._slicer.scene.GetNodeByID(found.get_view_node_id()) if found else None

    def _on_view(self, *_: object) -> None:
        if self.state.where == "view" and self.state.opened:
            with self.state:
                self._runs.update_where()

    def _fit(self, volume: Any) -> None:  # noqa: ANN401 - a volume node
        display = self._slicer.display_manager
        display.show_volume_in_slice_background(volume)
        # For orientation beside the surfaces.
        self._slicer.view_manager.get_view("Red").set_visible_in_3d(True)
        display.reset_views()

    def _show_surfaces(self, shown: bool) -> None:
        self._surfaces.show(bool(shown), self.desk.workspace.findings)

    def _make_timer(self, callback: Callable[[], None]) -> LoopTimer:
        return LoopTimer(callback, self.state)

    def _on_stroke(self) -> None:
        with self.state:
            self.desk.refresh()

    # The page's events

    def _bind(self) -> None:
        change, trigger = self.state.change, self.server.trigger
        change("prompt")(lambda prompt, **_: self._runs.typed(prompt))
        change("where", "view", "first_slice", "last_slice")(lambda **_: self._runs.update_where())
        change("plane")(lambda **_: self._runs.choose_plane())
        cut = Settled(self._results.settings_changed, self.state)
        change("threshold", "keep_largest")(lambda **_: cut.ask() if self.state.opened else None)
        change("brush_mm", "sphere")(lambda **_: self._segments.set_brush())
        change("show_3d")(lambda show_3d, **_: self._show_surfaces(show_3d))
        trigger("lsms_run")(self._run_or_cancel)
        trigger("lsms_history")(self._runs.earlier)
        trigger("lsms_cancel")(self._cancel)
        trigger("lsms_step")(self._results.step)
        trigger("lsms_toggle")(self._results.toggle)
        trigger("lsms_correct")(self._results.correct)
        trigger("lsms_undo")(self._results.undo)
        trigger("lsms_redo")(self._results.redo)
        controller = self.server.controller
        controller.on_server_bind.add(self._on_bind)
        controller.on_server_ready.add(self._on_ready)
        controller.on_server_exited.add(self._on_exit)

    def _actions(self) -> Actions:
        return Actions(
            study=self._studies.choose_study,
            series=self._studies.choose_series,
            outlines=self._studies.choose_outlines,
            run=self._run_or_cancel,
            cancel=self._cancel,
            from_view=self._from_view,
            lesion=self._results.select,
            toggle=self._results.toggle,
            correct=self._results.correct,
            undo=self._results.undo,
            redo=self._results.redo,
            tool=self._segments.choose_tool,
            add=self._segments.add,
            select=self._segments.select,
            visible=self._segments.toggle_visible,
            remove=self._segments.remove,
            save=self._save,
        )

    def _run_or_cancel(self, text: str) -> None:
        if self.desk.workspace.session.busy:
            self._cancel()
        elif str(text or "").strip():
            self._runs.run(text)

    def _cancel(self) -> None:
        if self.desk.workspace.session.busy:
            self._runs.cancel()

    def _from_view(self) -> None:
        """Take the number of the slice that the view of the chosen plane shows."""
        state, volume = self.state, self.desk.workspace.volume
        for view in ("Red", "Green", "Yellow"):
            node = self._slice_node(view)
            if volume is None or node is None:
                continue
            shown = view_slice(node, volume)
            if shown.plane != state.plane:
                continue
            nearer_last = abs(shown.index - state.first_slice) > abs(shown.index - state.last_slice)
            # The nearer end moves, so that two presses at two places give a range.
            name = "last_slice" if state.where == "range" and nearer_last else "first_slice"
            state[name] = shown.index
            return

    def _save(self, kind: str) -> None:
        try:
            made = save(self.desk.workspace, kind)
        except LsmsError as error:
            self.desk.say("warning", str(error))
            return
        key = secrets.token_urlsafe(12)
        self._files[key] = made
        while len(self._files) > _MOST_FILES:
            del self._files[next(iter(self._files))]
        self.desk.say("info", "\n".join((f"Saved {made.name}.", *made.notes)))
        self.state.download = f"lsms-file/{key}/{quote(made.name)}"

    async def _serve_file(self, request: web.Request) -> web.Response:
        made = self._files.pop(request.match_info["key"], None)
        if made is None:
            raise web.HTTPNotFound(text="This file was fetched already: save it again.")
        disposition = f"attachment; filename*=UTF-8''{quote(made.name)}"
        return web.Response(
            body=made.content,
            content_type=made.mime,
            headers={"Content-Disposition": disposition, "Cache-Control": "no-store"},
        )

    # The server

    def start(
        self, host: str, port: int, token: str | None, on_ready: Callable[[int], None]
    ) -> None:
        """Serve the page until it is interrupted.

        Args:
            host: address to listen on.
            port: 0 for any that is free.
            token: what a browser has to show; None for none.
            on_ready: called with the port when the page can be opened.
        """
        self._access = access_middleware(token, is_loopback(host))
        self._tell = on_ready
        # trame reads the command line of the process, which is not its own here.
        sys.argv = sys.argv[:1]
        self.server.start(
            host=host,
            port=port,
            open_browser=False,
            show_connection_info=False,
            disable_logging=True,
            timeout=0,
        )

    def _on_bind(self, wslink_server: Any) -> None:  # noqa: ANN401 - wslink's web server
        app = wslink_server.app
        app.middlewares.append(self._access)
        app.router.add_get("/lsms-file/{key}/{name}", self._serve_file)

    def _on_ready(self, **_: object) -> None:
        self._tell(self.server.port)
        if self._studies.only_one:
            asyncio.get_running_loop().create_task(self._studies.choose_study(0))

    def _on_exit(self, **_: object) -> None:
        self.desk.workspace.session.close()


def _render_without_a_screen() -> None:
    """Draw off-screen, and keep VTK quiet about the windows that there are not."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
    vtkObject.GlobalWarningDisplayOff()
