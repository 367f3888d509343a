"""Lesions as they come out of the measurements, without an image."""

from __future__ import annotations

from typing import Any

from lsms_core.anatomy.measurements import LesionMeasurement


def lesion(
    instance: int,
    side: str | None = "left",
    mm: float = 20.0,
    attenuation: str | None = "hypodense",
    subcapsular: bool | None = True,
    **other: Any,
) -> LesionMeasurement:
    entries: dict[str, Any] = {
        "instance": instance,
        "side": side,
        "longest_mm": mm,
        "perpendicular_mm": mm,
        "area_mm2": mm**2,
        "mean_hu": 50.0,
        "contrast_hu": -50.0,
        "attenuation": attenuation,
        "capsule_distance_mm": 1.0,
        "subcapsular": subcapsular,
        "centroid": (0.0, 0.0),
    }
    return LesionMeasurement(**{**entries, **other})
