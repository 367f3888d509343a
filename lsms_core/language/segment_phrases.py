"""Couinaud's segments as people type them: "segment 6", "seg VI", "S8", "segments 5-8"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lsms_core.language.normalise import Token

_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9,
          "x": 10, "xi": 11, "xii": 12, "iiii": 4}  # fmt: skip
_SPELT = {
    word: n
    for n, word in enumerate("one two three four five six seven eight nine ten".split(), start=1)
}
_ORDINALS = {
    word: n
    for n, words in enumerate(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"), start=1
    )
    for word in (words,)
}
_LIST = frozenset({",", "/", "and", "&", "+", "or", "-", "to", "through", "until", "as"})
_RANGE = frozenset({"-", "to", "through", "until"})
_ENDINGS = frozenset({"st", "nd", "rd", "th"})
_UNITS = frozenset("mm cm millimeter millimetre centimeter centimetre millimeters millimetres "
                   "centimeters centimetres inch inches x × % hu".split())  # fmt: skip
_LETTERS = frozenset({"a", "b"})
WORDS = frozenset(
    "segment segments seg segs segm segms sg sgs couinaud sgm segt segmt subsegment subsegments s "
    "cs couinaud's".split()
)
_PLURAL = frozenset("segments segs segms sgs subsegments".split())
_PLACE = frozenset({"in", "at", "within", "of", "involving", "/", "(", "liver", "hepatic"})


@dataclass(frozen=True)
class SegmentPhrase:
    """Segments among tokens: those that there are, and whether others were named."""

    first: int
    last: int
    numbers: tuple[str, ...]
    unread: tuple[str, ...] = ()


def find_segments(tokens: Sequence[Token], is_lesion: Callable[[int], bool]) -> list[SegmentPhrase]:
    """Return the segments that are named by number, in order.

    Args:
        tokens: of the text.
        is_lesion: whether a rank or a lesion is named from a token on.
    """
    found = []
    i = 0
    while i < len(tokens):
        phrase = _named(tokens, i, is_lesion) or _bare(tokens, i)
        if phrase is None:
            i += 1
        else:
            found.append(phrase)
            i = phrase.last
    return found


def _named(
    tokens: Sequence[Token], i: int, is_lesion: Callable[[int], bool]
) -> SegmentPhrase | None:
    word = tokens[i].text
    if word not in WORDS:
        return _ordinal(tokens, i)
    start = i
    plural = word in _PLURAL
    i += 1
    while i < len(tokens) and tokens[i].text in (
        WORDS | {"no", "number", "nr", "#", ":", "of", "."}
    ):
        plural = plural or tokens[i].text in _PLURAL
        i += 1
    if word in ("s", "cs") and not (i < len(tokens) and (tokens[i].glued or tokens[start].capital)):
        return None
    one = _one(tokens, i)
    if one is None or tokens[i - 1].text in ("but", "except"):
        return None
    spelt = tokens[i].text in _SPELT
    # An order to draw: "segment two largest", "segment 2 large lesions", "segment one lesion".
    if (
        start == 0
        and word == "segment"
        and is_lesion(one[1])
        and ((spelt and tokens[one[1]].text.endswith("s")) or _is_rank(tokens, one[1]))
    ):
        return None
    return _listed(tokens, start, i, plural)


def _is_rank(tokens: Sequence[Token], i: int) -> bool:
    return i < len(tokens) and tokens[i].text in ("largest", "biggest", "smallest", "most")


def _ordinal(tokens: Sequence[Token], i: int) -> SegmentPhrase | None:
    """Return "7th segment", "seventh segment" and "VII segment"."""
    text = tokens[i].text
    number, last = _ORDINALS.get(text), i + 1
    if number is None and tokens[i].kind == "number" and text.isdigit():
        ending = tokens[last].text if last < len(tokens) else ""
        if ending in _ENDINGS and tokens[last].glued:
            number, last = int(text), last + 1
    if number is None and text in _ROMAN and (len(text) > 1 or tokens[i].capital):
        one = _one(tokens, i)
        number, last = (int(one[0]), one[1]) if one else (None, last)
    while last < len(tokens) and tokens[last].text in ("liver", "hepatic", "couinaud"):
        last += 1
    if number is None or last >= len(tokens):
        return None
    if tokens[last].text not in ("segment", "seg", "segm") or _one(tokens, last + 1) is not None:
        return None
    if not 1 <= number <= 8:
        return None
    return SegmentPhrase(i, last + 1, (str(number),))


def _bare(tokens: Sequence[Token], i: int) -> SegmentPhrase | None:
    """Return Roman numerals without the word: "in IVb", "II/III"."""
    token = tokens[i]
    if token.kind == "number":
        return _bare_number(tokens, i)
    if not token.capital or not _is_roman(token.text):
        return None
    if i and tokens[i - 1].text in (
        "type",
        "grade",
        "stage",
        "class",
        "category",
        "bosniak",
        "phase",
    ):
        return None
    found = _listed(tokens, i, i, plural=True)
    several = len(found.numbers) > 1
    long = len(token.text.rstrip("ab")) > 1
    placed = i == 0 or tokens[i - 1].text in _PLACE
    if found.unread or not ((long and placed) or several):
        return None
    return found


def _bare_number(tokens: Sequence[Token], i: int) -> SegmentPhrase | None:
    """Return "in 5/8" and "in 4a"; any other number without the word is none."""
    if i > 1 and tokens[i - 1].text in ("but", "except") and _is_any(tokens, i - 2):
        found = _listed(tokens, i, i, plural=True)
        return found if _one(tokens, i) is not None else None
    placed = i > 0 and tokens[i - 1].text in ("in", "at", "liver", "hepatic", "lobe", "within")
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if not placed or following is None or not following.glued:
        return None
    if following.text not in ("/", "a", "b"):
        return None
    found = _listed(tokens, i, i, plural=True)
    return None if found.unread or not found.numbers else found


def _is_any(tokens: Sequence[Token], i: int) -> bool:
    """Whether "segments", or "any segment", ends at a token."""
    several = i > 0 and tokens[i - 1].text in ("any", "every", "each")
    return tokens[i].text in _PLURAL or (tokens[i].text in WORDS and several)


def _is_roman(text: str) -> bool:
    return text in _ROMAN or (text[-1:] in _LETTERS and text[:-1] in ("iv", "ii", "iii"))


def _listed(tokens: Sequence[Token], start: int, i: int, plural: bool) -> SegmentPhrase:
    """Read a list of segments; there is at least one at ``i``."""
    numbers: list[int] = []
    span = closed = False
    last = i
    while True:
        one = _one(tokens, i)
        if one is None:
            break
        if one[0]:
            if span and numbers and one[0] > numbers[-1]:
                numbers += range(numbers[-1] + 1, one[0] + 1)
            else:
                numbers.append(one[0])
        last = i = one[1]
        span = False
        moved = False
        while i < len(tokens) and (
            (tokens[i].text in _LIST and not (tokens[i].text == "as" and not plural))
            or tokens[i].text in WORDS - {"s"}
            or (tokens[i].text in ("well", "also") and moved)
        ):
            if tokens[i].text == "," and not _comma_goes_on(tokens, i, plural and not closed):
                break
            closed = closed or tokens[i].text in ("and", "&", "or")
            span = span or tokens[i].text in _RANGE
            plural = plural or tokens[i].text in _PLURAL
            i, moved = i + 1, True
        if i < len(tokens) and tokens[i].hyphen and not moved:
            span = moved = True
        glued = i < len(tokens) and tokens[i].glued and tokens[i].text in _LETTERS
        if not moved and not glued:
            break
    known = tuple(dict.fromkeys(str(n) for n in sorted(numbers) if 1 <= n <= 8))
    unread = tuple(f"segment {n}" for n in sorted(set(numbers)) if not 1 <= n <= 8)
    return SegmentPhrase(start, last, known, unread)


def _comma_goes_on(tokens: Sequence[Token], i: int, plural: bool) -> bool:
    joint = i + 1 < len(tokens) and tokens[i + 1].text in ("and", "or", "&", "and/or")
    n = i + 1 + joint
    one = _one(tokens, n)
    following = tokens[n].text if n < len(tokens) else ""
    if following.isdigit() and _is_roman(tokens[i - 1].text):
        # "Segments VII and VIII, 2 lesions".
        return False
    # "5,8" without a space is a list even behind "segment".
    listed = plural or following in _ROMAN or (n < len(tokens) and tokens[n].glued)
    return following in WORDS or (one is not None and listed and following not in _SPELT)


def lists_apart(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with the "2,3" of "segs 2,3 & 4" as two numbers; no decimal has it."""
    found: list[Token] = []
    listing = False
    for n, token in enumerate(tokens):
        after = tokens[n + 1].text if n + 1 < len(tokens) else ""
        pair = token.kind == "number" and re.fullmatch(r"[1-8],[1-8]", token.text)
        # "Seg 5,6 cm lesion" is segment 5, "seg 3 1,5 cm" is not.
        named = n > 0 and tokens[n - 1].text in WORDS
        free = named or after not in _UNITS
        if listing and pair and free and after not in ("to", "-", "by"):
            first, last = token.text.split(",")
            comma = token.start + 1
            found += [
                replace(token, text=first, end=comma),
                Token(",", "sign", comma, comma + 1, glued=True),
                Token(last, "number", comma + 1, token.end, glued=True),
            ]
        else:
            found.append(token)
        listing = token.text in WORDS or (
            listing and (token.kind == "number" or token.text in _LIST or _is_numeral(token))
        )
    return found


