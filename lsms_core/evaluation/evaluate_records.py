"""Evaluate a predictor on a referring data set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.dataset.records import Record, read_records
from lsms_core.errors import InputError
from lsms_core.evaluation.calibration import reliability
from lsms_core.evaluation.failures import Gallery, summarise_failures
from lsms_core.evaluation.oracle import NOTE
from lsms_core.evaluation.parallel import Model, slice_scorer
from lsms_core.evaluation.scores import SampleScore
from lsms_core.evaluation.slice_scores import Mistake, Scoring, SliceScores, slice_of
from lsms_core.evaluation.summary import summarise
from lsms_core.evaluation.text_tests import (
    SidePair,
    TextAnswer,
    summarise_sides,
    summarise_tests,
)
from lsms_core.inference.predictor import Predictor


def choose_records(folder: Path, only: Collection[str] | None) -> list[Record]:
    """Read the records, all or those of the given cases or patients.

    Raises:
        InputError: when none is left.
    """
    records = read_records(folder)
    if only is not None:
        wanted = set(only)
        records = [r for r in records if {r.patient, str(r.attributes.get("case"))} & wanted]
        if not records:
            raise InputError("None of the chosen cases is in the data set: check their names.")
    return sorted(records, key=slice_of)


def evaluate(
    folder: str | Path,
    predictor: Predictor | Model | None,
    *,
    only: Collection[str] | None = None,
    text_tests: bool = True,
    oracle: bool = False,
    save_masks: Path | None = None,
    gallery: Gallery | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Answer every record and score the answers.

    Args:
        folder: the data set.
        predictor: the model, or how each process loads it; None for the true outlines, which
            score the words alone.
        only: cases or patients to use; default: all.
        text_tests: ask each lesion slice in other words, too.
        oracle: keep of each answer what belongs to the named lesions; texts and sides are not
            tested then.
        save_masks: folder for each answer as ``<id>.png`` (0 or 255, as stored).
        gallery: keeps pictures of the worst answers.
        processes: how many work side by side; more than one takes a :class:`Model`, not a
            loaded predictor. The report is the same.
        progress: called with slices done and slices in all.

    Returns:
        The report; see :func:`assemble`.

    Raises:
        InputError: for a data set that cannot be used, or a loaded predictor for several
            processes.
        WorkerError: when a process dies.
    """
    root = Path(folder)
    records = choose_records(root, only)
    slices = [list(group) for _, group in groupby(records, slice_of)]
    scoring = Scoring(text_tests, oracle, save_masks, gallery is not None)
    scored: list[SliceScores] = []
    if progress:
        progress(0, len(slices))
    with slice_scorer(root, predictor, scoring, processes) as scorer:
        for done, scores in enumerate(scorer.scores(slices), start=1):
            for mistake in scores.mistakes:
                if gallery:
                    gallery.offer(mistake.sample, mistake.where, partial(_picture, mistake))
            scored.append(replace(scores, mistakes=()))
            if progress:
                progress(done, len(slices))
        about = scorer.about()
    return assemble(
        [sample for scores in scored for sample in scores.samples],
        [given for scores in scored for given in scores.answers],
        [pair for scores in scored for pair in scores.sides],
        {**about, **({"oracle": NOTE} if oracle else {})},
    )


def _picture(mistake: Mistake) -> NDArray[np.uint8]:
    return mistake.picture


def assemble(
    samples: Sequence[SampleScore],
    answers: Sequence[TextAnswer],
    sides: Sequence[SidePair],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Make the report: summary, sides, text tests, reliability, and every single answer."""
    return {
        "about": dict(about),
        "summary": summarise(samples),
        "sides": summarise_sides(sides),
        "text_tests": summarise_tests(answers),
        "reliability": reliability(samples),
        "failures": summarise_failures(samples),
        "samples": [asdict(s) for s in samples],
        "text_answers": [asdict(a) for a in answers],
        "side_pairs": [asdict(p) for p in sides],
    }


def pool(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Pool the reports of the folds of a cross-validation into one.

    Raises:
        InputError: when two of them hold the same record.
    """
    samples = [SampleScore(**s) for r in reports for s in r["samples"]]
    if len({s.id for s in samples}) != len(samples):
        raise InputError("Two of the reports hold the same record: each belongs to one fold only.")
    return assemble(
        samples,
        [TextAnswer(**a) for r in reports for a in r["text_answers"]],
        [SidePair(**p) for r in reports for p in r["side_pairs"]],
        {"folds": [r["about"] for r in reports]},
    )
