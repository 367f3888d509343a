"""Puts a query into words, from terse to report style."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lsms_core.language.noise import add_noise
from lsms_core.language.slice_query import Query
from lsms_core.language.vocabulary import WORDS

Split = Literal["train", "held-out"]

_ARABIC = {
    "II": "2",
    "III": "3",
    "IVa": "4a",
    "IVb": "4b",
    "V": "5",
    "VI": "6",
    "VII": "7",
    "VIII": "8",
}
_NUMERALS = (*_ARABIC, *_ARABIC.values())
# How much likelier the first words of a list are: 1 for not at all.
_USUAL = 1.6
# How often a side is named by ruling out the other one, and then without a word for the lesion.
_EXCLUDED = 0.12
_ANYTHING = 0.3
# How often a text says something that nobody measures: it changes nothing.
_ASIDES = 0.05
# How often an attenuation is said in a clause, "darker than the liver".
_ATTENUATION_CLAUSES = 0.2
# How often a text that asks about the whole liver says so.
_ANYWHERE = 0.1
_ANYWHERE_DENIED = 0.4
# How often a denial that names no lobe names a segment.
_PART_DENIED = 0.4
# How often what is ruled out comes first.
_EXCLUDED_FIRST = 0.25
# How often a lesion is called something that nobody measures, and how often a text says first
# when or why the picture was taken.
_BESIDES = 0.08
_PHASES = 0.05
# How often a denial says that a lobe is healthy, not that there is no lesion in it.
_HEALTHY = 0.35
_NEVER_FIRST = ("but ", "that ", "which ", "if ")
_PREPOSITIONS = ("in ", "on ", "within ")
_NUMBERS = {2: "2", 3: "3"}


class Writer:
    """Writes queries.

    Args:
        split: "train", or "held-out" for words that training never uses.
        noise: share of texts with a typing mistake, and of texts with another case.
    """

    def __init__(self, split: Split, noise: float) -> None:
        self._column = 0 if split == "train" else 1
        self._noise = noise

    def write(self, query: Query, plural: bool, rng: np.random.Generator) -> str:
        """Return a text for ``query``; ``plural`` for several lesions."""
        excluded = query.side is not None and not (query.segment or query.section)
        excluded = excluded and bool(rng.random() < _EXCLUDED)
        noun = self._noun(query, plural, rng)
        if excluded and query == Query(side=query.side) and rng.random() < _ANYTHING:
            noun = self.word("anything", rng)
        adjectives, clauses = self._adjectives(query, "cyst" in noun, rng)
        start = before = ""
        if excluded:
            start, place = self._exclude(query, rng)
        else:
            place, before = self._place(query, rng)
        sizes = self._sizes(query, rng)
        style = rng.random()
        counted = query.count is not None or query.rank is not None
        if style < 0.07 and not counted and place and not before:
            # As people head a list: "right lobe: hypodense lesion 2 cm".
            text = _join([f"{_head(place)}:", *adjectives, noun, *sizes, *clauses])
        elif style < 0.15 and not counted and adjectives:
            text = ", ".join(filter(None, [_join([before, noun, *sizes]), *adjectives, place]))
            text = _join([text, *clauses])
        else:
            first = [before, *adjectives]
            if len(first) > 1 and rng.random() < 0.5:
                rng.shuffle(first)
            words = [*self._leading(query, plural, rng), *first, noun]
            if sizes and query.about_mm is not None and rng.random() < 0.5:
                words = [sizes[-1], *words] if not counted else [*words, *sizes]
            else:
                words += sizes
            phrase = _join(words)
            if not counted and rng.random() < 0.25:
                text = self._report(phrase, place, plural, rng)
            else:
                text = _join([phrase, place])
            if clauses:
                text = text.strip() + ("," if rng.random() < 0.3 else "")
                text = _join([text, *clauses])
        phase = self.word("phase", rng) if rng.random() < _PHASES else ""
        return add_noise(" ".join(f"{phase} {start} {text}".split()), rng, self._noise)

    def write_none(self, query: Query, rng: np.random.Generator) -> str:
        """Return a text that denies what ``query`` asks for, such as "no lesion on the left"."""
        adjective = self.word(query.attenuation, rng) if query.attenuation else ""
        noun = _join([adjective, self.word("lesion", rng)])
        part = ""
        if not query.side and rng.random() < _PART_DENIED:
            numeral = _NUMERALS[int(rng.integers(len(_NUMERALS)))]
            part = self.word("segment", rng).format(s=numeral)
        if rng.random() < _HEALTHY:
            organ = self.word(f"the {query.side}" if query.side else "the liver", rng)
            organ = part.removeprefix("in ").removeprefix("at ") or organ
            text = self.word("healthy", rng).format(organ=organ, noun=noun)
            return add_noise(" ".join(text.split()), rng, self._noise)
        place = self.word(f"in {query.side}", rng) if query.side else ""
        if part:
            place = part
        elif not query.side and rng.random() < _ANYWHERE_DENIED:
            place = self.word("anywhere", rng)
        template = self.word("none", rng)
        article = "an" if noun[0] in "aeiou" else "a"
        text = template.format(a=article, noun=noun, place=place)
        return add_noise(" ".join(text.split()), rng, self._noise)

    def write_contradiction(self, query: Query, rng: np.random.Generator) -> str:
        """Return a text that asks for both sides in one, such as "left cyst in the right lobe"."""
        one, other = ("left", "right") if rng.random() < 0.5 else ("right", "left")
        adjective = self.word(query.attenuation, rng) if query.attenuation else ""
        noun = self.word("lesion", rng)
        first = [self.word(one, rng), adjective]
        if rng.random() < 0.3:
            first.reverse()
        if rng.random() < 0.6:
            text = _join([*first, noun, self.word(f"in {other}", rng)])
        else:
            places = [self.word(f"in {side}", rng) for side in (one, other)]
            text = _join([adjective, noun, *places])
        return add_noise(" ".join(text.split()), rng, self._noise)

    def word(self, key: str, rng: np.random.Generator) -> str:
        """Draw one of the words for ``key``; those that stand first are the usual ones."""
        options = WORDS[key][self._column]
        return options[int(len(options) * rng.random() ** _USUAL)]

    def _report(self, phrase: str, place: str, plural: bool, rng: np.random.Generator) -> str:
        """Put a phrase and its place, which may be "", into a sentence."""
        article = "an" if phrase[0] in "aeiou" else "a"
        key = "reports" if plural else "report"
        if not plural and place.startswith(_PREPOSITIONS) and rng.random() < 0.3:
            key = "place first"
        return self.word(key, rng).format(a=article, the="the", noun=phrase, place=place)

    def _noun(self, query: Query, plural: bool, rng: np.random.Generator) -> str:
        if query.attenuation == "cystic" and rng.random() < 0.4:
            return self.word("cysts" if plural else "cyst", rng)
        return self.word("lesions" if plural else "lesion", rng)

    def _adjectives(
        self, query: Query, said: bool, rng: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        """Return the words before the noun and the clauses after the place, in any order."""
        words: list[str] = []
        clauses: list[str] = []
        if query.attenuation and not said:
            if rng.random() < _ATTENUATION_CLAUSES:
                clauses.append(self.word(f"{query.attenuation} clause", rng))
            else:
                words.append(self.word(query.attenuation, rng))
        if query.magnitude is not None:
            words.append(self.word(query.magnitude, rng))
        if query.subcapsular is not None:
            words.append(self.word("subcapsular" if query.subcapsular else "central", rng))
        if query.shape:
            words.append(self.word(query.shape, rng))
        for value, clause in ((query.texture, "texture clause"), (query.margin, "margin clause")):
            if value is None:
                continue
            if rng.random() < 0.5:
                clauses.append(self.word(clause, rng).format(w=self.word(value, rng)))
            else:
                words.append(self.word(value, rng))
        if rng.random() < _BESIDES:
            words.append(self.word("besides", rng))
        if rng.random() < _ASIDES:
            clauses.append(self.word("aside", rng))
        rng.shuffle(words)
        return words, clauses

    def _exclude(self, query: Query, rng: np.random.Generator) -> tuple[str, str]:
        """Return what rules out the side not asked for, to begin with or as a place; one is ""."""
        text = self.word("not in left" if query.side == "right" else "not in right", rng)
        if rng.random() < _EXCLUDED_FIRST and not text.startswith(_NEVER_FIRST):
            return f"{text}{':' if rng.random() < 0.5 else ','}", ""
        return "", text

    def _place(self, query: Query, rng: np.random.Generator) -> tuple[str, str]:
        """Return the place after the noun, or an adjective before it; one of them is empty."""
        if query.segment:
            numeral = query.segment if rng.random() < 0.5 else _ARABIC[query.segment]
            text = self.word("segment", rng).format(s=numeral)
            return ("", text) if not text.startswith("in ") and rng.random() < 0.5 else (text, "")
        if query.section:
            text = self.word(query.section, rng)
            return ("", text) if text == query.section else (text, "")
        if query.side:
            if rng.random() < 0.47:
                return self.word(f"in {query.side}", rng), ""
            return "", self.word(query.side, rng)
        return (self.word("anywhere", rng) if rng.random() < _ANYWHERE else ""), ""

    def _sizes(self, query: Query, rng: np.random.Generator) -> list[str]:
        for limit, key in (
            (query.smaller_than_mm, "smaller than"),
            (query.larger_than_mm, "larger than"),
            (query.about_mm, "about"),
        ):
            if limit is not None:
                return [self.word(key, rng), _millimetres(limit, rng)]
        return []

    def _leading(self, query: Query, plural: bool, rng: np.random.Generator) -> list[str]:
        if query.rank:
            return [self.word(query.rank, rng)]
        if query.count in _NUMBERS:
            return [self.word(_NUMBERS[query.count], rng)]
        return [self.word("all", rng)] if plural and rng.random() < 0.5 else []


def _join(parts: list[str]) -> str:
    return " ".join(p for p in parts if p)


def _head(place: str) -> str:
    """Return a place without its preposition."""
    for start in ("in the ", "of the ", "within the ", "on the ", "in "):
        if place.startswith(start):
            return place.removeprefix(start)
    return place


def _millimetres(limit: float, rng: np.random.Generator) -> str:
    if rng.random() < 0.5 and limit >= 10:
        return f"{limit / 10:g}{' ' if rng.random() < 0.7 else ''}cm"
    return f"{limit:g}{' ' if rng.random() < 0.7 else ''}mm"
