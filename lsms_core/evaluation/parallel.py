"""Scores slices in this process or in several, in the same order."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from lsms_core.dataset.records import Record
from lsms_core.errors import InputError, WorkerError
from lsms_core.evaluation.slice_scores import Scoring, SliceScores, about_of, score_slice
from lsms_core.inference.predictor import Predictor


@dataclass(frozen=True)
class Model:
    """How a process loads the model.

    Attributes:
        weights: a bundle's name or folder.
        engine: default: the one that the bundle names.
        device: as for ``Predictor.from_pretrained``.
        threads: CPU threads of each process.
        presence: score that a lesion must reach; None for the model's own.
    """

    weights: str
    engine: str | None = None
    device: str = "auto"
    threads: int | None = None
    presence: float | None = None

    def load(self) -> Predictor:
        """Load it."""
        predictor = Predictor.from_pretrained(
            self.weights, self.device, self.engine, threads=self.threads
        )
        if self.presence is not None:
            predictor.postprocessing = replace(
                predictor.postprocessing, presence_threshold=self.presence
            )
        return predictor


class SliceScorer(Protocol):
    """Scores slices."""

    def scores(self, slices: Sequence[Sequence[Record]]) -> Iterator[SliceScores]:
        """Give the scores of each slice, in their order."""

    def about(self) -> dict[str, Any]:
        """Say which model answered."""


@contextmanager
def slice_scorer(
    root: Path, predictor: Predictor | Model | None, scoring: Scoring, processes: int
) -> Iterator[SliceScorer]:
    """Give what scores slices; its processes end with the context.

    Raises:
        InputError: for a loaded predictor and several processes.
    """
    if processes == 1:
        loaded = predictor.load() if isinstance(predictor, Model) else predictor
        yield _Here(root, loaded, scoring)
        return
    if isinstance(predictor, Predictor):
        raise InputError("A loaded model stays in its process: pass a Model for several processes.")
    executor = ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_start, initargs=(root, predictor, scoring)
    )
    try:
        yield _Beside(executor)
    finally:
        executor.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Here:
    root: Path
    predictor: Predictor | None
    scoring: Scoring

    def scores(self, slices: Sequence[Sequence[Record]]) -> Iterator[SliceScores]:
        for group in slices:
            yield score_slice(self.root, group, self.predictor, self.scoring)

    def about(self) -> dict[str, Any]:
        return about_of(self.predictor)


@dataclass(frozen=True)
class _Beside:
    executor: ProcessPoolExecutor

    def scores(self, slices: Sequence[Sequence[Record]]) -> Iterator[SliceScores]:
        try:
            yield from self.executor.map(_score, slices)
        except BrokenProcessPool as error:
            raise WorkerError(
                "A process of the evaluation ended, out of memory perhaps: use fewer processes."
            ) from error

    def about(self) -> dict[str, Any]:
        return self.executor.submit(_about).result()


# What a process of its own works with; set once, when it starts.
_work: _Here | None = None


def _start(root: Path, model: Model | None, scoring: Scoring) -> None:
    global _work  # noqa: PLW0603
    # An interrupt at the keyboard reaches every process; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work = _Here(root, None if model is None else model.load(), scoring)


def _score(group: Sequence[Record]) -> SliceScores:
    assert _work is not None
    return next(_work.scores([group]))


def _about() -> dict[str, Any]:
    assert _work is not None
    return _work.about()
