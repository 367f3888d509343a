"""Reads an HTTP/1.1 response in pieces of any size, as a socket that never blocks gives them.

``http.client`` waits for its socket, which would stop Qt's event loop in 3D Slicer.
"""

from __future__ import annotations

from lsms_core.errors import WorkerError

_MOST_HEAD = 1 << 16


class HttpResponse:
    """One response.

    Attributes:
        status: its code, None until its head is there.
        headers: by name in lower case.
        complete: whether its end was seen.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.complete = False
        self._buffer = bytearray()
        self._left: int | None = 0  # bytes of the body or chunk still to come; None: until the end
        self._chunked = False

    def feed(self, data: bytes) -> bytes:
        """Take more bytes; return those of the body among them.

        Raises:
            WorkerError: when they are no HTTP.
        """
        self._buffer += data
        if self.status is None and not self._read_head():
            return b""
        return self._read_chunks() if self._chunked else self._read_plain()

    def end(self) -> None:
        """Note that the connection has ended."""
        if self.status is not None and self._left is None:
            self.complete = True

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MOST_HEAD or not b"HTTP/1.".startswith(self._buffer[:7]):
                raise _not_http()
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, _, rest = lines[0].partition(" ")
        code = rest[:3]
        if not version.startswith("HTTP/1.") or not code.isdigit():
            raise _not_http()
        if 100 <= int(code) < 200:  # "continue" and the like: the response itself follows
            return self._read_head()
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self._chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        length = self.headers.get("content-length")
        if self._chunked:
            self._left = 0
        elif length is None:
            self._left = None
        elif length.isdigit():
            self._left = int(length)
        else:
            raise _not_http()
        self.status = int(code)
        return True

    def _read_plain(self) -> bytes:
        if self._left is None:
            return self._take(len(self._buffer))
        body = self._take(min(self._left, len(self._buffer)))
        self._left -= len(body)
        self.complete = self._left == 0
        return body

    def _read_chunks(self) -> bytes:
        pieces = []
        while not self.complete:
            assert self._left is not None
            if self._left > 2:
                piece = self._take(min(self._left - 2, len(self._buffer)))
                self._left -= len(piece)
                pieces.append(piece)
                if self._left > 2:
                    break
            if self._left:  # the line's end after a chunk
                if len(self._buffer) < self._left:
                    break
                self._take(self._left)
                self._left = 0
            if not self._begin_chunk():
                break
        return b"".join(pieces)

    def _begin_chunk(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _MOST_HEAD:
                raise _not_http()
            return False
        try:
            size = int(bytes(self._buffer[:end]).partition(b";")[0], 16)
        except ValueError as error:
            raise _not_http() from error
        self._take(end + 2)
        if size == 0:
            self.complete = True
        self._left = size + 2 if size else 0
        return True

    def _take(self, count: int) -> bytes:
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece


def _not_http() -> WorkerError:
    return WorkerError(
        "What answers there is no engine's server (it speaks no HTTP): check the address, and "
        "whether it begins with http:// or https://."
    )
