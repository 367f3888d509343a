"""The result: the lesions with their reasons, the threshold, corrections, undo, the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lsms_core.mrml.findings import findings_table
from lsms_core.mrml.labelmaps import segment_ids
from lsms_core.session.correcting import correctInWords, keepLesion
from lsms_core.session.lesion_rows import LesionRow, findingsOf, rowsOf, segmentOf
from lsms_core.session.run_texts import outcome
from lsms_core.viewer.page_desk import Desk


class ResultPanel:
    """Drives the middle of the page."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._session = desk.workspace.session
        self._rows: list[LesionRow] = []
        self._preview: list[LesionRow] | None = None
        self._table: Any = None
        self._applied: tuple[float, bool, float] | None = None
        desk.refreshers.append(self.refresh)

    # Lesions

    def show_preview(self, answers: Sequence[Any] | None) -> None:
        """List what a text that is being typed would keep; None for the last run again."""
        if answers is None and self._preview is None:
            return
        self._preview = None if answers is None else rowsOf(answers)
        self._show_lesions()

    def _show_lesions(self) -> None:
        state, findings = self._desk.state, self._session.findings
        fixed = self._preview is not None
        self._rows = self._preview or ([] if fixed else rowsOf([f.answer for f in findings]))
        state.lesions = [
            {
                "number": row.number,
                "place": row.place,
                "size": row.size,
                "hu": row.attenuation,
                "kept": row.kept,
                "why": row.why,
                "colour": "" if fixed else self._colour(row, findings),
            }
            for row in self._rows
        ]
        state.lesions_fixed = fixed or bool(self._session.whyNotCorrectable())
        if state.lesion >= len(self._rows):
            state.lesion = -1
        self._say_why()

    @staticmethod
    def _colour(row: LesionRow, findings: Sequence[Any]) -> str:
        for finding in findingsOf(row, findings) if row.kept else ():
            segment_id = segmentOf(finding, row.lesion.number)
            if segment_id is not None:
                segment = finding.segmentationNode.GetSegmentation().GetSegment(segment_id)
                red, green, blue = (round(255 * c) for c in segment.GetColor())
                return f"rgb({red},{green},{blue})"
        return ""

    def _say_why(self) -> None:
        state = self._desk.state
        row = self._selected()
        state.lesion_why = ""
        if row is not None and row.why:
            state.lesion_why = f"Lesion {row.number}, {row.state}: {row.why}."

    def _selected(self) -> LesionRow | None:
        index = self._desk.state.lesion
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def select(self, index: int) -> None:
        """Select a lesion and bring the views to it."""
        self._desk.state.lesion = int(index)
        row = self._selected()
        self._say_why()
        if row is not None and row.lesion is not None:
            self._desk.show_point(np.mean(row.lesion.longest_ends, axis=0))

    def step(self, step: int) -> None:
        """Select the next lesion (1) or the one before (-1)."""
        if self._rows:
            index = self._desk.state.lesion + int(step)
            self.select(max(0, min(index, len(self._rows) - 1)))

    def toggle(self, index: int | None = None) -> None:
        """Add a lesion to the answer or take it out; by default the selected one."""
        if index is not None:
            self.select(index)
        row = self._selected()
        if row is None or self._desk.state.lesions_fixed or self._session.busy:
            return
        self._desk.attempt(lambda: keepLesion(self._session, row, not row.kept))
        self._desk.refresh()

    # Threshold, corrections, undo

    def _settings(self) -> tuple[float, bool, float]:
        state = self._desk.state
        return float(state.threshold), bool(state.keep_largest), float(state.minimum_area)

    def settings_changed(self) -> None:
        """Cut the last run's maps at the page's threshold and sizes; the model is not asked."""
        wanted = self._settings()
        if wanted == self._applied or not self._session.findings or self._session.busy:
            return
        self._applied = wanted
        problem = self._session.canRecut()
        if problem:
            self._desk.say("warning", problem)
        else:
            self._desk.attempt(lambda: self._session.recut(*wanted))
            self._desk.say(*outcome(self._session.findings))
        self._desk.refresh()

    def _show_threshold(self) -> None:
        """Set the slider to where the present answer is cut."""
        findings = self._session.findings
        if findings:
            self._desk.state.threshold = round(min(max(findings[0].threshold, 0.01), 0.99), 2)
        self._applied = self._settings()

    def correct(self, text: str) -> None:
        """Change the last answer as a text says."""
        if not str(text or "").strip() or self._session.busy:
            return
        undo = self._desk.attempt(lambda: correctInWords(self._session, text.strip()))
        if undo is None:
            return
        self._desk.state.correction = ""
        if undo:
            self.undo()

    def undo(self) -> None:
        """Take back the last run, correction or change by hand."""
        self._switch(self._desk.painting.undo, "Taken back: {what}.")

    def redo(self) -> None:
        """Bring back what Undo took."""
        self._switch(self._desk.painting.redo, "Back again: {what}.")

    def _switch(self, action: Any, said: str) -> None:  # noqa: ANN401 - returns what it did
        if self._session.busy:
            return
        what = self._desk.attempt(action)
        if what:
            self._desk.say("info", said.format(what=what))
            self._show_threshold()
        self._desk.refresh()

    def show_run(self, findings: Sequence[Any], notes: Sequence[str]) -> None:
        """Show what a run found, and set the threshold to where the model cut."""
        kind, text = outcome(findings)
        self._preview = None
        self._desk.say(kind, "\n".join([text, *notes]))
        self._show_threshold()
        self._desk.state.lesion = -1
        self._desk.refresh()
        kept = [n for n, row in enumerate(self._rows) if row.kept]
        if kept:
            self.select(kept[0])

    # Up to date

    def refresh(self) -> None:
        """Bring lesions, buttons and the table up to date."""
        state, painting = self._desk.state, self._desk.painting
        self._show_lesions()
        reason = self._session.canRecut()
        state.can_cut = not reason
        state.cut_reason = reason if self._session.findings else ""
        state.can_correct = not self._session.whyNotCorrectable()
        state.can_undo, state.can_redo = painting.can_undo, painting.can_redo
        self._measure()

    def _measure(self) -> None:
        workspace, state = self._desk.workspace, self._desk.state
        if workspace.findings is None or not segment_ids(workspace.findings):
            state.findings_head, state.findings_rows = [], []
            return
        table = self._table
        if table is not None and table.GetScene() is None:
            table = None
        self._table = findings_table(workspace.findings, workspace.volume, None, table)
        cells = self._table.GetTable()
        columns = [cells.GetColumn(n) for n in range(cells.GetNumberOfColumns())]
        state.findings_head = [str(column.GetName()) for column in columns]
        state.findings_rows = [
            [column.GetVariantValue(row).ToString() for column in columns]
            for row in range(cells.GetNumberOfRows())
        ]
