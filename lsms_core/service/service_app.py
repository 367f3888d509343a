"""The paths of the service: ``/v1/run``, ``/health`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress

from aiohttp import web

from lsms_core import __version__
from lsms_core.errors import InputError
from lsms_core.service.desk import Desk
from lsms_core.service.engine_pool import EnginePool
from lsms_core.service.limits import Limits
from lsms_core.service.receiving import Receiving, RefusalError
from lsms_core.service.service_metrics import CONTENT_TYPE, ServiceMetrics
from lsms_core.service.wire_request import WireRequest
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message

logger = logging.getLogger(__name__)

_PIECE = 1 << 18


class ServiceApp:
    """What the server does with each HTTP request.

    Args:
        pool: the engines.
        token: the secret.
        models: what to load by the name that clients say.
        device: where models run.
        limits: of the server.
        begun: told of each request whose head is there.
    """

    def __init__(
        self,
        pool: EnginePool,
        token: str,
        models: Mapping[str, str],
        device: str,
        limits: Limits,
        begun: Callable[[web.Request], None],
    ) -> None:
        self._pool, self._models, self._device = pool, models, device
        self._limits, self._begun = limits, begun
        self._receiving = Receiving(token, limits)
        self._desk = Desk(pool, limits)
        self._metrics = ServiceMetrics(pool, self._desk)
        self.app = web.Application(middlewares=[self._guarded])
        self.app.router.add_post("/v1/run", self._run)
        self.app.router.add_get("/metrics", self._tell_metrics)
        self.app.router.add_get("/health", self._tell_health)

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[..., object]
    ) -> web.StreamResponse:
        """Answer refusals in JSON, and end each connection with its request."""
        self._begun(request)
        try:
            if request.path != "/health":
                self._receiving.check_token(request)
            response = await handler(request)  # type: ignore[misc]
            assert isinstance(response, web.StreamResponse)
        except RefusalError as error:
            response = web.json_response({"error": error.message}, status=error.status)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            if error.status in (429, 503):
                response.headers["Retry-After"] = "5"
            self._metrics.count("refused", str(error.status), 0.0, 0)
            logger.info("refused with status %d", error.status)
        except web.HTTPException as error:  # a path or a method that is not there
            response = web.json_response({"error": error.reason}, status=error.status)
        response.force_close()
        return response

    async def _tell_health(self, _request: web.Request) -> web.Response:
        status = "stopping" if self._pool.stopping else "ok"
        return web.json_response(
            {"status": status, "version": __version__, "protocol": PROTOCOL_VERSION},
            status=503 if self._pool.stopping else 200,
        )

    async def _tell_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _run(self, request: web.Request) -> web.StreamResponse:
        started = time.monotonic()
        with self._receiving.let_in(request) as client:
            message = await self._receiving.read(request)
            try:
                asked = WireRequest.of(message, self._limits, self._models, self._device)
            except InputError as error:
                raise RefusalError(400, str(error)) from error
            del message
            outcome = "dropped"
            try:
                response = web.StreamResponse(
                    headers={
                        "Content-Type": "application/x-lsms-message",
                        "Cache-Control": "no-store",
                        "X-Accel-Buffering": "no",
                    }
                )
                response.force_close()
                await response.prepare(request)
                async with aclosing(self._desk.answer(asked, client)) as answers:
                    async for one in answers:
                        if await self._send(request, response, one):
                            outcome = "dropped" if one.type == "progress" else one.type
                        else:
                            outcome = "slow"
                            break
                if outcome != "slow":
                    await response.write_eof()
            except ConnectionError:
                outcome = "dropped"
            finally:
                seconds = time.monotonic() - started
                received = request.content_length or 0
                self._metrics.count(asked.kind, outcome, seconds, received)
                logger.info(
                    "%s of %.1f MB: %s after %.2f s", asked.kind, received / 1e6, outcome, seconds
                )
        return response

    async def _send(
        self, request: web.Request, response: web.StreamResponse, message: Message
    ) -> bool:
        """Send a message; False when the client took it too slowly and was given up."""
        try:
            for chunk in message.chunks():
                for first in range(0, chunk.nbytes, _PIECE):
                    piece = bytes(chunk[first : first + _PIECE])
                    await asyncio.wait_for(response.write(piece), self._limits.stall_seconds)
        except asyncio.TimeoutError:
            with suppress(AttributeError):
                request.transport.abort()  # type: ignore[union-attr]
            return False
        return True
