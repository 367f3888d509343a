"""Smooth random fields and the noise of a CT scanner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# Standard deviation of a cubic B-spline with unit normal coefficients in three dimensions.
_SPLINE_SD = 0.479**1.5


def smooth_noise(
    axes_mm: tuple[Floats, Floats, Floats], scale_mm: float, rng: np.random.Generator
) -> Floats:
    """Draw a smooth field of mean 0 and standard deviation 1 on a grid.

    The field is a cubic B-spline whose coefficients are independent, so it is evaluated
    by one matrix product an axis.

    Args:
        axes_mm: coordinates of the grid along each array axis, rising.
        scale_mm: distance between the spline's knots.
        rng: source of chance.
    """
    bases = [_spline_basis(axis, scale_mm) for axis in axes_mm]
    coefficients = rng.standard_normal([b.shape[1] for b in bases], dtype=np.float32)
    coefficients *= np.float32(1 / _SPLINE_SD)
    # One product an axis: many small ones lose their time to the threads of the library.
    field = np.tensordot(bases[0], coefficients, axes=(1, 0))
    field = np.tensordot(field, bases[1], axes=(1, 1)).transpose(0, 2, 1)
    return np.tensordot(field, bases[2], axes=(2, 1))


def _spline_basis(positions_mm: Floats, scale_mm: float) -> Floats:
    """Cubic B-spline weights, (positions, knots)."""
    position = (positions_mm - positions_mm[0]) / scale_mm
    knots = int(np.ceil(position[-1])) + 4
    distance = np.abs(position[:, None] - (np.arange(knots) - 1)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - np.minimum(distance, 2)) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def smooth3(image: Floats, weights: tuple[float, float, float]) -> Floats:
    """Convolve with (w, 1 - 2w, w) along each axis; edges are repeated."""
    for axis, weight in enumerate(weights):
        if weight <= 0 or image.shape[axis] < 2:
            continue
        moved = np.moveaxis(image, axis, 0)
        result = (1 - 2 * weight) * moved
        result[1:] += weight * moved[:-1]
        result[:-1] += weight * moved[1:]
        result[0] += weight * moved[0]
        result[-1] += weight * moved[-1]
        image = np.moveaxis(result, 0, axis)
    return image


def scanner_noise(shape: tuple[int, int, int], sigma_hu: float, rng: np.random.Generator) -> Floats:
    """Draw noise with the band-pass spectrum of filtered back-projection.

    Fine grain is smoothed, as by a soft-tissue kernel, and the slowest part is taken away,
    because the ramp filter lets no slow noise through (Riederer et al., "The noise power
    spectrum in computed X-ray tomography", 1978). Slices are nearly independent.

    Args:
        shape: (slices, rows, columns).
        sigma_hu: standard deviation.
        rng: source of chance.
    """
    grain = rng.standard_normal(shape, dtype=np.float32)
    grain = smooth3(grain, (0.12, 0.25, 0.25))
    slow = smooth3(smooth3(grain, (0.0, 0.33, 0.33)), (0.0, 0.33, 0.33))
    grain -= 0.55 * slow
    return np.asarray(grain * np.float32(sigma_hu / grain.std()), dtype=np.float32)
