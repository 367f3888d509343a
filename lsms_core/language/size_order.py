"""Places in an order of sizes: "top two by size", "the second in size", "number three by size"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind, Phrase
from lsms_core.language.size_order_phrases import BY_SIZE, SMALLEST_FIRST

_FIRST_OF = ("top", "first", "bottom", "last")
_NUMBERED = ("number", "no", "nr", "#", "no.", "rank", "place")
_ENDS = (Kind.COMMA, Kind.BUT, Kind.STOP, Kind.QUESTION)


def ordered_by_size(items: Sequence[Item]) -> list[Item]:
    """Return the phrases of a text with ranks, places and numbers in an order of sizes read."""
    return [_in_order(items, i) for i in range(len(items))]


def _in_order(items: Sequence[Item], i: int) -> Item:
    item = items[i]
    if item.words in BY_SIZE:
        return _order(items, i)
    rank = _first_of(items, i)
    if rank is not None:
        return replace(item, phrase=Phrase(Kind.RANK, rank))
    number = _number(items, i)
    if number is not None and i:
        if _first_of(items, i - 1) is not None:
            return replace(item, phrase=Phrase(Kind.COUNT, number))
        if items[i - 1].words in _NUMBERED and _order_follows(items, i):
            return replace(item, phrase=Phrase(Kind.ORDINAL, number))
    return item


def _first_of(items: Sequence[Item], i: int) -> str | None:
    """Return the rank of "top two", or of "first two" and "last two" in an order of sizes."""
    words, order = items[i].words, _order_follows(items, i)
    if _number(items, i + 1) is None or words not in _FIRST_OF:
        return None
    if words == "top":
        return "largest"
    if order is None:
        return None
    ascending = order.words in SMALLEST_FIRST
    return "smallest" if ascending is (words == "first") else "largest"


def _order(items: Sequence[Item], i: int) -> Item:
    """Return "by size" as the rank that a place before it speaks of."""
    item = items[i]
    before = _clause_before(items, i)
    numbered = [b.words for b, after in pairwise(before) if _number([after], 0) is not None]
    placed = any(b.kind is Kind.ORDINAL for b in before) or any(w in _NUMBERED for w in numbered)
    ranked = any(b.kind is Kind.RANK for b in before) or any(w in _FIRST_OF for w in numbered)
    if ranked or not placed:
        return item
    rank = "smallest" if item.words in SMALLEST_FIRST else "largest"
    return replace(item, phrase=Phrase(Kind.RANK, rank))


def _clause_before(items: Sequence[Item], i: int) -> Sequence[Item]:
    start = i
    while start and items[start - 1].kind not in _ENDS and i - start < 8:
        start -= 1
    return items[start:i]


def _order_follows(items: Sequence[Item], i: int) -> Item | None:
    for item in items[i + 1 : i + 9]:
        if item.words in BY_SIZE:
            return item
        if item.kind in _ENDS:
            return None
    return None


def _number(items: Sequence[Item], i: int) -> int | None:
    if i >= len(items):
        return None
    item = items[i]
    if item.kind is Kind.COUNT:
        return int(item.value)
    if item.kind is Kind.UNKNOWN and item.words.isdigit() and 1 <= int(item.words) <= 30:
        return int(item.words)
    return None
