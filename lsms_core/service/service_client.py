"""The client of an engine's server, with the interface of the worker's client.

As :class:`lsms_core.worker.client.WorkerClient` it has no thread and no event loop: its owner calls
:meth:`ServiceClient.poll`. It needs only the standard library and NumPy.
"""

from __future__ import annotations

import itertools
import secrets
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core import __version__
from lsms_core.errors import InputError, WorkerError
from lsms_core.service.access_token import checked_token
from lsms_core.service.address import Address
from lsms_core.service.exchange import Exchange, RefusedError
from lsms_core.service.image_hash import image_hash
from lsms_core.worker.asking import Asking
from lsms_core.worker.events import WorkerEvent
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message

__all__ = ["ServiceClient"]

_HASHES_KEPT = 16


@dataclass
class _Pending:
    """A request whose answer is awaited; kept whole, so that it can be sent again."""

    kind: str
    fields: dict[str, Any]
    ct: NDArray[Any] | None
    exchange: Exchange | None = None
    whole: bool = False


class ServiceClient(Asking):
    """Asks an engine's server; each request is a connection of its own.

    Args:
        address: such as ``https://engine.hospital.example`` or ``http://127.0.0.1:8417``.
        token: the server's secret.
        certificate: a PEM file with the certificate that signed the server's, where the computer
            does not trust it already.
        patience: seconds of silence after which the server counts as lost; it says something
            every few seconds.

    Raises:
        InputError: for an address, a token or a certificate that cannot be used.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        certificate: str | Path | None = None,
        patience: float = 30.0,
    ) -> None:
        self.address = Address.parse(address)
        self._token = checked_token(token, "the settings")
        self._tls = _tls_context(certificate) if self.address.tls else None
        self._patience = patience
        self._name = secrets.token_hex(8)
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._lost: dict[int, _Pending] = {}
        self._events: list[WorkerEvent] = []
        self._hashes: OrderedDict[tuple[str, bytes], str] = OrderedDict()
        self._reached = False

    @property
    def running(self) -> bool:
        """Whether the server answered last time, or is being asked."""
        return self._reached or self.busy

    @property
    def busy(self) -> bool:
        """Whether a request is waiting for its answer."""
        return bool(self._pending)

    @property
    def process_id(self) -> int | None:
        """None: the engine is no process of this computer."""
        return None

    def start(self) -> None:
        """Do nothing: the server is there, or the first request says that it is not."""

    def request(self, kind: str, fields: dict[str, Any], ct: NDArray[Any] | None = None) -> int:
        """See :meth:`lsms_core.worker.asking.Asking.request`."""
        number = next(self._ids)
        if ct is not None:
            affine = np.asarray(fields["affine"], np.float64)
            fields = {**fields, "volume_key": self._hash(ct, affine, fields.get("volume_key"))}
        pending = _Pending(kind, fields, ct)
        # The server may have the image, from this client or another one.
        self._send(number, pending, whole=False)
        self._pending[number] = pending
        return number

    def retry(self, request: int) -> int:
        """Ask once more what was lost with the server; returns the new request's number.

        Args:
            request: one of the numbers in the last "died" event.

        Raises:
            WorkerError: when no such request was lost.
        """
        lost = self._lost.pop(request, None)
        if lost is None:
            raise WorkerError(f"Request {request} was not lost; press Run to ask anew.")
        number = next(self._ids)
        self._send(number, lost, whole=False)
        self._pending[number] = lost
        return number

    def cancel(self, request: int | None = None) -> None:
        """Cancel one request, or all; the server stops when it sees the connection end."""
        for number in [request] if request is not None else list(self._pending):
            pending = self._pending.pop(number, None)
            if pending is not None:
                _close(pending)
                self._events.append(WorkerEvent("cancelled", number))

    def poll(self) -> list[WorkerEvent]:
        """Return what has happened since the last call; blocks for 30 ms a request at most."""
        for number, pending in list(self._pending.items()):
            self._try(number, pending)
        events, self._events = self._events, []
        return events

    def put_back(self, events: list[WorkerEvent]) -> None:
        """See :meth:`lsms_core.worker.asking.Asking.put_back`."""
        self._events = events + self._events

    def last_words(self) -> str:
        """Return "": the output of an engine stays on its server."""
        return ""

    def close(self) -> None:
        """End all connections; pending requests are dropped without an event."""
        for pending in self._pending.values():
            _close(pending)
        self._pending.clear()
        self._lost.clear()
        self._reached = False

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hash(self, ct: NDArray[Any], affine: NDArray[np.float64], key: str | None) -> str:
        """Return an image's hash; it is taken once a key."""
        if key is None:
            return image_hash(ct, affine)
        known = self._hashes.get((key, affine.tobytes())) or image_hash(ct, affine)
        self._hashes[key, affine.tobytes()] = known
        self._hashes.move_to_end((key, affine.tobytes()))
        if len(self._hashes) > _HASHES_KEPT:
            self._hashes.popitem(last=False)
        return known

    def _send(self, number: int, pending: _Pending, whole: bool) -> None:
        pending.whole = whole
        arrays = {"ct": pending.ct} if whole and pending.ct is not None else {}
        message = Message(pending.kind, {**pending.fields, "request": number}, arrays)
        body = list(message.chunks())
        head = (
            f"POST {self.address.path}/v1/run HTTP/1.1\r\n"
            f"Host: {self.address.authority}\r\n"
            f"Authorization: Bearer {self._token}\r\n"
            f"User-Agent: lsms/{__version__}\r\n"
            f"X-LSMS-Protocol: {PROTOCOL_VERSION}\r\n"
            f"X-LSMS-Client: {self._name}\r\n"
            "Content-Type: application/x-lsms-message\r\n"
            f"Content-Length: {sum(chunk.nbytes for chunk in body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        pending.exchange = Exchange(
            self.address, self._tls, head.encode("ascii"), body, self._patience
        )

    def _try(self, number: int, pending: _Pending) -> None:
        try:
            self._advance(number, pending)
        except RefusedError as error:
            self._end(number)
            fields = {"request": number, "kind": "WorkerError", "message": str(error)}
            self._events.append(WorkerEvent("error", number, fields))
        except WorkerError as error:
            self._lose(number, str(error))

    def _advance(self, number: int, pending: _Pending) -> None:
        assert pending.exchange is not None
        exchange = pending.exchange
        for message in exchange.poll():
            if message.type == "need_volume" and pending.ct is not None and not pending.whole:
                exchange.close()
                self._send(number, pending, whole=True)
                return
            if message.altered:
                raise WorkerError("The server's answer was damaged on the way; press Run again.")
            event = WorkerEvent(message.type, number, message.fields, message.arrays)
            self._events.append(event)
            self._reached = True
            if message.type != "progress":
                self._end(number)
                return
        if exchange.complete:
            raise WorkerError(
                "The server ended the run without an answer. Nothing was changed; press Run again."
            )

    def _end(self, number: int) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            _close(pending)

    def _lose(self, number: int, message: str) -> None:
        pending = self._pending[number]
        self._end(number)
        self._reached = False
        # As with a worker's process: what was lost last can be asked again.
        self._lost = {number: pending}
        fields = {"message": message, "requests": [number], "diagnostics": ""}
        self._events.append(WorkerEvent("died", 0, fields))


def _close(pending: _Pending) -> None:
    if pending.exchange is not None:
        pending.exchange.close()
        pending.exchange = None


def _tls_context(certificate: str | Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(certificate) if certificate else None)
    except OSError as error:
        raise InputError(f"The certificate {certificate} cannot be read ({error}).") from error
