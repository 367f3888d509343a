"""Sides of a picture, and what is left over: they are none of the patient's lobes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lsms_core.language.items import Item
from lsms_core.language.joining import UNREAD, joined
from lsms_core.language.phrases import Kind

_SHOWN = frozenset(
    "image images picture pictures screen monitor display photo figure film frame thumbnail "
    "window viewport view screenshot".split()
)
# A lesion may lie "on the left in this slice", but not on the left of the slice.
_CUT = frozenset("slice slices scan section page panel table ct series".split())
_BETWEEN = (
    Kind.BESIDES, Kind.SKIP, Kind.PREPOSITION, Kind.ARTICLE, Kind.UNKNOWN, Kind.LOCATION,
    Kind.ORDINAL, Kind.RANK, Kind.SHAPE, Kind.SIZE,
)  # fmt: skip
_ENDS = (Kind.STOP, Kind.QUESTION, Kind.BUT)
_REMAIN = ("are", "is", "were", "was", "remain", "remains", "be", "there")
_THINGS = ("anything", "something", "nothing", "none", "any")
_ASKING = ("what", "which", "how", "any", "are", "is", "what's", "show", "list", "all", "whatever",
           *_THINGS)  # fmt: skip


def on_a_picture(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join "left" with the picture that it is a side of: "the left hand side of the image"."""
    item = items[i]
    if item.kind is not Kind.SIDE or "lobe" in item.words or "liver" in item.words:
        return item, i + 1
    for j in range(i + 1, min(i + 8, len(items))):
        after = items[j]
        if after.kind not in _BETWEEN or after.words == ":":
            break
        of = items[i + 1 : j]
        if after.words in _SHOWN and any(b.kind is Kind.PREPOSITION for b in of):
            if _is_numbered(items, j) and not any(b.words == "of" for b in of):
                break
            return joined(items, i, j + 1, UNREAD)
        if after.words in _CUT and any(b.words == "of" for b in of):
            return joined(items, i, j + 1, UNREAD)
    if _in_picture_before(items, i) or _is_left_over(items, i):
        return replace(item, phrase=UNREAD), i + 1
    return item, i + 1


def _is_numbered(items: Sequence[Item], j: int) -> bool:
    return j + 1 < len(items) and items[j + 1].words[:1].isdigit()


def _in_picture_before(items: Sequence[Item], i: int) -> bool:
    """Whether "in the picture, on the" stands before a side that no lobe follows."""
    if i + 1 < len(items) and items[i + 1].kind in (Kind.LOBE, Kind.LIVER):
        return False
    j = i - 1
    while j >= 0 and (
        items[j].kind in (Kind.PREPOSITION, Kind.ARTICLE, Kind.COMMA) or items[j].words == "upper"
    ):
        j -= 1
    if j < 1 or items[j].words not in _SHOWN:
        return False
    j -= 1
    while j > 0 and (items[j].kind is Kind.ARTICLE or items[j].words in ("this", "that")):
        j -= 1
    return items[j].kind is Kind.PREPOSITION


def _is_left_over(items: Sequence[Item], i: int) -> bool:
    """Whether "left" ends a question for what remains: "what lesions are left?"."""
    if (
        items[i].words != "left"
        or i == 0
        or items[i - 1].words.split()[-1] not in (*_REMAIN, *_THINGS)
    ):
        return False
    if i + 1 < len(items) and items[i + 1].kind not in _ENDS:
        return False
    start = i
    while start and items[start - 1].kind not in _ENDS:
        start -= 1
    return items[start].words.split()[0] in _ASKING
