"""Logistic regression by Newton's method, for a few hundred rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 30
# Of a logit: the exponential must not overflow.
_LARGEST = 30.0


def fit_logistic(
    columns: NDArray[np.float64],
    truth: NDArray[np.bool_] | NDArray[np.float64],
    penalty: NDArray[np.float64],
    counts: NDArray[np.float64] | None = None,
    *,
    damping: float = 0.0,
) -> NDArray[np.float64]:
    """Return the weight of each column.

    Args:
        columns: (n, k); a column of ones for a bias.
        truth: (n,), 0 or 1.
        penalty: (k,) on the squared weights.
        counts: (n,) how much each row counts; default: 1.
        damping: added to the curvature, so that it can be inverted.
    """
    each = np.ones(len(columns)) if counts is None else counts
    weights = np.zeros(columns.shape[1])
    for _ in range(_ITERATIONS):
        logits = np.clip(columns @ weights, -_LARGEST, _LARGEST)
        probability = 1.0 / (1.0 + np.exp(-logits))
        slope = columns.T @ (each * (truth - probability)) - penalty * weights
        curve = (columns.T * (each * probability * (1.0 - probability))) @ columns
        weights = weights + np.linalg.solve(curve + np.diag(penalty + damping), slope)
    return weights
