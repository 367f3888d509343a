"""An expression, and what its words say by themselves, whatever the slice shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

from lsms_core.anatomy.sections import SECTIONS
from lsms_core.language.slice_query import Density, Rank, lobe_of, named_section


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


def sections_ruled_out(expression: Expression) -> tuple[float, ...]:
    """Whether the words rule out the sections of :data:`SECTIONS` by naming another one.

    1, 0, or -1 where that is no question. A lobe rules out no section: that is said of the lobes.
    """
    if expression.kind in ("negated", "contradictory", "elsewhere", "unrelated"):
        return (-1.0,) * len(SECTIONS)
    said = expression.attributes
    named = named_section(said.get("section"), said.get("segment"))
    return tuple(float(named is not None and named != section) for section in SECTIONS)
