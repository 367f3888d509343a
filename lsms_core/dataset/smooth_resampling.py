"""Smooth resampling between axis-aligned grids, as one matrix an axis.

Smoothing and linear interpolation are linear and treat rows and columns apart. So both together
are two products with matrices that are zero off their diagonal, which take a tenth of the time of
filtering the whole slice first. The matrices depend on the grids alone, and the slices of a stack
share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

# Fewer pixels than this cannot be smoothed by a recursive filter.
_FEWEST = 4
# Smaller weights count as none.
_NOTHING = 1e-9
# Places that are computed at once: products this small stay on one thread, and so leave the other
# processors to the network.
_BLOCK = 8


@dataclass(frozen=True)
class _Band:
    """Some places along the new axis, and what they take of the old one.

    Attributes:
        places: along the new axis.
        pixels: along the old one.
        weights: (places, pixels).
    """

    places: slice
    pixels: slice
    weights: NDArray[np.float32]


def resample(
    images: NDArray[Any],
    spacing: tuple[float, float],
    origin: tuple[float, float],
    out_shape: tuple[int, int],
    out_spacing: tuple[float, float],
    out_origin: tuple[float, float],
    *,
    fill: float,
) -> NDArray[np.float32]:
    """Resample finite 2-D images; where pixels become larger, they are smoothed before.

    Args:
        images: (..., rows, columns).
        spacing: (row, column) pixel size, as all pairs here; mm.
        origin: centre of the first pixel, mm.
        out_shape: of the new grid.
        out_spacing: of the new grid.
        out_origin: of the new grid.
        fill: where the images end.

    Returns:
        (..., *out_shape).
    """
    # Anti-aliasing: half the pixel ratio, the usual rule for down-sampling.
    sigma = [
        0.5 * np.sqrt(max(o * o - s * s, 0.0)) for s, o in zip(spacing, out_spacing, strict=True)
    ]
    smooth = max(sigma) > 0.25 * min(spacing)
    axes = []
    for axis in (0, 1):
        width = max(sigma[axis], 0.05 * min(spacing)) if smooth else 0.0
        axes.append(
            _axis(
                images.shape[axis - 2],
                spacing[axis],
                out_shape[axis],
                out_spacing[axis],
                out_origin[axis] - origin[axis],
                width,
            )
        )
    (rows, rows_inside), (columns, columns_inside) = axes
    images = images.astype(np.float32, copy=False)
    half = np.empty((*images.shape[:-2], out_shape[0], images.shape[-1]), np.float32)
    for band in rows:
        half[..., band.places, :] = band.weights @ images[..., band.pixels, :]
    out = np.empty((*images.shape[:-2], *out_shape), np.float32)
    for band in columns:
        out[..., band.places] = half[..., band.pixels] @ band.weights.T
    out[..., ~rows_inside, :] = fill
    out[..., ~columns_inside] = fill
    return out


@lru_cache(maxsize=32)
def _axis(
    count: int, spacing: float, out_count: int, out_spacing: float, start: float, sigma: float
) -> tuple[list[_Band], NDArray[np.bool_]]:
    """Return what each place along one axis is made of, and which places lie inside."""
    places = (start + out_spacing * np.arange(out_count)) / spacing
    inside = (places >= -0.5) & (places <= count - 0.5)
    places = np.clip(places, 0, count - 1)
    before = np.minimum(places.astype(int), max(count - 2, 0))
    after = np.minimum(before + 1, count - 1)
    share = (places - before)[:, None]
    smoothing = _smoothing(count, spacing, sigma)
    weights = (1 - share) * smoothing[before] + share * smoothing[after]
    # The filter's tails are no picture, and numbers that small are slow.
    matrix = np.where(np.abs(weights) < _NOTHING, 0, weights).astype(np.float32)
    bands = []
    for first in range(0, out_count, _BLOCK):
        some = slice(first, min(first + _BLOCK, out_count))
        used = np.flatnonzero(matrix[some].any(axis=0))
        pixels = slice(int(used[0]), int(used[-1]) + 1)
        bands.append(_Band(some, pixels, np.ascontiguousarray(matrix[some, pixels])))
    return bands, inside


@lru_cache(maxsize=8)
def _smoothing(count: int, spacing: float, sigma: float) -> NDArray[np.float64]:
    """Return what a Gaussian filter does along an axis, as a (count, count) matrix."""
    identity = np.eye(count)
    if not sigma or count < _FEWEST:
        return identity
    image = sitk.GetImageFromArray(identity)
    image.SetSpacing((1.0, spacing))
    filtered: NDArray[np.float64] = sitk.GetArrayFromImage(
        sitk.RecursiveGaussian(image, sigma, direction=1)
    )
    return filtered
