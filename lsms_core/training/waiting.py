"""A progress bar with the time left for what training waits for, in the process that speaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from lightning.fabric.utilities.rank_zero import rank_zero_only
from tqdm import tqdm

T = TypeVar("T")


def in_first_process() -> bool:
    """Whether this is the process of a run that speaks and writes files: the first of several."""
    return int(getattr(rank_zero_only, "rank", None) or 0) == 0


def progress(
    items: Iterable[T], what: str, unit: str, *, done: int = 0, total: int | None = None
) -> Iterable[T]:
    """Return the items behind a bar, which only the first process's terminal shows.

    Args:
        items: what is gone through.
        what: is done, in words.
        unit: of the items.
        done: items done before.
        total: of all items; default: as many as there are.
    """
    # None hides it where stderr is no terminal.
    hidden = None if in_first_process() else True
    return tqdm(items, what, total, unit=unit, initial=done, disable=hidden, dynamic_ncols=True)
