"""Reads NIfTI-1 and NIfTI-2: the header with nibabel, the voxels in one pass.

nibabel's own image is not used since it does not notice a damaged end of a compressed file, and
since scaling there goes through double precision, four times the memory of a CT.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError
from lsms_core.io.headers import check_size, damaged
from lsms_core.io.nifti_geometry import nifti_affine

_BLOCK = 1 << 20
# Deflate cannot make more bytes than this of one.
_MOST_INFLATED = 1040
# Extensions lie between header and voxels; more than this is a damaged offset.
_LARGEST_OFFSET = 1 << 26
# A compressed file's checksum is behind its last byte; this much is read to come there.
_LARGEST_REST = 1 << 26


def read_nifti(path: Path) -> tuple[CTVolume, list[str]]:
    """Read one 3-D NIfTI image, compressed or not, whatever its name says.

    Returns:
        The volume, its values scaled as the header says and NaN kept, and notes for the user.

    Raises:
        InputError: when the file is damaged, is no single volume of numbers, or has no size.
    """
    with _open(path) as file:
        header = _header(path, file)
        shape = _shape(path, header)
        dtype = _dtype(path, header)
        try:
            affine, notes = nifti_affine(header)
        except InputError as error:
            raise InputError(f"{path}: {error}.") from error
        start = _offset(path, header)
        _skip(path, file, start - header.sizeof_hdr)
        _check_length(path, start, dtype.itemsize * shape[0] * shape[1] * shape[2])
        raw = np.empty(shape[::-1], dtype)
        _fill(path, file, raw)
        notes += _rest(file)
    return CTVolume(_scale(path, header, raw), affine), notes


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    if path.name.lower().endswith(".nii.gz") and path.stat().st_size == 0:
        raise damaged(path, "the file is empty")
    return gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[return-value]


def _header(path: Path, file: BinaryIO) -> Any:  # noqa: ANN401
    start = file.read(348)
    if len(start) < 348:
        raise damaged(path, "it ends inside the header" if start else "the file is empty")
    for order in "<>":
        (length,) = struct.unpack_from(f"{order}i", start)
        if length == 348:
            header: Any = Nifti1Header(start, order, check=False)
            break
        if length == 540:
            start += file.read(540 - 348)
            if len(start) < 540:
                raise damaged(path, "it ends inside the header")
            header = Nifti2Header(start, order, check=False)
            break
    else:
        raise damaged(path, "it is no NIfTI file")
    magic = bytes(header["magic"])[:3]
    if magic in (b"ni1", b"ni2"):
        raise InputError(
            f"{path} is only the header of a NIfTI pair: convert the pair to one .nii file."
        )
    if magic not in (b"n+1", b"n+2"):
        raise damaged(path, "it is no NIfTI file; Analyze files, which do not tell left from right,"
                      " are not read")  # fmt: skip
    return header


def _shape(path: Path, header: Any) -> tuple[int, int, int]:  # noqa: ANN401
    dim = [int(n) for n in header["dim"]]
    if not 1 <= dim[0] <= 7:
        raise damaged(path, f"it claims {dim[0]} dimensions")
    size = dim[1 : 1 + dim[0]]
    check_size(path, size)
    if len(size) < 3 or any(n > 1 for n in size[3:]):
        what = f"{len(size)}-D, {' x '.join(map(str, size))}"
        raise InputError(
            f"{path} is no single volume ({what}): pass one 3-D CT, not a picture or a time series."
        )
    return size[0], size[1], size[2]


def _dtype(path: Path, header: Any) -> np.dtype[Any]:  # noqa: ANN401
    code = int(header["datatype"])
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise damaged(path, f"its data type {code} is unknown") from error
    if dtype.fields:
        raise InputError(
            f"{path} has {len(dtype.fields)} values a voxel (a colour or vector image): a CT has "
            "one. Give the original CT."
        )
    if dtype.kind == "c":
        raise InputError(f"{path} holds complex numbers: a CT in Hounsfield units is needed.")
    if dtype.kind not in "iuf" or dtype.itemsize < 1:
        raise InputError(f"{path} stores its voxels as data type {code}, which is not read here.")
    return dtype


def _offset(path: Path, header: Any) -> int:  # noqa: ANN401
    value = float(header["vox_offset"])
    if not np.isfinite(value) or value > _LARGEST_OFFSET:
        raise damaged(path, f"its voxels are said to start at byte {value:g}")
    # Writers that leave the offset out mean the end of the header.
    return max(int(value), int(header.single_vox_offset))


def _check_length(path: Path, start: int, length: int) -> None:
    """Refuse a file that cannot hold its image before memory is taken for it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        most = size * _MOST_INFLATED if file.read(2) == b"\x1f\x8b" else size - start
    if most < length:
        raise damaged(path, f"{max(most, 0)} of {length} bytes of image data are there")


def _skip(path: Path, file: BinaryIO, count: int) -> None:
    while count > 0:
        block = file.read(min(count, _BLOCK))
        if not block:
            raise damaged(path, "it ends before its voxels")
        count -= len(block)


def _fill(path: Path, file: BinaryIO, array: NDArray[Any]) -> None:
    """Read voxels straight to their place."""
    target = memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    done = 0
    while done < len(target):
        count = file.readinto(target[done : done + _BLOCK])  # type: ignore[attr-defined]
        if not count:
            raise damaged(path, f"{done} of {len(target)} bytes of image data are there")
        done += count


def _rest(file: BinaryIO) -> list[str]:
    """Read on to the end, where a compressed file's checksum is compared."""
    done = 0
    while block := file.read(_BLOCK):
        done += len(block)
        if done > _LARGEST_REST:
            break
    if done > 16:
        return ["The file holds more data than its header says; the rest was left out."]
    return []


def _scale(path: Path, header: Any, raw: NDArray[Any]) -> NDArray[Any]:  # noqa: ANN401
    """Apply slope and intercept: to int16 where that is exact, to float32 elsewhere."""
    if not raw.dtype.isnative:
        raw = raw.byteswap(inplace=True).view(raw.dtype.newbyteorder("="))
    if raw.dtype.kind == "f" and raw.dtype.itemsize not in (4, 8):
        raw = raw.astype(np.float64 if raw.dtype.itemsize > 8 else np.float32)
    try:
        slope, inter = header.get_slope_inter()
    except HeaderDataError as error:
        raise damaged(path, "its slope and intercept are no numbers") from error
    if slope is None or (slope == 1.0 and inter == 0.0):
        return raw
    if raw.dtype.kind in "iu" and slope == 1.0 and float(inter).is_integer():
        low, high = int(raw.min()) + int(inter), int(raw.max()) + int(inter)
        if low >= -32768 and high <= 32767:
            exact: NDArray[Any] = np.empty(raw.shape, np.int16)
            for n, part in enumerate(raw):
                exact[n] = part.astype(np.int64) + int(inter)
            return exact
    scaled: NDArray[Any] = np.empty(raw.shape, np.float32)
    with np.errstate(over="ignore"):
        for n, part in enumerate(raw):
            scaled[n] = part * np.float64(slope) + inter
    return scaled
