"""A fully connected CRF with two classes on a grey picture, by mean field, exactly.

P. Krähenbühl, V. Koltun: Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials, NIPS 2011. Their filtering is approximate (a permutohedral lattice). On a grey
picture of 256 levels both kernels can be summed exactly instead:

- the Gaussian in space is separable: two small matrix products;
- the bilateral kernel is, level by level, a Gaussian in space of what lies at similar levels,
  and a wide Gaussian is a matrix of low rank.

A grey value counts three times in the distance of colours, as its three equal channels would.
Kernels are normalised symmetrically, k_ij / sqrt(n_i n_j) with n_i = sum_j k_ij, and a pixel
sends no message to itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lsms_core.models.medclip_sam.medclip_config import CrfConfig

LEVELS = 256
_EPS = 1e-8
_ROUNDING = 1e-13

Array = NDArray[np.float64]
_Filter = Callable[[Array], Array]


def unary(saliency: Array, tau: float) -> Array:
    """Cost of (background, foreground): -log(p + eps) / (tau sigmoid(p)), p = 1 - s, s.

    Args:
        saliency: (H, W), 0 to 1.
        tau: temperature.

    Returns:
        (2, H, W).
    """
    p = np.stack([1.0 - saliency, saliency])
    cost: Array = -np.log(p + _EPS) * (1.0 + np.exp(-p)) / tau
    return cost


def refine(grey: NDArray[np.float32], saliency: NDArray[np.float32], config: CrfConfig) -> Array:
    """Refine a saliency map with the picture's edges.

    Args:
        grey: (H, W), 0 to 1.
        saliency: (H, W), 0 to 1.
        config: kernels and iterations.

    Returns:
        (H, W) probability of the foreground.
    """
    levels = np.clip(np.rint(grey * (LEVELS - 1)), 0, LEVELS - 1).astype(np.intp)
    shape = levels.shape
    smoothness = _normalised(_gaussian(shape, config.gaussian_sxy), shape)
    bilateral = _bilateral(levels, config.bilateral_sxy, config.bilateral_srgb)
    appearance = _normalised(bilateral, shape)
    kernels = ((config.gaussian_compat, smoothness), (config.bilateral_compat, appearance))
    # Messages are linear and the classes sum to 1: one filtering serves both of them.
    totals = [message(np.ones(shape)) for _, message in kernels]
    cost = unary(saliency.astype(np.float64), config.tau)
    q = _softmax(-cost)
    for _ in range(config.iterations):
        energy = -cost
        for (weight, message), total in zip(kernels, totals, strict=True):
            foreground = message(q[1])
            # Potts: a label pays for what the neighbours give to the other one.
            energy = energy - weight * np.stack([foreground, total - foreground])
        q = _softmax(energy)
    return q[1]


def _normalised(kernel: _Filter, shape: tuple[int, ...]) -> _Filter:
    scale = 1.0 / np.sqrt(np.maximum(kernel(np.ones(shape)), _EPS))
    return lambda values: scale * kernel(scale * values)


def _line(size: int, sigma: float) -> Array:
    distance = np.arange(size)[:, None] - np.arange(size)
    return np.exp(-0.5 * (distance / sigma) ** 2)


def _gaussian(shape: tuple[int, ...], sigma: float) -> _Filter:
    rows, columns = _line(shape[0], sigma), _line(shape[1], sigma)
    return lambda values: rows @ values @ columns - values


def _bilateral(levels: NDArray[np.intp], sxy: float, srgb: float) -> _Filter:
    row_factor, column_factor = (_factor(size, sxy) for size in levels.shape)
    used = np.unique(levels)
    where = [np.nonzero(levels == level) for level in used]
    parts = [(row_factor[rows], column_factor[columns]) for rows, columns in where]
    sigma = srgb / np.sqrt(3.0)
    similar = np.exp(-0.5 * ((used[:, None] - used) / sigma) ** 2)

    def apply(values: Array) -> Array:
        # What lies at each level, seen by the spatial kernel; then mixed across levels.
        by_level = np.stack(
            [(r * values[at][:, None]).T @ c for (r, c), at in zip(parts, where, strict=True)]
        )
        mixed = np.tensordot(similar, by_level, axes=1)
        result = np.empty(levels.shape)
        for (rows, columns), at, table in zip(parts, where, mixed, strict=True):
            result[at] = ((rows @ table) * columns).sum(axis=1)
        return result - values

    return apply


def _factor(size: int, sigma: float) -> Array:
    """Return F with F F^T = the Gaussian between ``size`` pixels, to rounding.

    A wide Gaussian is smooth, so that a few columns are enough.
    """
    values, vectors = np.linalg.eigh(_line(size, sigma))
    kept = values > _ROUNDING * values[-1]
    factor: Array = vectors[:, kept] * np.sqrt(values[kept])
    return factor


def _softmax(energy: Array) -> Array:
    shifted = np.exp(energy - energy.max(axis=0))
    out: Array = shifted / shifted.sum(axis=0)
    return out
