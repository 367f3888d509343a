"""Figures with confidence intervals over patients.

Slices of one patient are not independent, so the percentile bootstrap (B. Efron,
R. J. Tibshirani: An Introduction to the Bootstrap, 1993) draws patients, each with all answers
about them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000

Figure = dict[str, Any]
"""``value`` (None where nothing could be counted), ``low``, ``high`` (95 %), ``count``."""


def ratio(
    cases: Sequence[str], tops: Sequence[float], bottoms: Sequence[float], seed: int = 0
) -> Figure:
    """Sum of ``tops`` over sum of ``bottoms``, with a 95 % interval over cases.

    Args:
        cases: whose each entry is.
        tops: numerators.
        bottoms: denominators, 0 or more.
        seed: of the bootstrap.
    """
    if sum(bottoms) == 0:
        return {"value": None, "low": None, "high": None, "count": len(tops)}
    top: dict[str, float] = defaultdict(float)
    bottom: dict[str, float] = defaultdict(float)
    for case, share, whole in zip(cases, tops, bottoms, strict=True):
        top[case] += share
        bottom[case] += whole
    names = sorted(top)
    above, below = np.array([top[n] for n in names]), np.array([bottom[n] for n in names])
    figure = {
        "value": float(above.sum() / below.sum()),
        "low": None,
        "high": None,
        "count": len(tops),
    }
    if len(names) < 2:
        # The variance between patients cannot be estimated from one patient.
        return figure
    drawn = np.random.default_rng(seed).integers(len(names), size=(RESAMPLES, len(names)))
    totals = below[drawn].sum(axis=1)
    usable = totals > 0
    values = above[drawn].sum(axis=1)[usable] / totals[usable]
    low, high = np.percentile(values, [2.5, 97.5])
    return {**figure, "low": float(low), "high": float(high)}


def mean(cases: Sequence[str], values: Sequence[float], seed: int = 0) -> Figure:
    """Mean over entries, with a 95 % interval over cases."""
    return ratio(cases, values, [1.0] * len(values), seed)


def mean_over_cases(cases: Sequence[str], values: Sequence[float], seed: int = 0) -> Figure:
    """Mean over the cases' own means, with a 95 % interval over cases."""
    groups: dict[str, list[float]] = defaultdict(list)
    for case, value in zip(cases, values, strict=True):
        groups[case].append(value)
    names = sorted(groups)
    return mean(names, [float(np.mean(groups[n])) for n in names], seed)
