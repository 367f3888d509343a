"""A lesion and its measurements: one type for the command line, Slicer, the page and Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from lsms_core.anatomy.appearance import Margin, Shape, Texture
from lsms_core.anatomy.laterality import Side

Attenuation = Literal["hypodense", "hyperdense", "isodense", "cystic"]
Location = Literal["subcapsular", "central"]
Ends = tuple[tuple[float, float, float], tuple[float, float, float]]

# Attenuation against the liver around it, HU; between the two limits no word is used.
CLEAR_CONTRAST_HU = 15.0
ISODENSE_CONTRAST_HU = 6.0
# Simple fluid: 0 to 20 HU (ACR, management of incidental liver lesions on CT).
FLUID_HU = (-10.0, 20.0)
# The nearest that a lesion comes to the liver's surface, mm.
SUBCAPSULAR_MM = 3.0
CENTRAL_MM = 20.0


# The measurements, each with its number of decimals.
_DIGITS = {
    "longest_mm": 1, "perpendicular_mm": 1, "area_mm2": 1, "mean_hu": 1, "sd_hu": 1,
    "contrast_hu": 1, "capsule_mm": 1, "volume_ml": 3, "left_share": 2, "evidence": 2, "score": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Lesion:
    """One lesion, whole.

    Attributes:
        number: its number, 1 for the largest by volume.
        plane: the plane of the diameters and the area, "axial" as a rule.
        longest_mm: the longest diameter in that plane over all slices of the lesion (RECIST 1.1).
        perpendicular_mm: the longest diameter at a right angle to it in that slice.
        longest_ends: its two ends, RAS mm.
        perpendicular_ends: likewise.
        diameter_slice: index of that slice along the array's axis across ``plane``.
        area_mm2: the largest area in any slice.
        volume_ml: volume.
        mean_hu: mean attenuation; voxels without a number are left out.
        sd_hu: its standard deviation.
        contrast_hu: mean minus the median of the liver around; None where none is known.
        attenuation: the word for it, None between the limits.
        capsule_mm: the nearest that it comes to the liver's surface; None without a liver.
            What is deeper than 25 mm has 25.
        location: the word for it, None between the limits.
        shape: of the outline in the slice of the longest diameter, None where none is clear.
        margin: of the border there, likewise.
        texture: how even it is there, likewise.
        sides: the patient's lobes that it may lie in: one, both where it lies across their border
            or so near that the side is not sure, () where the lobes are not known.
        left_share: share of its volume in the left lobe, 0 to 1; None where not known.
        segments: Couinaud's segments "1" to "8" that it may lie in; () where not known.
        slices: first and last slice along the axis that was asked for.
        centroid_ras: centre, RAS mm.
        score: 0 to 1, the network's certainty that it is a lesion; 1 for a given outline.
        evidence: 0 to 1, what a network says of the words that nothing measures; None for none.
    """

    number: int
    plane: str
    longest_mm: float
    perpendicular_mm: float
    longest_ends: Ends
    perpendicular_ends: Ends
    diameter_slice: int
    area_mm2: float
    volume_ml: float
    mean_hu: float
    sd_hu: float
    slices: tuple[int, int]
    centroid_ras: tuple[float, float, float]
    contrast_hu: float | None = None
    attenuation: Attenuation | None = None
    capsule_mm: float | None = None
    location: Location | None = None
    shape: Shape | None = None
    margin: Margin | None = None
    texture: Texture | None = None
    sides: tuple[Side, ...] = ()
    left_share: float | None = None
    segments: tuple[str, ...] = ()
    score: float = 1.0
    evidence: float | None = None

    @property
    def place(self) -> str:
        """Where it lies, in words: "right lobe", "across the lobes' border", "" if unknown."""
        if len(self.sides) == 2:
            share = self.left_share
            across = share is not None and 0.1 < share < 0.9
            return "across the border of the lobes" if across else "at the border of the lobes"
        return f"{self.sides[0]} lobe" if self.sides else ""

    def describe(self) -> str:
        """Return it in a few words: "18 mm, right lobe"."""
        size = f"{self.longest_mm:.0f} mm" if self.longest_mm >= 1 else "under 1 mm"
        return ", ".join(filter(None, (size, self.place)))

    def to_dict(self, *, exact: bool = False) -> dict[str, Any]:
        """Return the measurements for JSON.

        Args:
            exact: leave out the rounding to what can be measured, for another process that is
                to decide in the same way.
        """
        values = asdict(self)
        for name, digits in _DIGITS.items():
            values[name] = _rounded(values[name], 17 if exact else digits)
        digits = 17 if exact else 1
        values["centroid_ras"] = [_rounded(v, digits) for v in self.centroid_ras]
        for name in ("longest_ends", "perpendicular_ends"):
            values[name] = [[_rounded(v, digits) for v in end] for end in values[name]]
        for name in ("slices", "sides", "segments"):
            values[name] = list(values[name])
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Lesion:
        """Read what :meth:`to_dict` wrote."""

        def number(value: float | None) -> float:
            return float("nan") if value is None else float(value)

        known = dict(values)
        for name in ("slices", "sides", "segments", "centroid_ras"):
            known[name] = tuple(known[name])
        for name in ("longest_ends", "perpendicular_ends"):
            known[name] = tuple(tuple(end) for end in known[name])
        for name in ("mean_hu", "sd_hu"):
            known[name] = number(known[name])
        return cls(**known)


def attenuation_of(mean_hu: float, contrast_hu: float) -> Attenuation | None:
    """Return the word for a lesion's attenuation, None between the limits.

    Args:
        mean_hu: of the lesion.
        contrast_hu: mean minus that of the liver around.
    """
    if contrast_hu <= -CLEAR_CONTRAST_HU:
        return "cystic" if FLUID_HU[0] <= mean_hu <= FLUID_HU[1] else "hypodense"
    if contrast_hu >= CLEAR_CONTRAST_HU:
        return "hyperdense"
    return "isodense" if abs(contrast_hu) <= ISODENSE_CONTRAST_HU else None


def location_of(capsule_mm: float) -> Location | None:
    """Return the word for a lesion's depth, None between the limits."""
    if capsule_mm <= SUBCAPSULAR_MM:
        return "subcapsular"
    return "central" if capsule_mm >= CENTRAL_MM else None


def total_volume_ml(lesions: Sequence[Lesion]) -> float:
    """The volume of all of them, mL."""
    return float(sum(lesion.volume_ml for lesion in lesions))


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None or not np.isfinite(value):
        return None
    return round(float(value), digits)
