"""Shape, margin and texture of a lesion in a slice, as words where they are clear.

The words are those of the LI-RADS lexicon and of common report templates. Between the two
limits of a measurement no word is used:

* shape: *round* from a ratio of the diameters of 0.8 and a solidity of 0.9 (area over that of
  the convex hull); *irregular* under a solidity of 0.8; *oval* between 0.5 and 0.7 with a smooth
  outline;
* margin: the share of the step from lesion to liver that is made within 1.5 mm of the outline;
* texture: the standard deviation inside, against the liver's noise.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Shape = Literal["round", "oval", "lobulated", "irregular"]
Margin = Literal["well-defined", "ill-defined"]
Texture = Literal["homogeneous", "heterogeneous"]

_SMALLEST_PIXELS = 40
_EDGE_MM = 1.5


def shape_of(mask: NDArray[np.bool_], longest_mm: float, perpendicular_mm: float) -> Shape | None:
    """Return the word for a lesion's outline, None for too few pixels or in between."""
    if mask.sum() < _SMALLEST_PIXELS:
        return None
    ratio, solid = perpendicular_mm / longest_mm, solidity(mask)
    if solid < 0.8:
        return "irregular"
    if solid < 0.9:
        return None
    if ratio >= 0.8:
        return "round"
    return "oval" if 0.5 <= ratio <= 0.7 else None


def solidity(mask: NDArray[np.bool_]) -> float:
    """Area over that of the convex hull, found as the cut of 36 strips around the mask."""
    rows, columns = np.nonzero(mask)
    angles = np.linspace(0.0, np.pi, 36, endpoint=False)
    directions = np.stack([np.sin(angles), np.cos(angles)])
    projected = np.stack([rows, columns], axis=1) @ directions
    low, high = projected.min(axis=0), projected.max(axis=0)
    r, c = np.mgrid[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    grid = np.stack([r.ravel(), c.ravel()], axis=1) @ directions
    hull = np.all((grid >= low - 1e-6) & (grid <= high + 1e-6), axis=1).sum()
    return float(len(rows) / hull)


def margin_of(
    image: NDArray[Any], distance_mm: NDArray[np.float32], ring: NDArray[np.bool_], around_hu: float
) -> Margin | None:
    """Return the word for a lesion's border, None where contrast or pixels do not suffice.

    Args:
        image: (rows, columns) HU.
        distance_mm: signed distance to the outline, negative inside.
        ring: liver around the lesion, free of other lesions.
        around_hu: attenuation of that liver.
    """
    core = image[distance_mm < -2 * _EDGE_MM]
    near = image[(distance_mm > 0) & (distance_mm <= _EDGE_MM + 0.5)]
    inner = image[(distance_mm <= 0) & (distance_mm > -_EDGE_MM)]
    if min(core.size, near.size, inner.size) < 12 or ring.sum() < 20:
        return None
    step = around_hu - float(core.mean())
    if abs(step) < 15.0:
        return None
    share = (float(near.mean()) - float(inner.mean())) / step
    if share >= 0.55:
        return "well-defined"
    return "ill-defined" if share <= 0.3 else None


def texture_of(
    image: NDArray[Any], distance_mm: NDArray[np.float32], ring: NDArray[np.bool_]
) -> Texture | None:
    """Return the word for how even a lesion is; arguments as for :func:`margin_of`."""
    core = image[distance_mm < -_EDGE_MM]
    if core.size < _SMALLEST_PIXELS or ring.sum() < _SMALLEST_PIXELS:
        return None
    noise = float(np.percentile(image[ring], 84) - np.percentile(image[ring], 16)) / 2
    ratio = float(core.std()) / max(noise, 2.0)
    if ratio <= 1.15:
        return "homogeneous"
    return "heterogeneous" if ratio >= 1.6 else None
