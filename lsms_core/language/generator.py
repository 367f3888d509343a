"""Draws expressions for the lesions of a slice, and some that name nothing in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np

from lsms_core.anatomy.laterality import Side
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.measurements import SliceFindings
from lsms_core.anatomy.sections import SECTIONS, section_segments
from lsms_core.language.criteria import is_of_magnitude
from lsms_core.language.expression import Expression, kind_of, named_by
from lsms_core.language.nothing import elsewhere, unrelated
from lsms_core.language.query import Attenuation, Magnitude, Query, Rank
from lsms_core.language.vocabulary import ORGAN
from lsms_core.language.writer import Split, Writer

_SIZES_MM = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0)
_TRIES = 30
_DENSITIES: tuple[Attenuation, ...] = (
    "hypodense",
    "hypodense",
    "hypodense",
    "hyperdense",
    "cystic",
)
_RANKS: tuple[Rank, ...] = (
    "largest",
    "largest",
    "smallest",
    "smallest",
    "most anterior",
    "most posterior",
)
_SIDES: tuple[Side, ...] = ("left", "right")
_PARTS = tuple(section_segments(section) for section in SECTIONS)
_SEGMENTS = ("2", "3", "4", "5", "6", "7", "8")
# How often a denial that names no lobe names a segment.
_PART_DENIED = 0.4
# How often a rank is that of another than the first, of the first two, or left out.
_OTHER_RANK = 0.06
# How often a text says each thing, where it can.
_SAYS = {
    "side": 0.5,
    "attenuation": 0.45,
    "size": 0.14,
    "location": 0.08,
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
            instances = named_by(findings.lesions, query)
            if instances:
                return self._express(query, instances, rng)
        every = tuple(lesion.number for lesion in findings.lesions)
        return self._express(Query(), every, rng)

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
            query = Query(sides=_one_side(rng) if rng.random() < 0.7 else (), nothing=True)
            if not query.sides and rng.random() < _PART_DENIED:
                query = replace(query, segments=_one_segment(rng))
            return self._made(query, (), False, rng)
        if draw < 0.4:
            density = _DENSITIES[int(rng.integers(len(_DENSITIES)))] if rng.random() < 0.5 else None
            text = self._writer.write_contradiction(Query(attenuation=density), rng)
            return Expression(text, (), "contradictory")
        for _ in range(_TRIES):
            query = _any_query(findings, rng)
            if named_by(findings.lesions, query) == ():
                plural = bool(rng.random() < 0.2) and query.rank is None
                return self._made(query, (), plural, rng)
        return Expression(elsewhere(rng, self._noise), (), "elsewhere")

    def _express(
        self, query: Query, instances: tuple[int, ...], rng: np.random.Generator
    ) -> Expression:
        # People type the singular for several, too, and mean all that fit.
        counted = query.count is not None
        plural = len(instances) > 1 and (counted or bool(rng.random() < 0.7))
        if plural and not query.rank and len(instances) in (2, 3) and rng.random() < 0.3:
            query = replace(query, count=len(instances))
        return self._made(query, instances, plural, rng)

    def _made(
        self, query: Query, instances: tuple[int, ...], plural: bool, rng: np.random.Generator
    ) -> Expression:
        text = self._writer.write(query, plural, rng)
        return Expression(text, instances, kind_of(query, instances), query)


def _one_side(rng: np.random.Generator) -> tuple[Side, ...]:
    return (_SIDES[int(rng.integers(2))],)


def _one_segment(rng: np.random.Generator) -> tuple[str, ...]:
    return (_SEGMENTS[int(rng.integers(len(_SEGMENTS)))],)


def _true_query(lesion: Lesion, rng: np.random.Generator) -> Query:
    """Draw a query that a lesion answers, as far as its measurements are clear."""
    says = {name: bool(rng.random() < share) for name, share in _SAYS.items()}
    entries: dict[str, Any] = {}
    known = set(lesion.segments)
    part = next((p for p in _PARTS if known and known <= set(p)), None)
    if says["part"] and part is not None:
        by_segment = len(known) == 1 and rng.random() < 0.6
        entries["segments"] = lesion.segments if by_segment else part
    elif says["side"] and len(lesion.sides) == 1:
        entries["sides"] = lesion.sides
    if says["attenuation"]:
        entries["attenuation"] = lesion.attenuation
        if lesion.attenuation == "cystic" and rng.random() < 0.3:
            entries["attenuation"] = "hypodense"
    for name in ("location", "shape", "margin", "texture"):
        if says[name]:
            entries[name] = getattr(lesion, name)
    if says["size"]:
        entries.update(_true_size(lesion.longest_mm, rng))
    elif says["magnitude"]:
        entries["magnitude"] = _true_magnitude(lesion.longest_mm)
    exact = "size_about_mm" in entries or len(entries.get("segments", ())) == 1
    if says["rank"] and not exact:
        entries.update(_any_rank(rng))
    return Query(**entries)


def _any_rank(rng: np.random.Generator) -> dict[str, Any]:
    rank: dict[str, Any] = {"rank": _RANKS[int(rng.integers(len(_RANKS)))]}
    draw = rng.random()
    if draw < _OTHER_RANK:
        return {**rank, "place": 2}
    if draw < 2 * _OTHER_RANK:
        return {**rank, "count": 2}
    return {**rank, "excluded": True} if draw < 3 * _OTHER_RANK else rank


def _true_size(longest_mm: float, rng: np.random.Generator) -> dict[str, float]:
    if rng.random() < 0.45:
        stated = round(longest_mm) if longest_mm < 30 or rng.random() < 0.5 else 5 * round(
            longest_mm / 5
        )  # fmt: skip
        return {"size_about_mm": float(max(stated, 2))}
    limit = _SIZES_MM[int(rng.integers(len(_SIZES_MM)))]
    return {"size_max_mm" if longest_mm < limit else "size_min_mm": limit}


def _true_magnitude(longest_mm: float) -> Magnitude | None:
    return next((w for w in get_args(Magnitude) if is_of_magnitude(longest_mm, w)), None)


def _any_query(findings: SliceFindings, rng: np.random.Generator) -> Query:
    """Draw a query at random: often a true one with one thing turned wrong."""
    if findings.lesions and rng.random() < 0.6:
        lesion = findings.lesions[int(rng.integers(len(findings.lesions)))]
        base = _true_query(lesion, rng)
        base = replace(base, rank=None, place=1, count=None, excluded=False, size_about_mm=None)
    else:
        base = Query()
    draw = rng.random()
    if draw < 0.5:
        return replace(base, sides=_one_side(rng), segments=())
    if draw < 0.75:
        return replace(base, attenuation=_DENSITIES[int(rng.integers(len(_DENSITIES)))])
    if draw < 0.85:
        limit = _SIZES_MM[int(rng.integers(len(_SIZES_MM)))]
        if rng.random() < 0.5:
            return replace(base, size_max_mm=limit, size_min_mm=None)
        return replace(base, size_min_mm=limit, size_max_mm=None)
    if draw < 0.93:
        return replace(base, segments=_PARTS[int(rng.integers(len(_PARTS)))], sides=())
    return replace(base, segments=_one_segment(rng), sides=())


def organ_expression(rng: np.random.Generator) -> str:
    """Return a text that names the whole liver, for learning where it is."""
    return ORGAN[int(rng.integers(len(ORGAN)))]
