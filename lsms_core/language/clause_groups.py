"""Clauses about the same lesions, and those that begin to speak of others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lsms_core.language.clause import Clause
from lsms_core.language.phrases import Kind


def rank_named_anew(chosen: Sequence[Clause]) -> Clause | None:
    """Return the "not the largest" of "not the largest but the second largest"."""
    for part, after in pairwise(chosen):
        ranks = [{v for name, v, _ in c.values if name == "rank"} for c in (part, after)]
        if ranks[0] and ranks[0] == ranks[1] and part.excluded and not after.excluded:
            return part
    return None


def says(part: Clause, name: str) -> bool:
    """Whether a clause says something for an entry of the query."""
    return any(said == name for said, _, _ in part.values)


def is_named(group: Sequence[Clause]) -> bool:
    """Whether lesions are named by a noun, not only by "one"."""
    return any(i.kind is Kind.LESION for c in group for i in c.items)


def names_place(group: Sequence[Clause]) -> bool:
    """Whether one of the clauses names a place."""
    return any(c.placed for c in group)


def grouped(chosen: Sequence[Clause]) -> list[list[Clause]]:
    """Return the clauses in groups, each about other lesions than the one before."""
    groups: list[list[Clause]] = []
    for part in chosen:
        own = part.head and part.placed and not part.definite
        earlier = bool(groups) and any(c.head and c.placed for c in groups[-1])
        only_out = not (part.sides or part.segments)
        if groups and not (own and earlier and not only_out):
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


def inherit_place(part: Clause, denials: Sequence[Clause]) -> None:
    """Place the cyst of "left lobe clear apart from a cyst" in the left lobe.

    What is "elsewhere" lies in none of the places that were denied.
    """
    elsewhere = any(i.words.endswith("elsewhere") for i in part.items)
    if elsewhere and not part.placed:
        part.without_sides = [pair for d in denials for pair in d.sides]
        part.without_segments = [pair for d in denials for pair in d.segments]
        return
    if part.excepted and not part.placed and denials and denials[-1].sentence == part.sentence:
        part.sides, part.segments = denials[-1].sides, denials[-1].segments


def is_answer(part: Clause, meant: Sequence[Clause]) -> bool:
    """Whether a denial answers the question before it: "lesions? None."."""
    only_none = all(i.kind in (Kind.NONE, Kind.NO) for i in part.items)
    return only_none and bool(meant) and all(m.question for m in meant)
