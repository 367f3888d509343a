"""Resamples uneven or tilted slices to an even, upright stack, on request."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError
from lsms_core.io.headers import MAX_VOXELS

_AIR_HU = -1024.0


def even_slices(array: NDArray[Any], heights_mm: NDArray[np.float64]) -> tuple[NDArray[Any], float]:
    """Interpolate linearly between neighbouring slices.

    Args:
        array: (slices, rows, columns).
        heights_mm: (slices,) rising place of each slice, from 0.

    Returns:
        (slices, rows, columns) at even places from the first to the last slice, of the same
        type, and their distance, mm.
    """
    usual = float(np.median(np.diff(heights_mm)))
    count = max(round(float(heights_mm[-1]) / usual) + 1, 2)
    if count > 20_000:
        raise InputError("The slices lie too unevenly to be resampled: export the series again.")
    places = np.linspace(0.0, float(heights_mm[-1]), count)
    below = np.clip(np.searchsorted(heights_mm, places, side="right") - 1, 0, len(heights_mm) - 2)
    share = (places - heights_mm[below]) / np.diff(heights_mm)[below]
    even = np.empty((count, *array.shape[1:]), array.dtype)
    for n, (k, w) in enumerate(zip(below, share, strict=True)):
        mixed = array[k] * (1.0 - w) + array[k + 1] * w if 0 < w < 1 else array[k + round(w)]
        even[n] = np.rint(mixed) if array.dtype.kind in "iu" else mixed
    return even, float(heights_mm[-1]) / (count - 1)


def is_sheared(affine: NDArray[np.float64], tolerance: float = 1e-3) -> bool:
    """Tell whether the axes of a grid are off right angles by more than ``tolerance`` radians."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max()) > tolerance


def upright(volume: CTVolume) -> CTVolume:
    """Resample a sheared volume to a grid with right angles that holds all of it.

    Rows and columns keep their direction and size; slices follow their normal.

    Raises:
        InputError: when the new grid would be too large.
    """
    affine = volume.affine
    i = affine[:3, 0] / np.linalg.norm(affine[:3, 0])
    j = affine[:3, 1] - (affine[:3, 1] @ i) * i
    j /= np.linalg.norm(j)
    k = np.cross(i, j)
    k *= np.sign(k @ affine[:3, 2])
    spacing = np.array([*volume.spacing_mm[:2], abs(float(k @ affine[:3, 2]))])
    axes = np.stack([i, j, k], axis=1)
    n_k, n_j, n_i = volume.shape
    corners = np.array(
        [(a, b, c, 1) for a in (0, n_i - 1) for b in (0, n_j - 1) for c in (0, n_k - 1)]
    )
    along = (corners @ affine.T)[:, :3] @ axes
    low = along.min(axis=0)
    size = np.rint((along.max(axis=0) - low) / spacing).astype(int) + 1
    if size.prod() > MAX_VOXELS or size.prod() > 8 * volume.array.size:
        raise InputError("The image's axes lean too far to be resampled: export it again.")
    straight = np.eye(4)
    straight[:3, :3] = axes * spacing
    straight[:3, 3] = axes @ low
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ straight
    image = sitk.Resample(
        volume.to_sitk(),
        [int(n) for n in size],
        sitk.Transform(),
        sitk.sitkLinear,
        lps[:3, 3].tolist(),
        spacing.tolist(),
        (lps[:3, :3] / spacing).ravel().tolist(),
        _AIR_HU if volume.array.dtype.kind != "u" else 0.0,
    )
    return CTVolume(sitk.GetArrayFromImage(image), straight)
