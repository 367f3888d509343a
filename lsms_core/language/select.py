"""Selects lesions by a query: each is kept or dropped as a whole, with the reasons in words.

One function serves training texts, tests and answers. A lesion is dropped where a measurement
clearly excludes it; where no measurement decides, it is kept and marked as doubtful. Ranks apply
to the lesions that are left. The writer of training texts refuses queries with doubtful lesions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lsms_core.anatomy.lesion import Lesion
from lsms_core.language.criteria import Judgement, judge
from lsms_core.language.query import Query, Rank

Decision = Literal["kept", "doubtful", "dropped"]

# Ranks by size are clear where the next diameter differs by this factor,
CLEAR_RANK = 1.2
# those by position where the next centre lies this far away, mm.
CLEAR_POSITION_MM = 12.0

_ORDER: dict[Rank, tuple[int, int]] = {  # world axis (0 R, 1 A, 2 S) or -1 for size, sign
    "largest": (-1, -1),
    "smallest": (-1, 1),
    "most anterior": (1, -1),
    "most posterior": (1, 1),
    "most superior": (2, -1),
    "most inferior": (2, 1),
}
_PLACES = {1: "", 2: "second ", 3: "third ", 4: "fourth ", 5: "fifth "}


@dataclass(frozen=True)
class Verdict:
    """The decision on one lesion.

    Attributes:
        number: the lesion's.
        decision: "kept", "doubtful" (kept, with the doubt in ``reasons``) or "dropped".
        reasons: why it was dropped, or what is in doubt; () for a lesion that was clearly kept.
    """

    number: int
    decision: Decision
    reasons: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether the lesion is in the answer."""
        return self.decision != "dropped"


@dataclass(frozen=True)
class Selection:
    """The verdicts on all lesions.

    Attributes:
        verdicts: one a lesion, in the order of the lesions.
        notes: what else is to be said, such as that the text denies what was found.
        contradicting: numbers of the lesions that a denial ("no lesion in the left lobe") speaks
            of; they are dropped, and the notes say so.
    """

    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()
    contradicting: tuple[int, ...] = ()

    @property
    def kept(self) -> tuple[int, ...]:
        """Numbers of the lesions that are kept, with or without doubt."""
        return tuple(v.number for v in self.verdicts if v.kept)

    @property
    def doubtful(self) -> bool:
        """Whether any verdict is in doubt, so that the words should not be used in training."""
        return any(v.decision == "doubtful" for v in self.verdicts)


def select(lesions: Sequence[Lesion], query: Query) -> Selection:
    """Decide on each lesion.

    Args:
        lesions: the candidates, each with its own number.
        query: what is asked for.

    Example:
        >>> select([], Query(sides=("left",))).kept
        ()
    """
    if query.organ == "other":
        return _all_dropped(lesions, "the text asks about another organ")
    if query.whole_organ:
        what = f"the {query.sides[0]} lobe" if len(query.sides) == 1 else "the liver"
        return _all_dropped(lesions, f"the text asks for {what} itself")
    if query.nothing:
        return _denied(lesions, query)
    if query.contradictory:
        return _all_dropped(lesions, "the text contradicts itself")
    judged = {lesion.number: judge(lesion, query) for lesion in lesions}
    left = [lesion for lesion in lesions if judged[lesion.number].fits is not False]
    notes: tuple[str, ...] = ()
    if query.rank is not None:
        judged |= _ranked_by_lobe(left, judged, query)
        notes = _too_few(left, query)
    elif query.count is not None and left and len(left) != query.count:
        counted = f"the text says {_count(query.count)}, {len(left)} fit"
        for lesion in left:
            judged[lesion.number] = judged[lesion.number].doubted(counted)
        notes = (f"T{counted[1:]}.",)
    return Selection(tuple(_verdict(n, judgement) for n, judgement in judged.items()), notes)


def _verdict(number: int, judgement: Judgement) -> Verdict:
    decisions: dict[bool | None, Decision] = {True: "kept", None: "doubtful", False: "dropped"}
    return Verdict(number, decisions[judgement.fits], judgement.reasons)


def _all_dropped(lesions: Sequence[Lesion], reason: str) -> Selection:
    return Selection(tuple(Verdict(lesion.number, "dropped", (reason,)) for lesion in lesions))


