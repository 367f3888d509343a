"""Compares one lesion with the criteria of a query: yes, no or undecided, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lsms_core.anatomy.lesion import CLEAR_CONTRAST_HU, FLUID_HU, ISODENSE_CONTRAST_HU, Lesion
from lsms_core.language.query import Attenuation, Magnitude, Query

# A diameter is known to this share of itself, and to a millimetre.
CLEAR_SIZE = 0.1
_CLEAR_MM = 1.0
# "2 cm" means a lesion this close to it, and surely not one twice as far from it.
ABOUT_SIZE = 0.2
# A lesion between the two diameters, mm, is neither large nor small.
NEITHER_MM: dict[Magnitude, tuple[float, float]] = {"large": (20.0, 40.0), "small": (12.0, 25.0)}
# A lesion this near to the liver's surface is subcapsular, and one that is farther is surely not;
# and the same for one that lies centrally.
SUBCAPSULAR_MM = (5.0, 12.0)
CENTRAL_MM = (20.0, 8.0)
# A little above simple fluid, partial volume or noise may be why.
_NEARLY_FLUID_HU = 25.0
_NEIGHBOURING_SHAPES = (
    {"lobulated", "irregular"},
    {"oval", "lobulated"},
)


@dataclass(frozen=True)
class Judgement:
    """Whether a lesion is meant.

    Attributes:
        fits: True, False, or None where no measurement can tell.
        reasons: why not, or what is in doubt.
    """

    fits: bool | None = True
    reasons: tuple[str, ...] = ()

    def doubted(self, reason: str) -> Judgement:
        """Return it with a doubt more."""
        return Judgement(None, (*self.reasons, reason))

    def dropped(self, reason: str) -> Judgement:
        """Return it ruled out; doubts no longer matter."""
        return Judgement(False, (reason,))


def judge(lesion: Lesion, query: Query) -> Judgement:
    """Compare a lesion with all criteria of a query that concern a single lesion.

    One clear "no" drops the lesion, even if other criteria are undecided; all reasons are given.
    """
    judgements = list(_judgements(lesion, query))
    against = tuple(r for j in judgements if j.fits is False for r in j.reasons)
    if against:
        return Judgement(False, against)
    doubts = tuple(r for j in judgements if j.fits is None for r in j.reasons)
    return Judgement(None, doubts) if doubts else Judgement()


def _judgements(lesion: Lesion, query: Query) -> Iterator[Judgement]:
    if query.sides:
        yield _side(lesion, query)
    if query.segments:
        yield _segment(lesion, query)
    if query.attenuation is not None:
        yield _attenuation(lesion, query.attenuation)
    yield from _sizes(lesion, query)
    if query.location is not None:
        yield _location(lesion, query.location)
    if query.shape is not None:
        yield _word("shape", lesion.shape, query.shape)
    if query.margin is not None:
        yield _word("margin", lesion.margin, query.margin)
    if query.texture is not None:
        yield _word("texture", lesion.texture, query.texture)


def _side(lesion: Lesion, query: Query) -> Judgement:
    if len(set(query.sides)) > 1:
        return Judgement()
    (wanted,) = set(query.sides)
    if not lesion.sides:
        return Judgement(None, ("its lobe is not known",))
    if len(lesion.sides) > 1:
        return Judgement(None, (f"{lesion.place}: it may lie in both",))
    if wanted in lesion.sides:
        return Judgement()
    return Judgement(False, (f"the text asks for the {wanted} lobe",))


def _segment(lesion: Lesion, query: Query) -> Judgement:
    wanted, possible = set(query.segments), set(lesion.segments)
    asked = _segments(query.segments)
    if not possible:
        return Judgement(None, (f"its segment is not known, asked for {asked}",))
    if possible <= wanted:
        return Judgement()
    if possible & wanted:
        return Judgement(None, (f"{_segments(lesion.segments, 'or')}, asked for {asked}",))
    return Judgement(False, (f"{_segments(lesion.segments, 'or')}, the text asks for {asked}",))


def _segments(numbers: tuple[str, ...], joint: str = "and") -> str:
    if len(numbers) == 1:
        return f"segment {numbers[0]}"
    return f"segments {', '.join(numbers[:-1])} {joint} {numbers[-1]}"


def _attenuation(lesion: Lesion, wanted: Attenuation) -> Judgement:
    contrast = lesion.contrast_hu
    if contrast is None:
        return Judgement(None, ("its attenuation against the liver is not known",))
    fits = _has_attenuation(lesion.mean_hu, contrast, wanted)
    if fits:
        return Judgement()
    amount = f"{abs(contrast):.0f} HU {'darker' if contrast < 0 else 'brighter'} than the liver"
    if wanted == "cystic":
        amount = f"{lesion.mean_hu:.0f} HU, {amount}"
    return Judgement(fits, (f"{amount}, {_asked(fits)} {wanted}",))


def _has_attenuation(mean_hu: float, contrast: float, wanted: Attenuation) -> bool | None:
    if wanted == "isodense":
        if abs(contrast) <= ISODENSE_CONTRAST_HU:
            return True
        return False if abs(contrast) >= CLEAR_CONTRAST_HU else None
    towards = contrast if wanted == "hyperdense" else -contrast
    if towards <= ISODENSE_CONTRAST_HU:
        return False
    clear = True if towards >= CLEAR_CONTRAST_HU else None
    if wanted == "cystic":
        if not FLUID_HU[0] <= mean_hu <= _NEARLY_FLUID_HU:
            return False
        return clear if mean_hu <= FLUID_HU[1] else None
    return clear


def _sizes(lesion: Lesion, query: Query) -> Iterator[Judgement]:
    size = lesion.longest_mm
    spread = max(CLEAR_SIZE * size, _CLEAR_MM)
    low, high = size - spread, size + spread
    told, doubt = f"{size:.0f} mm", f"size {max(low, 0):.0f} to {high:.0f} mm"
    if query.size_max_mm is not None:
        limit = query.size_max_mm
        fits = True if high <= limit else False if low > limit else None
        yield _size(fits, told, doubt, f"under {limit:g} mm")
    if query.size_min_mm is not None:
        limit = query.size_min_mm
        fits = True if low >= limit else False if high < limit else None
        yield _size(fits, told, doubt, f"at least {limit:g} mm")
    if query.size_about_mm is not None:
        wanted = query.size_about_mm
        away = abs(size - wanted) / wanted if wanted > 0 else float("inf")
        fits = True if away <= ABOUT_SIZE else False if away >= 2 * ABOUT_SIZE else None
        yield _size(fits, told, told, f"about {wanted:g} mm")
    if query.magnitude is not None:
        fits = is_of_magnitude(size, query.magnitude)
        yield _size(fits, told, told, f"{query.magnitude}")


def is_of_magnitude(longest_mm: float, word: Magnitude) -> bool | None:
    """Whether a lesion is large, or small; None in between."""
    low, high = NEITHER_MM[word]
    if low < longest_mm < high:
        return None
    return (longest_mm >= high) == (word == "large")


def _size(fits: bool | None, told: str, doubt: str, asked: str) -> Judgement:
    if fits:
        return Judgement()
    return Judgement(fits, (f"{told if fits is False else doubt}, {_asked(fits)} {asked}",))


def _location(lesion: Lesion, wanted: str) -> Judgement:
    depth = lesion.capsule_mm
    if depth is None:
        return Judgement(None, ("its distance to the liver's surface is not known",))
    if wanted == "subcapsular":
        near, far = SUBCAPSULAR_MM
        fits = True if depth <= near else False if depth >= far else None
    else:
        deep, shallow = CENTRAL_MM
        fits = True if depth >= deep else False if depth <= shallow else None
    if fits:
        return Judgement()
    return Judgement(fits, (f"{depth:.0f} mm from the liver's surface, {_asked(fits)} {wanted}",))


def _word(name: str, known: str | None, wanted: str) -> Judgement:
    if known == wanted:
        return Judgement()
    if known is None:
        return Judgement(None, (f"its {name} is not clear, asked for {wanted}",))
    near = name == "shape" and {known, wanted} in _NEIGHBOURING_SHAPES
    if near:
        return Judgement(None, (f"rather {known}, asked for {wanted}",))
    return Judgement(False, (f"{known}, the text asks for {wanted}",))


def _asked(fits: bool | None) -> str:
    return "the text asks for" if fits is False else "asked for"
