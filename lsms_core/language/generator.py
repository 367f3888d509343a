"""Draws expressions for the lesions of a slice, and some that name nothing in it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, get_args

import numpy as np

from lsms_core.anatomy.laterality import Side
from lsms_core.anatomy.measurements import LesionMeasurement, SliceFindings
from lsms_core.anatomy.sections import Section
from lsms_core.language.expression import Expression
from lsms_core.language.nothing import elsewhere, unrelated
from lsms_core.language.slice_query import (
    Density,
    Magnitude,
    Query,
    Rank,
    is_of_magnitude,
    select,
)
from lsms_core.language.vocabulary import ORGAN
from lsms_core.language.writer import Split, Writer

_SIZES_MM = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0)
_TRIES = 30
_DENSITIES: tuple[Density, ...] = ("hypodense", "hypodense", "hypodense", "hyperdense", "cystic")
_RANKS: tuple[Rank, ...] = (
    "largest",
    "largest",
    "smallest",
    "smallest",
    "most anterior",
    "most posterior",
)
_SIDES: tuple[Side, ...] = ("left", "right")
_SECTIONS: tuple[Section, ...] = (
    "right anterior",
    "right posterior",
    "left medial",
    "left lateral",
)
_SEGMENTS = ("II", "III", "IVa", "IVb", "V", "VI", "VII", "VIII")
# How often a text says each thing, where it can.
_SAYS = {
    "side": 0.5,
    "attenuation": 0.45,
    "size": 0.14,
    "subcapsular": 0.08,
    "rank": 0.14,
    "shape": 0.1,
    "margin": 0.1,
    "texture": 0.08,
    "part": 0.14,
    "magnitude": 0.07,
}


class ExpressionGenerator:
    """Writes expressions that hold for exactly the lesions they name.

    Args:
        split: "train", or "held-out" for words that training never uses.
        noise: share of texts with a typing mistake, and of texts with another case.
    """

    def __init__(self, split: Split = "train", *, noise: float = 0.15) -> None:
        self._writer = Writer(split, noise)
        self._noise = noise

    def sample(
        self, findings: SliceFindings, rng: np.random.Generator, no_target_share: float = 0.25
    ) -> Expression:
        """Draw one expression for a slice."""
        if not findings.lesions or rng.random() < no_target_share:
            return self._no_target(findings, rng)
        for _ in range(_TRIES):
            lesion = findings.lesions[int(rng.integers(len(findings.lesions)))]
            query = _true_query(lesion, rng)
            instances = select(findings, query)
            if instances:
                return self._express(query, instances, rng)
        query = Query()
        return self._express(query, select(findings, query) or (), rng)

    def write(self, query: Query, plural: bool, rng: np.random.Generator) -> str:
        """Put a query into words."""
        return self._writer.write(query, plural, rng)

    def _no_target(self, findings: SliceFindings, rng: np.random.Generator) -> Expression:
        draw = rng.random()
        if draw < 0.1:
            return Expression(unrelated(rng, self._noise), (), "unrelated")
        if draw < 0.28:
            return Expression(elsewhere(rng, self._noise), (), "elsewhere")
        if draw < 0.34:
            query = Query(side=_SIDES[int(rng.integers(2))] if rng.random() < 0.7 else None)
            return Expression(self._writer.write_none(query, rng), (), "negated")
        if draw < 0.4:
            density = _DENSITIES[int(rng.integers(len(_DENSITIES)))] if rng.random() < 0.5 else None
            text = self._writer.write_contradiction(Query(attenuation=density), rng)
            return Expression(text, (), "contradictory")
        for _ in range(_TRIES):
            query = _any_query(findings, rng)
            if select(findings, query) == ():
                plural = bool(rng.random() < 0.2) and query.rank is None
                return self._made(query, (), plural, "no-target", rng)
        return Expression(elsewhere(rng, self._noise), (), "elsewhere")

    def _express(
        self, query: Query, instances: tuple[int, ...], rng: np.random.Generator
    ) -> Expression:
        # People type the singular for several, too, and mean all that fit.
        plural = len(instances) > 1 and bool(rng.random() < 0.7)
        if plural and len(instances) in (2, 3) and rng.random() < 0.3:
            query = replace(query, count=len(instances))
        attributes = any(v is not None for v in asdict(query).values())
        kind = "rank" if query.rank else "attribute" if attributes else "generic"
        return self._made(query, instances, plural, kind, rng)

    def _made(
        self,
        query: Query,
        instances: tuple[int, ...],
        plural: bool,
        kind: str,
        rng: np.random.Generator,
    ) -> Expression:
        attributes = {k: v for k, v in asdict(query).items() if v is not None}
        return Expression(self._writer.write(query, plural, rng), instances, kind, attributes)


def _true_query(lesion: LesionMeasurement, rng: np.random.Generator) -> Query:
    """Draw a query that a lesion answers, as far as its measurements are clear."""
    says = {name: bool(rng.random() < share) for name, share in _SAYS.items()}
    entries: dict[str, Any] = {}
    if says["part"] and lesion.section is not None:
        by_segment = lesion.segment is not None and rng.random() < 0.6
        entries["segment" if by_segment else "section"] = (
            lesion.segment if by_segment else lesion.section
        )
    elif says["side"]:
        entries["side"] = lesion.side
    if says["attenuation"]:
        entries["attenuation"] = lesion.attenuation
        if lesion.attenuation == "cystic" and rng.random() < 0.3:
            entries["attenuation"] = "hypodense"
    for name in ("subcapsular", "shape", "margin", "texture"):
        if says[name]:
            entries[name] = getattr(lesion, name)
    if says["size"]:
        entries.update(_true_size(lesion.longest_mm, rng))
    elif says["magnitude"]:
        entries["magnitude"] = _true_magnitude(lesion.longest_mm)
    if says["rank"] and not {"segment", "about_mm"} & entries.keys():
        entries["rank"] = _RANKS[int(rng.integers(len(_RANKS)))]
    return Query(**entries)


def _true_size(longest_mm: float, rng: np.random.Generator) -> dict[str, float]:
    if rng.random() < 0.45:
        stated = round(longest_mm) if longest_mm < 30 or rng.random() < 0.5 else 5 * round(
            longest_mm / 5
        )  # fmt: skip
        return {"about_mm": float(max(stated, 2))}
    limit = _SIZES_MM[int(rng.integers(len(_SIZES_MM)))]
    return {"smaller_than_mm" if longest_mm < limit else "larger_than_mm": limit}


def _true_magnitude(longest_mm: float) -> Magnitude | None:
    return next((w for w in get_args(Magnitude) if is_of_magnitude(longest_mm, w)), None)


def _any_query(findings: SliceFindings, rng: np.random.Generator) -> Query:
    """Draw a query at random: often a true one with one thing turned wrong."""
    if findings.lesions and rng.random() < 0.6:
        lesion = findings.lesions[int(rng.integers(len(findings.lesions)))]
        base = replace(_true_query(lesion, rng), rank=None, about_mm=None)
    else:
        base = Query()
    draw = rng.random()
    if draw < 0.5:
        return replace(base, side=_SIDES[int(rng.integers(2))], section=None, segment=None)
    if draw < 0.75:
        return replace(base, attenuation=_DENSITIES[int(rng.integers(len(_DENSITIES)))])
    if draw < 0.85:
        limit = _SIZES_MM[int(rng.integers(len(_SIZES_MM)))]
        if rng.random() < 0.5:
            return replace(base, smaller_than_mm=limit, larger_than_mm=None)
        return replace(base, larger_than_mm=limit, smaller_than_mm=None)
    if draw < 0.93:
        section = _SECTIONS[int(rng.integers(len(_SECTIONS)))]
        return replace(base, section=section, side=None, segment=None)
    segment = _SEGMENTS[int(rng.integers(len(_SEGMENTS)))]
    return replace(base, segment=segment, side=None, section=None)


def organ_expression(rng: np.random.Generator) -> str:
    """Return a text that names the whole liver, for learning where it is."""
    return ORGAN[int(rng.integers(len(ORGAN)))]
