"""Reliability of the scores, and the presence threshold, chosen on held-out patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsms_core.errors import InputError
from lsms_core.evaluation import intervals
from lsms_core.evaluation.scores import SampleScore

BINS = 10
# Gains (recall plus no-target accuracy) this close to the best count as equal.
TOLERANCE = 0.02


@dataclass(frozen=True)
class OperatingPoint:
    """A presence threshold and what it does on the samples that it was chosen on.

    Attributes:
        threshold: answers that score less say "nothing found".
        recall: share of texts with a target that are answered with something.
        no_target_accuracy: share of texts without one that are answered with nothing.
    """

    threshold: float
    recall: float
    no_target_accuracy: float


def reliability(samples: Sequence[SampleScore]) -> dict[str, Any]:
    """Compare scores with the share of texts that have a target in the slice.

    Returns:
        ``bins`` (score range, count, mean score, share with a target and its 95 % interval
        over cases) and ``ece``, the expected calibration error (M. P. Naeini et al., AAAI 2015).
    """
    scores = np.array([s.score for s in samples])
    truth = np.array([s.has_target for s in samples], dtype=float)
    rows, error = [], 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = (scores >= low) & ((scores < high) | (number == BINS - 1))
        count = int(inside.sum())
        mean = float(scores[inside].mean()) if count else None
        whose = [samples[i].case for i in np.flatnonzero(inside).tolist()]
        figure = intervals.mean(whose, truth[inside].tolist())
        share = figure["value"]
        if mean is not None and share is not None:
            error += count / len(samples) * abs(mean - share)
        rows.append(
            {
                "from": low,
                "to": high,
                "count": count,
                "score": mean,
                "share": share,
                "interval": [figure["low"], figure["high"]],
            }
        )
    return {"bins": rows, "ece": error}


def choose_threshold(samples: Sequence[SampleScore]) -> OperatingPoint:
    """Choose the presence threshold by the mean of recall and no-target accuracy.

    Call it with answers cut at a presence threshold near 0, on patients that the weights were
    not trained on; report figures on others.

    Raises:
        InputError: without samples of both kinds.
    """
    named = np.array([s.score for s in samples if s.has_target])
    nothing = np.array([s.score for s in samples if not s.has_target])
    if not len(named) or not len(nothing):
        raise InputError(
            "A threshold needs texts that name a lesion and texts that name none: build the "
            "data set with a share of no-target expressions."
        )
    grid = np.arange(0.05, 0.96, 0.01)
    recall = (named[None, :] >= grid[:, None]).mean(axis=1)
    quiet = (nothing[None, :] < grid[:, None]).mean(axis=1)
    gain = recall + quiet
    # Of thresholds that are about as good, the one that finds most: a wrong candidate is seen and
    # dismissed, a missing one is not seen. The middle of its plateau is the steadiest choice.
    good = np.flatnonzero(gain >= gain.max() - TOLERANCE)
    same = np.flatnonzero((recall == recall[good[0]]) & (quiet == quiet[good[0]]))
    at = int(same[len(same) // 2])
    return OperatingPoint(round(float(grid[at]), 2), float(recall[at]), float(quiet[at]))
