"""Messages between client and worker: a line of JSON, then the arrays it announces.

The framing is incremental, so that either side can feed whatever bytes a
non-blocking pipe has to give.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import WorkerError

PROTOCOL_VERSION = 1
# A header names a few arrays and texts; a longer one means the stream is out of step.
MAX_HEADER_BYTES = 1 << 20
MAX_ARRAY_BYTES = 1 << 36
_ALLOWED_DTYPES = frozenset(
    {"|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"}
)


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        type: what it is; see ``docs/worker-protocol.md``.
        fields: its JSON entries.
        arrays: its binary arrays by name.
        altered: names of arrays whose bytes do not fit their checksum, because they were
            changed while they were being sent.
    """

    type: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    altered: tuple[str, ...] = ()

    def chunks(self) -> Iterator[memoryview]:
        """Return the bytes to send: header first, then each array, without copying arrays."""
        payloads = {name: _wire_array(array) for name, array in self.arrays.items()}
        header = {
            **self.fields,
            "type": self.type,
            "arrays": [
                {
                    "name": name,
                    "dtype": array.dtype.str,
                    "shape": list(array.shape),
                    "crc32": zlib.crc32(_bytes_of(array)),
                }
                for name, array in payloads.items()
            ],
        }
        yield memoryview(json.dumps(header, allow_nan=False).encode() + b"\n")
        for array in payloads.values():
            if array.size:
                yield _bytes_of(array)


@dataclass(frozen=True)
class _Announced:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int
    crc32: int


def _wire_array(array: NDArray[Any]) -> NDArray[Any]:
    """Return a contiguous little-endian array of an agreed type."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if little.dtype.str not in _ALLOWED_DTYPES:
        raise WorkerError(f"Arrays of type {array.dtype} cannot be sent to the worker.")
    return little


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


class MessageReader:
    """Turns a stream of bytes, in pieces of any size, into messages.

    Args:
        max_array_bytes: no array may announce more than this.
    """

    def __init__(self, max_array_bytes: int = MAX_ARRAY_BYTES) -> None:
        self._max_array_bytes = max_array_bytes
        self._buffer = bytearray()
        self._header: dict[str, Any] | None = None
        self._pending: list[_Announced] = []
        self._arrays: dict[str, NDArray[Any]] = {}
        self._altered: list[str] = []
        self._target: memoryview | None = None
        self._filled = 0
        self._crc32 = 0

    @property
    def idle(self) -> bool:
        """Whether all bytes so far are whole messages."""
        return self._header is None and not self._buffer

    def feed(self, data: bytes | memoryview) -> list[Message]:
        """Take more bytes; return the messages they complete.

        Raises:
            WorkerError: when the bytes do not follow the protocol.
        """
        messages: list[Message] = []
        view = memoryview(data)
        while True:
            if self._header is None:
                view = self._read_header(view)
                if self._header is None:
                    return messages
            while self._pending:
                view = self._read_array(view)
                if self._target is not None:
                    return messages
            kind = self._header.pop("type")
            messages.append(Message(kind, self._header, self._arrays, tuple(self._altered)))
            self._header, self._arrays, self._altered = None, {}, []

    def _read_header(self, view: memoryview) -> memoryview:
        chunk = bytes(view[:MAX_HEADER_BYTES])
        end = chunk.find(b"\n")
        if end < 0:
            self._buffer += chunk
            if len(self._buffer) >= MAX_HEADER_BYTES:
                raise WorkerError("The worker's answer is out of step; restart the worker.")
            return view[len(chunk) :]
        line = bytes(self._buffer) + chunk[:end]
        self._buffer.clear()
        try:
            header = json.loads(line)
            kind = header["type"]
            announced = header.pop("arrays", [])
            self._pending = [_announcement(entry, self._max_array_bytes) for entry in announced]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WorkerError(
                f"The worker sent something that is not a message ({error}); restart the worker."
            ) from error
        if not isinstance(kind, str):
            raise WorkerError("The worker sent a message without a type; restart the worker.")
        self._header = header
        return view[end + 1 :]

    def _read_array(self, view: memoryview) -> memoryview:
        announced = self._pending[0]
        if self._target is None:
            array = np.empty(announced.shape, announced.dtype)
            self._arrays[announced.name] = array
            self._target = _bytes_of(array)
            self._filled, self._crc32 = 0, 0
        piece = view[: announced.size - self._filled]
        self._target[self._filled : self._filled + len(piece)] = piece
        self._crc32 = zlib.crc32(piece, self._crc32)
        self._filled += len(piece)
        if self._filled == announced.size:
            if self._crc32 != announced.crc32:
                self._altered.append(announced.name)
            self._pending.pop(0)
            self._target = None
        return view[len(piece) :]


def _announcement(entry: Mapping[str, Any], most: int) -> _Announced:
    name, dtype_name, shape = entry["name"], entry["dtype"], tuple(entry["shape"])
    if dtype_name not in _ALLOWED_DTYPES:
        raise ValueError(f"array type {dtype_name!r}")
    if not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"array shape {shape!r}")
    dtype = np.dtype(dtype_name)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size > most:
        raise ValueError(f"array of {size} bytes")
    return _Announced(str(name), dtype, shape, size, int(entry["crc32"]))
