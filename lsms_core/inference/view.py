"""Selects the slices of a request, and orients them for the model."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.errors import InputError

_AIR_HU = -1024.0


@dataclass(frozen=True)
class SliceView:
    """The slices of a request; a single picture is a volume of one slice.

    Attributes:
        volume: the image on its grid.
        plane: how its slices are seen.
        slices: the indices to run, rising.
        flat: whether the request was for a single picture.
        plane_name: the anatomical plane, as far as it is known.
    """

    volume: CTVolume
    plane: SlicePlane
    slices: tuple[int, ...]
    flat: bool
    plane_name: str

    @classmethod
    def of(
        cls,
        image: CTVolume | NDArray[Any],
        plane: str | int,
        slices: int | Sequence[int] | None,
        spacing_mm: tuple[float, float] | None,
    ) -> SliceView:
        """Check a request; the arguments are those of ``Predictor.segment``.

        Raises:
            InputError: when they do not go together.
        """
        if isinstance(image, CTVolume):
            if spacing_mm is not None:
                raise InputError("A volume has its own spacing: leave spacing_mm out.")
            _check_values(image.array)
            seen = SlicePlane.of(image, plane)
            chosen = select_slices(slices, seen.count(image.shape))
            return cls(image, seen, chosen, False, seen.plane)
        if not isinstance(image, np.ndarray) or image.ndim != 2:
            raise InputError(
                "The image is neither a CTVolume nor a (rows, columns) array: read the file with "
                "lsms_core.io, or pass one slice."
            )
        _check_values(image)
        if spacing_mm is None or len(spacing_mm) != 2 or not all(s > 0 for s in spacing_mm):
            raise InputError(
                "A single slice needs its pixel size: pass spacing_mm=(row, column), such as "
                "(0.8, 0.8)."
            )
        if slices not in (None, 0):
            raise InputError("A single picture has no slices to choose from: leave slices out.")
        if plane not in ("axial", "coronal", "sagittal"):
            raise InputError(f"Unknown plane {plane!r}: use axial, coronal or sagittal.")
        # Stored so that the canonical slice is the picture itself.
        affine = np.diag([-spacing_mm[1], -spacing_mm[0], 1.0, 1.0])
        volume = CTVolume(image[None], affine)
        return cls(volume, SlicePlane.of(volume, "axial"), (0,), True, str(plane))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Spacing along the axes of the stored array, (slice, row, column)."""
        i, j, k = self.volume.spacing_mm
        return k, j, i

    @property
    def anterior(self) -> tuple[float, ...]:
        """How many mm one step along each axis of the stored array leads to the front."""
        # RAS: the second row of the affine; the array's axes run the other way round.
        steps = [float(s) for s in self.volume.affine[1, 2::-1]]
        return tuple(steps[1:] if self.flat else steps)

    def slab(self, index: int, offsets_mm: Sequence[float]) -> NDArray[Any]:
        """Return the (C, rows, columns) canonical slices that the model sees for one index."""
        return self.plane.slab(self.volume.array, index, offsets_mm)

    def neighbours(self, index: int, offsets_mm: Sequence[float]) -> list[int]:
        """Return the indices nearest to offsets from a slice."""
        return self.plane.neighbours(index, self.plane.count(self.volume.shape), offsets_mm)


class HounsfieldCheck:
    """Mends missing values and notices images that are not in Hounsfield units.

    Args:
        expected: whether Hounsfield units are what the model takes; 8-bit pictures are not.
    """

    def __init__(self, expected: bool = True) -> None:
        self._expected = expected
        self._lowest = np.inf
        self._missing = False

    def clean(self, slab: NDArray[Any]) -> NDArray[Any]:
        """Return a slab in HU with every value finite."""
        if slab.dtype.kind == "f" and not np.isfinite(slab).all():
            self._missing = True
            slab = np.nan_to_num(slab, nan=_AIR_HU, posinf=_AIR_HU, neginf=_AIR_HU)
        self._lowest = min(self._lowest, float(slab.min()))
        return slab

    def notes(self) -> list[str]:
        """Return what the user should know, in sentences."""
        notes = []
        if self._missing:
            notes.append("The image has voxels without a number; they were taken for air.")
        if self._expected and self._lowest >= 0:
            notes.append(
                "The image has no negative values, so it is probably not in Hounsfield units; "
                "the result means little. Export the original CT."
            )
        return notes


def select_slices(slices: int | Sequence[int] | None, count: int) -> tuple[int, ...]:
    """Return the sorted indices of a request.

    Args:
        slices: one index, several, or None for all.
        count: how many slices there are.

    Raises:
        InputError: for no index, and for one outside the volume.
    """
    if slices is None:
        return tuple(range(count))
    wanted: list[Any] = list(slices) if isinstance(slices, Sequence | np.ndarray) else [slices]
    if not wanted:
        raise InputError(f"The range of slices is empty: use indices from 0 to {count - 1}.")
    chosen = set()
    for value in wanted:
        if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
            raise InputError(f"{value!r} is not a slice: use indices from 0 to {count - 1}.")
        index = operator.index(value)
        if not 0 <= index < count:
            raise InputError(f"Slice {index} is outside the volume: use 0 to {count - 1}.")
        chosen.add(index)
    return tuple(sorted(chosen))


def _check_values(array: NDArray[Any]) -> None:
    if array.dtype.kind not in "iuf":
        raise InputError(
            f"The image holds {array.dtype} values: a CT in Hounsfield units is needed."
        )
    if not array.size:
        raise InputError("The image is empty: pass at least one pixel.")
