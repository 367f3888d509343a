"""Opens a CT of the folder, one of its series, and segmentations to ask about."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lsms_core.errors import LsmsError
from lsms_core.viewer.folder_listing import Study, outlines_in, studies_in
from lsms_core.viewer.page_desk import Desk


class StudyPanel:
    """Drives the top of the page.

    Args:
        desk: the objects that all parts of the page use.
        folder: a folder, or one CT.
    """

    def __init__(self, desk: Desk, folder: Path) -> None:
        self._desk, self._folder = desk, folder
        self._studies = studies_in(folder)
        self._outlines = outlines_in(folder)
        state = desk.state
        state.studies = [
            {"title": study.title, "value": number} for number, study in enumerate(self._studies)
        ]
        network = [{"title": "the network finds", "value": ""}]
        state.outlines_list = network + [
            {"title": f"are outlined in {path.relative_to(folder).as_posix()}", "value": str(n)}
            for n, path in enumerate(self._outlines)
        ]

    @property
    def only_one(self) -> bool:
        """Whether there is nothing to choose."""
        return len(self._studies) == 1

    async def choose_study(self, number: int | None) -> None:
        """Open a study, or list its series where it has several."""
        if number is None:
            return
        state, study = self._desk.state, self._studies[int(number)]
        state.study, state.series, state.series_list = int(number), None, []
        try:
            with self._reading():
                series = await asyncio.to_thread(self._desk.workspace.series_of, study)
        except LsmsError as error:
            self._desk.say("error", str(error))
            return
        if len(series) > 1:
            state.series_list = [{"title": title, "value": key} for key, title in series]
            self._desk.say("info", f"{len(series)} series: choose one.")
            state.flush()
            return
        await self._open(study, None)

    async def choose_series(self, key: str | None) -> None:
        """Open one series of the chosen study."""
        number = self._desk.state.study
        if key and number is not None:
            self._desk.state.series = key
            await self._open(self._studies[int(number)], key)

    def choose_outlines(self, key: str) -> None:
        """Take the lesions from an existing segmentation from now on, or from the network."""
        desk = self._desk
        path = self._outlines[int(key)] if key else None
        notes = desk.attempt(lambda: desk.workspace.take_outlines(path))
        if notes is None:
            desk.state.outlines = ""
        else:
            desk.state.outlines = key
            desk.say("info", "\n".join(notes))
        desk.refresh()

    async def _open(self, study: Study, series: str | None) -> None:
        desk = self._desk
        if desk.workspace.session.busy:
            desk.say("warning", "A run is under way: wait for it, or cancel it.")
            return
        try:
            with self._reading():
                loaded = await asyncio.to_thread(desk.workspace.read, study, series)
        except LsmsError as error:
            with desk.state:
                desk.say("error", str(error))
            return
        with desk.state as state:
            desk.painting.leave()
            desk.workspace.open(study, loaded)
            state.outlines, state.tool, state.lesion = "", "none", -1
            state.opened = study.title
            desk.fit_views(desk.workspace.volume)
            desk.painting.take(desk.workspace.findings, desk.workspace.volume)
            desk.show_surfaces(state.show_3d)
            slices, rows, columns = loaded.volume.shape
            size = f"Opened {study.title}: {slices} slices of {columns} x {rows}."
            desk.say("info", "\n".join((size, *loaded.notes)))
            desk.refresh()

    def _reading(self) -> _Reading:
        return _Reading(self._desk)


class _Reading:
    """Shows that a file is being read, at once."""

    def __init__(self, desk: Desk) -> None:
        self._state = desk.state

    def __enter__(self) -> None:
        with self._state:
            self._state.reading_file = True

    def __exit__(self, *_: object) -> None:
        with self._state:
            self._state.reading_file = False
