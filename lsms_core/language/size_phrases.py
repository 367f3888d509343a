"""Diameters and limits of them, as people type them, among the tokens of a text.

"2 cm", "1.5 x 2,0 cm", "8 mm to 1 cm", "subcentimetre", "half an inch", "no larger than 15 mm",
"2 cm or more", "at least 1 but less than 2 cm"; what is no diameter of a lesion ("2 cm from the
capsule", "5 mm slices", "20 HU", "previously 2 cm") is said to be none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lsms_core.language.normalise import Token

Limit = Literal["min", "max"]

_MM = frozenset(
    "mm millimeter millimeters millimetre millimetres milimeter milimetre mms millimetric "
    "millimeteres milimeters milimetres".split()
)
_CM = frozenset("cm centimeter centimeters centimetre centimetres cms centimetric centimetrical "
                "centimeteres centimetere centimters centimter".split())  # fmt: skip
_INCH = frozenset("inch inches inchs".split())
UNITS = _MM | _CM | _INCH
_SPELT = {
    word: float(n)
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0,
     "eighty": 80.0, "ninety": 90.0}  # fmt: skip
_FRACTIONS = {"half": 0.5, "quarter": 0.25, "third": 1 / 3}
_BY = frozenset({"x", "×", "*", "by"})
_LESS = "smaller|less|lower|fewer|shorter|below|under|beneath|inferior"
_MORE = "larger|greater|more|bigger|longer|higher|above|over|beyond|exceeding|exceeds|exceed|wider"
_MORE += "|upwards|superior"
_NOT = "not|no|never|isn't|aren't|none|don't|doesn't|nothing|don't|cannot"
# "No lesion larger than 1 cm" denies a lesion; "not being larger than 1 cm" is a limit.
_MORE_WORDS = (
    r"(?: (?!lesion|nodul|mass|met|cyst|deposit|tumou?r|foc|finding|area|hypo|hyper|abnormal|one)"
    r"\w+)?"
)
_TAIL = r"(?: (?:than|in size|in diameter|of|to|or equal to|or equal|and equal to|the))*"
_GAP = (
    r"(?: (?:a|an|the|size of|diameter of|diameter|about|approximately|approx|some|roughly|size))*"
)
# What stands right before a size, the longer readings first: "no more than" is no "more than".
_BEFORE: tuple[tuple[Limit, str], ...] = (
    ("max", rf"(?:{_NOT}){_MORE_WORDS}(?: any)? (?:{_MORE})|up to|at most|at the most|max|maximum|"
     r"maximally|not to exceed|to a maximum of|at maximum|a maximum|as large as|as big as|within"),
    ("min", rf"(?:{_NOT}){_MORE_WORDS}(?: any)? (?:{_LESS})|in excess of|at least|at the least|min|"
     r"minimum|minimally|a minimum|from at least|starting at|starting from|"
     r"upwards of|not below|as small as|reaching"),
    ("max", rf"(?:{_LESS})|<|≤|⩽|<=|=<|‹|smaller or equal|less or equal"),
    ("min", rf"(?:{_MORE})|>|≥|⩾|>=|=>|›|larger or equal|greater or equal"),
)  # fmt: skip
_BEFORE_SIZE = tuple(
    (limit, re.compile(rf"(?:^|(?<= ))(?P<said>(?:{words}){_TAIL}{_GAP})$"))
    for limit, words in _BEFORE
)
# And right after it.
_SMALLER = (
    rf"(?:or|and) (?:{_LESS}|down|downwards)(?! (?:than|[\d.]))|at most|at the most|max\b|maximum"
)
_LARGER = rf"(?:or|and) (?:{_MORE}|up|upward)(?! (?:than|[\d.]))|\+|min\b|minimum|plus\b|at least"
_BEHIND = r"(?: in size| in diameter)?"
_AFTER: tuple[tuple[Limit, re.Pattern[str]], ...] = (
    (
        "max",
        re.compile(rf"(?:{_SMALLER}|or not more|tops|as a maximum){_BEHIND}"),
    ),
    (
        "min",
        re.compile(rf"(?:{_LARGER}|at the least|upwards|as a minimum){_BEHIND}"),
    ),
)
# Before or after these a length is no lesion's diameter.
_NOT_BEFORE = re.compile(
    r"(?:previously|formerly|prior|previous|was|were|before|earlier|compared to|compared with|vs|"
    r"versus|(?<!apart )from|baseline|originally|initially|been|in comparison to)"
    r"(?: measured| measuring| of| about| approximately| the| a|:| =)*$"
)
_NOT_AFTER = re.compile(
    r"(?:thick )?(?:slices?|sections?|cuts?|collimation|reconstructions?|recons?|increments?|"
    r"slice thickness|intervals?|spacing|thick slices|slab|mip|distance|wall|margin|needle|"
    r"rim(?! enhanc)|thick wall(?:ed)?)\b"
    r"|(?:away )?from\b(?! (?:the )?(?:left|right|lt|rt)\b)"
    r"|(?:deep|superior|inferior|lateral|medial|anterior|posterior|cranial|caudal|proximal|distal|"
    r"cephalad|ventral|dorsal) to\b"
    r"|(?:above|below|beneath|under|behind|beyond) (?:the|a)\b(?! (?:left|right)\b)"
    r"|away\b(?! from)|off the\b|(?:previously|before|earlier|ago|on (?:the )?prior|last)\b"
)
# "Max diameter 2 cm" is a measurement, "max 2 cm" is a limit.
_MEASURED = re.compile(
    r"\b(?:max|maximum|maximal|minimum|min) (?:\w+ )?(?:diameter|dimension|size|length|extent)"
    r"(?: of| is| was|:| =)*$"
)
_GROWTH = re.compile(
    r"\b(?:grown|grew|shrank|increased|decreased|shrunk|progressed|reduced|enlarged)\b"
    r"(?! (?:in |soft tissue |hepatic )?(?:att\w*|dens\w*|enhanc\w*|absorption|hu|signal)\b)"
)
_OTHER_UNITS = frozenset(
    "hu hounsfield ml cc cm3 mm3 litre litres liter kg % percent year years yr yrs yo y month "
    "months week weeks day days kv kvp mas ma hours hour minutes min s sec seconds phase mg g mgy "
    "cm² mm² "
    "cm2 mm2 degrees °".split()
)


@dataclass(frozen=True)
class SizePhrase:
    """A length among tokens.

    Attributes:
        first: index of its first token, words like "less than" among them.
        last: index after its last one.
        low: lower limit, mm.
        high: upper limit, mm.
        about: value, mm.
        read: False for what is no diameter of a lesion.
    """

    first: int
    last: int
    low: float | None = None
    high: float | None = None
    about: float | None = None
    read: bool = True


@dataclass(frozen=True)
class _Number:
    value: float
    last: int
    unit: float | None = None


def find_sizes(tokens: Sequence[Token]) -> list[SizePhrase]:
    """Return the lengths of a text, in order."""
    found: list[SizePhrase] = []
    i = 0
    while i < len(tokens):
        size = _size(tokens, i, found[-1].last if found else 0)
        if size is None:
            i += 1
        else:
            found.append(size)
            i = size.last
    return found


def _size(tokens: Sequence[Token], i: int, earliest: int) -> SizePhrase | None:
    sub = _sub(tokens, i)
    if sub is not None:
        return sub
    whole = _whole_unit(tokens, i)
    first = whole or _number(tokens, i)
    if first is None:
        return None
    numbers, last, by = [first], first.last, False
    while True:
        joint = _joint(tokens, last, numbers[-1])
        more = None if joint is None else _number(tokens, joint[0])
        if joint is None or more is None or (more.unit is None and not _unit_follows(tokens, more)):
            break
        by = by or joint[1]
        numbers.append(more)
        last = more.last
    units = [n.unit for n in numbers if n.unit is not None]
    if not units:
        return _unitless(tokens, i, first)
    values = [n.value * (n.unit or units[-1]) for n in numbers]
    return _with_limits(tokens, i, last, values, by, earliest)


def _with_limits(
    tokens: Sequence[Token], i: int, last: int, values: list[float], by: bool, earliest: int
) -> SizePhrase:
    before = " ".join(t.text for t in tokens[max(earliest, i - 8) : i])
    after = " ".join(t.text for t in tokens[last : last + 6])
    if _NOT_AFTER.match(after) or _is_volume(after):
        end = last + len((_NOT_AFTER.match(after) or [""])[0].split())
        return SizePhrase(i, end, read=False)
    growing = len(values) == 2 and not by and _GROWTH.search(before)
    if growing:
        return SizePhrase(i, last, about=values[-1])
    behind = _NOT_BEFORE.search(before)
    between = len(values) == 2 and not by
    if behind and not between:
        return SizePhrase(i - len(behind.group().split()), last, read=False)
    if between:
        low, high = sorted(values)
        start = (
            i - 1 if before.endswith((" between", " from")) or before in ("between", "from") else i
        )
        return SizePhrase(start, last, low, high)
    value = max(values)
    if _MEASURED.search(before):
        return SizePhrase(i, last, about=value)
    for limit, pattern in _AFTER:
        match = pattern.match(after)
        if match:
            end = last + len(match.group().split())
            return _limited(limit, i, end, value)
    for limit, pattern in _BEFORE_SIZE:
        match = pattern.search(before)
        if match and not (match.group("said").startswith("nothing") and match.start() == 0):
            return _limited(limit, i - len(match.group("said").split()), last, value)
    return SizePhrase(i, last, about=value)


def _limited(limit: Limit, first: int, last: int, value: float) -> SizePhrase:
    if limit == "min":
        return SizePhrase(first, last, low=value)
    return SizePhrase(first, last, high=value)


def _is_volume(after: str) -> bool:
    return bool(re.match(r"(?:²|³|2 area|3 volume|cubed|squared)", after))


def _unitless(tokens: Sequence[Token], i: int, number: _Number) -> SizePhrase | None:
    """Return "20 HU" and "64 years" as what is no diameter; a number otherwise is no size."""
    if number.last < len(tokens) and tokens[number.last].text in _OTHER_UNITS:
        start = i - 1 if i and tokens[i - 1].text in ("<", ">", "-", "≤", "≥") else i
        return SizePhrase(start, number.last + 1, read=False)
    # "at least 1 but less than 2 cm": the unit of the second limit is that of the first, too.
    before = " ".join(t.text for t in tokens[max(0, i - 4) : i])
    for limit, pattern in _BEFORE_SIZE:
        match = pattern.search(before)
        later = _later_unit(tokens, number.last)
        if match and later is not None and tokens[i].text != "one":
            return _limited(
                limit, i - len(match.group("said").split()), number.last, number.value * later
            )
    return None


def _later_unit(tokens: Sequence[Token], i: int) -> float | None:
    if i >= len(tokens) or tokens[i].text not in ("but", "and", ",", "or"):
        return None
    for j in range(i + 1, min(i + 7, len(tokens))):
        number = _number(tokens, j)
        if number is not None:
            return number.unit
    return None


def _joint(tokens: Sequence[Token], i: int, last: _Number) -> tuple[int, bool] | None:
    """Return where the next number of "2 x 3 cm" or "1 to 2 cm" starts, and whether it is "x"."""
    if i >= len(tokens):
        return None
    text = tokens[i].text
    if text in _BY:
        return i + 1, True
    if text == "up" and i + 1 < len(tokens) and tokens[i + 1].text == "to":
        return i + 2, False
    if text in ("-", "to", "and", "through") or (text == "or" and last.unit is None):
        return i + 1, False
    if tokens[i].hyphen and tokens[i].kind == "number":
        return i, False
    return None


def _unit_follows(tokens: Sequence[Token], number: _Number) -> bool:
    """Whether a unit comes after further numbers."""
    joint = _joint(tokens, number.last, number)
    more = None if joint is None else _number(tokens, joint[0])
    return more is not None and (more.unit is not None or _unit_follows(tokens, more))


def _unit(tokens: Sequence[Token], i: int) -> float | None:
    if i >= len(tokens):
        return None
    text = tokens[i].text
    if text in _MM:
        return 1.0
    if text in _CM:
        return 10.0
    if text in _INCH or (text == '"' and tokens[i].glued):
        return 25.4
    return None


def _number(tokens: Sequence[Token], i: int) -> _Number | None:
    """Return the number that starts at a token, with its unit where it has one."""
    if i >= len(tokens):
        return None
    token = tokens[i]
    if token.kind == "number":
        value = float(token.text.replace(",", "."))
        last = i + 1
        fraction = _fraction(tokens, last)
        if fraction is not None:
            part, last = fraction
            # "1 1/2 cm", but "1/2 cm" by itself.
            value = value / part if last == i + 3 else value + part
        return _with_unit(tokens, value, last)
    if token.text in ("a", "an") and i + 1 < len(tokens) and tokens[i + 1].text in _FRACTIONS:
        return _spelt_fraction(tokens, i + 1)
    if token.text in _FRACTIONS:
        return _spelt_fraction(tokens, i)
    if token.text in _SPELT:
        value, last = _SPELT[token.text], i + 1
        if value >= 20 and last < len(tokens) and 0 < _SPELT.get(tokens[last].text, 99) < 10:
            value, last = value + _SPELT[tokens[last].text], last + 1
        tail = [t.text for t in tokens[last : last + 3]]
        if tail[:1] == ["point"] and len(tail) > 1 and _SPELT.get(tail[1], 99) < 10:
            value, last = value + _SPELT[tail[1]] / 10, last + 2
        elif tail == ["and", "a", "half"]:
            value, last = value + 0.5, last + 3
        return _with_unit(tokens, value, last)
    return None


def _fraction(tokens: Sequence[Token], i: int) -> tuple[float, int] | None:
    """Return the 1/2 of "1 1/2", or the 2 of "1/2" that is to divide by, and where it ends."""
    text = [t.text for t in tokens[i : i + 3]]
    if len(text) == 3 and text[1] in ("/", "⁄") and text[0] == "1" and text[2] in ("2", "4", "3"):
        return 1 / float(text[2]), i + 3
    if len(text) > 1 and text[0] in ("/", "⁄") and text[1] in ("2", "4") and _unit(tokens, i + 2):
        return float(text[1]), i + 2
    if text == ["and", "a", "half"]:
        return 0.5, i + 3
    return None


def _spelt_fraction(tokens: Sequence[Token], i: int) -> _Number | None:
    value, last = _FRACTIONS[tokens[i].text], i + 1
    while last < len(tokens) and tokens[last].text in ("a", "an", "of"):
        last += 1
    number = _with_unit(tokens, value, last)
    return number if number.unit is not None else None


def _with_unit(tokens: Sequence[Token], value: float, last: int) -> _Number:
    unit = _unit(tokens, last)
    if unit is None:
        return _Number(value, last)
    last += 1
    half = [t.text for t in tokens[last : last + 3]]
    if half == ["and", "a", "half"]:
        value, last = value + 0.5, last + 3
    return _Number(value, last, unit)


def _sub(tokens: Sequence[Token], i: int) -> SizePhrase | None:
    """Return "subcentimetre", "sub-cm" and "sub 5 mm" as upper limits."""
    text = tokens[i].text
    if text.startswith("sub") and text[3:] in _MM | _CM | _INCH:
        unit = 1.0 if text[3:] in _MM else 10.0 if text[3:] in _CM else 25.4
        return SizePhrase(i, i + 1, high=unit)
    if text != "sub" or i + 1 >= len(tokens):
        return None
    unit_alone = _unit(tokens, i + 1)
    if unit_alone is not None:
        return SizePhrase(i, i + 2, high=unit_alone)
    number = _number(tokens, i + 1)
    if number is None or number.unit is None:
        return None
    return SizePhrase(i, number.last, high=number.value * number.unit)


def _whole_unit(tokens: Sequence[Token], i: int) -> _Number | None:
    """Return "a centimetre" and "centimetre-sized" as one of them."""
    text = tokens[i].text
    unit = _unit(tokens, i)
    following = tokens[i + 1].text if i + 1 < len(tokens) else ""
    if unit is not None and (following in ("sized", "size") or text.endswith("metric")):
        return _Number(1.0, i + 1 + (following in ("sized", "size")), unit)
    if text in ("a", "an", "one") and _unit(tokens, i + 1) is not None:
        number = _with_unit(tokens, 1.0, i + 1)
        return number if number.unit is not None else None
    return None
