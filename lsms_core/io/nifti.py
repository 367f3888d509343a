"""Write NIfTI-1 label maps (format: nifti.nimh.nih.gov/nifti-1)."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import InputError
from lsms_core.io.atomic import replacing

_CODES = {"uint8": (2, 8), "uint16": (512, 16), "int16": (4, 16)}
_OFFSET = 352
_LEVEL = 4
_LONGEST = 32767


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
        InputError: for a sheared grid, which readers of NIfTI refuse, and for too large sizes.
        OutputError: when it cannot be written.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-4:
        raise InputError(
            "The CT's grid is sheared (tilted gantry), which NIfTI readers do not take: write a "
            ".seg.nrrd or .nrrd file instead."
        )
    if max(array.shape) > _LONGEST:
        raise InputError(f"NIfTI holds at most {_LONGEST} voxels along an axis: write .nrrd.")
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


def _header(array: NDArray[Any], affine: NDArray[np.float64], description: str) -> bytes:
    code, bits = _CODES[array.dtype.name]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    b, c, d, qfac = _quaternion(affine[:3, :3] / spacing)
    header = bytearray(_OFFSET)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *reversed(array.shape), 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, qfac, *spacing, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, _OFFSET, 1.0, 0.0)
    header[123] = 2  # millimetres
    header[148 : 148 + 79] = description.encode("ascii", "replace")[:79].ljust(79, b"\0")
    # Both forms say "scanner coordinates"; the s-form holds the matrix itself.
    struct.pack_into("<2h", header, 252, 1, 1)
    struct.pack_into("<6f", header, 256, b, c, d, *affine[:3, 3])
    struct.pack_into("<12f", header, 280, *affine[:3].ravel())
    header[344:348] = b"n+1\0"
    return bytes(header)


def _quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The q-form's b, c, d and its handedness, of unit columns."""
    qfac = 1.0 if np.linalg.det(rotation) > 0 else -1.0
    r = rotation * np.array([1.0, 1.0, qfac])
    # The eigenvector of the largest eigenvalue is stable for every rotation (Bar-Itzhack, 2000).
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    b, c, d, a = np.linalg.eigh(k)[1][:, -1]
    sign = -1.0 if a < 0 else 1.0
    return sign * b, sign * c, sign * d, qfac
