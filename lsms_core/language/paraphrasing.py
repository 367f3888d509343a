"""Draws texts from the paraphrases that training never sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from lsms_core.anatomy.measurements import LesionMeasurement, SliceFindings
from lsms_core.language.expression import Expression
from lsms_core.language.noise import add_noise
from lsms_core.language.paraphrases import (
    ELSEWHERE,
    FIELDS,
    FILLERS,
    PARAPHRASES,
    UNRELATED,
    Paraphrase,
)
from lsms_core.language.slice_query import Query, select

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

Value = str | float
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
        """Draw one expression for a slice; its attributes hold its ``style``."""
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
        if paraphrase.denies:
            return Expression(fill(paraphrase, query, rng), (), "negated", {"style": style})
        instances = select(findings, query)
        if instances is None or bool(instances) == nothing:
            return None
        if not _fits(paraphrase, len(instances)):
            return None
        text = fill(paraphrase, query, rng)
        if style == "misspelt":
            text = add_noise(text, rng, rate=1.0)
        attributes = {k: v for k, v in asdict(query).items() if v is not None}
        kind = "rank" if query.rank else "attribute" if attributes else "generic"
        return Expression(
            text, instances, kind if instances else "no-target", {**attributes, "style": style}
        )


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
    entries: dict[str, Any] = {name: value(name) for name in sorted(paraphrase.entries)}
    if any(v is None for v in entries.values()):
        return None
    return Query(**entries, **paraphrase.says)


def _true_value(name: str, lesion: LesionMeasurement, findings: SliceFindings) -> Value | None:
    if name == "about_mm":
        return float(max(round(lesion.longest_mm), 2))
    if name == "count":
        # The number is right or not; the selection tells.
        return 2 if len(findings.lesions) == 2 else 3
    value: Value | None = getattr(lesion, name)
    return value


def _any_value(name: str, rng: np.random.Generator) -> Value:
    if name == "about_mm":
        return float(rng.integers(6, 80))
    options: tuple[Value, ...] = {
        "side": ("left", "right"),
        "attenuation": ("hypodense", "hypodense", "hyperdense", "cystic"),
        "segment": tuple(FILLERS["roman"]),
        "section": tuple(FILLERS["sector"]),
        "count": (2, 3),
    }[name]
    return options[int(rng.integers(len(options)))]


def _about_nothing(texts: tuple[str, ...], style: str, rng: np.random.Generator) -> Expression:
    return Expression(texts[int(rng.integers(len(texts)))], (), style, {"style": style})
