"""What a text says of one lesion that cannot be: the left lobe in the right one.

Lists ("left and right lobe"), several lesions and what reaches across are no contradictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lsms_core.language.clause import Clause
from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind
from lsms_core.language.place_phrases import ONE_LOBE_ONLY

SEGMENTS_OF: dict[str, tuple[str, ...]] = {"left": ("2", "3", "4"), "right": ("5", "6", "7", "8")}
# Where the falciform ligament is taken for the border, the fourth is of the right lobe.
_OF_EITHER = {"left": ("1",), "right": ("1", "4")}

_OF_ONE_LESION = (
    Kind.LESION, Kind.ONE, Kind.ATTENUATION, Kind.SIZE, Kind.MAGNITUDE, Kind.RANK, Kind.LOCATION,
    Kind.SHAPE, Kind.MARGIN, Kind.TEXTURE, Kind.LOBE, Kind.LIVER, Kind.ARTICLE, Kind.BESIDES,
    Kind.SEGMENTS, Kind.COUNT,
)  # fmt: skip
_IN = frozenset("in on of within inside at into from arising".split())
_LYING = frozenset(
    "is are which that located situated lying lies lie sits sitting placed positioned centred "
    "centered found seen side part half aspect portion involving occupying the confined to limited "
    "restricted only it there noted present visible focal patient patient's just somewhere arising "
    "from seated slightly mildly moderately markedly clearly simple single again still".split()
)
_DENSITY = ("dens", "atten")
# A lesion may well reach from one lobe to the other.
_ACROSS = ("extend", "reach", "cross", "spread", "growing", "invad", "infiltrat", "compress",
           "displac")  # fmt: skip


def opposite_sides(part: Clause) -> tuple[Item, Item] | None:
    """Return the two sides that a clause gives one and the same lesion."""
    named = sorted(
        (pair for pair in part.sides if pair[1].kind is Kind.SIDE),
        key=lambda pair: pair[1].first,
    )
    for (one, before), (other, after) in pairwise(named):
        if one != other and _of_one_lesion(part.items, before, after):
            return before, after
    return None


def _of_one_lesion(items: Sequence[Item], before: Item, after: Item) -> bool:
    between = [item for item in items if before.last <= item.first < after.first]
    behind = [item for item in items if item.first >= after.last]
    if not all(_holds_together(item) for item in between):
        return False
    noun = any(item.kind in (Kind.LESION, Kind.ONE) for item in between)
    later = any(item.kind in (Kind.LESION, Kind.ONE) for item in behind)
    if noun:
        return not later
    several = any(
        item.phrase.plural or item.kind in (Kind.COUNT, Kind.ALL) or item.words == "lobes"
        for item in items
    )
    lesions = [item for item in items if item.kind in (Kind.LESION, Kind.ONE)]
    # A "tumour nodule" is one lesion.
    first = [a for a in lesions if not any(b.last == a.first for b in lesions)]
    return len(first) == 1 and not several


def _holds_together(item: Item) -> bool:
    if item.words.startswith(_ACROSS):
        return False
    words = item.words.split()
    if item.kind in (Kind.PREPOSITION, Kind.FROM):
        return all(word in _IN for word in words)
    if item.kind is Kind.SKIP:
        return all(word in _LYING for word in words)
    return item.kind in _OF_ONE_LESION


def opposite_densities(found: Sequence[Item]) -> bool:
    """Whether words of density stand side by side that rule each other out."""
    ordered = sorted(found, key=lambda item: item.first)
    return any(
        before.last == after.first
        and before.value != after.value
        and "cystic" not in (before.value, after.value)
        and all(any(stem in item.words for stem in _DENSITY) for item in (before, after))
        for before, after in pairwise(ordered)
    )


def sizes_that_cannot_be(entries: Mapping[str, Any], of_one_clause: bool) -> tuple[str, ...]:
    """Return the entries of sizes that no lesion has all of: "over 3 cm, under 1 cm"."""
    low, high = entries.get("size_min_mm"), entries.get("size_max_mm")
    about = entries.get("size_about_mm")
    names: list[str] = []
    if low is not None and high is not None and low > high:
        names = ["size_min_mm", "size_max_mm"]
    elif about is not None and of_one_clause:
        if low is not None and about < low:
            names = ["size_about_mm", "size_min_mm"]
        elif high is not None and about > high:
            names = ["size_about_mm", "size_max_mm"]
    return tuple(names)


def cannot_be_sized(chosen: Sequence[Clause]) -> bool:
    """Whether sizes are said of one lesion: "over 3 cm or under 1 cm" means two kinds of them."""
    items = [item for part in chosen for item in part.items]
    either = any(item.kind is Kind.OR for item in items)
    both = any(item.kind is Kind.AND for item in items) and any(part.plural for part in chosen)
    return len(chosen) == 1 and not either and not both


def strange_sections(part: Clause) -> list[Item]:
    """Return the sections that the lobe does not have: "anterior section of the left lobe"."""
    sides = {side for side, _ in part.sides}
    if len(sides) != 1:
        return []
    others = ONE_LOBE_ONLY["left" if sides == {"right"} else "right"]
    return [item for item in {item: None for _, item in part.segments} if item.words in others]


def outside_its_lobe(entries: Mapping[str, Any]) -> bool:
    """Whether a lobe is named with segments of the other one: "left lobe, segment 7"."""
    sides, segments = entries.get("sides", ()), entries.get("segments", ())
    if len(sides) != 1 or not segments:
        return False
    own = (*SEGMENTS_OF[sides[0]], *_OF_EITHER[sides[0]])
    return not any(number in own for number in segments)


def are_listed(part: Clause) -> bool:
    """Whether a lobe and segments of the other lobe are joined by "and" or "or"."""
    sides = {side for side, _ in part.sides}
    if len(sides) != 1 or not part.segments:
        return False
    (side,) = sides
    if any(number in SEGMENTS_OF[side] for number, _ in part.segments):
        return False
    first = min(item.first for _, item in (*part.sides, *part.segments))
    last = max(item.first for _, item in (*part.sides, *part.segments))
    return any(item.kind in (Kind.AND, Kind.OR) for item in part.items if first < item.first < last)
