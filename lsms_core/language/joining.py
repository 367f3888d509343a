"""Neighbouring phrases of a text that become one."""

from __future__ import annotations

from collections.abc import Sequence

from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind, Phrase

UNREAD = Phrase(Kind.BESIDES)


def joined(items: Sequence[Item], i: int, end: int, phrase: Phrase) -> tuple[Item, int]:
    """Return the phrases from ``i`` to ``end`` as one of the kind of ``phrase``, and ``end``."""
    words = " ".join(item.words for item in items[i:end])
    return Item(phrase, items[i].first, items[end - 1].last, words), end
