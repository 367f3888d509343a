"""Gives lesions the numbers by which a reader knows them already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.lesion import Lesion


def renumbered(
    labels: NDArray[np.integer], lesions: Sequence[Lesion], known: NDArray[np.integer]
) -> tuple[NDArray[np.int32], tuple[Lesion, ...]]:
    """Give each lesion the number of the known one that it overlaps most.

    A number is given once, to the lesion that has most of it; the others get numbers that are
    not known yet.

    Args:
        labels: (slices, rows, columns), the lesions by number, 0 elsewhere.
        lesions: their measurements.
        known: (slices, rows, columns), the numbers that a reader knows, 0 elsewhere.

    Returns:
        The labels and the lesions, in the order of their new numbers.
    """
    both = (labels > 0) & (known > 0)
    pairs, counts = np.unique(
        np.stack([labels[both], known[both]]).astype(np.int64), axis=1, return_counts=True
    )
    given: dict[int, int] = {}
    for index in np.argsort(-counts, kind="stable"):
        mine, theirs = int(pairs[0, index]), int(pairs[1, index])
        if mine not in given and theirs not in given.values():
            given[mine] = theirs
    free = int(known.max(initial=0))
    for one in lesions:
        if one.number not in given:
            free += 1
            given[one.number] = free
    table = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    for mine, theirs in given.items():
        table[mine] = theirs
    changed = [replace(one, number=given[one.number]) for one in lesions]
    return table[labels], tuple(sorted(changed, key=lambda one: one.number))
