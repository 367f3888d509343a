"""Puts a query into words, from terse to report style."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lsms_core.anatomy.sections import SECTIONS, section_segments
from lsms_core.errors import InputError
from lsms_core.language.query import Query
from lsms_core.language.typing_noise import add_noise
from lsms_core.language.vocabulary import WORDS

Split = Literal["train", "held-out"]

# A fourth segment's upper and lower half are one segment of a query.
_NUMERALS = {
    "1": (("I",), ("1",)),
    "2": (("II",), ("2",)),
    "3": (("III",), ("3",)),
    "4": (("IV", "IVa", "IVb"), ("4", "4a", "4b")),
    "5": (("V",), ("5",)),
    "6": (("VI",), ("6",)),
    "7": (("VII",), ("7",)),
    "8": (("VIII",), ("8",)),
}
_SECTIONS = {section_segments(section): section for section in SECTIONS}
# How often the fourth segment is called the left lobe's medial section.
_AS_SECTION = 0.5
# How much likelier the first words of a list are: 1 for not at all.
_USUAL = 1.6
# How often a side is named by ruling out the other one, and then without a word for the lesion.
_EXCLUDED = 0.12
_ANYTHING = 0.3
# How often a text holds a property that is not measured: it has no effect.
_ASIDES = 0.05
# How often an attenuation is said in a clause, "darker than the liver".
_ATTENUATION_CLAUSES = 0.2
# How often a text that asks about the whole liver says so.
_ANYWHERE = 0.1
_ANYWHERE_DENIED = 0.4
# How often what is ruled out comes first.
_EXCLUDED_FIRST = 0.25
# How often a lesion gets a name that is not measured, and how often a text says first
# when or why the picture was taken.
_BESIDES = 0.08
_PHASES = 0.05
# How often a denial says that a lobe is healthy, not that there is no lesion in it.
_HEALTHY = 0.35
_NEVER_FIRST = ("but ", "that ", "which ", "if ")
_PREPOSITIONS = ("in ", "on ", "within ")
_NUMBERS = (2, 3)
_ORDINALS = {2: "second", 3: "third"}


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
        """Return a text for a query about lesions.

        Args:
            query: what the text is to say; a place or a count by rank up to the third.
            plural: whether it speaks of several lesions.
            rng: source of chance.

        Raises:
            InputError: for a query that no text is written for: of another organ or a whole one,
                for a contradiction (see :meth:`write_contradiction`) or a rank in each lobe.
        """
        if query.organ != "liver" or query.whole_organ:
            raise InputError("Texts are written about lesions of the liver: ask for those.")
        if query.contradictory or query.per_lobe:
            raise InputError("No text is written for a contradiction or a rank in each lobe.")
        if query.nothing:
            return self._denial(query, rng)
        only = query.sides[0] if len(query.sides) == 1 and not query.segments else None
        excluded = only is not None and not query.excluded and bool(rng.random() < _EXCLUDED)
        noun = self._noun(query, plural, rng)
        if excluded and query == Query(sides=query.sides) and rng.random() < _ANYTHING:
            noun = self.word("anything", rng)
        adjectives, clauses = self._adjectives(query, "cyst" in noun, rng)
        start = before = ""
        if excluded:
            start, place = self._exclude("left" if only == "right" else "right", rng)
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
            phrase = self._phrase(query, plural, [before, *adjectives], noun, sizes, rng)
            if not counted and rng.random() < 0.25:
                text = self._report(phrase, place, plural, rng)
            else:
                text = _join([phrase, place])
            if clauses:
                text = text.strip() + ("," if rng.random() < 0.3 else "")
                text = _join([text, *clauses])
        phase = self.word("phase", rng) if rng.random() < _PHASES else ""
        return add_noise(" ".join(f"{phase} {start} {text}".split()), rng, self._noise)

    def _phrase(
        self,
        query: Query,
        plural: bool,
        first: list[str],
        noun: str,
        sizes: list[str],
        rng: np.random.Generator,
    ) -> str:
        """Return the noun with the words in front of it and its size."""
        if len(first) > 1 and rng.random() < 0.5:
            rng.shuffle(first)
        words = [*self._leading(query, plural, rng), *first, noun]
        bare = query.size_about_mm is not None and len(sizes) == 2 and rng.random() < 0.5
        if bare and query.count is None and query.rank is None:
            return _join([sizes[-1], *words])
        return _join([*words, *sizes])

    def _denial(self, query: Query, rng: np.random.Generator) -> str:
        """Return a text that denies what ``query`` asks for, such as "no lesion on the left"."""
        side = query.sides[0] if len(query.sides) == 1 else None
        adjective = self.word(query.attenuation, rng) if query.attenuation else ""
        noun = _join([adjective, self.word("lesion", rng)])
        part = self._part(query.segments, rng)[0] if query.segments else ""
        if not adjective and rng.random() < _HEALTHY:
            organ = self.word(f"the {side}" if side else "the liver", rng)
            organ = part.removeprefix("in ").removeprefix("at ") or organ
            text = self.word("healthy", rng).format(organ=organ, noun=noun)
            return add_noise(" ".join(text.split()), rng, self._noise)
        place = self.word(f"in {side}", rng) if side else ""
        if part:
            place = part
        elif not side and rng.random() < _ANYWHERE_DENIED:
            place = self.word("anywhere", rng)
        template = self.word("none", rng)
        while adjective and "{noun}" not in template:
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
        if query.location is not None:
            words.append(self.word(query.location, rng))
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

    def _exclude(self, side: str, rng: np.random.Generator) -> tuple[str, str]:
        """Return what rules out a side, to begin with or as a place; one of them is ""."""
        text = self.word(f"not in {side}", rng)
        if rng.random() < _EXCLUDED_FIRST and not text.startswith(_NEVER_FIRST):
            return f"{text}{':' if rng.random() < 0.5 else ','}", ""
        return "", text

    def _place(self, query: Query, rng: np.random.Generator) -> tuple[str, str]:
        """Return the place after the noun, or an adjective before it; one of them is empty."""
        if query.segments:
            text, section = self._part(query.segments, rng)
            if section:
                return ("", text) if text == section else (text, "")
            return ("", text) if not text.startswith("in ") and rng.random() < 0.5 else (text, "")
        if len(query.sides) > 1:
            return self.word("in both", rng), ""
        if query.sides:
            (side,) = query.sides
            if rng.random() < 0.47:
                return self.word(f"in {side}", rng), ""
            return "", self.word(side, rng)
        return (self.word("anywhere", rng) if rng.random() < _ANYWHERE else ""), ""

    def _part(self, segments: tuple[str, ...], rng: np.random.Generator) -> tuple[str, str]:
        """Return words for segments, and the section that they name, "" for none."""
        section = _SECTIONS.get(segments, "")
        if section and (len(segments) > 1 or rng.random() < _AS_SECTION):
            return self.word(section, rng), section
        arabic = int(rng.random() < 0.5)
        if len(segments) == 1:
            own = _NUMERALS[segments[0]][arabic]
            # The halves of the fourth segment are read as the whole, and rarer.
            numeral = own[0] if rng.random() < 0.5 else own[int(rng.integers(len(own)))]
            return self.word("segment", rng).format(s=numeral), ""
        numerals = "/".join(_NUMERALS[number][arabic][0] for number in segments)
        return self.word("segments", rng).format(s=numerals), ""

    def _sizes(self, query: Query, rng: np.random.Generator) -> list[str]:
        if query.size_min_mm is not None and query.size_max_mm is not None:
            low, high = (_millimetres(s, rng) for s in (query.size_min_mm, query.size_max_mm))
            return [self.word("between", rng).format(low=low, high=high)]
        for limit, key in (
            (query.size_max_mm, "smaller than"),
            (query.size_min_mm, "larger than"),
            (query.size_about_mm, "about"),
        ):
            if limit is not None:
                return [self.word(key, rng), _millimetres(limit, rng)]
        return []

    def _leading(self, query: Query, plural: bool, rng: np.random.Generator) -> list[str]:
        if query.rank:
            return [self._rank(query, rng)]
        if query.count in _NUMBERS:
            return [self.word(str(query.count), rng)]
        return [self.word("all", rng)] if plural and rng.random() < 0.5 else []

    def _rank(self, query: Query, rng: np.random.Generator) -> str:
        assert query.rank is not None
        plain = self.word(f"plain {query.rank}", rng)
        if query.count in _NUMBERS:
            plain = self.word(f"first {query.count}", rng).format(w=plain)
        elif query.place in _ORDINALS:
            plain = self.word(_ORDINALS[query.place], rng).format(w=plain)
        elif not query.excluded and query.rank in WORDS:
            return self.word(query.rank, rng)
        if query.excluded:
            return self.word("all but", rng).format(w=plain.removeprefix("the "))
        return plain


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
