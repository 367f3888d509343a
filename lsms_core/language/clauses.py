"""Where the clauses of a text begin and end."""

from __future__ import annotations

from collections.abc import Sequence

from lsms_core.language.clause import PLACES, Clause
from lsms_core.language.clause import has as _has
from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind
from lsms_core.language.scan import scanned

_STATES = (Kind.NORMAL, Kind.NO, Kind.NONE, Kind.NOT_SEEN)


def clauses(items: Sequence[Item]) -> list[Clause]:
    """Return the clauses of a text."""
    found: list[Clause] = []
    for sentence, question in _sentences(items):
        asks = question or _starts_question(sentence)
        found += [scanned(Clause(part, asks)) for part in _parts(sentence)]
    return found


def _sentences(items: Sequence[Item]) -> list[tuple[list[Item], bool]]:
    found: list[tuple[list[Item], bool]] = []
    sentence: list[Item] = []
    for n, item in enumerate(items):
        if item.kind is Kind.QUESTION and (not sentence or _is_prefix(items, n)):
            continue
        if item.kind in (Kind.STOP, Kind.QUESTION):
            if sentence:
                found.append((sentence, item.kind is Kind.QUESTION))
            sentence = []
        else:
            sentence.append(item)
    if sentence:
        found.append((sentence, False))
    return found


def _is_prefix(items: Sequence[Item], n: int) -> bool:
    """Whether a question mark stands before a word, as in "?mets"."""
    after = items[n + 1] if n + 1 < len(items) else None
    return after is not None and after.first == items[n].last and after.kind is Kind.LESION


def _starts_question(sentence: Sequence[Item]) -> bool:
    words = [i for i in sentence if i.kind not in (Kind.COMMA,)]
    if not words:
        return False
    first = words[0].words.split()[0]
    return words[0].kind is Kind.ASK or first in (
        "is",
        "are",
        "does",
        "do",
        "can",
        "could",
        "has",
        "have",
        "was",
        "were",
        "did",
        "any",
        "where",
        "which",
        "what",
        "how",
    )


def _parts(sentence: Sequence[Item]) -> list[list[Item]]:
    found: list[list[Item]] = []
    part: list[Item] = []
    for n, item in enumerate(sentence):
        if item.kind in (Kind.COMMA, Kind.BUT) or _splits(part, sentence, n):
            if part:
                found.append(part)
            part = [] if item.kind not in (Kind.NO, Kind.NONE) else [item]
        else:
            part.append(item)
    if part:
        found.append(part)
    return _denial_lists(found)


def _denial_lists(parts: list[list[Item]]) -> list[list[Item]]:
    """Join "no cyst, mass or abscess" again."""
    found: list[list[Item]] = []
    for n, part in enumerate(parts):
        before = found[-1] if found else None
        denial = before is not None and any(i.kind in (Kind.NO, Kind.WITHOUT) for i in before)
        bare = not any(
            i.kind
            in (*PLACES, Kind.NO, Kind.NORMAL, Kind.SIZE, Kind.COUNT, Kind.ARTICLE, Kind.LOBE)
            for i in part
        )
        listed = any(i.kind in (Kind.OR, Kind.AND) for p in parts[n:] for i in p[-4:])
        if denial and before is not None and bare and listed and _has(part, (Kind.LESION,)):
            before += part
        else:
            found.append(part)
    return found


def _splits(part: Sequence[Item], sentence: Sequence[Item], n: int) -> bool:
    """Whether a new clause begins at an "and", an "or", a "with" or a "no"."""
    item = sentence[n]
    after: list[Item] = []
    for following in sentence[n + 1 :]:
        if following.kind in (Kind.COMMA, Kind.BUT):
            break
        after.append(following)
    near: list[Item] = []
    for following in after:
        if following.kind in (Kind.AND, Kind.OR):
            break
        near.append(following)
    headed = _has(part, (Kind.LESION, Kind.ONE, *_STATES))
    if item.kind in (Kind.NO, Kind.NONE):
        return _denial_begins(part, item, near)
    own = _has(near, (Kind.LESION, Kind.ONE, *_STATES))
    if item.words == "with":
        background = _has(part, (Kind.NORMAL,)) or (
            _has(part, (Kind.ORGAN,)) and _has(near, (Kind.LIVER,))
        )
        return background and _has(near, (Kind.LESION,))
    if item.kind not in (Kind.AND, Kind.OR):
        return False
    denied = _has(part, (Kind.NO, Kind.NONE, Kind.WITHOUT)) and not _has(part, (Kind.NOT_SEEN,))
    if denied:
        return item.kind is Kind.AND and _denial_ends(near)
    if _has(part, (Kind.EXCEPT, Kind.NOT)) and not _has(near, _STATES):
        return False
    return headed and own


def _denial_begins(part: Sequence[Item], item: Item, near: Sequence[Item]) -> bool:
    """Whether what is denied is another lesion than the one that was just named."""
    if not _has(part, (Kind.LESION, Kind.ONE)):
        return False
    if item.kind is Kind.NONE:
        return _has(near, PLACES)
    noun: list[Item] = []
    for following in near:
        if following.kind is Kind.PREPOSITION:
            break
        noun.append(following)
    return _has(noun, (Kind.LESION, Kind.ONE)) and not _has(part, (Kind.NO, Kind.WITHOUT))


def _denial_ends(near: Sequence[Item]) -> bool:
    """Whether what follows an "and" is no longer denied."""
    starts = bool(near) and near[0].kind in (Kind.ARTICLE, Kind.COUNT, Kind.ALL)
    return _has(near, (Kind.NORMAL, Kind.NO, Kind.NOT_SEEN)) or (
        _has(near, (Kind.LESION,)) and (starts or _has(near, PLACES))
    )
