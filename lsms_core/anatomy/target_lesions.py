"""Proposes target lesions by RECIST 1.1, with the sum of their diameters.

Eisenhauer et al., New response evaluation criteria in solid tumours: revised RECIST guideline
(version 1.1), European Journal of Cancer 45 (2009) 228-247: a measurable lesion has a longest
axial diameter of 10 mm or more, and of twice the slices' distance where that is more than 5 mm;
at most two an organ are followed. A radiologist chooses the ones that can be measured again
well; here they are the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsms_core.anatomy.lesion import Lesion

MEASURABLE_MM = 10.0
MOST_AN_ORGAN = 2
PROPOSAL = "a proposal by size alone; a radiologist chooses the target lesions"


@dataclass(frozen=True)
class TargetLesions:
    """The proposed target lesions of one organ.

    Attributes:
        lesions: at most two, the largest first.
        sum_mm: of their longest axial diameters, each to a tenth of a millimetre as it is told.
        measurable_mm: the smallest diameter that counts.
    """

    lesions: tuple[Lesion, ...]
    sum_mm: float
    measurable_mm: float


def target_lesions(lesions: Sequence[Lesion], slice_distance_mm: float) -> TargetLesions:
    """Propose target lesions among those of the liver.

    Args:
        lesions: each once; those that were not measured in the axial plane do not count.
        slice_distance_mm: from one axial slice to the next.
    """
    smallest = max(MEASURABLE_MM, 2 * slice_distance_mm if slice_distance_mm > 5 else 0.0)
    fitting = [x for x in lesions if x.plane == "axial" and x.longest_mm >= smallest]
    chosen = sorted(fitting, key=lambda x: (-x.longest_mm, x.number))[:MOST_AN_ORGAN]
    return TargetLesions(tuple(chosen), sum(round(x.longest_mm, 1) for x in chosen), smallest)
