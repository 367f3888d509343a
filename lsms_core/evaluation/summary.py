"""Summarises the scores of single answers: means, confidence intervals, sizes, sides.

An empty answer to a text without a target is correct. These texts are counted separately
from the overlap with named lesions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lsms_core.evaluation import intervals
from lsms_core.evaluation.intervals import Figure
from lsms_core.evaluation.scores import SampleScore

PRECISION_AT = (0.5, 0.6, 0.7, 0.8, 0.9)
SIZES_MM: Mapping[str, tuple[float, float]] = {
    "under 10 mm": (0.0, 10.0),
    "10 to 20 mm": (10.0, 20.0),
    "20 to 50 mm": (20.0, 50.0),
    "50 mm and more": (50.0, float("inf")),
    "10 mm and more": (10.0, float("inf")),
}
CONTRASTS_HU: Mapping[str, tuple[float, float]] = {
    "darker by 40 HU and more": (float("-inf"), -40.0),
    "darker by 20 to 40 HU": (-40.0, -20.0),
    "darker by 10 to 20 HU": (-20.0, -10.0),
    "within 10 HU": (-10.0, 10.0),
    "brighter by 10 HU and more": (10.0, float("inf")),
    "darker by 20 HU and more": (float("-inf"), -20.0),
}


def summarise(samples: Sequence[SampleScore], seed: int = 0) -> dict[str, Any]:
    """Summarise the answers to a data set's records.

    Args:
        samples: the scores.
        seed: of the bootstrap.

    Returns:
        A JSON-able table; each figure holds its value, its 95 % interval over cases and the
        number of answers behind it.
    """
    named = [s for s in samples if s.has_target]
    nothing = [s for s in samples if not s.has_target]
    cases = [s.case for s in named]

    def figure(chosen: Sequence[SampleScore], value: Callable[[SampleScore], float]) -> Figure:
        return mean_with_interval(chosen, value, seed)

    table: dict[str, Any] = {
        "samples": len(samples),
        "cases": len({s.case for s in samples}),
        "named": len(named),
        "dice": figure(named, lambda s: s.dice),
        "iou": figure(named, lambda s: s.iou),
        "dice_over_cases": intervals.mean_over_cases(cases, [s.dice for s in named], seed),
        "iou_over_cases": intervals.mean_over_cases(cases, [s.iou for s in named], seed),
        "oiou": intervals.ratio(
            cases, [s.intersection for s in named], [s.union for s in named], seed
        ),
        "target_recall": figure(named, lambda s: float(s.present)),
        "target_hit": figure(named, lambda s: float(s.hit)),
        "no_target_accuracy": figure(nothing, lambda s: float(not s.present)),
    }
    for level in PRECISION_AT:
        table[f"precision_at_{level}"] = figure(named, lambda s, at=level: float(s.iou > at))  # type: ignore[misc]
    for title, limits, measured in (
        ("by_size", SIZES_MM, lambda s: s.target_diameter_mm),
        ("by_contrast", CONTRASTS_HU, lambda s: s.target_contrast_hu),
    ):
        table[title] = {
            name: {
                "dice": figure(some, lambda s: s.dice),
                "recall": figure(some, lambda s: float(s.present)),
            }
            for name, some in _groups(named, limits, measured).items()
        }
    table["by_style"] = summarise_styles(samples, seed)
    return table


def summarise_styles(samples: Sequence[SampleScore], seed: int = 0) -> dict[str, Any]:
    """Dice, recall and no-target accuracy for each way of wording; empty where none is known."""
    table: dict[str, Any] = {}
    for style in sorted({s.style for s in samples if s.style}):
        chosen = [s for s in samples if s.style == style]
        named = [s for s in chosen if s.has_target]
        nothing = [s for s in chosen if not s.has_target]
        table[style] = {
            "count": len(chosen),
            "dice": mean_with_interval(named, lambda s: s.dice, seed),
            "recall": mean_with_interval(named, lambda s: float(s.present), seed),
            "no_target_accuracy": mean_with_interval(nothing, lambda s: float(not s.present), seed),
        }
    return table


def _groups(
    samples: Sequence[SampleScore],
    limits: Mapping[str, tuple[float, float]],
    measured: Callable[[SampleScore], float | None],
) -> dict[str, list[SampleScore]]:
    """The samples within each pair of limits; where nothing is measured, in none."""
    values = [(s, measured(s)) for s in samples]
    return {
        name: [s for s, value in values if value is not None and low <= value < high]
        for name, (low, high) in limits.items()
    }


def mean_with_interval(
    samples: Sequence[SampleScore], value: Callable[[SampleScore], float], seed: int = 0
) -> Figure:
    """Mean over samples with a 95 % bootstrap interval over cases."""
    return intervals.mean([s.case for s in samples], [value(s) for s in samples], seed)
