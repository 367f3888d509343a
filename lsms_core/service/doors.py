"""Limits the number of connections, and ends those that send no request in time."""

from __future__ import annotations

import asyncio
import json
import time

from aiohttp import web

from lsms_core.service.limits import Limits

_SWEEP_SECONDS = 0.5


class Doors:
    """Makes the protocol of each connection, and ends those that send no request in time.

    Args:
        limits: of the server.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._server: web.Server | None = None
        self._silent: dict[asyncio.Protocol, float] = {}

    def open(self, server: web.Server) -> None:
        """Let connections in to a server from now on."""
        self._server = server

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        assert self._server is not None
        if len(self._server.connections) >= self._limits.connections:
            return _TurnedAway()
        handler: asyncio.Protocol = self._server()
        self._silent[handler] = time.monotonic()
        return handler

    def begun(self, request: web.Request) -> None:
        """Note that a connection has said what it wants."""
        self._silent.pop(request.protocol, None)

    async def sweep(self) -> None:
        """End silent connections, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            late = time.monotonic() - self._limits.head_seconds
            for handler, since in list(self._silent.items()):
                if since < late:
                    del self._silent[handler]
                    transport = getattr(handler, "transport", None)
                    if transport is not None:
                        transport.abort()


class _TurnedAway(asyncio.Protocol):
    """Answers that there are too many connections, and ends the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        body = json.dumps({"error": "The server has too many connections: press Run again later."})
        transport.write(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\nRetry-After: 5\r\n\r\n"
            f"{body}".encode()
        )
        transport.close()
