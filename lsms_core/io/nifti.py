"""Writes NIfTI-1 label maps (format: nifti.nimh.nih.gov/nifti-1)."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from numpy.typing import NDArray

from lsms_core.errors import InputError
from lsms_core.io.atomic import replacing
from lsms_core.io.resampling import is_sheared

_OFFSET = 352
_LEVEL = 4
_LONGEST = 32767
# Axes further from right angles than this, radians, have no q-form.
_SHEARED = 5e-3


def write_nifti(
    path: Path, array: NDArray[Any], affine: NDArray[np.float64], description: str = ""
) -> None:
    """Write an image, compressed where the name ends in ``.gz``, all or nothing.

    Args:
        path: where to.
        array: (slices, rows, columns).
        affine: (4, 4) IJK to RAS mm.
        description: up to 79 characters.

    Raises:
        InputError: for too large sizes.
        OutputError: when it cannot be written.
    """
    check_nifti_grid(affine, array.shape)
    header = _header(array, affine, description)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    with replacing(path) as partial, partial.open("wb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as stream:
                stream.write(header)
                for part in little:
                    stream.write(np.ascontiguousarray(part).tobytes())
        else:
            file.write(header)
            for part in little:
                file.write(np.ascontiguousarray(part).tobytes())


def check_nifti_grid(affine: NDArray[np.float64], shape: Sequence[int]) -> list[str]:
    """Find out whether NIfTI can hold a grid.

    Returns:
        A note where only the s-form can.

    Raises:
        InputError: for too large sizes.
    """
    if max(shape) > _LONGEST:
        raise InputError(f"NIfTI holds at most {_LONGEST} voxels along an axis: write .nrrd.")
    if is_sheared(affine, _SHEARED):
        return [
            "The CT's grid is sheared, which NIfTI holds in its s-form only: nibabel reads it, "
            "ITK and 3D Slicer may refuse it. A .seg.nrrd or .nrrd file is read by all."
        ]
    return []


def _header(array: NDArray[Any], affine: NDArray[np.float64], description: str) -> bytes:
    header = Nifti1Header(endianness="<")
    header.set_data_shape(array.shape[::-1])
    header.set_data_dtype(array.dtype)
    header.set_xyzt_units("mm")
    header["descrip"] = description.encode("ascii", "replace")[:79]
    # Both forms say "scanner coordinates"; the s-form holds the matrix itself. Readers of the
    # q-form get the nearest upright grid, and none where that would be another place.
    header.set_qform(affine, code=0 if is_sheared(affine, _SHEARED) else 1)
    header.set_sform(affine, code=1)
    header["magic"] = b"n+1"
    header["vox_offset"] = _OFFSET
    header.set_slope_inter(1, 0)
    return bytes(header.binaryblock).ljust(_OFFSET, b"\0")
