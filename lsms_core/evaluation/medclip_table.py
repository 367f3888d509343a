"""MedCLIP-SAM on picture sets: scores, text tests, and the papers' table beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.evaluation.medclip_sets import SETS, PictureCase, PictureSet
from lsms_core.evaluation.scores import SampleScore, score_sample
from lsms_core.evaluation.summary import summarise
from lsms_core.evaluation.text_tests import TextAnswer, answer, make_tests, summarise_tests
from lsms_core.inference.answer import Answer
from lsms_core.inference.predictor import Predictor

# Dice of the papers, percent: arXiv 2403.20253 (v1) and 2409.19483 (v2).
COLUMNS = ("breast ultrasound", "brain MRI", "lung X-ray", "lung CT")
PUBLISHED: Mapping[str, tuple[float, ...]] = {
    "v1 zero-shot": (67.8, 66.7, 64.5, 59.1),
    "v2 zero-shot": (77.8, 76.5, 75.8, 80.4),
    "v2 weakly supervised": (78.9, 80.0, 80.8, 88.8),
}
_PIXEL_MM = (1.0, 1.0)


def evaluate_set(
    chosen: PictureSet,
    cases: Sequence[PictureCase],
    predictor: Predictor,
    *,
    text: str | None = None,
    text_tests: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Answer the set's text for every picture, and the other texts of the text tests.

    Args:
        chosen: the set.
        cases: its pictures.
        predictor: prepared for pictures.
        text: asked instead of the set's own.
        text_tests: ask for another set's structure, for gibberish and for nothing, too.
        progress: called with pictures done and in all.

    Returns:
        Summary, text tests and every single answer, JSON-able. Sizes are in pixels.
    """
    asked = text or chosen.text
    # What other sets are asked about is not in this set's pictures.
    absent = sorted({(s.text, (2,)) for s in SETS.values() if s.title != chosen.title})
    samples: list[SampleScore] = []
    answers: list[TextAnswer] = []
    for number, case in enumerate(cases):
        if progress:
            progress(number, len(cases))
        grey, mask = case.load()
        tests = make_tests(case.id, asked, (1,), absent) if text_tests and mask.any() else []
        texts = list(dict.fromkeys([asked, *(t.text for t in tests if t.text.strip())]))
        found = predictor.segment(grey, texts, spacing_mm=_PIXEL_MM, keep_probability=False)
        given: dict[str, Answer] = dict(zip(texts, found, strict=True))
        samples.append(_score(case, asked, mask, given[asked]))
        nothing = np.zeros(mask.shape, np.bool_)
        for test in tests:
            predicted = given[test.text].mask if test.text in given else nothing
            answers.append(answer(test, given[asked].mask, predicted, mask.astype(np.int32), (1,)))
    if progress:
        progress(len(cases), len(cases))
    return {
        "set": chosen.name,
        "title": chosen.title,
        "text": asked,
        "model": f"{predictor.name} {predictor.version}",
        "engine": predictor.engine,
        "summary": summarise(samples),
        "text_tests": summarise_tests(answers),
        "samples": [asdict(s) for s in samples],
    }


def _score(case: PictureCase, text: str, mask: NDArray[np.bool_], found: Answer) -> SampleScore:
    return score_sample(
        record=case.id,
        case=case.patient,
        text=text,
        side=None,
        target=mask,
        predicted=found.mask,
        spacing_mm=_PIXEL_MM,
        score=found.score,
        present=found.present,
    )


def results_table(reports: Sequence[Mapping[str, Any]]) -> str:
    """Write the papers' Dice and ours side by side, as Markdown.

    Each of our rows is one report: a model on one set, with its 95 % interval and the number
    of pictures that show what was asked.
    """
    lines = [
        "| Dice, % | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for name, values in PUBLISHED.items():
        lines.append(f"| published, {name} | " + " | ".join(f"{v:.1f}" for v in values) + " |")
    for report in reports:
        cells = [_dice(report) if c == report["title"] else "" for c in COLUMNS]
        lines.append(f"| ours, {report['model']}, {report['set']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _dice(report: Mapping[str, Any]) -> str:
    figure = report["summary"]["dice"]
    if figure["value"] is None:
        return "-"
    text = f"{100 * figure['value']:.1f}"
    if figure["low"] is not None:
        text += f" ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
    return f"{text}, n = {figure['count']}"


def blindness_table(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the text tests of several models in one table, as Markdown.

    Args:
        reports: by model; each holds "text_tests" as the evaluation makes them. A model that
            reads its text answers few of the wrong ones, and otherwise than the right one.
    """
    lines = [
        "| model | the slice is asked with | times | Dice to the right text's lesion | "
        "answered | changed |",
        "|---|---|---|---|---|---|",
    ]
    for model, report in reports.items():
        for kind, row in report["text_tests"].items():
            dice = row["dice_to_right_lesion"]
            shares = [
                "-" if row[name] is None else f"{100 * row[name]:.0f} %"
                for name in ("answered", "changed")
            ]
            lines.append(
                f"| {model} | {kind} text | {row['count']} | "
                f"{'-' if dice is None else format(dice, '.2f')} | {shares[0]} | {shares[1]} |"
            )
    return "\n".join(lines) + "\n"
