"""Classifies mistakes, and keeps pictures of the worst ones of each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.evaluation import intervals
from lsms_core.evaluation.mistake_pictures import save_png
from lsms_core.evaluation.scores import SampleScore

KINDS = ("missed", "wrong place", "invented", "poor outline")
POOR_DICE = 0.5
PER_KIND = 6
PER_PATIENT = 2


def failure_of(sample: SampleScore) -> str | None:
    """Name the mistake: one of KINDS, None for a good answer.

    * missed: a lesion is named, and the answer is empty;
    * wrong place: the answer lies on other lesions, or on none, more than on the named;
    * invented: nothing is named, and the answer is not empty;
    * poor outline: the named lesion is found, with a Dice under POOR_DICE.
    """
    answered = sample.predicted_area_mm2 > 0
    if not sample.has_target:
        return "invented" if answered else None
    if not answered:
        return "missed"
    if not sample.hit or sample.on_others > sample.intersection:
        return "wrong place"
    return "poor outline" if sample.dice < POOR_DICE else None


def summarise_failures(samples: Sequence[SampleScore], seed: int = 0) -> dict[str, Any]:
    """Share of each kind of mistake, of the texts with a target, or without for "invented"."""
    table: dict[str, Any] = {}
    for kind in KINDS:
        of = [s for s in samples if s.has_target == (kind != "invented")]
        found = [float(failure_of(s) == kind) for s in of]
        table[kind] = intervals.mean([s.case for s in of], found, seed)
    return table


@dataclass(frozen=True)
class _Shown:
    badness: float
    sample: SampleScore
    slice: tuple[Any, ...]
    picture: NDArray[np.uint8]


class Gallery:
    """Keeps the worst answers of each kind while an evaluation runs.

    A slice is shown once and a patient a few times for each kind, so that one hard case does
    not fill the page.
    """

    def __init__(self, per_kind: int = PER_KIND, per_patient: int = PER_PATIENT) -> None:
        self._per_kind = per_kind
        self._per_patient = per_patient
        self._shown: dict[str, list[_Shown]] = {kind: [] for kind in KINDS}

    def offer(
        self, sample: SampleScore, where: tuple[Any, ...], draw: Callable[[], NDArray[np.uint8]]
    ) -> None:
        """Take an answer if it is among the worst of its kind.

        Args:
            sample: its score.
            where: names its slice.
            draw: makes its picture, (rows, columns, 3); called only if it is taken.
        """
        kind = failure_of(sample)
        if kind is None:
            return
        badness = _badness(kind, sample)
        shown = self._shown[kind]
        rivals = [s for s in shown if s.slice == where]
        if not rivals:
            rivals = [s for s in shown if s.sample.case == sample.case]
            rivals = rivals if len(rivals) >= self._per_patient else []
        if not rivals and len(shown) >= self._per_kind:
            rivals = shown
        if rivals:
            least = min(rivals, key=lambda s: s.badness)
            if least.badness >= badness:
                return
            shown.remove(least)
        shown.append(_Shown(badness, sample, where, draw()))
        shown.sort(key=lambda s: -s.badness)

    def write(self, folder: Path) -> list[dict[str, str]]:
        """Write the pictures as ``<id>.png``; returns ``kind``, ``id``, ``caption`` of each.

        Raises:
            OutputError: when the folder cannot be written.
        """
        entries = []
        for kind in KINDS:
            for shown in self._shown[kind]:
                save_png(folder / f"{shown.sample.id}.png", shown.picture)
                entries.append(
                    {"kind": kind, "id": shown.sample.id, "caption": caption(shown.sample)}
                )
        return entries


def caption(sample: SampleScore) -> str:
    """Describe an answer in one line."""
    parts = [f"patient {sample.case}"]
    if sample.has_target:
        parts.append(f"named: {sample.target_diameter_mm:.0f} mm")
        parts.append(f"Dice {sample.dice:.2f}")
    else:
        parts.append("nothing is named")
    parts.append(f"answered: {sample.predicted_area_mm2 / 100:.1f} cm²")
    parts.append(f"score {sample.score:.2f}")
    return f"“{sample.text}” ({', '.join(parts)})"


def _badness(kind: str, sample: SampleScore) -> float:
    """The larger a missed lesion, and the surer a wrong answer, the worse."""
    if kind == "missed":
        return sample.target_area_mm2
    if kind == "poor outline":
        return 1.0 - sample.dice
    return sample.score
