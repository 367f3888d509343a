"""Splits a text into tokens, with one form for letters, hyphens, quotes and spaces."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

TokenKind = Literal["word", "number", "sign"]

_HYPHENS = "-‐‑‒–—―−﹣－"
_QUOTES = {"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "″": '"', "′": "'"}
_FRACTIONS = {"½": ".5", "¼": ".25", "¾": ".75"}
_TOKEN = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)?|(?<![\w.])[.]\d+)"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]{1,2}(?![^\W\d_]))?)"
    r"|(?P<sign>\n|<=|>=|=<|=>|\S)"
)
# Their full stop ends no sentence.
_ABBREVIATIONS = frozenset(
    "lt rt l r lft rgt seg segm segs sg approx appr ca max min hep hypo hyper susp poss prob "
    "post ant lat med sup inf vs diam dia circ incl resp".split()
)


@dataclass(frozen=True)
class Token:
    """A word, a number or a sign of a text.

    Attributes:
        text: in lower case, in one form.
        kind: word, number or sign.
        start: where it begins in the text as typed.
        end: where it ends there.
        glued: whether nothing, or a hyphen, stands between it and the token before.
        hyphen: whether a hyphen stands right before it.
        capital: whether it was typed with a capital first letter.
    """

    text: str
    kind: TokenKind
    start: int
    end: int
    glued: bool = False
    hyphen: bool = False
    capital: bool = False


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text, hyphens between words and abbreviations' stops left out."""
    plain, places = _plain(text)
    found: list[Token] = []
    last, hyphen = -1, False
    matches = list(_TOKEN.finditer(plain))
    for n, match in enumerate(matches):
        kind, raw = str(match.lastgroup), match.group()
        glued = match.start() == last or hyphen
        if raw == "-":
            between = bool(found) and match.start() == last
            tight = n + 1 < len(matches) and matches[n + 1].start() == match.end()
            ranged = between and found[-1].kind == "number" and tight
            if ranged and matches[n + 1].lastgroup == "number":
                found.append(Token("-", "sign", *_span(match, places), glued=True))
            elif (between or tight) and not (tight and not between and n > 0):
                last, hyphen = match.end(), True
                continue
            elif found and n + 1 < len(matches):
                found.append(Token("-", "sign", *_span(match, places)))
            last, hyphen = match.end(), False
            continue
        if raw == "." and found and _is_abbreviation(found[-1], plain[match.end() :]):
            last = match.end()
            continue
        found.append(
            Token(
                raw.lower(),
                kind,  # type: ignore[arg-type]
                *_span(match, places),
                glued=glued,
                hyphen=hyphen,
                capital=raw[0].isupper(),
            )
        )
        last, hyphen = match.end(), False
    return found


def _is_abbreviation(token: Token, rest: str) -> bool:
    if token.text in _ABBREVIATIONS:
        return bool(rest.strip())
    # "e.g." and "i.v.": one letter, and more to come.
    return token.kind == "word" and len(token.text) == 1 and bool(rest.strip())


def _span(match: re.Match[str], places: list[int]) -> tuple[int, int]:
    return places[match.start()], places[match.end() - 1] + 1


def _plain(text: str) -> tuple[str, list[int]]:
    """Return the text in one form, and for each of its characters the place in the typed one."""
    parts: list[str] = []
    places: list[int] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        for letter in _character(text[start:end], parts):
            parts.append(letter)
            places.append(start)
        start = end
    return "".join(parts), places


def _character(typed: str, before: list[str]) -> str:
    if typed in _FRACTIONS:
        return _FRACTIONS[typed] if before and before[-1].isdigit() else "0" + _FRACTIONS[typed]
    if typed in _HYPHENS:
        return "-"
    if typed in _QUOTES:
        return _QUOTES[typed]
    plain = unicodedata.normalize("NFKC", typed)
    # Soft hyphens, joiners and marks of direction are no characters to a reader.
    return "".join(
        "\n" if c in "\n\r\v\f\u2028\u2029" else " " if c.isspace() else c
        for c in plain
        if unicodedata.category(c) != "Cf"
    )
