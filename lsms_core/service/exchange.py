"""One request to a server and its response, over a non-blocking socket."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence

from lsms_core.errors import WorkerError
from lsms_core.service.address import Address
from lsms_core.service.http_response import HttpResponse
from lsms_core.worker.protocol import Message, MessageReader

# Never spend longer than this in one poll: the host draws its window in between.
_POLL_SECONDS = 0.03
_PIECE = 1 << 18
_WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class RefusedError(WorkerError):
    """The server refused a request, and said why."""


class Exchange:
    """A request under way.

    Args:
        address: where the server is.
        tls: how certificates are checked, for an address with TLS.
        head: the request's head.
        body: the request's body.
        patience: seconds within which a connection must be there, and something be heard.

    Raises:
        WorkerError: when the server's name is not known.
    """

    def __init__(
        self,
        address: Address,
        tls: ssl.SSLContext | None,
        head: bytes,
        body: Sequence[memoryview],
        patience: float,
    ) -> None:
        self._address, self._tls, self._patience = address, tls, patience
        self._outgoing = deque([memoryview(head), *body])
        self._response = HttpResponse()
        self._reader = MessageReader()
        self._said = bytearray()  # the body of a refusal
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise WorkerError(
                f"The server {address.host} is not known ({error.strerror}): check its address."
            ) from error
        self._places = deque(found)
        self._socket: socket.socket | None = None
        self._connected = self._shaken = False
        self._heard = time.monotonic()
        self._next_place("")

    @property
    def complete(self) -> bool:
        """Whether all was received."""
        return self._response.complete

    def poll(self) -> list[Message]:
        """Send and receive what the socket takes and holds now.

        Raises:
            RefusedError: when the server refused the request.
            WorkerError: when the server cannot be reached, or was lost.
        """
        messages: list[Message] = []
        deadline = time.monotonic() + _POLL_SECONDS
        if not (self._connect() and self._shake()):
            self._check_patience()
            return messages
        moved = True
        while moved and not self.complete and time.monotonic() < deadline:
            moved = self._send()
            moved |= self._receive(messages)
        if self.complete:
            self.close()
            self._check_refusal()
        else:
            self._check_patience()
        return messages

    def close(self) -> None:
        """End the connection, which tells the server to cancel."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._outgoing.clear()

    def _next_place(self, why: str) -> None:
        """Begin to connect to the next of the server's addresses."""
        while self._places:
            family, kind, number, _, place = self._places.popleft()
            if self._socket is not None:
                self._socket.close()
            self._socket = socket.socket(family, kind, number)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._socket.connect(place)
            except BlockingIOError:
                return
            except OSError as error:
                why = error.strerror or str(error)
            else:
                return
        raise WorkerError(
            f"No engine's server answers at {self._address} ({why or 'unknown reason'}): check the "
            "address, and that `lsms serve` runs there. Nothing was changed."
        )

    def _connect(self) -> bool:
        if self._connected:
            return True
        assert self._socket is not None
        _, ready, failed = select.select([], [self._socket], [self._socket], 0)
        if not (ready or failed):
            return False
        problem = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            self._next_place(os.strerror(problem))
            return False
        self._connected = True
        if self._tls is not None:
            self._socket = self._tls.wrap_socket(
                self._socket, server_hostname=self._address.host, do_handshake_on_connect=False
            )
        else:
            self._shaken = True
        return True

    def _shake(self) -> bool:
        if self._shaken:
            return True
        assert isinstance(self._socket, ssl.SSLSocket)
        try:
            self._socket.do_handshake()
        except _WAITS:
            return False
        except ssl.SSLCertVerificationError as error:
            raise WorkerError(
                f"The certificate of {self._address} is not trusted ({error.verify_message}): give "
                "the file of the certificate that signed it."
            ) from error
        except OSError as error:
            raise WorkerError(
                f"{self._address} does not speak TLS ({error}): check whether its address begins "
                "with http:// or https://."
            ) from error
        self._shaken = True
        return True

    def _send(self) -> bool:
        assert self._socket is not None
        moved = False
        while self._outgoing:
            chunk = self._outgoing[0]
            try:
                sent = self._socket.send(chunk[:_PIECE])
            except _WAITS:
                break
            except OSError:
                self._outgoing.clear()  # a refusal may be there to be read all the same
                break
            moved = True
            if sent < len(chunk):
                self._outgoing[0] = chunk[sent:]
                break  # what has come meanwhile is read first
            self._outgoing.popleft()
        if moved:
            self._heard = time.monotonic()
        return moved

    def _receive(self, messages: list[Message]) -> bool:
        assert self._socket is not None
        try:
            data = self._socket.recv(_PIECE)
        except _WAITS:
            return False
        except OSError as error:
            raise self._lost(error.strerror or "connection lost") from error
        if not data:
            self._response.end()
            if not self.complete:
                raise self._lost("it closed the connection")
            return False
        self._heard = time.monotonic()
        body = self._response.feed(data)
        if self._response.status == 200:
            messages += self._reader.feed(body)
        else:
            self._said += body
        return True

    def _check_refusal(self) -> None:
        status = self._response.status
        if status == 200:
            return
        try:
            reason = str(json.loads(self._said)["error"])
        except (ValueError, KeyError, TypeError):
            reason = f"What answers at {self._address} is no engine's server (status {status})."
        raise RefusedError(reason)

    def _check_patience(self) -> None:
        if time.monotonic() - self._heard > self._patience:
            raise self._lost(f"nothing was heard for {self._patience:.0f} s")

    def _lost(self, why: str) -> WorkerError:
        self.close()
        if not self._connected:
            return WorkerError(
                f"No engine's server answers at {self._address} ({why}): check the address, and "
                "that `lsms serve` runs there. Nothing was changed."
            )
        return WorkerError(
            f"The engine's server at {self._address} was lost in the middle of the run ({why}). "
            "Nothing was changed; press Run again, once it is back."
        )
