"""One type for a CT image and its position in the patient.

Arrays are in (slice, row, column) = (k, j, i) order, as SimpleITK gives them;
affines map IJK (column, row, slice) to RAS millimetres, as in NIfTI and as
Slicer's ``IJKToRAS``. Orientation is decided only here: all other packages get
*canonical* slices, in which left and right are the patient's:

========  ===========================  =============================
plane     rows run                     columns run
========  ===========================  =============================
axial     anterior to posterior        patient right to left
coronal   superior to inferior         patient right to left
sagittal  superior to inferior         anterior to posterior
========  ===========================  =============================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Literal, get_args

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.errors import InputError

Plane = Literal["axial", "coronal", "sagittal"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# World axes: 0 = right to left (-R), 1 = anterior to posterior, 2 = inferior to superior.
_NORMAL_WORLD_AXIS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
# (world axis of rows, its sign in RAS), (world axis of columns, its sign in RAS)
_CANONICAL: dict[Plane, tuple[tuple[int, int], tuple[int, int]]] = {
    "axial": ((1, -1), (0, -1)),
    "coronal": ((2, -1), (0, -1)),
    "sagittal": ((2, -1), (1, -1)),
}
# Sign in RAS of the direction in which neighbouring slices are ordered.
_STACKING_SIGN: dict[Plane, int] = {"axial": 1, "coronal": 1, "sagittal": -1}


@dataclass(frozen=True)
class CTVolume:
    """A CT image on its grid.

    Attributes:
        array: (slices, rows, columns), Hounsfield units.
        affine: (4, 4), IJK (column, row, slice, 1) to RAS millimetres.

    Raises:
        InputError: when the array is not 3-D or the affine cannot be inverted.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        affine = np.asarray(self.affine, dtype=np.float64)
        if self.array.ndim != 3:
            raise InputError(
                f"A CT volume has three dimensions, this image has {self.array.ndim}: "
                "pass one volume, not a time series or a colour picture."
            )
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise InputError("The image's geometry is not a finite 4 x 4 matrix; re-export it.")
        if abs(float(np.linalg.det(affine[:3, :3]))) < 1e-9:
            raise InputError(
                "The image's geometry has no volume (zero spacing or parallel axes); re-export it."
            )
        object.__setattr__(self, "affine", affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        slices, rows, columns = self.array.shape
        return slices, rows, columns

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along (i, j, k) = (column, row, slice), mm."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @classmethod
    def from_sitk(cls, image: sitk.Image) -> CTVolume:
        """Take over a 3-D SimpleITK image (LPS) with its geometry."""
        direction = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)
        affine = np.eye(4)
        affine[:3, :3] = direction[:3, :3] @ np.diag(image.GetSpacing()[:3])
        affine[:3, 3] = image.GetOrigin()[:3]
        return cls(sitk.GetArrayFromImage(image), _LPS_TO_RAS @ affine)

    def to_sitk(self, array: NDArray[Any] | None = None) -> sitk.Image:
        """Return a SimpleITK image (LPS) of ``array`` (default: the CT itself) on this grid."""
        values = self.array if array is None else array
        if values.shape != self.array.shape:
            raise InputError(f"Expected an array of shape {self.array.shape}, got {values.shape}.")
        if values.dtype == np.bool_:
            values = values.astype(np.uint8)
        image = sitk.GetImageFromArray(values)
        lps = _LPS_TO_RAS @ self.affine
        spacing = np.array(self.spacing_mm)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        return image

    def with_array(self, array: NDArray[Any]) -> CTVolume:
        """Return ``array`` on this image's grid."""
        return replace(self, array=array)


