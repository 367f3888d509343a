"""The figures of several lesions together: one row of a table, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lsms_core.anatomy.lesion import Lesion, total_volume_ml


@dataclass(frozen=True)
class LesionSummary:
    """What is told of several lesions together.

    Attributes:
        count: how many there are.
        longest: the lesion with the longest diameter; its diameters and area stand for all.
        volume_ml: their volume.
        mean_hu: mean attenuation of all their voxels; NaN where no voxel has a number.
        sd_hu: its standard deviation.
    """

    count: int
    longest: Lesion
    volume_ml: float
    mean_hu: float
    sd_hu: float


def summarise_lesions(lesions: Sequence[Lesion]) -> LesionSummary | None:
    """Return the figures of several lesions of one CT together, None for none."""
    if not lesions:
        return None
    known = [one for one in lesions if np.isfinite(one.mean_hu)]
    mean = spread = float("nan")
    if known:
        weights = np.array([one.volume_ml for one in known])
        means = np.array([one.mean_hu for one in known])
        within = np.array([one.sd_hu for one in known]) ** 2
        mean = float(np.average(means, weights=weights))
        spread = float(np.sqrt(np.average(within + (means - mean) ** 2, weights=weights)))
    return LesionSummary(
        count=len(lesions),
        longest=max(lesions, key=lambda one: one.longest_mm),
        volume_ml=total_volume_ml(lesions),
        mean_hu=mean,
        sd_hu=spread,
    )
