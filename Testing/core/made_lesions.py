"""Lesions for tests, without a CT."""

from __future__ import annotations

from typing import Any

from lsms_core.anatomy.lesion import Lesion, attenuation_of, location_of


def lesion(number: int = 1, size: float = 20.0, **changes: Any) -> Lesion:
    """A dark lesion of the right lobe; ``contrast_hu`` and ``capsule_mm`` set their words."""
    point = (0.0, 0.0, 0.0)
    contrast = changes.get("contrast_hu", -40.0)
    mean = changes.pop("mean_hu", 100.0 + (contrast or 0.0))
    capsule = changes.get("capsule_mm", 10.0)
    values: dict[str, Any] = {
        "plane": "axial",
        "longest_mm": size,
        "perpendicular_mm": 0.8 * size,
        "longest_ends": (point, (size, 0.0, 0.0)),
        "perpendicular_ends": (point, (0.0, 0.8 * size, 0.0)),
        "diameter_slice": 3,
        "area_mm2": 0.6 * size**2,
        "volume_ml": 0.0005 * size**3,
        "sd_hu": 8.0,
        "slices": (2, 4),
        "centroid_ras": (-50.0, 0.0, float(20 * number)),
        "contrast_hu": contrast,
        "attenuation": None if contrast is None else attenuation_of(mean, contrast),
        "capsule_mm": capsule,
        "location": None if capsule is None else location_of(capsule),
        "sides": ("right",),
        "left_share": 0.0,
        **changes,
    }
    return Lesion(number=number, mean_hu=mean, **values)
