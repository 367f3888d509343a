"""Checks the headers of image files before any large memory is allocated.

The common readers fill a damaged MetaImage with zeros and use 1 mm for a missing pixel size.
Both would give wrong answers without a warning, so the headers and the completeness of the data
are checked here.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from lsms_core.errors import InputError

# About 1024 slices of 1024 x 1024. A probability map of this size takes 2 GiB a text.
MAX_VOXELS = 2**30
_BLOCK = 1 << 20
_HEADER_LIMIT = 1 << 20
_META_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4,
    "MET_UINT": 4, "MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip
_NRRD_BYTES: tuple[tuple[tuple[str, ...], int], ...] = (
    (("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    (("short", "short int", "signed short", "signed short int", "int16", "int16_t",
      "ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    (("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t",
      "float"), 4),
    (("double", "longlong", "long long", "long long int", "int64", "int64_t", "ulonglong",
      "unsigned long long", "uint64", "uint64_t"), 8),
)  # fmt: skip


def check_header(path: Path) -> list[str]:
    """Check an NRRD or MetaImage file by its header and its length.

    Returns:
        What the user should know, in sentences.

    Raises:
        InputError: when the file is damaged, has no pixel size, or is too large.
    """
    name = path.name.lower()
    try:
        if name.endswith((".nrrd", ".nhdr")):
            return _check_nrrd(path)
        if name.endswith((".mha", ".mhd")):
            return _check_meta(path)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise damaged(path, str(error) or "its end is missing") from error
    return []


def check_size(path: Path, size: list[int] | tuple[int, ...]) -> None:
    """Refuse images that are too large for the memory of common computers.

    Raises:
        InputError: naming the size.
    """
    shape = " x ".join(str(n) for n in size)
    if any(n < 1 for n in size):
        raise InputError(f"{path} is empty: its size is {shape} voxels. Export the CT again.")
    if math.prod(size) > MAX_VOXELS:
        raise InputError(
            f"{path} has {shape} voxels, more than the {MAX_VOXELS:,} that can be read: crop it "
            "to the abdomen or resample it."
        )


def damaged(path: Path, why: str) -> InputError:
    """Return the error for a damaged file."""
    return InputError(
        f"{path} is damaged or incomplete ({why.strip().rstrip('.')}): export or copy it again."
    )


def _check_nrrd(path: Path) -> list[str]:
    with path.open("rb") as file:
        text = file.read(_HEADER_LIMIT)
    if not text.startswith(b"NRRD"):
        raise damaged(path, "it is no NRRD file" if text else "the file is empty")
    head = re.split(rb"\r?\n\r?\n", text, maxsplit=1)[0].decode("utf-8", "replace")
    fields = {
        key.strip().lower(): value.strip()
        for key, colon, value in (line.partition(":") for line in head.splitlines()[1:])
        if colon and not value.startswith("=") and not key.startswith("#")
    }
    try:
        size = [int(n) for n in fields["sizes"].split()]
    except (KeyError, ValueError) as error:
        raise damaged(path, "its header has no sizes") from error
    check_size(path, size)
    spacings = [s.lower() for s in fields.get("spacings", "").split() if s.lower() != "nan"]
    if "space directions" not in fields and len(spacings) < min(len(size), 3):
        raise _no_spacing(path)
    _check_nrrd_data(path, len(head.encode()), text, fields, math.prod(size))
    if "space" not in fields:
        return [
            "The file does not say how it lies in the patient; left and right may be swapped. "
            "Export the CT with its orientation."
        ]
    return []


def _check_nrrd_data(
    path: Path, header: int, text: bytes, fields: dict[str, str], voxels: int
) -> None:
    """Compare the length of the data, and its checksum where it is compressed."""
    kind = " ".join(fields.get("type", "").lower().split())
    bytes_each = next((n for names, n in _NRRD_BYTES if kind in names), None)
    encoding = fields.get("encoding", "raw").lower()
    detached = fields.get("data file", fields.get("datafile"))
    if bytes_each is None or encoding not in ("raw", "gzip", "gz"):
        return
    if detached is not None and (" " in detached or "%" in detached or detached == "LIST"):
        return  # a list of files; the reader itself complains of a missing one
    start = 0
    data = path
    if detached is not None:
        data = path.parent / detached
        if not data.is_file():
            raise damaged(path, f"its data file {detached} is missing")
    else:
        ends = [text.find(mark, header) + len(mark) for mark in (b"\n\n", b"\r\n\r\n")
                if text.find(mark, header) >= 0]  # fmt: skip
        if not ends:
            raise damaged(path, "its header does not end")
        start = min(ends)
    expected = voxels * bytes_each
    if encoding == "raw":
        available = data.stat().st_size - start
        if available < expected:
            raise damaged(path, f"{available} of {expected} bytes of image data are there")
        return
    with data.open("rb") as file:
        file.seek(start)
        with gzip.GzipFile(fileobj=file) as stream:
            _need(stream, 0, expected, path)


def _check_meta(path: Path) -> list[str]:
    with path.open("rb") as file:
        text = file.read(_HEADER_LIMIT)
    fields: dict[str, str] = {}
    start = 0
    while "ElementDataFile" not in fields:
        end = text.find(b"\n", start)
        if end < 0:
            raise damaged(path, "its header does not end" if text else "the file is empty")
        key, equals, value = text[start:end].decode("utf-8", "replace").partition("=")
        if not equals:
            raise damaged(path, "it is no MetaImage file")
        fields[key.strip()] = value.strip()
        start = end + 1
    try:
        size = [int(n) for n in fields["DimSize"].split()]
    except (KeyError, ValueError) as error:
        raise damaged(path, "its header has no DimSize") from error
    check_size(path, size)
    if "ElementSpacing" not in fields and "ElementSize" not in fields:
        raise _no_spacing(path)
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    expected = math.prod(size) * channels * _META_BYTES.get(fields.get("ElementType", ""), 1)
    local = fields["ElementDataFile"].upper() == "LOCAL"
    data = path if local else path.parent / fields["ElementDataFile"]
    if not data.is_file():
        raise damaged(path, f"its data file {data.name} is missing")
    if fields.get("CompressedData", "False").lower() == "true":
        with data.open("rb") as file:
            file.seek(start if local else 0)
            used = _need_inflated(file, expected, path)
        # The reader goes by the stated size, and takes whatever memory holds where it is wrong.
        stated = fields.get("CompressedDataSize", "" if local else str(used))
        if not stated.isdecimal() or int(stated) < used:
            raise damaged(path, "its header has no right CompressedDataSize")
    elif fields.get("HeaderSize", "0") != "-1":
        available = data.stat().st_size - (start if local else 0)
        if available < expected:
            raise damaged(path, f"{available} of {expected} bytes of image data are there")
    return []


def _need(file: BinaryIO | gzip.GzipFile, done: int, expected: int, path: Path) -> None:
    """Read on to the end; a gzip file's checksum is compared there."""
    while block := file.read(_BLOCK):
        done += len(block)
    if done < expected:
        raise damaged(path, f"{done} of {expected} bytes are there")


def _need_inflated(file: BinaryIO, expected: int, path: Path) -> int:
    """Inflate to the end; return how many bytes that took."""
    inflate = zlib.decompressobj(32 + zlib.MAX_WBITS)
    done = used = 0
    while not inflate.eof and (block := file.read(_BLOCK)):
        done += len(inflate.decompress(block))
        used += len(block)
    if not inflate.eof or done < expected:
        raise damaged(path, f"{done} of {expected} bytes of image data are there")
    return used - len(inflate.unused_data)


def _no_spacing(path: Path) -> InputError:
    return InputError(
        f"{path} has no pixel size, so nothing can be measured in it: export the CT with its "
        "spacing in mm."
    )
