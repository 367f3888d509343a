"""The liver around a lesion, against which its attenuation is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# This far from the lesion's edge, beyond the partial volume, mm.
RING_MM = (2.0, 10.0)
# With fewer voxels of it the attenuation around is not measured.
FEWEST_VOXELS = 20


def ring_around(distance_mm: NDArray[Any], healthy: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the ring of liver around a lesion.

    Args:
        distance_mm: to the lesion's edge, positive outside.
        healthy: the same shape, liver without lesions.
    """
    return healthy & (distance_mm > RING_MM[0]) & (distance_mm < RING_MM[1])


def ring_margin(spacing_mm: Sequence[float]) -> list[int]:
    """Return how many voxels a lesion's box must be widened along each axis to hold its ring."""
    return [int(np.ceil(RING_MM[1] / mm)) + 1 for mm in spacing_mm]
