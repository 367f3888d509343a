"""The meaning of an expression: which lesions of a slice it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lsms_core.data.laterality import Side
from lsms_core.data.measurements import LesionMeasurement, SliceFindings

Rank = Literal["largest", "smallest"]

# Ranks need a clear lead: the next lesion's diameter differs by at least this factor.
CLEAR_RANK = 1.2
# A size limit is usable when every lesion is at least this share away from it.
CLEAR_SIZE = 0.15


@dataclass(frozen=True)
class Query:
    """What an expression asks for; every entry narrows the set.

    Attributes:
        side: the patient's lobe.
        attenuation: "hypodense" (cysts are hypodense too), "hyperdense" or "cystic".
        smaller_than_mm: the longest axial diameter's upper limit.
        larger_than_mm: its lower limit.
        subcapsular: at the liver's edge, or deep inside.
        rank: the largest or smallest of those left.
    """

    side: Side | None = None
    attenuation: Literal["hypodense", "hyperdense", "cystic"] | None = None
    smaller_than_mm: float | None = None
    larger_than_mm: float | None = None
    subcapsular: bool | None = None
    rank: Rank | None = None


def select(findings: SliceFindings, query: Query) -> tuple[int, ...] | None:
    """Return the instances that a query names, () for none.

    Returns None where a lesion's measurement is too close to call, so that the words must
    not be used for this slice.
    """
    chosen: list[LesionMeasurement] = []
    for lesion in findings.lesions:
        answers = _answers(lesion, query)
        # One clear "no" settles it, whatever else is unclear.
        if False in answers:
            continue
        if None in answers:
            return None
        chosen.append(lesion)
    if query.rank is not None and chosen:
        sign = -1 if query.rank == "largest" else 1
        ordered = sorted(chosen, key=lambda m: sign * m.longest_mm)
        if len(ordered) > 1:
            a, b = ordered[0].longest_mm, ordered[1].longest_mm
            if max(a, b) < CLEAR_RANK * min(a, b):
                return None
        chosen = ordered[:1]
    return tuple(sorted(m.instance for m in chosen))


def _answers(lesion: LesionMeasurement, query: Query) -> list[bool | None]:
    answers: list[bool | None] = []
    if query.side is not None:
        answers.append(None if lesion.side is None else lesion.side == query.side)
    if query.attenuation is not None:
        answers.append(_has_attenuation(lesion, query.attenuation))
    if query.smaller_than_mm is not None:
        answers.append(_below(lesion.longest_mm, query.smaller_than_mm))
    if query.larger_than_mm is not None:
        below = _below(lesion.longest_mm, query.larger_than_mm)
        answers.append(None if below is None else not below)
    if query.subcapsular is not None:
        known = lesion.subcapsular
        answers.append(None if known is None else known == query.subcapsular)
    return answers


def _has_attenuation(lesion: LesionMeasurement, word: str) -> bool | None:
    if lesion.attenuation is None:
        return None
    if word == "hypodense":
        return lesion.attenuation in ("hypodense", "cystic")
    return lesion.attenuation == word


def _below(value: float, limit: float) -> bool | None:
    if abs(value - limit) < CLEAR_SIZE * limit:
        return None
    return value < limit
