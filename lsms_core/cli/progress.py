"""A progress bar with the time left, on stderr, for whatever takes more than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_S = 2.0
_WIDTH = 24


@contextmanager
def bar(unit: str) -> Iterator[Callable[..., None]]:
    """Give a function to be called with steps done and steps in all.

    Nothing is shown in the first two seconds, nor where stderr is no terminal.
    """
    started = time.monotonic()
    shown = False

    def update(done: int, total: int, left: float | None = None) -> None:
        nonlocal shown
        elapsed = time.monotonic() - started
        if not sys.stderr.isatty() or elapsed < PATIENCE_S or total < 1:
            return
        if left is None and done:
            left = elapsed / done * (total - done)
        filled = _WIDTH * done // total
        rest = "" if left is None else f", {duration(left)} left"
        drawn = "#" * filled + "." * (_WIDTH - filled)
        sys.stderr.write(f"\r[{drawn}] {done}/{total} {unit}{rest}   ")
        sys.stderr.flush()
        shown = True

    try:
        yield update
    finally:
        if shown:
            sys.stderr.write("\r" + " " * 78 + "\r")
            sys.stderr.flush()


def duration(seconds: float) -> str:
    """Format seconds as people say them."""
    if seconds < 60:
        return f"{max(round(seconds), 0)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
