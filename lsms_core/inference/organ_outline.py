"""Answers to texts about the organ itself: the liver, a lobe or segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.laterality import Side
from lsms_core.anatomy.liver_map import SIDE_LABELS
from lsms_core.language.query import Query

if TYPE_CHECKING:
    from lsms_core.inference.candidates import CandidateSet


def organ_mask(candidates: CandidateSet, query: Query) -> NDArray[np.bool_]:
    """Return the liver, a lobe or segments, with the lesions that lie in it.

    Empty where it is not known.

    Args:
        candidates: of a search, with the liver.
        query: what is asked for; its sides and segments count.
    """
    known = candidates.liver
    if known is None:
        return np.zeros(candidates.labels.shape, np.bool_)
    if query.segments:
        if known.segments is None:
            return np.zeros(candidates.labels.shape, np.bool_)
        return np.isin(known.segments, [int(number) for number in query.segments])
    if len(set(query.sides)) != 1:
        return known.liver | (candidates.labels > 0)
    side: Side = query.sides[0]
    if known.lobes is None:
        return np.zeros(candidates.labels.shape, np.bool_)
    inside = [one.number for one in candidates.lesions if one.sides == (side,)]
    return (known.lobes == SIDE_LABELS[side]) | candidates.mask_of(inside)


def organ_name(query: Query) -> str:
    """Return it in words: "the left lobe"."""
    if query.segments:
        numbers = ", ".join(query.segments)
        return f"segment{'s' if len(query.segments) > 1 else ''} {numbers}"
    return f"the {query.sides[0]} lobe" if len(set(query.sides)) == 1 else "the liver"


def no_organ(query: Query) -> str:
    """Say why nothing was outlined."""
    if query.segments:
        return (
            "The borders of Couinaud's segments are not outlined here: give a segmentation that "
            "has them, or name a lobe."
        )
    return f"Nothing found: the search outlined nothing of {organ_name(query)}."
