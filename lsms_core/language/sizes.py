"""Sizes as people type them: "2 cm", "15mm", "1.5 x 2,0 cm", "8 mm to 1 cm", "subcentimetre".

And the limits they set: "under 2 cm", "2 cm or more", "not larger than 15 mm"; and places in a
ranking by size: "the second largest".
"""

from __future__ import annotations

import re
from typing import Literal

Limit = Literal["smaller", "larger"]

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SPELT = {word: float(n) for n, word in enumerate(_WORDS, start=1)} | {"half a": 0.5}
_NUMBER = rf"(?:(?<![\w.,])\d{{1,3}}(?:[.,]\d{{1,2}})?|\b(?:{'|'.join(_SPELT)}))"
_UNIT = r"(?:(?:mm|millimet(?:er|re)s?|cm|centimet(?:er|re)s?)\b)"
_JOINT = r"(?:x|×|\*|by|-|–|to|and)"
_SIZE = re.compile(
    rf"\bsub[-\s]?({_UNIT}|centimetric\b|millimetric\b)|(\bsub[-\s]?)?"
    rf"((?:{_NUMBER}\s*{_UNIT}?\s*{_JOINT}\s*){{0,2}}{_NUMBER}\s*-?\s*{_UNIT})",
    re.IGNORECASE,
)
_VALUE = re.compile(rf"({_NUMBER})\s*-?\s*({_UNIT})?", re.IGNORECASE)
_BY = re.compile(r"x|×|\*|by", re.IGNORECASE)

_LESS = r"smaller|less|lower|fewer|shorter|below|under|beneath"
_MORE = r"larger|greater|more|bigger|longer|higher|above|over|beyond|exceeding|exceeds"
_NOT = r"(?:not|no|never|isn't|aren't)"
_THAN = r"(?:\s+(?:than|in\s+size|in\s+diameter))*(?:\s+or\s+equal\s+to)?"
# What stands right before a size, the longer readings first: "no more than" is no "more than".
_BEFORE: tuple[tuple[Limit, str], ...] = (
    ("smaller", rf"\b{_NOT}\s+(?:{_MORE})|\bup\s+to|\bat\s+most|\bmax(?:imum|\.)?(?:\s+of)?"),
    ("larger", rf"\b{_NOT}\s+(?:{_LESS})|\bat\s+least|\bmin(?:imum|\.)?(?:\s+of)?"),
    ("smaller", rf"\b(?:{_LESS})|[<≤⩽]\s*=?"),
    ("larger", rf"\b(?:{_MORE})|[>≥⩾]\s*=?"),
)
# And right after it.
_AFTER: tuple[tuple[Limit, str], ...] = (
    ("smaller", rf"(?:or|and)\s+(?:{_LESS}|down)\b|max\b|at\s+most\b"),
    ("larger", rf"(?:or|and)\s+(?:{_MORE}|up|upwards)\b|\+|min\b|plus\b|at\s+least\b"),
)

_PLACES = {"second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_PLACE = re.compile(
    rf"\b({'|'.join(_PLACES)})[\s-]+(?:largest|biggest|smallest|tiniest|most)\b", re.IGNORECASE
)


def stated_size(text: str) -> tuple[float, float] | None:
    """Return the first size that a text states, (lowest, highest) in mm; None without one.

    Both are the same unless it states a range; of "2 x 3 cm" the longest counts, and
    "subcentimetre" is (0, 10).
    """
    found = _SIZE.search(text)
    if found is None:
        return None
    one, sub, size = found.groups()
    if one:
        return 0.0, _millimetres(1.0, one)
    values = _VALUE.findall(size)
    last_unit = values[-1][1]
    sizes = [_millimetres(_number(number), unit or last_unit) for number, unit in values]
    if sub:
        return 0.0, max(sizes)
    several = len(sizes) == 2 and not _BY.search(size)
    return min(sizes) if several else max(sizes), max(sizes)


def stated_limit(text: str) -> Limit | None:
    """Return which limit the words at the first size of a text make of it, None for none.

    "Under 2 cm" and "2 cm or less" are "smaller", "not under 2 cm" and "> 2 cm" are "larger".
    What is put otherwise, or misspelt, is None; :mod:`lsms_core.models.lsms.asked` reads it.
    """
    found = _SIZE.search(text)
    if found is None:
        return None
    before, after = text[: found.start()], text[found.end() :]
    for limit, words in _AFTER:
        if re.match(rf"\s*(?:{words})", after, re.IGNORECASE):
            return limit
    for limit, words in _BEFORE:
        if re.search(rf"(?:{words}){_THAN}\s*$", before, re.IGNORECASE):
            return limit
    return None


def stated_place(text: str) -> int:
    """Return which place in a ranking a text states: 2 for "the second largest", else 1."""
    found = _PLACE.search(text)
    return 1 if found is None else _PLACES[found.group(1).lower()]


def _number(written: str) -> float:
    spelt = _SPELT.get(written.lower())
    return spelt if spelt is not None else float(written.replace(",", "."))


def _millimetres(value: float, unit: str) -> float:
    return value * (10.0 if unit.lower().startswith("c") else 1.0)
