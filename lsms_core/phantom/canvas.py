"""The grid on which a phantom is painted, with partial volume."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lsms_core.phantom.noise import Floats, smooth_noise
from lsms_core.phantom.organs import Organ
from lsms_core.phantom.shapes import Points, Triple, capsule

Box = tuple[slice, slice, slice]

_FAR_MM = 1000.0
_WARP_MM = ((45.0, 3.0), (20.0, 0.9))


class Canvas:
    """Attenuation and organs on a grid, and each voxel's place in the reference body.

    Anatomy is described once, in a reference body (mm; x to the patient's left, y to the
    back, z to the head). A voxel's place in it follows from the patient's size and from a
    smooth random displacement, which makes every outline organic.

    Args:
        shape: (slices, rows, columns).
        spacing_mm: (slice, row, column).
        centre_mm: where the grid's centre lies: (slice, row, column), i.e. z, y, x.
        scale: the patient's size against the reference body: x, y, z.
        seed: source of chance; each name given to :meth:`rng` has its own stream.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        centre_mm: tuple[float, float, float],
        scale: Triple,
        seed: int,
    ) -> None:
        self.shape = shape
        self.spacing_mm = spacing_mm
        self.seed = seed
        self.axes_mm: tuple[Floats, Floats, Floats] = tuple(  # type: ignore[assignment]
            (c + (np.arange(n) - (n - 1) / 2) * s).astype(np.float32)
            for n, s, c in zip(shape, spacing_mm, centre_mm, strict=True)
        )
        self._scale = np.asarray(scale)
        self._first = np.array([axis[0] for axis in self.axes_mm])
        self._spacing = np.asarray(spacing_mm)
        # Edges are as wide as the pixel, never sharper than the scanner.
        self.softness_mm = max(1.3, 1.1 * spacing_mm[2])
        self.hu: Floats = np.full(shape, -1000.0, np.float32)
        self.organ: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.points = self._reference_points()

    def _reference_points(self) -> Points:
        everything = self.whole
        moved = []
        for name, axis, scale in zip("xyz", (2, 1, 0), self._scale, strict=True):
            place = [1, 1, 1]
            place[axis] = -1
            value = self.axes_mm[axis].reshape(place)
            for scale_mm, amplitude in _WARP_MM:
                value = value + amplitude * self.noise(f"warp {name}", scale_mm, everything)
            moved.append(np.asarray(value / np.float32(scale), dtype=np.float32))
        return moved[0], moved[1], moved[2]

    @property
    def whole(self) -> Box:
        """The box of the whole grid."""
        return slice(0, self.shape[0]), slice(0, self.shape[1]), slice(0, self.shape[2])

    def rng(self, name: str) -> np.random.Generator:
        """Return a stream of chance of its own for a part."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def noise(self, name: str, scale_mm: float, box: Box) -> Floats:
        """Draw a smooth field (mean 0, standard deviation 1) on a box."""
        z, y, x = (axis[b] for axis, b in zip(self.axes_mm, box, strict=True))
        return smooth_noise((z, y, x), scale_mm, self.rng(f"{name} {scale_mm}"))

    def at(self, box: Box) -> Points:
        """Return the reference places of a box's voxels."""
        return self.points[0][box], self.points[1][box], self.points[2][box]

    def locate(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the (slice, row, column) positions of (..., 3) places in the reference body."""
        goal = np.asarray(points, float) * self._scale
        index = self._index(goal)
        last = np.asarray(self.shape) - 1
        for _ in range(2):
            nearest = np.rint(np.clip(index, 0, last)).astype(int)
            k, j, i = np.moveaxis(nearest, -1, 0)
            there = np.stack([p[k, j, i] for p in self.points], axis=-1) * self._scale
            index = self._index(goal - there) + nearest - self._index(np.zeros(3))
        return index

    def _index(self, world: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((world[..., ::-1] - self._first) / self._spacing)

    def box(self, low: Triple, high: Triple, margin_mm: float = 12.0) -> Box | None:
        """Return the grid's part that holds a cuboid of the reference body, None for none."""
        first = np.asarray(low) * self._scale - margin_mm
        last = np.asarray(high) * self._scale + margin_mm
        return self._clip(self._index(first), self._index(last))

    def _clip(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> Box | None:
        box = [
            slice(max(int(np.floor(a)), 0), min(int(np.ceil(b)) + 1, n))
            for a, b, n in zip(low, high, self.shape, strict=True)
        ]
        if any(b.stop <= b.start for b in box):
            return None
        return box[0], box[1], box[2]

    def tube(
        self,
        points: NDArray[np.float64],
        radii: NDArray[np.float64],
        margin_mm: float = 6.0,
        flat: float = 1.0,
    ) -> tuple[Box, Floats] | None:
        """Distance to a tube, in its box; None where the tube lies outside the grid.

        Args:
            points: (n, 3), reference body.
            radii: (n,).
            margin_mm: how far from its surface distances are needed.
            flat: see :func:`capsule`.
        """
        places = self.locate(points)
        reach = (radii + margin_mm + 2.0)[:, None] * self._scale.max() / np.asarray(self.spacing_mm)
        box = self._clip((places - reach).min(axis=0), (places + reach).max(axis=0))
        if box is None:
            return None
        distance = np.full([b.stop - b.start for b in box], _FAR_MM, np.float32)
        for n in range(len(points) - 1):
            pair = slice(n, n + 2)
            part = self._clip(
                (places - reach)[pair].min(axis=0), (places + reach)[pair].max(axis=0)
            )
            if part is None:
                continue
            local = tuple(
                slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True)
            )
            new = capsule(
                self.at(part),
                tuple(points[n]),
                tuple(points[n + 1]),
                (float(radii[n]), float(radii[n + 1])),
                flat,
            )
            np.minimum(distance[local], new, out=distance[local])
        return box, distance

    def paint(
        self,
        box: Box,
        distance: Floats,
        hu: float | Floats,
        organ: Organ | None = None,
        *,
        softness_mm: float | None = None,
        within: NDArray[np.bool_] | None = None,
    ) -> None:
        """Fill a shape; voxels on its surface get a mixture.

        Args:
            box: where.
            distance: to the shape, negative inside; the box's shape.
            hu: its attenuation.
            organ: its label; None leaves labels as they are.
            softness_mm: width of the edge.
            within: only here.
        """
        width = np.float32(softness_mm or self.softness_mm)
        weight = np.clip(np.float32(0.5) - distance / width, 0, 1)
        inside = distance < 0
        if within is not None:
            weight = weight * within
            inside &= within
        target = self.hu[box]
        target += weight * (hu - target)
        if organ is not None:
            self.organ[box][inside] = organ

    def paint_tube(
        self,
        points: ArrayLike,
        radii: ArrayLike,
        hu: float,
        organ: Organ | None = None,
        *,
        flat: float = 1.0,
        within: Callable[[Box], NDArray[np.bool_]] | None = None,
    ) -> None:
        """Fill a tube; see :meth:`tube` and :meth:`paint`."""
        made = self.tube(np.asarray(points, float), np.asarray(radii, float), 3.0, flat)
        if made is not None:
            box, distance = made
            self.paint(box, distance, hu, organ, within=within(box) if within else None)
