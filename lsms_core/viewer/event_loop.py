"""A timer in the server's event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from lsms_core.session.run_controller import POLL_MILLISECONDS

logger = logging.getLogger(__name__)
_SETTLE_SECONDS = 0.08


class Settled:
    """Calls something once when it was asked for again and again, such as by a slider.

    Args:
        callback: what to call.
        state: trame's state, whose changes are sent to the browsers after the call.
    """

    def __init__(self, callback: Callable[[], None], state: Any) -> None:  # noqa: ANN401
        self._callback, self._state = callback, state
        self._waiting: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Call it soon, unless it is asked for again until then."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self._call)

    def _call(self) -> None:
        with self._state:
            self._callback()


class LoopTimer:
    """Calls something again and again between the browsers' requests.

    Args:
        callback: what to call; it must not block.
        state: trame's state, whose changes are sent to the browsers after each call.
    """

    def __init__(self, callback: Callable[[], None], state: Any) -> None:  # noqa: ANN401
        self._callback, self._state = callback, state
        self._task: asyncio.Task[None] | None = None
        self._running = False

    def start(self) -> None:
        """Begin, unless it runs already."""
        self._running = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """End after the call under way."""
        self._running = False

    async def _run(self) -> None:
        while self._running:
            try:
                with self._state:
                    self._callback()
            except Exception:
                logger.exception("An answer of the engine could not be shown")
            await asyncio.sleep(POLL_MILLISECONDS / 1000.0)
