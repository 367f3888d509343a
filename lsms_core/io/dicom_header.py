"""Reads DICOM headers with pydicom; no value of a header gets into logs or warnings."""

from __future__ import annotations

import logging
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.config import disable_value_validation
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue

# The exceptions of pydicom for files that are damaged or violate the standard.
DICOM_ERRORS = (
    BytesLengthException, InvalidDicomError, AttributeError, EOFError, KeyError, LookupError,
    NotImplementedError, OSError, OverflowError, RecursionError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_TAGS = [
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID",
    "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "ImageType",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "AcquisitionNumber", "AcquisitionTime", "AcquisitionDateTime", "ContentTime", "TriggerTime",
    "TemporalPositionIdentifier", "TemporalPositionIndex", "InstanceNumber",
    "ImagesInAcquisition", "ConvolutionKernel", "KVP",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", *PIXELS,
]  # fmt: skip
# Larger values (pixels, private data) stay in the file.
_DEFER_BYTES = 1 << 14
_LARGEST_INFLATED = 1 << 29
_DEFLATED = "1.2.840.10008.1.2.1.99"
# Implicit, explicit and big-endian syntaxes hold the pixels as they are.
PLAIN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN "
    b"UR US UT UV".split()
)


_depth = 0


@contextmanager
def quietly() -> Iterator[None]:
    """Let pydicom and highdicom work without warnings, which quote values of the header."""
    global _depth  # noqa: PLW0603 - entering it once is enough, and leaving it costs time
    if _depth:
        yield
        return
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    _depth += 1
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        _depth -= 1
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def looks_like_dicom(start: bytes) -> bool:
    """Tell by a file's first 140 bytes whether it is DICOM, with or without its preamble."""
    if start[128:132] == b"DICM":
        return True
    if len(start) < 12:
        return False
    for order in "<>":
        group, element = struct.unpack_from(f"{order}HH", start)
        if group not in (0x0002, 0x0008) or element > 0x0100:
            continue
        if start[4:6] in _VRS:
            return True
        (length,) = struct.unpack_from("<L", start, 4)
        if order == "<" and length <= 64 and length % 2 == 0:
            return True
    return False


def read_header(path: Path) -> Any:  # noqa: ANN401
    """Read what is needed of a header; the pixels stay in the file.

    Raises:
        One of ``DICOM_ERRORS`` when it cannot be read.
    """
    _check_inflated(path)
    with quietly():
        return pydicom.dcmread(path, force=True, specific_tags=[*_TAGS], defer_size=_DEFER_BYTES)


def _check_inflated(path: Path) -> None:
    """Refuse a deflated file that would grow beyond any image; pydicom inflates it whole."""
    with path.open("rb") as file:
        content = file.read(2048)
        place = content.find(_DEFLATED.encode())
        if place < 0:
            return
        # The data set follows the meta header, whose length its first element tells.
        length = content.find(b"\x02\x00\x00\x00UL\x04\x00")
        if length < 0:
            return
        (size,) = struct.unpack_from("<L", content, length + 8)
        file.seek(length + 12 + size)
        inflate, done = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while block := file.read(1 << 16):
            part = inflate.decompress(block, _LARGEST_INFLATED)
            done += len(part)
            if inflate.unconsumed_tail or done > _LARGEST_INFLATED:
                raise ValueError("it inflates to more than any image")


def transfer_syntax(header: Any) -> str:  # noqa: ANN401
    """Return the transfer syntax's UID; "" where the file does not say."""
    return text(getattr(header, "file_meta", None), "TransferSyntaxUID")


def text(header: Any, name: str) -> str:  # noqa: ANN401
    """Return an entry as one line of text; "" where it is missing or unreadable."""
    value = value_of(header, name)
    if value is None:
        return ""
    if isinstance(value, list | tuple | MultiValue):
        value = "\\".join(str(v) for v in value)
    # Control characters and lone surrogates can neither be shown nor written.
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", str(value))
    return clean.encode("utf-8", "replace").decode("utf-8").strip()


def numbers(header: Any, name: str) -> tuple[float, ...]:  # noqa: ANN401
    """Return an entry's numbers; () where it is missing or one is none."""
    value = value_of(header, name)
    if value is None or value == "":
        return ()
    values = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    try:
        found = tuple(float(v) for v in values)
    except (TypeError, ValueError):
        return ()
    return found if found and all(np.isfinite(found)) else ()


def number(header: Any, name: str, default: float) -> float:  # noqa: ANN401
    """Return the first number of an entry."""
    return (*numbers(header, name), default)[0]


def value_of(header: Any, name: str) -> Any:  # noqa: ANN401
    """Return an entry, None where it is missing or violates the standard."""
    if header is None:
        return None
    try:
        with quietly():
            return header.get(name)
    except DICOM_ERRORS:
        return None


def pixel_damage(path: Path, header: Any) -> str:  # noqa: ANN401
    """Say why an image's pixels are not all there; "" where they are."""
    name = next((n for n in PIXELS if n in header), None)
    if name is None:
        return "its pixels are missing"
    rows, columns = number(header, "Rows", 0), number(header, "Columns", 0)
    if rows < 1 or columns < 1:
        return "it has no rows or columns"
    element = header.get_item(name)
    length = getattr(element, "length", None)
    if length is None or length == 0xFFFFFFFF:
        return ""  # compressed: the decoder finds out
    frames = number(header, "NumberOfFrames", 1)
    samples = number(header, "SamplesPerPixel", 1)
    bits = number(header, "BitsAllocated", 16)
    expected = int(rows * columns * frames * samples * bits) // 8
    syntax = transfer_syntax(header)
    if syntax and syntax not in PLAIN:
        return ""
    there = min(length, path.stat().st_size - element.value_tell)
    if there < expected:
        return f"{max(there, 0)} of {expected} bytes of pixels are there"
    return ""