def _denied(lesions: Sequence[Lesion], query: Query) -> Selection:
    """A text that says there is nothing: nothing is kept, and what contradicts it is named."""
    judged = select(lesions, replace(query, nothing=False, count=None, rank=None))
    found = [lesion for lesion in lesions if lesion.number in judged.kept]
    verdicts = []
    for lesion, verdict in zip(lesions, judged.verdicts, strict=True):
        reasons = ("the text says there is nothing",) if verdict.kept else verdict.reasons
        verdicts.append(Verdict(lesion.number, "dropped", reasons))
    notes: tuple[str, ...] = ()
    if found:
        listed = "; ".join(lesion.describe() for lesion in found)
        notes = (f"The text says there is nothing; the search found {_count(len(found))}: "
                 f"{listed}.",)  # fmt: skip
    return Selection(tuple(verdicts), notes, tuple(lesion.number for lesion in found))


def _ranked_by_lobe(
    left: Sequence[Lesion], judged: dict[int, Judgement], query: Query
) -> dict[int, Judgement]:
    """Judge by rank those that are left, in each lobe where that is asked for.

    A lesion that may lie in both lobes is kept where it is in one of them.
    """
    if not query.per_lobe:
        return _ranked(left, judged, query)
    result: dict[int, Judgement] = {}
    for side in ("left", "right"):
        inside = [one for one in left if side in one.sides or not one.sides]
        for number, judgement in _ranked(inside, judged, query).items():
            dropped = judgement.fits is False
            if number not in result or (dropped if query.excluded else not dropped):
                result[number] = judgement
    return result


def _ranked(
    left: Sequence[Lesion], judged: dict[int, Judgement], query: Query
) -> dict[int, Judgement]:
    """Judge by rank those that are left."""
    assert query.rank is not None
    axis, sign = _ORDER[query.rank]

    def value(lesion: Lesion) -> float:
        return sign * (lesion.longest_mm if axis < 0 else lesion.centroid_ras[axis])

    ordered = sorted(left, key=lambda lesion: (value(lesion), lesion.number))
    first = max(query.place, 1) - 1
    last = first + (query.count or 1)
    name = f"{_PLACES.get(query.place, f'{query.place}th ')}{query.rank}"
    result = {}
    for at, lesion in enumerate(ordered):
        own = judged[lesion.number]
        inside = first <= at < last
        if query.excluded:
            inside = not inside
        # The rank is in doubt where a neighbour across the border is nearly as large, or as far.
        rivals = [
            ordered[other]
            for border in (first, last)
            for other in ((border - 1, border) if 0 < border < len(ordered) else ())
            if other != at and at in (border - 1, border)
        ]
        close = next((r for r in rivals if not _clear(lesion, r, axis)), None)
        uncertain = next((r for r in ordered[:at] if judged[r.number].fits is None), None)
        if not inside:
            dropped = f"it is the {name}" if query.excluded else f"not the {name}"
            result[lesion.number] = own.dropped(dropped)
        elif close is not None:
            result[lesion.number] = own.doubted(_nearly(close, axis))
        elif uncertain is not None and uncertain is not lesion:
            result[lesion.number] = own.doubted(
                f"its rank counts a lesion that may not be meant ({uncertain.describe()})"
            )
        else:
            result[lesion.number] = own
    return result


def _clear(one: Lesion, two: Lesion, axis: int) -> bool:
    if axis < 0:
        low, high = sorted((one.longest_mm, two.longest_mm))
        return high >= CLEAR_RANK * low
    return abs(one.centroid_ras[axis] - two.centroid_ras[axis]) >= CLEAR_POSITION_MM


def _nearly(other: Lesion, axis: int) -> str:
    what = "of nearly the same size" if axis < 0 else "at nearly the same height"
    return f"another is {what if axis != 1 else 'nearly as far in front'} ({other.describe()})"


def _too_few(left: Sequence[Lesion], query: Query) -> tuple[str, ...]:
    if query.excluded or not left or len(left) >= query.place:
        return ()
    return (f"The text asks for number {query.place} by rank, of {_count(len(left))} that fit.",)


def _count(number: int) -> str:
    return "1 lesion" if number == 1 else f"{number} lesions"
