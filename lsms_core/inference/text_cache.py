"""The last texts that an engine has encoded; every engine keeps them in this way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from lsms_core.inference.engine import EncodedText

CACHED_TEXTS = 256


class TextCache:
    """Encodes each text once, and forgets those that were not asked for lately.

    Args:
        encode: encodes one text.
    """

    def __init__(self, encode: Callable[[str], EncodedText]) -> None:
        self._encode = encode
        self._kept: OrderedDict[str, EncodedText] = OrderedDict()

    def get(self, text: str) -> EncodedText:
        """Return a text encoded."""
        if text not in self._kept:
            self._kept[text] = self._encode(text)
            if len(self._kept) > CACHED_TEXTS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(text)
        return self._kept[text]

    def clear(self) -> None:
        """Forget all: what was encoded lies on another device now."""
        self._kept.clear()


def cut_short(limit: int) -> str:
    """Say that a text was longer than a model reads.

    Args:
        limit: how many tokens it reads.
    """
    return (
        f"The text is too long for the model: only its first {limit} tokens were read. "
        "Name the lesion in one short sentence."
    )
