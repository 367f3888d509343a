"""The longest diameter of a lesion in a slice and its perpendicular, as RECIST 1.1 has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.regions import boxes_of, label_components

Point = tuple[float, float]

_ANGLES = np.linspace(0.0, np.pi, 180, endpoint=False)
_CORNERS = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)])


@dataclass(frozen=True)
class Diameters:
    """Two diameters in a slice; they run between pixel edges, so a single pixel has a size.

    Attributes:
        longest_mm: the longest diameter.
        perpendicular_mm: the longest diameter at a right angle to it.
        longest_ends: its two ends, (row, column) in pixels.
        perpendicular_ends: likewise.
    """

    longest_mm: float
    perpendicular_mm: float
    longest_ends: tuple[Point, Point]
    perpendicular_ends: tuple[Point, Point]


def diameters(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> Diameters:
    """Measure what is set in a slice.

    Args:
        mask: (rows, columns), at least one pixel.
        spacing_mm: (row, column) spacing.
    """
    points = _edge_points(mask, spacing_mm)
    directions = np.stack([np.sin(_ANGLES), np.cos(_ANGLES)])
    # The caliper width over all directions; its maximum is the diameter of the convex hull.
    projected = points @ directions
    widths = projected.max(axis=0) - projected.min(axis=0)
    best = int(widths.argmax())
    ends = points[projected[:, best].argmin()], points[projected[:, best].argmax()]
    along = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    across = _longest_chord(points, along, max(spacing_mm))
    pixel = np.asarray(spacing_mm)

    def pixels(pair: tuple[NDArray[np.float64], NDArray[np.float64]]) -> tuple[Point, Point]:
        (a, b), (c, d) = (end / pixel for end in pair)
        return (float(a), float(b)), (float(c), float(d))

    return Diameters(
        float(np.hypot(*(ends[1] - ends[0]))),
        float(np.hypot(*(across[1] - across[0]))),
        pixels(ends),
        pixels(across),
    )


def longest_of_stack(
    stack: NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> tuple[int, Diameters]:
    """Return the slice with the longest diameter of any connected part, and that part's.

    Args:
        stack: (slices, rows, columns), at least one pixel.
        spacing_mm: (row, column) spacing.
    """
    best: tuple[int, Diameters] | None = None
    for bound, index, part, offset in sorted(
        _parts(stack, spacing_mm), key=lambda p: (-p[0], p[1])
    ):
        if best is not None and bound <= best[1].longest_mm:
            break
        found = diameters(part, spacing_mm)
        if best is None or found.longest_mm > best[1].longest_mm:
            best = index, _moved(found, offset)
    if best is None:
        raise ValueError("nothing is set in the stack")
    return best


def _parts(
    stack: NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> Iterator[tuple[float, int, NDArray[np.bool_], Point]]:
    """Each connected part of each slice, with the diagonal of its box (an upper bound)."""
    if stack.all():  # single pixels and strips, of which noise has many
        bound = float(np.hypot(*(np.asarray(stack.shape[1:]) * spacing_mm)))
        for index in range(len(stack)):
            yield bound, index, stack[index], (0.0, 0.0)
        return
    # An empty slice between any two keeps the parts of neighbouring slices apart.
    apart = np.zeros((2 * len(stack) - 1, *stack.shape[1:]), np.bool_)
    apart[::2] = stack
    labels, _ = label_components(apart)
    for number, (level, rows, columns) in boxes_of(labels).items():
        part = labels[level.start, rows, columns] == number
        bound = float(np.hypot(*(np.asarray(part.shape) * spacing_mm)))
        yield bound, level.start // 2, part, (float(rows.start), float(columns.start))


def _moved(found: Diameters, offset: Point) -> Diameters:
    def moved(pair: tuple[Point, Point]) -> tuple[Point, Point]:
        (a, b), (c, d) = pair
        return (a + offset[0], b + offset[1]), (c + offset[0], d + offset[1])

    return Diameters(
        found.longest_mm,
        found.perpendicular_mm,
        moved(found.longest_ends),
        moved(found.perpendicular_ends),
    )


def _edge_points(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    edge = mask.copy()
    edge[1:-1, 1:-1] &= ~(mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:])
    rows, columns = np.nonzero(edge)
    points = np.stack([rows, columns], axis=1)[:, None, :] + _CORNERS
    scaled: NDArray[np.float64] = points.reshape(-1, 2) * np.asarray(spacing_mm)
    return scaled


def _longest_chord(
    points: NDArray[np.float64], along: NDArray[np.float64], width_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the longest chord of the outline at a right angle to a direction.

    Chords are looked for in strips of one pixel's width, in two sets that are half a pixel
    apart, so that no chord is lost at the border between two strips.
    """
    across = np.array([-along[1], along[0]])
    heights, reach = points @ along, points @ across
    best: tuple[float, int, int] = (-1.0, 0, 0)
    for shift in (0.0, 0.5):
        bins = np.floor((heights - heights.min()) / width_mm + shift).astype(np.intp)
        order = np.lexsort((reach, bins))
        starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
        stops = np.append(starts[1:], len(order)) - 1
        spans = reach[order[stops]] - reach[order[starts]]
        widest = int(spans.argmax())
        if spans[widest] > best[0]:
            best = float(spans[widest]), int(order[starts[widest]]), int(order[stops[widest]])
    middle = 0.5 * (heights[best[1]] + heights[best[2]])
    first, last = (middle * along + reach[i] * across for i in best[1:])
    return first, last
