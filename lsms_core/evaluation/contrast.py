"""How much a named lesion differs from the liver around it: what hardly differs is hardly found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.liver_around import FEWEST_VOXELS, ring_around, ring_margin
from lsms_core.anatomy.regions import bounding_box, label_components, signed_distance_mm


def contrast_of_largest(
    hu: NDArray[Any],
    named: NDArray[np.bool_],
    lesions: NDArray[np.bool_],
    liver: NDArray[np.bool_],
    spacing_mm: Sequence[float],
) -> float | None:
    """Return the mean of the largest named lesion minus the median of the liver around it, HU.

    Args:
        hu: (rows, columns) of a slice.
        named: the same shape, the lesions that a text names.
        lesions: all of the slice; the liver around is free of them.
        liver: with or without its lesions.
        spacing_mm: (row, column).

    Returns:
        None where nothing is named, hardly any liver is around, or voxels have no number.
    """
    if not named.any():
        return None
    largest = label_components(named)[0] == 1
    box = bounding_box(largest, ring_margin(spacing_mm))
    distance = signed_distance_mm(largest[box], spacing_mm)
    ring = ring_around(distance, liver[box] & ~lesions[box])
    if np.count_nonzero(ring) < FEWEST_VOXELS:
        return None
    contrast = float(hu[largest].mean() - np.median(hu[box][ring]))
    return contrast if np.isfinite(contrast) else None