def closest_world_axes(affine: NDArray[np.float64]) -> tuple[int, int, int]:
    """World axis (0 R, 1 A, 2 S) that each of i, j, k follows most closely, each used once."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(directions)
    best = max(permutations(range(3)), key=lambda p: sum(cosines[p[c], c] for c in range(3)))
    return best[0], best[1], best[2]


@dataclass(frozen=True)
class SlicePlane:
    """How the slices along one array axis are seen in canonical patient orientation.

    For oblique images the closest plane is used and nothing is resampled, so a
    mask always returns to exactly the voxels it came from.

    Attributes:
        plane: the anatomical plane closest to the slices.
        axis: the array axis (0, 1, 2) along which the slices lie.
        transpose: whether the stored slice is transposed to become canonical.
        flip_rows: whether the canonical slice's rows are reversed (after transposing).
        flip_columns: likewise its columns.
        reverse_stack: whether rising indices run against the canonical stacking direction
            (inferior to superior, posterior to anterior, right to left).
        spacing_mm: (row, column) spacing of the canonical slice, mm.
        thickness_mm: distance between neighbouring slices, mm.
    """

    plane: Plane
    axis: int
    transpose: bool
    flip_rows: bool
    flip_columns: bool
    reverse_stack: bool
    spacing_mm: tuple[float, float]
    thickness_mm: float

    @classmethod
    def of(cls, image: CTVolume | NDArray[np.float64], plane: str | int = "axial") -> SlicePlane:
        """Find the plane of a volume or an affine.

        Args:
            image: the volume, or its (4, 4) IJK-to-RAS affine.
            plane: "axial", "coronal", "sagittal", or an array axis 0, 1, 2.

        Raises:
            InputError: for any other plane.
        """
        affine = image.affine if isinstance(image, CTVolume) else np.asarray(image, np.float64)
        worlds = closest_world_axes(affine)  # indexed by i, j, k
        if isinstance(plane, str) and plane in get_args(Plane):
            name: Plane = plane  # type: ignore[assignment]
            ijk = worlds.index(_NORMAL_WORLD_AXIS[name])
        elif isinstance(plane, int) and not isinstance(plane, bool) and plane in (0, 1, 2):
            ijk = 2 - plane
            name = next(p for p, w in _NORMAL_WORLD_AXIS.items() if w == worlds[ijk])
        else:
            raise InputError(
                f"Unknown plane {plane!r}: use axial, coronal, sagittal or an array axis 0, 1, 2."
            )
        axis = 2 - ijk

        def sign(index: int) -> int:
            return 1 if affine[worlds[index], index] > 0 else -1

        (row_world, row_sign), (column_world, column_sign) = _CANONICAL[name]
        row_ijk, column_ijk = worlds.index(row_world), worlds.index(column_world)
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        # A stored slice keeps array order, i.e. the higher IJK index runs along its rows.
        return cls(
            plane=name,
            axis=axis,
            transpose=row_ijk < column_ijk,
            flip_rows=sign(row_ijk) != row_sign,
            flip_columns=sign(column_ijk) != column_sign,
            reverse_stack=sign(ijk) != _STACKING_SIGN[name],
            spacing_mm=(float(spacing[row_ijk]), float(spacing[column_ijk])),
            thickness_mm=float(spacing[ijk]),
        )

    def count(self, shape: Sequence[int]) -> int:
        """Return the number of slices of an array of ``shape``."""
        return int(shape[self.axis])

    def extract(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Return slice ``index`` of a (slices, rows, columns) array as a canonical 2-D view."""
        count = self.count(array.shape)
        if not 0 <= index < count:
            raise InputError(f"Slice {index} is outside the volume: use 0 to {count - 1}.")
        return self.to_canonical(array.take(index, axis=self.axis))

    def to_canonical(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Turn a stored 2-D slice (``array.take(index, axis)``) into canonical orientation."""
        view = stored.T if self.transpose else stored
        return view[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def restore(self, canonical: NDArray[Any]) -> NDArray[Any]:
        """Undo :meth:`to_canonical`."""
        view = canonical[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
        return view.T if self.transpose else view

    def restore_into(self, array: NDArray[Any], index: int, canonical: NDArray[Any]) -> None:
        """Write a canonical 2-D slice to its place in a (slices, rows, columns) array."""
        place: list[slice | int] = [slice(None)] * 3
        place[self.axis] = index
        array[tuple(place)] = self.restore(canonical)

    def stack(self, array: NDArray[Any]) -> NDArray[Any]:
        """View a volume as canonical slices (n, rows, columns), first axis in stored order."""
        moved = np.moveaxis(array, self.axis, 0)
        view = moved.swapaxes(1, 2) if self.transpose else moved
        return view[:, :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def neighbours(self, index: int, count: int, offsets_mm: Sequence[float]) -> list[int]:
        """Return the slices nearest to ``offsets_mm`` from slice ``index``, clamped to the volume.

        Offsets are positive towards superior (axial), anterior (coronal) and
        left (sagittal), so a volume stored upside down gives the same slices.
        """
        direction = -1 if self.reverse_stack else 1
        steps = [direction * round(offset / self.thickness_mm) for offset in offsets_mm]
        return [min(max(index + step, 0), count - 1) for step in steps]

    def slab(self, array: NDArray[Any], index: int, offsets_mm: Sequence[float]) -> NDArray[Any]:
        """Return the (C, rows, columns) canonical slices at ``offsets_mm`` around ``index``."""
        indices = self.neighbours(index, self.count(array.shape), offsets_mm)
        return np.stack([self.extract(array, i) for i in indices])
