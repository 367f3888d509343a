"""Splits a text into clauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lsms_core.language.clause import PLACES, Clause
from lsms_core.language.clause import has as _has
from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind, Phrase
from lsms_core.language.scan import RATHER, scanned

# What has a clause say something of its own.
_OWN = (
    *(Kind.SIDE, Kind.BOTH, Kind.SEGMENTS, Kind.LOBE, Kind.SIZE, Kind.COUNT, Kind.ARTICLE),
    *(Kind.NO, Kind.NORMAL, Kind.NOT_SEEN, Kind.WITHOUT),
)
_LEFT_OUT = ("excluded", "left out", "omitted", "ignored", "not included", "disregarded")
_STATES = (Kind.NORMAL, Kind.NO, Kind.NONE, Kind.NOT_SEEN)


def clauses(items: Sequence[Item]) -> list[Clause]:
    """Return the clauses of a text."""
    found: list[Clause] = []
    for number, (sentence, question) in enumerate(_sentences(items)):
        asks = question or _starts_question(sentence)
        found += [
            scanned(
                Clause(
                    part,
                    asks,
                    number,
                    joined=joint is not None and joint.kind in (Kind.AND, Kind.OR),
                    excepted=joint is not None and joint.kind is Kind.EXCEPT,
                )
            )
            for joint, part in _parts(sentence)
        ]
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


_Part = tuple[Item | None, list[Item]]


def _parts(sentence: Sequence[Item]) -> list[_Part]:
    """Return the clauses of a sentence, each with the phrase that joins it to the one before."""
    found: list[_Part] = []
    joint: Item | None = None
    part: list[Item] = []
    for n, item in enumerate(sentence):
        if item.kind is Kind.BUT and _leaves_out(part):
            part.append(replace(item, phrase=Phrase(Kind.EXCEPT)))
        elif item.kind in (Kind.COMMA, Kind.BUT) or _splits(part, sentence, n):
            if part:
                found.append((joint, part))
                joint = item
            elif item.kind is not Kind.COMMA:
                joint = item
            part = [item] if item.kind in (Kind.NO, Kind.NONE) else []
        else:
            part.append(item)
    if part:
        found.append((joint, part))
    return _denial_lists([(joint, _excluded_last(part)) for joint, part in found])


def _leaves_out(part: Sequence[Item]) -> bool:
    """Whether a "but" means "except", as in "all nodules but the smallest"."""
    said = [item for item in part if item.kind not in (Kind.SKIP, Kind.ARTICLE)]
    ends = bool(said) and said[-1].kind in (Kind.LESION, Kind.ONE, Kind.ALL)
    return ends and _has(part, (Kind.ALL,))


def _excluded_last(part: list[Item]) -> list[Item]:
    """Read "the largest excluded" as "except the largest", "metastases excluded" as a denial."""
    if len(part) < 2 or part[-1].words not in _LEFT_OUT:
        return part
    last = part[-1]
    if _has(part, (Kind.RANK, *PLACES)):
        return [replace(last, phrase=Phrase(Kind.EXCEPT)), *part[:-1]]
    if last.words == "excluded" and _has(part, (Kind.LESION,)):
        return [*part[:-1], replace(last, phrase=Phrase(Kind.NOT_SEEN))]
    return part


def _denial_lists(parts: list[_Part]) -> list[_Part]:
    """Join "no cyst, mass or abscess" again."""
    found: list[_Part] = []
    for n, (joint, part) in enumerate(parts):
        before = found[-1][1] if found else []
        bare = _has(part, (Kind.LESION,)) and not _has(part, _OWN)
        run = []
        for later_joint, later in parts[n:]:
            if _has(later, _OWN):
                break
            run.append(later_joint)
        listed = any(j is not None and j.kind in (Kind.AND, Kind.OR) for j in run)
        listed = listed or _has(part, (Kind.OR, Kind.AND))
        if _has(before, (Kind.NO, Kind.WITHOUT)) and bare and listed:
            before += part
        else:
            found.append((joint, part))
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
    if item.kind is Kind.EXCEPT and item.words not in RATHER:
        # "Normal but for a cyst in segment 4": what is left out of a denial is there.
        denied = _has(part, (Kind.NO, Kind.NONE, Kind.NORMAL)) and not _has(part, (Kind.NOT,))
        return denied and _has(near, (Kind.LESION, Kind.ONE, *PLACES))
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
    if not _has([p for p in part if p.words != "elsewhere"], (Kind.LESION, Kind.ONE)):
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
