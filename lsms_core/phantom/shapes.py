"""Signed distances of simple shapes, mm: negative inside.

Distances are approximate away from the surface, which is all that partial
volume and smooth unions need. Points come as three arrays x, y, z.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Points = tuple[Floats, Floats, Floats]
Triple = tuple[float, float, float]

_MOST_THREADS = 4


def ellipsoid(points: Points, centre: Triple, axes: Triple, turn: Triple = (0, 0, 0)) -> Floats:
    """Distance to an ellipsoid.

    Args:
        points: where.
        centre: its centre.
        axes: its semi-axes.
        turn: rotation about x, y and z, degrees.
    """
    matrix = rotation(turn).T.astype(np.float32) if any(turn) else None

    def of_slice(*points: Floats) -> Floats:
        return _to_ellipsoid(points, centre, axes, matrix)

    return _by_slices(of_slice, *points)


def _to_ellipsoid(
    points: Sequence[Floats], centre: Triple, axes: Triple, matrix: Floats | None
) -> Floats:
    local = [p - np.float32(c) for p, c in zip(points, centre, strict=True)]
    if matrix is not None:
        local = [row[0] * local[0] + row[1] * local[1] + row[2] * local[2] for row in matrix]
    scaled = [p / np.float32(a) for p, a in zip(local, axes, strict=True)]
    radius = np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2)
    scaled = [p / np.float32(a) for p, a in zip(scaled, axes, strict=True)]
    gradient = np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2)
    return np.asarray(radius * (radius - 1) / np.maximum(gradient, 1e-6), dtype=np.float32)


def capsule(
    points: Points, start: Triple, end: Triple, radii: tuple[float, float], flat: float = 1.0
) -> Floats:
    """Distance to a segment with a radius that changes along it.

    Args:
        points: where.
        start: one end.
        end: the other end.
        radii: radius at the ends.
        flat: 1 for round; above 1 it is flattened in the y direction by this factor.
    """
    a = np.asarray(start, np.float32)
    d = np.asarray(end, np.float32) - a
    length = np.float32(max(float(d @ d), 1e-6))
    x, y, z = (p - c for p, c in zip(points, a, strict=True))
    t = np.clip((x * d[0] + y * d[1] + z * d[2]) / length, 0, 1)
    radius = np.float32(radii[0]) + t * np.float32(radii[1] - radii[0])
    across = (y - t * d[1]) * np.float32(flat)
    return np.asarray(
        np.sqrt((x - t * d[0]) ** 2 + across**2 + (z - t * d[2]) ** 2) - radius, dtype=np.float32
    )


def union(a: Floats, b: Floats, blend: float) -> Floats:
    """Join two shapes; the joint is rounded over about ``blend`` mm."""

    def of_slice(a: Floats, b: Floats) -> Floats:
        mix = np.clip(blend - np.abs(a - b), 0, None)
        return np.asarray(np.minimum(a, b) - mix**2 / (4 * blend), dtype=np.float32)

    return _by_slices(of_slice, a, b)


def common(a: Floats, b: Floats, blend: float) -> Floats:
    """Keep what lies in both shapes; the edge is rounded over about ``blend`` mm."""

    def of_slice(a: Floats, b: Floats) -> Floats:
        mix = np.clip(blend - np.abs(a - b), 0, None)
        return np.asarray(np.maximum(a, b) + mix**2 / (4 * blend), dtype=np.float32)

    return _by_slices(of_slice, a, b)


def _by_slices(function: Callable[..., Floats], *arrays: Floats) -> Floats:
    """Apply a function slice by slice: what it computes on the way stays in the fast memory."""
    together = np.broadcast_arrays(*arrays)
    if together[0].ndim < 3:
        return function(*together)
    found = np.empty(together[0].shape, np.float32)

    def fill(index: int) -> None:
        found[index] = function(*(array[index] for array in together))

    # NumPy lets other threads run while it computes.
    list(_threads().map(fill, range(len(found))))
    return found


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), "phantom")


def without(a: Floats, b: Floats, blend: float, gap: float = 0.0) -> Floats:
    """Cut shape ``b``, grown by ``gap`` mm, out of ``a``."""
    return common(a, np.float32(gap) - b, blend)


def rotation(turn: Triple) -> NDArray[np.float64]:
    """Return the matrix that turns about x, then y, then z, by degrees."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(turn)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[i, i] = step[j, j] = np.cos(angle)
        step[j, i], step[i, j] = np.sin(angle), -np.sin(angle)
        matrix = step @ matrix
    return matrix


def curve(
    points: ArrayLike, radii: ArrayLike, step_mm: float = 6.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lay a smooth (Catmull-Rom) curve through points.

    Returns:
        (n, 3) points about ``step_mm`` apart, and their radii.
    """
    values = np.column_stack([np.asarray(points, float), np.asarray(radii, float)])
    padded = np.vstack([2 * values[0] - values[1], values, 2 * values[-1] - values[-2]])
    pieces = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        count = max(int(np.linalg.norm((p2 - p1)[:3]) / step_mm), 1)
        t = (np.arange(count) / count)[:, None]
        pieces.append(
            p1
            + 0.5
            * t
            * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
        )
    whole = np.vstack([*pieces, values[-1:]])
    return whole[:, :3], np.maximum(whole[:, 3], 0.4)
