"""Measures, aligns and matches two studies that are outlined already. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.alignment import IDENTITY, align_livers
from lsms_core.anatomy.follow_up import FollowUp, Study, follow_up
from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.lesion_numbers import renumbered
from lsms_core.anatomy.liver_map import LiverMap
from lsms_core.anatomy.named_outlines import NamedMask
from lsms_core.inference.answer_report import slice_distance_mm
from lsms_core.inference.outlined_candidates import candidates_of

STEPS = 4


@dataclass(frozen=True)
class OutlinedStudy:
    """One of the two studies.

    Attributes:
        ct: the CT.
        masks: its outlines, on the CT's grid.
        source: where they come from, shown in messages.
        liver: the liver as a search knows it; used where no outline is a liver.
        numbers: (slices, rows, columns), the numbers under which a reader knows the lesions; None
            for the largest first.
    """

    ct: CTVolume
    masks: Sequence[NamedMask]
    source: str
    liver: LiverMap | None = None
    numbers: NDArray[np.integer] | None = None


def compare_outlines(
    before: OutlinedStudy,
    after: OutlinedStudy,
    progress: Callable[[int], None] | None = None,
) -> FollowUp:
    """Match the lesions of two studies.

    The livers are brought onto each other where both are known; else the studies' places are
    taken as they are, and the alignment has no overlap.

    Args:
        before: the earlier study.
        after: the later one.
        progress: called with the steps done, of :data:`STEPS`.

    Raises:
        InputError: when the outlines of a study hold no lesion of the liver.
    """
    tell = progress or (lambda _done: None)
    earlier, earlier_liver = _measured(before)
    tell(1)
    later, later_liver = _measured(after)
    tell(2)
    alignment = IDENTITY
    if earlier_liver is not None and later_liver is not None:
        alignment = align_livers(earlier_liver, later_liver)
    tell(3)
    found = follow_up(earlier, later, alignment)
    tell(4)
    return found


def _measured(study: OutlinedStudy) -> tuple[Study, CTVolume | None]:
    ct = study.ct
    found = candidates_of(ct, study.masks, source=study.source)
    outlined = found.liver is not None and bool(np.any(found.liver.liver & (found.labels == 0)))
    if not outlined and study.liver is not None:
        found, outlined = candidates_of(ct, study.masks, study.liver, source=study.source), True
    labels: NDArray[np.integer] = found.labels
    lesions = found.lesions
    if study.numbers is not None:
        labels, lesions = renumbered(labels, lesions, study.numbers)
    # Without an outline of the liver nothing is known of it but the lesions.
    liver = None if found.liver is None or not outlined else ct.with_array(found.liver.liver)
    return Study(ct.with_array(labels), lesions, slice_distance_mm(ct)), liver
