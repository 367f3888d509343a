"""The meaning of one clause: a finding, a denial, an exclusion or an addition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind

HEADS = (Kind.LESION, Kind.ONE, Kind.ALL)
PLACES = (Kind.SIDE, Kind.BOTH, Kind.SEGMENTS)
_LEAVING_OUT = (Kind.NOT_SEEN, Kind.EXCEPT, Kind.NOT)
FIELDS: dict[Kind, str] = {
    Kind.ATTENUATION: "attenuation",
    Kind.MAGNITUDE: "magnitude",
    Kind.RANK: "rank",
    Kind.LOCATION: "location",
    Kind.SHAPE: "shape",
    Kind.MARGIN: "margin",
    Kind.TEXTURE: "texture",
    Kind.COUNT: "count",
}
OPPOSITE = {
    "well-defined": "ill-defined",
    "ill-defined": "well-defined",
    "homogeneous": "heterogeneous",
    "heterogeneous": "homogeneous",
}


@dataclass
class Clause:
    """The meaning of one clause of a text.

    Attributes:
        items: its phrases.
        question: whether it asks.
        sentence: which sentence of the text it is in.
        joined: whether an "and" or an "or" stands before it.
        excepted: whether it is what a denial does not speak of ("normal but for a cyst").
        sides: of the places that it names, each with its phrase.
        segments: likewise.
        without_sides: of the places that it leaves out.
        without_segments: likewise.
        values: what it says of lesions: (entry of the query, value, phrase).
        unread: phrases that change nothing.
        head: whether it names a lesion.
        plural: whether it names several.
        liver: whether it speaks of the liver.
        lobe: whether it says "lobe".
        whole: whether it may mean the organ itself.
        organ: phrases about other organs.
        denied: whether it denies that there is anything.
        added: whether a denial is only said of the rest.
        excluded: whether its rank is left out.
    """

    items: list[Item]
    question: bool = False
    sentence: int = 0
    joined: bool = False
    excepted: bool = False
    sides: list[tuple[str, Item]] = field(default_factory=list)
    segments: list[tuple[str, Item]] = field(default_factory=list)
    without_sides: list[tuple[str, Item]] = field(default_factory=list)
    without_segments: list[tuple[str, Item]] = field(default_factory=list)
    values: list[tuple[str, Any, Item]] = field(default_factory=list)
    unread: list[Item] = field(default_factory=list)
    head: bool = False
    definite: bool = False
    plural: bool = False
    liver: bool = False
    lobe: bool = False
    whole: bool = False
    organ: list[Item] = field(default_factory=list)
    denied: bool = False
    normal: bool = False
    added: bool = False
    excluded: bool = False

    @property
    def placed(self) -> bool:
        """Whether it names a place."""
        return bool(self.sides or self.segments or self.without_sides or self.without_segments)

    @property
    def empty(self) -> bool:
        """Whether it says nothing of lesions."""
        return not (self.placed or self.values or self.head or self.liver or self.lobe)


def has(items: Sequence[Item], kinds: tuple[Kind, ...]) -> bool:
    """Whether one of the phrases is of one of these kinds."""
    return any(i.kind in kinds for i in items)


def noun_behind(items: Sequence[Item], i: int) -> list[Item]:
    """Return the phrases from behind ``i`` to the end of the noun that stands there."""
    found: list[Item] = []
    for item in items[i + 1 :]:
        ends = item.kind in (Kind.PREPOSITION, Kind.NORMAL, *_LEAVING_OUT)
        if ends or item.words == ":":
            break
        found.append(item)
    return found


def is_organ_next(items: Sequence[Item], i: int) -> bool:
    """Whether the liver stands behind ``i``, where no lesion is named."""
    following = [n for n in items[i + 1 :] if n.kind is not Kind.ARTICLE][:1]
    about_liver = bool(following) and following[0].kind is Kind.LIVER
    return about_liver and not has(items, (Kind.LESION, Kind.ONE))
