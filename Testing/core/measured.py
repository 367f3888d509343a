"""Lesions as they come out of the measurements, without an image."""

from __future__ import annotations

from typing import Any

from lsms_core.anatomy.lesion import Lesion, attenuation_of, location_of
from lsms_core.anatomy.sections import lobe_segments

# Mean attenuation and contrast to the liver, HU, that are called by a word; None is between.
HU = {
    "hypodense": (50.0, -50.0),
    "hyperdense": (150.0, 50.0),
    "isodense": (100.0, 0.0),
    "cystic": (10.0, -90.0),
    None: (90.0, -10.0),
}
# Likewise of the distance to the liver's surface, mm.
DEPTH = {"subcapsular": 1.0, "central": 25.0, None: 10.0}


def lesion(
    number: int,
    side: str | None = "left",
    mm: float = 20.0,
    attenuation: str | None = "hypodense",
    location: str | None = "subcapsular",
    **other: Any,
) -> Lesion:
    """Return a lesion that measurements call so; None is not clear."""
    mean, contrast = HU[attenuation]
    sides = ("left", "right") if side is None else (side,)
    point = (0.0, 0.0, 0.0)
    entries: dict[str, Any] = {
        "number": number,
        "plane": "axial",
        "longest_mm": mm,
        "perpendicular_mm": mm,
        "longest_ends": (point, point),
        "perpendicular_ends": (point, point),
        "diameter_slice": 0,
        "area_mm2": mm**2,
        "volume_ml": 0.0,
        "mean_hu": mean,
        "sd_hu": 5.0,
        "slices": (0, 0),
        "centroid_ras": point,
        "contrast_hu": contrast,
        "attenuation": attenuation_of(mean, contrast),
        "capsule_mm": DEPTH[location],
        "location": location_of(DEPTH[location]),
        "sides": sides,
        "segments": lobe_segments(sides),
    }
    return Lesion(**{**entries, **other})
