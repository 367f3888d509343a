"""A cache that keeps the most recently used values, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class KeptByUse(Generic[Value]):
    """A mapping that forgets the least recently used values.

    Args:
        most_bytes: how much is kept; one thing that is larger is not kept at all.
        size: how many bytes a value has.
    """

    def __init__(self, most_bytes: int, size: Callable[[Value], int]) -> None:
        self._most, self._size = most_bytes, size
        self._values: OrderedDict[str, Value] = OrderedDict()
        self.bytes = 0

    def get(self, key: str) -> Value | None:
        """Return a value, None where it was never put or is forgotten."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: str, value: Value) -> None:
        """Keep a value, and forget others where they no longer fit."""
        old = self._values.pop(key, None)
        if old is not None:
            self.bytes -= self._size(old)
        size = self._size(value)
        if size > self._most:
            return
        self._values[key] = value
        self.bytes += size
        while self.bytes > self._most:
            _, forgotten = self._values.popitem(last=False)
            self.bytes -= self._size(forgotten)

    def __len__(self) -> int:
        return len(self._values)
