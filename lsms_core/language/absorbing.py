"""Joins phrases such as "near the portal vein", "darker than the liver", "left kidney".

A neighbouring structure, a date or the origin of a tumour becomes one phrase without effect on the
query, so that a side in it ("near the right kidney") is never taken for the side of the lesion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lsms_core.language.comparisons import than_another
from lsms_core.language.items import Item
from lsms_core.language.joining import UNREAD, joined
from lsms_core.language.negated_looks import misspelt_not, neither_nor
from lsms_core.language.origins import events, primary_tumours
from lsms_core.language.phrases import Kind, Phrase
from lsms_core.language.picture_sides import on_a_picture

_BEFORE_OBJECT = (
    Kind.ARTICLE,
    Kind.SIDE,
    Kind.BESIDES,
    Kind.SKIP,
    Kind.RANK,
    Kind.ATTENUATION,
    Kind.MAGNITUDE,
    Kind.LOCATION,
    Kind.LIVER,
    Kind.SHAPE,
    Kind.BOTH,
    Kind.COUNT,
    Kind.ALL,
    Kind.ORDINAL,
)
_OBJECT = (
    Kind.ORGAN,
    Kind.LESION,
    Kind.ONE,
    Kind.LOBE,
    Kind.SEGMENTS,
    Kind.UNKNOWN,
    Kind.PROCEDURE,
)
_COMPARING = frozenset(
    {
        "than",
        "to",
        "as",
        "with",
        "against",
        "relative to",
        "compared to",
        "compared with",
        "in comparison with",
        "in comparison to",
        "from",
        "like",
        "versus",
        "vs",
        "that of",
        "in relation to",
    }
)
_AROUND = frozenset(
    {
        "surrounding",
        "adjacent",
        "adjacent to",
        "adjoining",
        "normal",
        "background",
        "rest",
        "of",
        "neighbouring",
        "neighboring",
        "healthy",
        "that",
        "around",
        "nearby",
        "unremarkable",
        "is",
        "remaining",
        "the",
        "rest of",
        "its",
        "surroundings",
        "remainder",
        "own",
        "uninvolved",
        "other",
        "does",
        "normal liver around",
        "all",
        "others",
    }
)
# A lobe's middle or surface that is like this is not all of the lesion.
_PART_OF_LESION = ("centre", "center", "core", "periphery", "interior", "middle")
_OF_PART = (
    "necro",
    "calc",
    "enhanc",
    "scar",
    "wash",
    "rim",
    "fat",
    "haem",
    "hem",
    "gas",
    "air",
    "fill",
    "arterial",
    "halo",
    "septa",
    "ring",
    "ossif",
    "cavit",
)
_NOUNS = (
    "osis",
    "tion",
    "tions",
    "ment",
    "scar",
    "out",
    "rim",
    "halo",
    "fat",
    "gas",
    "septa",
    "in",
    "air",
    "age",
)
_WITHIN = frozenset(
    {"central", "centrally", "peripheral", "peripherally", "inner", "superficially"}
)
_AROUND_LESIONS = ("around", "surrounding", "surrounds")
# These may be adjectives: "a compressing lesion".
_VERBS = frozenset(
    {
        "compressing",
        "displacing",
        "surrounding",
        "touching",
        "bordering",
        "indenting",
        "encasing",
        "invading",
        "contacting",
        "abutting",
    }
)


def absorbed(items: Sequence[Item]) -> list[Item]:
    """Return the phrases of a text with those joined that belong together."""
    found = list(items)
    for rule in (
        *(on_a_picture, than_another, _sided, _compared, misspelt_not, neither_nor),
        *(_parts_of_lesions, _beside, primary_tumours, events),
    ):
        result: list[Item] = []
        i = 0
        while i < len(found):
            item, i = rule(found, i)
            result.append(item)
        found = result
    return found


def _sided(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join a side with the organ or the operation that it belongs to."""
    item = items[i]
    if item.kind is Kind.SEGMENTS and i + 1 < len(items) and not item.phrase.unread:
        operated = items[i + 1].kind is Kind.PROCEDURE
        return joined(items, i, i + 2, items[i + 1].phrase) if operated else (item, i + 1)
    if item.kind not in (Kind.SIDE, Kind.BOTH):
        return item, i + 1
    j = i + 1
    while j < len(items) and items[j].kind in (Kind.BESIDES, Kind.SKIP, Kind.LOBE, Kind.SIDE):
        if items[j].words in (":", "anterior", "posterior") and items[j].words == ":":
            break
        j += 1
    if j < len(items) and items[j].kind in (Kind.ORGAN, Kind.PROCEDURE):
        between = items[i + 1 : j]
        of_lobe = any(b.kind in (Kind.LOBE, Kind.SIDE) for b in between)
        if items[j].kind is Kind.PROCEDURE:
            return joined(items, i, j + 1, Phrase(Kind.PROCEDURE))
        if not of_lobe and all(b.kind is Kind.BESIDES for b in between):
            return joined(items, i, j + 1, items[j].phrase)
    return _adverb(items, i), i + 1


