"""What a lesion is compared with: the other one's place is not its own."""

from __future__ import annotations

from collections.abc import Sequence

from lsms_core.language.items import Item
from lsms_core.language.joining import UNREAD, joined
from lsms_core.language.phrases import Kind

_COMPARED = frozenset(
    "larger smaller bigger greater longer wider higher lower darker brighter denser rounder".split()
)
_PLACES = (Kind.SIDE, Kind.SEGMENTS, Kind.LOBE, Kind.LIVER)
_BEFORE_NOUN = (
    *_PLACES, Kind.ARTICLE, Kind.ATTENUATION, Kind.MAGNITUDE, Kind.SHAPE, Kind.ALL, Kind.COUNT,
)  # fmt: skip


def than_another(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join "bigger than the one in the right lobe", and "bigger than the right lobe lesion"."""
    item = items[i]
    if item.words not in _COMPARED or i + 1 >= len(items) or items[i + 1].words != "than":
        return item, i + 1
    j = i + 2
    while j < len(items) and items[j].kind in _BEFORE_NOUN:
        j += 1
    if j >= len(items) or items[j].kind not in (Kind.LESION, Kind.ONE):
        named = any(b.kind in (Kind.SIDE, Kind.SEGMENTS) for b in items[i + 2 : j])
        return joined(items, i, j, UNREAD) if named else (item, i + 1)
    j += 1
    end, k = j, j
    while k < len(items) and items[k].kind in (*_PLACES, Kind.ARTICLE, Kind.PREPOSITION):
        k += 1
        end = k if items[k - 1].kind in _PLACES else end
    return joined(items, i, end, UNREAD)
