"""The properties of a synthetic lesion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Appearance = Literal["solid", "cystic", "hyperdense", "rim", "necrotic"]

_SHARES: dict[Appearance, float] = {
    "solid": 0.52,
    "cystic": 0.14,
    "hyperdense": 0.12,
    "rim": 0.1,
    "necrotic": 0.12,
}


@dataclass(frozen=True)
class LesionSpec:
    """A lesion to make.

    Attributes:
        diameter_mm: mean diameter.
        contrast_hu: against the liver around it; ignored for a cyst, which has ``fluid_hu``.
        appearance: "solid", "cystic", "hyperdense", "rim" (a brighter or darker border) or
            "necrotic" (a darker centre).
        blur_mm: width of its border.
        irregularity: 0 for an ellipsoid, up to about 0.35 for a lobulated one.
        elongation: ratio of its longest to its shortest axis.
        fluid_hu: attenuation of a cyst.
        exophytic: it lies at the liver's surface and bulges beyond it, into fat.
    """

    diameter_mm: float = 20.0
    contrast_hu: float = -45.0
    appearance: Appearance = "solid"
    blur_mm: float = 1.5
    irregularity: float = 0.15
    elongation: float = 1.2
    fluid_hu: float = 8.0
    exophytic: bool = False


def random_spec(
    rng: np.random.Generator,
    diameter_mm: tuple[float, float] = (6.0, 60.0),
    hyperdense_share: float = _SHARES["hyperdense"],
) -> LesionSpec:
    """Draw a lesion: most are hypodense and small, some subtle, some large.

    Args:
        rng: source of chance.
        diameter_mm: smallest and largest diameter; small ones are drawn more often.
        hyperdense_share: how many are brighter than the liver.
    """
    others = (1.0 - hyperdense_share) / (1.0 - _SHARES["hyperdense"])
    shares = {name: share * others for name, share in _SHARES.items()}
    shares["hyperdense"] = hyperdense_share
    low, high = np.log(diameter_mm[0]), np.log(diameter_mm[1])
    # The mean of two draws in the logarithm favours the middle, about 20 mm.
    diameter = float(np.exp(low + (high - low) * 0.5 * (rng.random() + rng.random())))
    appearance = list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]
    contrast = float(-np.clip(rng.gamma(4.0, 11.0), 14.0, 100.0))
    if appearance == "hyperdense":
        contrast = float(rng.uniform(20.0, 60.0))
    return LesionSpec(
        diameter_mm=diameter,
        contrast_hu=contrast,
        appearance=appearance,
        blur_mm=float(rng.uniform(0.4, 1.2) if appearance == "cystic" else rng.uniform(0.6, 4.0)),
        irregularity=float(
            rng.uniform(0.0, 0.12) if appearance == "cystic" else rng.uniform(0, 0.35)
        ),
        elongation=float(rng.uniform(1.0, 1.6)),
        fluid_hu=float(rng.uniform(0.0, 18.0)),
    )
