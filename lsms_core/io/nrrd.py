"""Writes NRRD with its geometry exact to the last bit (format: teem.sourceforge.net/nrrd)."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.io.atomic import replacing

_TYPES = {"uint8": "unsigned char", "uint16": "unsigned short", "int16": "short"}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LEVEL = 4


def write_nrrd(
    path: Path,
    array: NDArray[Any],
    affine: NDArray[np.float64],
    entries: Mapping[str, str] | None = None,
) -> None:
    """Write an image, compressed, all or nothing.

    Args:
        path: where to.
        array: (slices, rows, columns) or (slices, rows, columns, layers).
        affine: (4, 4) IJK to RAS mm; may be sheared.
        entries: key and value pairs for the header.

    Raises:
        OutputError: when it cannot be written.
    """
    lps = _RAS_TO_LPS @ affine
    layered = array.ndim == 4
    sizes = [str(n) for n in reversed(array.shape)]
    directions = [_vector(lps[:3, axis]) for axis in range(3)]
    lines = [
        "NRRD0004",
        "# Written by lsms-core; see the NRRD file format",
        f"type: {_TYPES[array.dtype.name]}",
        f"dimension: {array.ndim}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(sizes)}",
        f"space directions: {'none ' if layered else ''}{' '.join(directions)}",
        f"kinds: {'list ' if layered else ''}domain domain domain",
    ]
    if array.dtype.itemsize > 1:
        lines.append("endian: little")
    lines += ["encoding: gzip", f"space origin: {_vector(lps[:3, 3])}"]
    lines += [f"{_escape(k)}:={_escape(v)}" for k, v in (entries or {}).items()]
    header = "\n".join(lines) + "\n\n"
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(header.encode("utf-8"))
        # No time stamp: the same masks give the same bytes.
        with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as stream:
            for part in little:
                stream.write(np.ascontiguousarray(part).tobytes())


def _vector(values: NDArray[np.float64]) -> str:
    # repr gives the shortest text that reads back to the same number; + 0.0 turns -0 into 0.
    return f"({','.join(repr(float(v) + 0.0) for v in values)})"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "")
