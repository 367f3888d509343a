"""The meaning of an expression: which lesions of a slice it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lsms_core.anatomy.appearance import Margin, Shape, Texture
from lsms_core.anatomy.laterality import Side
from lsms_core.anatomy.measurements import LesionMeasurement, SliceFindings
from lsms_core.anatomy.sections import Section, section_with

Rank = Literal["largest", "smallest", "most anterior", "most posterior"]
Magnitude = Literal["large", "small"]
Density = Literal["hypodense", "hyperdense", "cystic", "isodense"]

# Ranks need a clear lead: the next lesion's diameter differs by at least this factor,
CLEAR_RANK = 1.2
# or, for the position, the next lesion's centre lies at least this far away, mm.
CLEAR_POSITION_MM = 12.0
# A size limit is usable when every lesion is at least this share away from it.
CLEAR_SIZE = 0.15
# Nobody would call a lesion from the first to the second diameter, mm, large, or small.
_NEITHER_MM: dict[Magnitude, tuple[float, float]] = {"large": (20.0, 40.0), "small": (12.0, 25.0)}
# "2 cm" means a lesion this close to it, and no other lesion closer than twice that.
ABOUT_SIZE = 0.2


@dataclass(frozen=True)
class Query:
    """What an expression asks for; every entry narrows the set.

    Attributes:
        side: the patient's lobe.
        attenuation: "hypodense" (cysts are hypodense too), "hyperdense", "cystic", "isodense".
        smaller_than_mm: the longest axial diameter's upper limit.
        larger_than_mm: its lower limit.
        about_mm: its value, about.
        magnitude: the same in a word that sets no limit.
        subcapsular: at the liver's edge, or deep inside.
        shape: of the outline.
        margin: of the border.
        texture: how even it is.
        section: part of the lobe.
        segment: Couinaud's segment.
        rank: the first of those left by size or position.
        count: how many there must be.
    """

    side: Side | None = None
    attenuation: Density | None = None
    smaller_than_mm: float | None = None
    larger_than_mm: float | None = None
    about_mm: float | None = None
    magnitude: Magnitude | None = None
    subcapsular: bool | None = None
    shape: Shape | None = None
    margin: Margin | None = None
    texture: Texture | None = None
    section: Section | None = None
    segment: str | None = None
    rank: Rank | None = None
    count: int | None = None


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
        first = _first(chosen, query.rank)
        if first is None:
            return None
        chosen = [first]
    if query.count is not None and len(chosen) != query.count:
        return None
    return tuple(sorted(m.instance for m in chosen))


def _first(chosen: list[LesionMeasurement], rank: Rank) -> LesionMeasurement | None:
    """Return the lesion that leads, None where the lead is not clear."""
    by_size = rank in ("largest", "smallest")
    sign = -1 if rank in ("largest", "most posterior") else 1
    ordered = sorted(chosen, key=lambda m: sign * (m.longest_mm if by_size else m.centroid_mm[0]))
    if len(ordered) > 1:
        one, two = ordered[0], ordered[1]
        if by_size:
            a, b = one.longest_mm, two.longest_mm
            clear = max(a, b) >= CLEAR_RANK * min(a, b)
        else:
            clear = abs(one.centroid_mm[0] - two.centroid_mm[0]) >= CLEAR_POSITION_MM
        if not clear:
            return None
    return ordered[0]


def _answers(lesion: LesionMeasurement, query: Query) -> list[bool | None]:
    answers: list[bool | None] = []
    if query.attenuation is not None:
        answers.append(_has_attenuation(lesion, query.attenuation))
    if query.smaller_than_mm is not None:
        answers.append(_below(lesion.longest_mm, query.smaller_than_mm))
    if query.larger_than_mm is not None:
        below = _below(lesion.longest_mm, query.larger_than_mm)
        answers.append(None if below is None else not below)
    if query.about_mm is not None:
        answers.append(_about(lesion.longest_mm, query.about_mm))
    if query.magnitude is not None:
        answers.append(is_of_magnitude(lesion.longest_mm, query.magnitude))
    for name in ("side", "subcapsular", "shape", "margin", "texture", "section", "segment"):
        wanted = getattr(query, name)
        if wanted is not None:
            known = getattr(lesion, name)
            if known is None and name in ("section", "segment"):
                # The other lobe's lesions are out even where their own part is unclear.
                answers.append(_other_lobe(lesion, query))
            else:
                answers.append(None if known is None else known == wanted)
    return answers


def _other_lobe(lesion: LesionMeasurement, query: Query) -> bool | None:
    wanted = lobe_of(query.section, query.segment)
    return False if lesion.side is not None and lesion.side != wanted else None


def lobe_of(section: str | None, segment: str | None) -> str | None:
    """Return the lobe of a section, or else of Couinaud's segment; None for neither."""
    named = named_section(section, segment)
    return None if named is None else named.split()[0]


def named_section(section: str | None, segment: str | None) -> str | None:
    """Return the section that is named, by itself or by one of its segments; None for none."""
    return section_with(segment) if section is None and segment is not None else section


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


def is_of_magnitude(longest_mm: float, word: Magnitude) -> bool | None:
    """Whether a lesion is large, or small; None in between."""
    low, high = _NEITHER_MM[word]
    if low < longest_mm < high:
        return None
    return (longest_mm >= high) == (word == "large")


def _about(value: float, wanted: float) -> bool | None:
    away = abs(value - wanted) / wanted
    if away <= ABOUT_SIZE:
        return True
    return False if away >= 2 * ABOUT_SIZE else None
