"""Looks that a lesion does not have: "neither hypodense nor hyperdense", and a misspelt "not"."""

from __future__ import annotations

from collections.abc import Sequence

from lsms_core.language.items import Item
from lsms_core.language.joining import UNREAD, joined
from lsms_core.language.phrases import Kind, Phrase
from lsms_core.language.spelling import distance

_LOOKS = (
    Kind.ATTENUATION, Kind.MAGNITUDE, Kind.LOCATION, Kind.SHAPE, Kind.MARGIN, Kind.TEXTURE,
)  # fmt: skip
_PLACES = (Kind.SIDE, Kind.BOTH, Kind.SEGMENTS)
_SMALL = (Kind.PREPOSITION, Kind.ARTICLE, Kind.SKIP)
_JOINTS = ("nor", "or", "/", "and", "and/or", ",")
# "Neither hypodense nor hyperdense lesions are seen" denies lesions.
_SEEN = frozenset(
    "seen noted visible identified demonstrated depicted visualised visualized detected present "
    "found evident shown exist there shows show contains contain".split()
)
_MISTAKEN_FOR = (("not", 1), ("non", 1), ("most", 1))
_ENGLISH = frozenset("lot lots dot got net nut nuts note cost lost host mast nod".split())


def neither_nor(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join "neither hypodense nor hyperdense", which is isodense; other pairs are not read."""
    item = items[i]
    negates = item.words == "neither" or item.kind is Kind.NOT
    negates = negates or (item.kind is Kind.EXCEPT and item.words.endswith("is not"))
    if not negates:
        return item, i + 1
    first = _look(items, i + 1)
    if first is None or first + 1 >= len(items) or items[first + 1].words not in _JOINTS:
        return item, i + 1
    joint = first + 1
    while joint + 1 < len(items) and (
        items[joint + 1].words == "nor" or items[joint + 1].kind is Kind.NOT
    ):
        joint += 1
    second = _look(items, joint + 1)
    if second is None or items[first].kind is not items[second].kind:
        return item, i + 1
    if item.words == "neither" and _denies(items, i, second + 1):
        return item, i + 1
    dense = {items[first].value, items[second].value} == {"hypodense", "hyperdense"}
    phrase = Phrase(Kind.ATTENUATION, "isodense") if dense else UNREAD
    return joined(items, i, second + 1, phrase)


def _look(items: Sequence[Item], i: int) -> int | None:
    """Return where the look stands that small words may precede."""
    while i < len(items) and items[i].kind in (Kind.SKIP, Kind.ARTICLE):
        i += 1
    return i if i < len(items) and items[i].kind in _LOOKS else None


def _denies(items: Sequence[Item], i: int, end: int) -> bool:
    """Whether lesions are denied, not described: several, or some that are seen."""
    if any(b.kind in (Kind.LESION, Kind.ONE) for b in items[:i]):
        return False
    words = {word for item in items for word in item.words.split()}
    noun = next((n for n in items[end : end + 4] if n.kind is Kind.LESION), None)
    return bool(words & _SEEN) or (noun is not None and noun.phrase.plural)


def misspelt_not(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join what may be a "not" or a "most" with what it turns round: neither is read."""
    item = items[i]
    if item.kind is not Kind.UNKNOWN or not _may_be_not(item.words):
        return item, i + 1
    j = i + 1
    while j < len(items) and items[j].kind in _SMALL and items[j].words != ":":
        j += 1
    if j >= len(items):
        return item, i + 1
    near = j == i + 1 and items[j].kind in (*_LOOKS, Kind.RANK)
    if near or items[j].kind in _PLACES:
        return joined(items, i, j + 1, UNREAD)
    return item, i + 1


def _may_be_not(word: str) -> bool:
    if word in _ENGLISH or len(word) < 2 or not word.isalpha():
        return False
    return any(distance(word, meant, most) <= most for meant, most in _MISTAKEN_FOR)
