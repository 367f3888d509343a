"""Phrases for the origin of a tumour and for dates; they have no effect on the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lsms_core.language.items import Item
from lsms_core.language.joining import UNREAD, joined
from lsms_core.language.phrases import Kind, Phrase

_BREAKS = (Kind.COMMA, Kind.STOP, Kind.QUESTION, Kind.BUT, Kind.NO, Kind.EXCEPT, Kind.NOT_SEEN)
_CANCER = frozenset(
    {
        "cancer",
        "carcinoma",
        "adenocarcinoma",
        "primary",
        "ca",
        "tumour",
        "tumor",
        "malignancy",
        "melanoma",
        "gist",
        "neuroendocrine tumour",
        "lymphoma",
    }
)


def primary_tumours(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join the organ of a primary tumour with its words: "from colon cancer"."""
    item = items[i]
    if item.kind is Kind.FROM:
        j = i + 1
        while j < len(items) and items[j].kind in (
            Kind.ARTICLE,
            Kind.BESIDES,
            Kind.ORGAN,
            Kind.SKIP,
            Kind.UNKNOWN,
        ):
            j += 1
        if j < len(items) and items[j].kind is Kind.LESION and j > i + 1:
            j += 1
        organs = any(n.kind in (Kind.ORGAN, Kind.BESIDES, Kind.LESION) for n in items[i + 1 : j])
        if organs:
            return joined(items, i, j, UNREAD)
        if j < len(items) and items[j].kind in (Kind.SIDE, Kind.LOBE, Kind.SEGMENTS, Kind.LIVER):
            return replace(item, phrase=Phrase(Kind.PREPOSITION)), i + 1
        return replace(item, phrase=Phrase(Kind.SKIP)), i + 1
    if item.kind is Kind.ORGAN and item.value is None:
        j = i + 1
        if j < len(items) and items[j].words in _CANCER:
            rest = items[j + 1 :]
            if any(r.kind is Kind.LESION and r.words not in _CANCER for r in _clause(rest)):
                return joined(items, i, j + 1, UNREAD)
            if (
                any(b.kind is Kind.LESION for b in _clause(items[:i][::-1]))
                and i
                and (items[i - 1].words in ("of", "for", "with"))
            ):
                return joined(items, i, j + 1, UNREAD)
    return item, i + 1


def _clause(items: Sequence[Item]) -> list[Item]:
    found: list[Item] = []
    for item in items:
        if item.kind in _BREAKS or item.kind in (Kind.AND, Kind.PREPOSITION):
            if item.words not in ("of", "for", "with"):
                break
            continue
        found.append(item)
    return found


def events(items: Sequence[Item], i: int) -> tuple[Item, int]:
    """Join "since" and the like with the event that they speak of."""
    item = items[i]
    if item.kind is not Kind.SINCE:
        return item, i + 1
    j = i + 1
    history = item.words in (
        "history of",
        "h/o",
        "hx of",
        "known history of",
        "due to",
        "because of",
        "caused by",
        "s / p",
        "status post",
        "in a patient with",
        "h / o",
        "prior",
        "previous",
        "after",
        "following",
        "post",
    )
    while j < len(items):
        kind = items[j].kind
        goes_on = kind in (
            Kind.ARTICLE,
            Kind.BESIDES,
            Kind.SKIP,
            Kind.UNKNOWN,
            Kind.ORGAN,
            Kind.PROCEDURE,
            Kind.SINCE,
            Kind.COUNT,
            Kind.ORDINAL,
        )
        if history and kind is Kind.LIVER and j + 1 < len(items):
            goes_on = items[j + 1].kind in (Kind.PROCEDURE, Kind.BESIDES)
        if history and kind is Kind.LESION and (items[j].phrase.unread or item.words != "prior"):
            earlier = any(b.kind in (Kind.LESION, Kind.ONE) for b in items[:i])
            if earlier or item.words not in ("prior", "previous", "post", "after", "following"):
                j += 1
                break
        if items[j].words in ("of", "for") and j + 1 < len(items):
            goes_on = items[j + 1].kind in (Kind.ORGAN, Kind.PROCEDURE, Kind.BESIDES, Kind.ARTICLE)
        if items[j].words in (":", "shows", "seen", "is", "now", "there", "in", "with", "showing"):
            break
        if not goes_on:
            break
        j += 1
    return joined(items, i, j, UNREAD)
