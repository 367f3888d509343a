"""Receives requests within the server's limits: checks the token and reads the body."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from lsms_core.errors import LsmsError
from lsms_core.service.access_token import same_token
from lsms_core.service.limits import MEBIBYTE, Limits
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message, MessageReader

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_MESSAGE = "The request is no message of the worker's protocol."
# What a header and a thousand slices may take beside the image.
_BESIDE_THE_IMAGE = 2 * MEBIBYTE


class RefusalError(Exception):
    """A request that is refused before it runs.

    Args:
        status: HTTP's.
        message: what the user is told.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Receiving:
    """Lets requests in and reads them.

    Args:
        token: the secret.
        limits: of the server.
    """

    def __init__(self, token: str, limits: Limits) -> None:
        self._token, self._limits = token, limits
        self._present: Counter[str] = Counter()
        self._uploading = 0

    def check_token(self, request: web.Request) -> None:
        """Refuse requests without the token.

        Raises:
            RefusalError: when it is missing or wrong.
        """
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not same_token(given.strip(), self._token):
            raise RefusalError(
                401,
                "The server does not accept the token: check it in the settings, or ask who runs "
                "the server.",
            )

    @contextmanager
    def let_in(self, request: web.Request) -> Iterator[str]:
        """Give a client's name while its request is here.

        Raises:
            RefusalError: when the client or the server has too much to do, or the request is too
                large or of another version.
        """
        limits = self._limits
        version = request.headers.get("X-LSMS-Protocol", str(PROTOCOL_VERSION))
        if version != str(PROTOCOL_VERSION):
            raise RefusalError(
                409,
                f"The server speaks protocol {PROTOCOL_VERSION}, this program "
                f"{version[:8]}: install the same version of lsms_core on both sides.",
            )
        length = request.content_length
        if length is None or request.headers.get("Content-Encoding"):
            raise RefusalError(411, "A request must say its length, and not be compressed.")
        if length > limits.image_bytes + _BESIDE_THE_IMAGE:
            raise RefusalError(
                413,
                f"The image is larger than the server takes ({limits.image_bytes >> 20} MiB): "
                "crop it, or run it on this computer.",
            )
        name = request.headers.get("X-LSMS-Client", "")
        client = name if _NAME.fullmatch(name) else str(request.remote)
        if self._present[client] >= limits.waiting_each:
            raise RefusalError(
                429, f"{limits.waiting_each} requests of yours wait already: wait for them."
            )
        full = self._present.total() >= limits.waiting
        if full or self._uploading + length > limits.uploads_bytes:
            raise RefusalError(503, "The server has too much to do: press Run again later.")
        self._present[client] += 1
        try:
            yield client
        finally:
            self._present[client] -= 1
            if not self._present[client]:
                del self._present[client]

    async def read(self, request: web.Request) -> Message:
        """Read the one message that a request holds.

        Raises:
            RefusalError: when it is none, or comes too slowly.
        """
        length = request.content_length
        assert length is not None
        reader = MessageReader(min(self._limits.image_bytes, length))
        messages: list[Message] = []
        self._uploading += length
        try:
            while not request.content.at_eof():
                data = await asyncio.wait_for(request.content.readany(), self._limits.stall_seconds)
                if data:
                    messages += reader.feed(data)
        except asyncio.TimeoutError as error:
            raise RefusalError(408, "The request came too slowly: press Run again.") from error
        except (LsmsError, ValueError, TypeError, MemoryError, RecursionError, OverflowError):
            # Its reason may quote what was sent.
            raise RefusalError(400, _NO_MESSAGE) from None
        finally:
            self._uploading -= length
        if len(messages) != 1 or not reader.idle:
            raise RefusalError(400, _NO_MESSAGE)
        return messages[0]