def _is_numeral(token: Token) -> bool:
    return _is_roman(token.text) or token.text in _LETTERS or token.text in (".", ":")


def _one(tokens: Sequence[Token], i: int) -> tuple[int, int] | None:
    """Return the number at a token and where it ends; 0 for a letter alone ("4a/b")."""
    if i >= len(tokens):
        return None
    token = tokens[i]
    text = token.text
    number: int | None = None
    last = i + 1
    if token.kind == "number" and text.isdigit() and len(text) <= 2:
        number = int(text)
    elif text in _SPELT:
        number = _SPELT[text]
    elif text in _ROMAN and text != "x":
        number = _ROMAN[text]
    elif text[:-1] in ("iv", "ii", "iii", "v", "vi", "vii", "viii") and text[-1] in _LETTERS:
        number = _ROMAN[text[:-1]]
    elif text in _LETTERS and i and tokens[i - 1].text in ("/", "and", "&", "-", "+"):
        return 0, last
    if number is None:
        return None
    if last < len(tokens) and tokens[last].text in _LETTERS and _is_letter(tokens, last):
        last += 1
    if last < len(tokens) and (tokens[last].text in _UNITS or _is_measured(tokens, last)):
        return None
    return number, last


def _is_letter(tokens: Sequence[Token], i: int) -> bool:
    """Whether an "a" or "b" belongs to the numeral before, and is no article."""
    if tokens[i].glued or tokens[i].text == "b":
        return True
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    return following is None or following.kind == "sign"


def _is_measured(tokens: Sequence[Token], i: int) -> bool:
    """Whether the number before is one of "2 - 3 cm" or "2 to 3 cm"."""
    if tokens[i].text not in ("-", "to", "x", "by", "/") and not tokens[i].hyphen:
        return False
    j = i if tokens[i].kind == "number" else i + 1
    return j + 1 < len(tokens) and tokens[j].kind == "number" and tokens[j + 1].text in _UNITS
