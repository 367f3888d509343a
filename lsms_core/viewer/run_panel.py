"""The prompt with its reading, the choice of slices, and the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lsms_core.errors import LsmsError
from lsms_core.language.chips import NOT_UNDERSTOOD, chips
from lsms_core.language.read import read
from lsms_core.mrml import history as prompt_history
from lsms_core.session.run_texts import progressText
from lsms_core.session.slice_choice import (
    Choice,
    rangeChoice,
    sliceCount,
    viewChoice,
    wholeChoice,
)
from lsms_core.viewer.page_desk import Desk
from lsms_core.viewer.result_panel import ResultPanel
from lsms_core.viewer.workspace import RunOptions


def chips_of(text: str) -> list[dict[str, str]]:
    """Return the reading of a line, which may hold several prompts, as chips with their kind."""
    found: list[dict[str, str]] = []
    for part in filter(str.strip, str(text or "").split(";")):
        reading = read(part.strip())
        if not reading.understood:
            found.append({"kind": "unknown", "text": NOT_UNDERSTOOD})
            continue
        found += [{"kind": "read", "text": chip.text} for chip in chips(reading)]
        if reading.unread:
            found.append({"kind": "unread", "text": f"not read: {', '.join(reading.unread)}"})
    return found


class RunPanel:
    """Starts runs and listens to the session."""

    def __init__(self, desk: Desk, results: ResultPanel) -> None:
        self._desk, self._results = desk, results
        self._session = desk.workspace.session
        self._session.addListener(self)
        self._earlier = -1
        self._draft = ""
        desk.refreshers.append(self.refresh)

    # The prompt

    def typed(self, text: str) -> None:
        """Show how a text is read, and what it would keep where that is known."""
        self._desk.state.chips = chips_of(text)
        self._preview(text)

    def _preview(self, text: str) -> None:
        if self._session.busy or self._desk.workspace.volume is None:
            return
        answers = None
        if str(text or "").strip():
            try:
                answers = self._session.preview(self._request(text))
            except LsmsError:
                answers = None  # said elsewhere
        if answers is not None and self._session.isLastRun(answers):
            answers = None  # the list shows it already, and can be changed
        self._results.show_preview(answers)

    def earlier(self, step: int, text: str) -> None:
        """Go to an earlier prompt (1), or back to what was being typed (-1)."""
        known = prompt_history.history(self._desk.workspace.scene)
        position = max(-1, min(self._earlier + step, len(known) - 1))
        if position == self._earlier or self._session.busy:
            return
        if self._earlier < 0:
            self._draft = text
        self._earlier = position
        self._desk.state.prompt = known[position] if position >= 0 else self._draft
        self.typed(self._desk.state.prompt)

    # Where

    def choice(self) -> Choice:
        """Return which slices a run would search now."""
        state, volume = self._desk.state, self._desk.workspace.volume
        if volume is None:
            return Choice(problem="Open a CT.")
        try:
            if state.where == "view":
                return viewChoice(volume, self._desk.slice_node(state.view), state.view)
            if state.where == "volume":
                return wholeChoice(volume, state.plane)
            first = int(state.first_slice or 0)
            last = first if state.where == "number" else int(state.last_slice or 0)
            return rangeChoice(volume, state.plane, first, last)
        except (LsmsError, ValueError) as error:
            return Choice(problem=str(error))

    def update_where(self) -> None:
        """Say which slices a run would search; cheap, for every move of a view."""
        state, choice = self._desk.state, self.choice()
        tilted = "\nThe view is tilted against the slices, which are searched as they are."
        state.where_text = choice.problem or choice.text + (tilted if choice.oblique else "")
        state.where_ok = not choice.problem

    def choose_plane(self) -> None:
        """Fit the slice numbers to a plane, or to another volume."""
        state, volume = self._desk.state, self._desk.workspace.volume
        if volume is not None:
            state.end_slice = sliceCount(volume, state.plane) - 1
            state.first_slice = min(int(state.first_slice or 0), state.end_slice)
            if not 0 < int(state.last_slice or 0) <= state.end_slice:
                state.last_slice = state.end_slice
        self.update_where()

    # Runs

    def run(self, text: str) -> None:
        """Start a run; problems are shown."""
        state, desk = self._desk.state, self._desk
        if self._session.busy:
            return
        # The page may not have told the last letters yet.
        state.prompt, state.chips = text, chips_of(text)
        self._results.show_preview(None)
        try:
            request = self._request(text)
            self._session.start(request)
        except LsmsError as error:
            desk.say("error", str(error))
            return
        for prompt in request.prompts:
            prompt_history.remember(desk.workspace.scene, prompt)
        self._earlier = -1
        if self._session.busy:
            self.runProgressed("model", 0, 0, None)
        desk.refresh()

    def _request(self, text: str) -> Any:  # noqa: ANN401 - a Request
        state = self._desk.state
        options = RunOptions(
            split_lesions=bool(state.split_lesions),
            keep_largest=bool(state.keep_largest),
            minimum_area=float(state.minimum_area or 0),
        )
        return self._desk.workspace.request(text, self.choice(), options)

    def cancel(self) -> None:
        """Stop the run under way; nothing is written."""
        self._session.cancel()

    def refresh(self) -> None:
        """Bring what hangs on the session and the views up to date."""
        self._desk.state.busy = self._session.busy
        self.choose_plane()

    # What the session tells, by Slicer's names

    def runProgressed(self, stage: str, done: int, total: int, secondsLeft: float | None) -> None:  # noqa: N802
        """Show how far a run is."""
        state = self._desk.state
        state.progress = round(100 * done / total) if stage == "slices" and total else -1
        self._desk.say("info", progressText(stage, done, total, secondsLeft))

    def runFinished(self, findings: Sequence[Any], notes: Sequence[str]) -> None:  # noqa: N802
        """Show what a run found."""
        if self._session.history.current.changes is not None:
            self._desk.painting.note_run()
        self._results.show_run(findings, notes)
        self._desk.state.runs += 1

    def runCorrected(self, _findings: Sequence[Any]) -> None:  # noqa: N802
        """Show an answer that was changed."""
        self._desk.painting.note_run()
        what = self._session.history.current.what
        self._desk.say("info", f"Done: {what}. Undo takes it back.")
        self._desk.refresh()

    def runCancelled(self) -> None:  # noqa: N802
        """Say that a run was stopped."""
        self._desk.say("info", "Cancelled; nothing was changed.")
        self._desk.refresh()

    def runFailed(self, message: str) -> None:  # noqa: N802
        """Say why a run ended without an answer."""
        self._desk.say("error", message)
        self._desk.state.runs += 1
        self._desk.refresh()
