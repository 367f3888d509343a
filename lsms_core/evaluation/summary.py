"""From the scores of single answers to a table: means, confidence intervals, sizes, sides.

An empty answer to a text that names nothing is right, and is counted apart from the
overlap with named lesions, so that neither hides the other. Confidence intervals
are percentile bootstraps over cases (B. Efron, R. J. Tibshirani: An Introduction to the
Bootstrap, 1993), since slices of one patient are no independent witnesses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lsms_core.evaluation.scores import SampleScore

PRECISION_AT = (0.5, 0.6, 0.7, 0.8, 0.9)
SIZES_MM: Mapping[str, tuple[float, float]] = {
    "under 10 mm": (0.0, 10.0),
    "10 to 20 mm": (10.0, 20.0),
    "20 to 50 mm": (20.0, 50.0),
    "50 mm and more": (50.0, float("inf")),
    "10 mm and more": (10.0, float("inf")),
}
RESAMPLES = 2000

Figure = dict[str, Any]
"""``value`` (None where nothing could be counted), ``low``, ``high`` (95 %), ``count``."""


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

    def figure(chosen: Sequence[SampleScore], value: Callable[[SampleScore], float]) -> Figure:
        return mean_with_interval(chosen, value, seed)

    table: dict[str, Any] = {
        "samples": len(samples),
        "cases": len({s.case for s in samples}),
        "named": len(named),
        "dice": figure(named, lambda s: s.dice),
        "iou": figure(named, lambda s: s.iou),
        "dice_over_cases": _over_cases(named, lambda s: s.dice),
        "iou_over_cases": _over_cases(named, lambda s: s.iou),
        "oiou": _overall_iou(named),
        "target_recall": figure(named, lambda s: float(s.present)),
        "target_hit": figure(named, lambda s: float(s.hit)),
        "no_target_accuracy": figure(nothing, lambda s: float(not s.present)),
    }
    for level in PRECISION_AT:
        table[f"precision_at_{level}"] = figure(named, lambda s, at=level: float(s.iou > at))  # type: ignore[misc]
    table["by_size"] = {
        name: {
            "dice": figure(_of_size(named, *limits), lambda s: s.dice),
            "recall": figure(_of_size(named, *limits), lambda s: float(s.present)),
        }
        for name, limits in SIZES_MM.items()
    }
    return table


def _of_size(samples: Sequence[SampleScore], low: float, high: float) -> list[SampleScore]:
    return [s for s in samples if low <= s.target_diameter_mm < high]


def mean_with_interval(
    samples: Sequence[SampleScore], value: Callable[[SampleScore], float], seed: int = 0
) -> Figure:
    """Mean over samples with a 95 % bootstrap interval over cases."""
    if not samples:
        return {"value": None, "low": None, "high": None, "count": 0}
    sums: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for sample in samples:
        sums[sample.case] += value(sample)
        counts[sample.case] += 1
    cases = sorted(sums)
    total = np.array([sums[c] for c in cases])
    number = np.array([counts[c] for c in cases])
    mean = float(total.sum() / number.sum())
    if len(cases) < 2:
        # One patient says nothing about how patients differ.
        return {"value": mean, "low": None, "high": None, "count": len(samples)}
    drawn = np.random.default_rng(seed).integers(len(cases), size=(RESAMPLES, len(cases)))
    means = total[drawn].sum(axis=1) / number[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"value": mean, "low": float(low), "high": float(high), "count": len(samples)}


def _over_cases(
    samples: Sequence[SampleScore], value: Callable[[SampleScore], float]
) -> float | None:
    groups: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        groups[sample.case].append(value(sample))
    return float(np.mean([np.mean(g) for g in groups.values()])) if groups else None


def _overall_iou(samples: Sequence[SampleScore]) -> float | None:
    union = sum(s.union for s in samples)
    return sum(s.intersection for s in samples) / union if union else None
