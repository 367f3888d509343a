"""Draws expressions for the lesions of a slice, and some that name nothing in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

import numpy as np

from lsms_core.data.expressions.nothing import elsewhere, unrelated
from lsms_core.data.expressions.query import Density, Query, Rank, lobe_of, select
from lsms_core.data.expressions.vocabulary import ORGAN
from lsms_core.data.expressions.writer import Split, Writer
from lsms_core.data.laterality import Side
from lsms_core.data.measurements import LesionMeasurement, SliceFindings
from lsms_core.data.sections import Section

__all__ = [
    "Expression",
    "ExpressionGenerator",
    "Split",
    "asked_of",
    "attenuations_ruled_out",
    "lobes_ruled_out",
    "organ_expression",
]

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
}


@dataclass(frozen=True)
class Expression:
    """A text and the lesions it names.

    Attributes:
        text: what is typed.
        instances: the lesions it names; () for none.
        kind: "generic", "attribute", "rank", "no-target", "negated", "contradictory",
            "elsewhere" or "unrelated".
        attributes: the query's entries that are set.
    """

    text: str
    instances: tuple[int, ...]
    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)


def lobes_ruled_out(expression: Expression) -> tuple[float, float]:
    """Whether the words rule out the (right, left) lobe: 1, 0, or -1 where that is no question.

    It does not depend on the slice: "left lesion" rules out the right lobe where there is no
    lesion, too. A contradiction rules out both.
    """
    if expression.kind in ("negated", "elsewhere", "unrelated"):
        return (-1.0, -1.0)
    if expression.kind == "contradictory":
        return (1.0, 1.0)
    said = expression.attributes
    lobe = said.get("side") or lobe_of(said.get("section"), said.get("segment"))
    return (float(lobe == "left"), float(lobe == "right"))


def attenuations_ruled_out(expression: Expression) -> tuple[float, ...]:
    """Whether the words rule out lesions that are (hypodense, hyperdense, cystic, isodense).

    1, 0, or -1 where that is no question. "Hypodense" includes cysts; the first entry is of
    those that are no cysts.
    """
    densities = get_args(Density)
    if expression.kind in ("negated", "contradictory", "elsewhere", "unrelated"):
        return (-1.0,) * len(densities)
    said = expression.attributes.get("attenuation")
    if said is None:
        return (0.0,) * len(densities)
    meant = {said, "cystic"} if said == "hypodense" else {said}
    return tuple(float(d not in meant) for d in densities)


def asked_of(expression: Expression) -> tuple[float, ...]:
    """Whether the words deny that there is anything, limit the size, or ask for a rank.

    1, 0, or -1 where that is no question: nothing; smaller than, larger than, about a size; then
    the ranks of :class:`Query`.
    """
    ranks = get_args(Rank)
    if expression.kind in ("elsewhere", "unrelated"):
        return (-1.0,) * (4 + len(ranks))
    said = expression.attributes
    limits = (said.get(k) for k in ("smaller_than_mm", "larger_than_mm", "about_mm"))
    return (
        float(expression.kind == "negated"),
        *(float(limit is not None) for limit in limits),
        *(float(said.get("rank") == rank) for rank in ranks),
    )


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

    def generate(
        self, findings: SliceFindings, rng: np.random.Generator, count: int
    ) -> list[Expression]:
        """Draw up to ``count`` expressions with different texts."""
        found: dict[str, Expression] = {}
        for _ in range(_TRIES * count):
            if len(found) == count:
                break
            expression = self.sample(findings, rng)
            found.setdefault(expression.text, expression)
        return list(found.values())

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
