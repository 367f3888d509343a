"""Draws evaluation texts from the paraphrases, which training never sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.measurements import SliceFindings
from lsms_core.language.expression import Expression, kind_of, named_by
from lsms_core.language.paraphrases import (
    ELSEWHERE,
    FIELDS,
    FILLERS,
    PARAPHRASES,
    UNRELATED,
    Paraphrase,
)
from lsms_core.language.query import Query
from lsms_core.language.typing_noise import add_noise

STYLES = (
    "terse",
    "report",
    "question",
    "command",
    "laterality",
    "spelling",
    "misspelt",
    "negation",
)
"""In a set of paraphrases a record's style is one of these, "elsewhere" or "unrelated"."""

Value = str | float | tuple[str, ...]
_TRIES = 40
_MISTYPED = ("terse", "report", "question", "command")
# Of the texts that name nothing, these speak about something else than the liver's lesions.
_ELSEWHERE_SHARE = 0.2
_UNRELATED_SHARE = 0.08
_ARTICLE = re.compile(r"\b([Aa])(?= (?:[aeio]|8|11 |18 ))")


class ParaphraseGenerator:
    """Writes paraphrases that hold for exactly the lesions they name.

    It draws as :class:`~lsms_core.language.generator.ExpressionGenerator` does, from
    words of its own; every style is drawn equally often, where its words fit the slice.
    """

    def sample(
        self, findings: SliceFindings, rng: np.random.Generator, no_target_share: float = 0.25
    ) -> Expression:
        """Draw one expression for a slice; its facts hold its ``style``."""
        nothing = not findings.lesions or rng.random() < no_target_share
        if nothing:
            draw = rng.random()
            if draw < _ELSEWHERE_SHARE:
                return _about_nothing(ELSEWHERE, "elsewhere", rng)
            if draw < _ELSEWHERE_SHARE + _UNRELATED_SHARE:
                return _about_nothing(UNRELATED, "unrelated", rng)
        for _ in range(_TRIES):
            expression = self._draw(findings, STYLES[int(rng.integers(len(STYLES)))], nothing, rng)
            if expression is not None:
                return expression
        return _about_nothing(ELSEWHERE, "elsewhere", rng)

    def write(self, query: Query, plural: bool, rng: np.random.Generator) -> str:
        """Put a query for a side, and nothing else, into the words of "laterality"."""
        number = "one" if plural else "many"
        fitting = [p for p in PARAPHRASES if p.style == "laterality" and p.number != number]
        return fill(fitting[int(rng.integers(len(fitting)))], query, rng)

    def _draw(
        self, findings: SliceFindings, style: str, nothing: bool, rng: np.random.Generator
    ) -> Expression | None:
        """Try one paraphrase of a style; None where it does not fit the slice."""
        styles = _MISTYPED if style == "misspelt" else (style,)
        fitting = [p for p in PARAPHRASES if p.style in styles and (nothing or not p.denies)]
        paraphrase = fitting[int(rng.integers(len(fitting)))]
        if nothing:
            query = _query(paraphrase, lambda name: _any_value(name, rng))
        else:
            lesion = findings.lesions[int(rng.integers(len(findings.lesions)))]
            query = _query(paraphrase, lambda name: _true_value(name, lesion, findings))
        if query is None:
            return None
        instances = named_by(findings.lesions, query)
        if instances is None or bool(instances) == nothing:
            return None
        if not _fits(paraphrase, len(instances)):
            return None
        text = fill(paraphrase, query, rng)
        if style == "misspelt":
            text = add_noise(text, rng, rate=1.0)
        return Expression(text, instances, kind_of(query, instances), query, {"style": style})


def fill(paraphrase: Paraphrase, query: Query, rng: np.random.Generator) -> str:
    """Put a query's values into a paraphrase's words."""
    values = {name: _say(name, getattr(query, entry), rng) for name, entry in FIELDS.items()}
    text = paraphrase.template.format_map(values)
    return _ARTICLE.sub(r"\1n", text)


def _say(name: str, value: Value | None, rng: np.random.Generator) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value / 10:g} cm" if name == "cm" else f"{value:g} mm"
    options = FILLERS[name].get(value, ("",))
    return options[int(rng.integers(len(options)))]


def _fits(paraphrase: Paraphrase, count: int) -> bool:
    """Whether the words' number is that of the lesions; texts that name nothing may have any."""
    if count == 0 or paraphrase.number == "any":
        return True
    return (count == 1) == (paraphrase.number == "one")


def _query(paraphrase: Paraphrase, value: Callable[[str], Value | None]) -> Query | None:
    """Return the query that a paraphrase says with these values; None where one is unknown."""
    entries: dict[str, Any] = {e: value(name) for e, name in sorted(paraphrase.fields.items())}
    if any(v is None for v in entries.values()):
        return None
    return Query(**entries, **paraphrase.says, nothing=paraphrase.denies)


def _true_value(name: str, lesion: Lesion, findings: SliceFindings) -> Value | None:
    entry = FIELDS[name]
    if entry == "size_about_mm":
        return float(max(round(lesion.longest_mm), 2))
    if entry == "count":
        # The number is right or not; the selection tells.
        return 2 if len(findings.lesions) == 2 else 3
    if entry == "sides":
        return lesion.sides if len(lesion.sides) == 1 else None
    if entry == "segments":
        known = set(lesion.segments)
        return next((v for v in FILLERS[name] if known and known <= set(v)), None)
    return lesion.attenuation


def _any_value(name: str, rng: np.random.Generator) -> Value:
    entry = FIELDS[name]
    if entry == "size_about_mm":
        return float(rng.integers(6, 80))
    options: tuple[Value, ...] = {
        "sides": (("left",), ("right",)),
        "attenuation": ("hypodense", "hypodense", "hyperdense", "cystic"),
        "segments": tuple(FILLERS[name]) if entry == "segments" else (),
        "count": (2, 3),
    }[entry]
    return options[int(rng.integers(len(options)))]


def _about_nothing(texts: tuple[str, ...], style: str, rng: np.random.Generator) -> Expression:
    text = texts[int(rng.integers(len(texts)))]
    return Expression(text, (), style, facts={"style": style})
