"""Adds typing noise to training texts: case, abbreviations, typing mistakes."""

from __future__ import annotations

import re

import numpy as np

# A slip in these could turn one meaning into the other.
_KEEP = re.compile(r"(hypo|hyper|iso)\w*", re.IGNORECASE)


def add_noise(text: str, rng: np.random.Generator, rate: float = 0.15) -> str:
    """Return the text with, at ``rate``, another case or one typing mistake.

    A mistake never turns a word into another that means something else.
    """
    if rng.random() < rate:
        text = str(rng.choice([text.lower(), text.upper(), text.capitalize(), text + "."]))
    if rng.random() < rate:
        words = text.split(" ")
        able = [i for i, w in enumerate(words) if len(w) > 3 and w.isalpha() and not _KEEP.match(w)]
        if able:
            index = int(rng.choice(able))
            words[index] = _slip(words[index], rng)
            text = " ".join(words)
    return text


def _slip(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word) - 1))
    kind = int(rng.integers(3))
    if kind == 0:  # two letters swapped
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:  # a letter missing
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]  # a letter twice


_PAIRS = (("left", "right"), ("lt", "rt"), ("sinister", "dexter"), ("lhl", "rhl"), ("l", "r"))
_SWAPS = dict(_PAIRS) | {right: left for left, right in _PAIRS}
# A letter by itself is a side only before what has sides.
_SIDE = re.compile(
    r"\b("
    + "|".join(word for word in _SWAPS if len(word) > 1)
    + r"|[lr](?=\.? (?:lobe|hepatic|liver)\b))\b",
    re.IGNORECASE,
)


def swap_laterality(text: str) -> str | None:
    """Exchange left and right, keeping case; None where the text has no side."""

    def other(match: re.Match[str]) -> str:
        word = match.group()
        swapped = _SWAPS[word.lower()]
        if word.isupper():
            return swapped.upper()
        return swapped.capitalize() if word[0].isupper() else swapped

    swapped, count = _SIDE.subn(other, text)
    return swapped if count else None