def _adverb(items: Sequence[Item], i: int) -> Item:
    """Return "right" as no side in "a lesion right in the middle", "left" in "left after"."""
    item = items[i]
    if item.words not in ("right", "left") or i == 0 or i + 1 >= len(items):
        return item
    after = items[i + 1]
    if items[i - 1].kind not in (Kind.LESION, Kind.ONE, Kind.SKIP, Kind.NONE):
        return item
    if items[i - 1].kind is Kind.SKIP and items[i - 1].words not in (
        "is",
        "are",
        "lies",
        "sits",
        "was",
        "there",
    ):
        return item
    adverb = after.kind in (Kind.NEAR, Kind.SINCE) or (
        after.kind is Kind.PREPOSITION and after.words in ("in", "on", "at", "within", "inside")
    )
    return replace(item, phrase=UNREAD) if adverb else item


def _compared(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join an attenuation with what it is compared with."""
    item = items[i]
    comparable = item.kind is Kind.ATTENUATION or (
        item.kind is Kind.BESIDES
        and item.words
        in ("lower", "upper", "hotter", "colder", "larger", "smaller", "bigger", "greater")
    )
    if not comparable:
        return item, i + 1
    j = i + 1
    while j < len(items) and (
        items[j].words in _AROUND or items[j].words in _COMPARING or items[j].kind is Kind.ARTICLE
    ):
        j += 1
    between = [b.words for b in items[i + 1 : j]]
    if not between or j >= len(items):
        return item, i + 1
    compares = any(b in _COMPARING for b in between)
    if items[j].kind is Kind.LIVER and (compares or "the" in between):
        end = j + 1
        while end < len(items) and items[end].kind is Kind.LIVER:
            end += 1
        if item.kind is Kind.BESIDES:
            return joined(items, i, end, UNREAD)
        return joined(items, i, end, item.phrase)
    if (
        compares
        and "with" not in between
        and items[j].kind in (Kind.ORGAN, Kind.BESIDES, Kind.LESION, Kind.ONE)
    ):
        if items[j].kind is Kind.ONE or items[j].words in ("normal", "before"):
            return item, i + 1
        end = j + 1
        while end < len(items) and items[end].kind in (Kind.ORGAN, Kind.BESIDES):
            end += 1
        return joined(items, i, end, UNREAD)
    return item, i + 1


def _parts_of_lesions(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join "central" with "necrosis", and "dark" with "centre"."""
    item = items[i]
    after = items[i + 1] if i + 1 < len(items) else None
    if after is None:
        return item, i + 1
    if item.words in _WITHIN and _is_of_part(items, i):
        return joined(items, i, i + 2, UNREAD)
    adverb = item.words.endswith("ly") and item.kind is Kind.LOCATION
    if adverb and after.kind is Kind.ATTENUATION:
        return replace(item, phrase=UNREAD), i + 1
    if (
        item.kind in (Kind.ATTENUATION, Kind.TEXTURE, Kind.SHAPE)
        and after.words in (*_PART_OF_LESION, "rim", "wall", "halo", "capsule", "septa", "edge")
        and after.kind in (Kind.LOCATION, Kind.BESIDES, Kind.UNKNOWN)
    ):
        return joined(items, i, i + 2, UNREAD)
    return item, i + 1


def _is_of_part(items: Sequence[Item], i: int) -> bool:
    """Whether "central" or "peripherally" speaks of a part of a lesion, by the next phrase."""
    after = items[i + 1]
    if after.kind is Kind.BESIDES and after.words.startswith(_OF_PART):
        return items[i].words.endswith("ly") or after.words.endswith(_NOUNS)
    if after.kind is Kind.ATTENUATION and after.words.endswith(
        ("attenuation", "density", "enhancement")
    ):
        following = items[i + 2 : i + 5]
        return not any(n.kind in (Kind.LESION, Kind.ONE) for n in following)
    return after.phrase.unread and after.words in ("scar", "haemorrhage", "hemorrhage", "bleeding")


def _beside(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join "near" and the like with what they are near."""
    item = items[i]
    if item.kind is not Kind.NEAR:
        return item, i + 1
    end = _end_of_object(items, i + 1)
    first = not any(b.kind in (Kind.LESION, Kind.ONE, Kind.ALL) for b in items[:i])
    if (
        item.words in _AROUND_LESIONS
        and first
        and any(b.kind is Kind.LESION for b in items[i + 1 : end])
    ):
        # As in "rim enhancement around a mass": the mass is meant.
        return replace(item, phrase=Phrase(Kind.PREPOSITION)), i + 1
    around = items[i + 1 : end] if end is not None else []
    if item.words == "away from" and any(b.kind in (Kind.SIDE, Kind.LOBE) for b in around):
        return replace(item, phrase=Phrase(Kind.EXCEPT)), i + 1
    if item.words in ("left of", "right of") and not any(
        b.kind in (Kind.ORGAN, Kind.LIVER, Kind.BESIDES, Kind.LESION, Kind.ONE) for b in around
    ):
        return replace(item, phrase=Phrase(Kind.SIDE, item.words.split()[0])), i + 1
    bare = bool(around) and around[0].kind is not Kind.ARTICLE
    if item.words in _VERBS and bare and not any(b.kind is Kind.ORGAN for b in around):
        return replace(item, phrase=UNREAD), i + 1
    of_liver = around and all(b.kind in (Kind.ARTICLE, Kind.LIVER) for b in around)
    if item.words in ("left of", "right of") and of_liver:
        return replace(item, phrase=Phrase(Kind.SIDE, item.words.split()[0])), i + 1
    return joined(items, i, i + 1 if end is None else end, UNREAD)


def _end_of_object(items: Sequence[Item], i: int) -> int | None:
    """Return where the noun that starts at ``i`` ends; None where there is none."""
    j, head = i, None
    while j < len(items):
        item = items[j]
        if item.kind in _OBJECT:
            head = j
            break
        if item.kind not in _BEFORE_OBJECT:
            break
        j += 1
    if head is None:
        # "near the dome", "next to the liver": the last of them is the noun.
        nouns = [
            n
            for n in range(i, j)
            if items[n].kind in (Kind.BESIDES, Kind.LIVER, Kind.SIDE, Kind.LOCATION)
        ]
        if not nouns:
            return None
        head = nouns[0] if items[nouns[0]].kind is Kind.BESIDES else nouns[-1]
    end = head + 1
    while end < len(items):
        if (items[end].kind is Kind.ORGAN and items[end - 1].kind is Kind.ORGAN) or (
            items[head].kind is Kind.ORGAN
            and items[end].words in ("branch", "wall", "fossa", "tip", "bifurcation", "trunk")
        ):
            end += 1
        elif items[head].kind is Kind.SIDE and (more := _other_side(items, end)):
            # "Straddling left and right lobe".
            end = more
        elif items[end].words in ("of", "and", "or", "/", "between") and (
            more := _organ_follows(items, end + 1)
        ):
            end = more
        else:
            break
    return end


def _other_side(items: Sequence[Item], i: int) -> int | None:
    """Return where the "and right lobe" of "left and right lobe" ends."""
    if items[i].kind not in (Kind.AND, Kind.OR):
        return None
    j = i + 1
    while j < len(items) and items[j].kind is Kind.ARTICLE:
        j += 1
    return j + 1 if j < len(items) and items[j].kind is Kind.SIDE else None


def _organ_follows(items: Sequence[Item], i: int) -> int | None:
    j = i
    while j < len(items) and items[j].kind in (Kind.ARTICLE, Kind.SIDE, Kind.BESIDES):
        j += 1
    ends = j < len(items) and items[j].kind is Kind.ORGAN
    if ends:
        return j + 1
    if (
        j > i
        and items[j - 1].kind is Kind.BESIDES
        and not any(n.kind is Kind.SIDE for n in items[i:j])
    ):
        return j
    return None
