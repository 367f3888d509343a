"""A referring expression, and the labels that follow from its text alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lsms_core.anatomy.laterality import Side
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.sections import SECTIONS, lobe_segments, section_segments
from lsms_core.language.query import Attenuation, Query, Rank
from lsms_core.language.select import select

# In the order of the outputs of the heads that learn them: weights that are kept have it.
ATTENUATIONS: tuple[Attenuation, ...] = ("hypodense", "hyperdense", "cystic", "isodense")
RANKS: tuple[Rank, ...] = ("largest", "smallest", "most anterior", "most posterior")

_SIDES: tuple[Side, ...] = ("right", "left")
_NOTHING = Query().to_dict()


@dataclass(frozen=True)
class Expression:
    """A text and the lesions it names.

    Attributes:
        text: what is typed.
        instances: numbers of the lesions it names; () for none.
        kind: "generic", "attribute", "rank", "no-target", "negated", "contradictory",
            "elsewhere", "unrelated" or "organ".
        query: what the text says; empty where no query says it, as for a contradiction.
        facts: what else a record holds of it, such as its style.
    """

    text: str
    instances: tuple[int, ...]
    kind: str
    query: Query = field(default_factory=Query)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def attributes(self) -> dict[str, Any]:
        """The query's entries that are set, "side" for lesions of one lobe, and the facts."""
        said = {k: v for k, v in self.query.to_dict().items() if v != _NOTHING[k]}
        if len(self.query.sides) == 1 and not self.query.nothing:
            said["side"] = self.query.sides[0]
        return {**said, **self.facts}


def named_by(lesions: Sequence[Lesion], query: Query) -> tuple[int, ...] | None:
    """Return the lesions that a query names, () for none.

    Returns None where any lesion is in doubt, or where there are fewer than the query counts, so
    that the words must not be used for these lesions.
    """
    selection = select(lesions, query)
    kept = selection.kept
    short = query.count is not None and not query.excluded and len(kept) not in (0, query.count)
    return None if selection.doubtful or short else kept


def kind_of(query: Query, instances: Sequence[int]) -> str:
    """Return the kind of an expression that is written for a query."""
    if query.nothing:
        return "negated"
    if not instances:
        return "no-target"
    return "rank" if query.rank else "generic" if query == Query() else "attribute"


def lobes_ruled_out(expression: Expression) -> tuple[float, float]:
    """Whether the text excludes the (right, left) lobe: 1, 0, or -1 where this does not apply.

    It does not depend on the slice: "left lesion" excludes the right lobe also where there is no
    lesion. A contradiction excludes both.
    """
    if expression.kind in ("negated", "elsewhere", "unrelated"):
        return (-1.0, -1.0)
    if expression.kind == "contradictory":
        return (1.0, 1.0)
    query = expression.query
    lobes = set(query.sides)
    if not lobes:
        lobes = {side for side in _SIDES if set(query.segments) & set(lobe_segments([side]))}
    right, left = (float(bool(lobes) and side not in lobes) for side in _SIDES)
    return right, left


def attenuations_ruled_out(expression: Expression) -> tuple[float, ...]:
    """Whether the text excludes lesions of each of :data:`ATTENUATIONS`.

    1, 0, or -1 where this does not apply. "Hypodense" includes cysts; the first entry is for
    hypodense lesions that are not cysts.
    """
    if expression.kind in ("negated", "contradictory", "elsewhere", "unrelated"):
        return (-1.0,) * len(ATTENUATIONS)
    said = expression.query.attenuation
    if said is None:
        return (0.0,) * len(ATTENUATIONS)
    meant = {said, "cystic"} if said == "hypodense" else {said}
    return tuple(float(word not in meant) for word in ATTENUATIONS)


def asked_of(expression: Expression) -> tuple[float, ...]:
    """Whether the text denies lesions, limits their size, or asks for a rank.

    1, 0, or -1 where this does not apply, in this order: no lesion; smaller than, larger than,
    about a size; then :data:`RANKS`.
    """
    if expression.kind in ("elsewhere", "unrelated"):
        return (-1.0,) * (4 + len(RANKS))
    query = expression.query
    limits = query.size_max_mm, query.size_min_mm, query.size_about_mm
    return (
        float(expression.kind == "negated"),
        *(float(limit is not None) for limit in limits),
        *(float(query.rank == rank) for rank in RANKS),
    )


def sections_ruled_out(expression: Expression) -> tuple[float, ...]:
    """Whether the text excludes the sections of :data:`SECTIONS` by naming another one.

    1, 0, or -1 where this does not apply. A lobe excludes no section; the lobes have labels of
    their own.
    """
    if expression.kind in ("negated", "contradictory", "elsewhere", "unrelated"):
        return (-1.0,) * len(SECTIONS)
    named = set(expression.query.segments)
    meant = [bool(named & set(section_segments(section))) for section in SECTIONS]
    return tuple(float(any(meant) and not own) for own in meant)
