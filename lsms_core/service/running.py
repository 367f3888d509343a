"""Runs the server: engines, sockets, signals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from lsms_core.errors import InputError
from lsms_core.service.address import DEFAULT_PORT
from lsms_core.service.doors import Doors
from lsms_core.service.engine_pool import EnginePool, Job
from lsms_core.service.limits import Limits
from lsms_core.service.service_app import ServiceApp
from lsms_core.worker.client import WorkerClient

logger = logging.getLogger(__name__)

_GOODBYE_SECONDS = 3.0


@dataclass(frozen=True)
class ServeOptions:
    """How a server runs.

    Attributes:
        token: the secret.
        models: what to load by the name that clients say; the first is loaded at once.
        host: address to listen at.
        port: TCP port; 0 for any that is free.
        device: where models run.
        engines: how many engine processes.
        certificate: PEM file of the certificate, None for no TLS.
        key: PEM file of its key, where it is a file of its own.
        limits: what is taken, kept and waited for.
        command: how to start an engine's Python; default: this interpreter.
    """

    token: str
    models: Mapping[str, str]
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    device: str = "auto"
    engines: int = 1
    certificate: Path | None = None
    key: Path | None = None
    limits: Limits = field(default_factory=Limits)
    command: tuple[str, ...] = ()


def run_server(options: ServeOptions, listening: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM comes.

    Args:
        options: how.
        listening: told the port, once connections are taken.

    Raises:
        InputError: when the address or the certificate cannot be used.
    """
    tls = _tls_context(options.certificate, options.key)
    asyncio.run(_serve(options, tls, listening))


async def _serve(
    options: ServeOptions, tls: ssl.SSLContext | None, listening: Callable[[int], None]
) -> None:
    loop = asyncio.get_running_loop()
    clients = [WorkerClient(options.command or None) for _ in range(options.engines)]
    pool = EnginePool(clients, options.limits.run_seconds)
    doors = Doors(options.limits)
    service = ServiceApp(
        pool, options.token, options.models, options.device, options.limits, doors.begun
    )
    runner = web.AppRunner(
        service.app,
        access_log=None,
        handler_cancellation=True,  # a client that goes away cancels its run
        auto_decompress=False,
        read_bufsize=1 << 20,
        shutdown_timeout=_GOODBYE_SECONDS,
    )
    await runner.setup()
    assert runner.server is not None
    doors.open(runner.server)
    stop = asyncio.Event()
    _on_signals(loop, stop)
    try:
        listener = await _listen(loop, doors, options, tls)
    except BaseException:
        await pool.close()
        await runner.cleanup()
        raise
    sweeper = asyncio.create_task(doors.sweep())
    _warm_up(pool, options)
    listening(listener.sockets[0].getsockname()[1])
    try:
        await stop.wait()
    finally:
        logger.info("stopping")
        listener.close()
        sweeper.cancel()
        await pool.close()
        # Those who wait hear of it before their connections end.
        await runner.shutdown()
        await runner.cleanup()


async def _listen(
    loop: asyncio.AbstractEventLoop,
    doors: Doors,
    options: ServeOptions,
    tls: ssl.SSLContext | None,
) -> asyncio.Server:
    try:
        return await loop.create_server(
            doors.protocol,
            options.host,
            options.port,
            ssl=tls,
            ssl_handshake_timeout=options.limits.head_seconds if tls else None,
        )
    except OSError as error:
        raise InputError(
            f"Nothing can listen at {options.host} port {options.port} ({error.strerror}): choose "
            "another --host or --port, or end the program that listens there."
        ) from error


def _warm_up(pool: EnginePool, options: ServeOptions) -> None:
    """Let every engine load the first model, so that the first request need not wait."""
    model = {"weights": next(iter(options.models.values())), "engine": None,
             "device": options.device}  # fmt: skip
    for number, _ in enumerate(pool.engines):
        pool.submit(Job(f"warm-up {number}", "load", {"model": model}))


def _on_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    for one in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":  # loops there know no signals
            signal.signal(one, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(one, stop.set)


def _tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"The certificate {certificate} cannot be used with its key ({error})."
        ) from error
    return context
