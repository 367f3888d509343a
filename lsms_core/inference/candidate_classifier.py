"""A small classifier that decides whether a candidate is a lesion (false-positive reduction).

The network also draws gallbladders, confluences of veins, fissures and partial volume at the dome
with high probability; its map alone does not separate them from lesions. Properties of the whole
candidate help: size and depth, contrast to the liver around it, position inside the liver or at
its edge. A logistic regression combines them with the map. It is fitted on patients that the
network has not seen, so that its output can be used as a probability (docs/history/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.liver_around import FEWEST_VOXELS, ring_around
from lsms_core.anatomy.regions import boxes_of, signed_distance_mm
from lsms_core.entries import saved_entries
from lsms_core.errors import BundleError

FEATURES = (
    "log_diameter",  # of the longest diameter, mm
    "roundness",  # perpendicular by longest diameter
    "depth",  # extent across the slices by longest diameter, logarithm; 0 where the search cuts it
    "darker",  # than the liver around, by 20 HU
    "brighter",  # likewise
    "contrast_to_noise",  # against the spread of the liver around
    "fat",  # 1 where the mean is under -15 HU
    "embedded",  # share of what lies just around it that is liver
    "in_liver",  # share of itself that is liver
    "mean",  # logit of the mean probability
    "peak",  # logit of the highest probabilities
)
# The voxels just around a candidate, mm from its edge.
_SHELL_MM = (1.0, 6.0)
# Without partial volume, mm within the edge.
_CORE_MM = 0.8
_REACH_MM = 14.0
_FEWEST_CORE = 8
# Where no liver tells it: the noise of a portal venous CT.
_NOISE_HU = 12.0
_SMALLEST_NOISE_HU = 4.0
_LARGEST_CNR = 6.0
_SMALLEST_MM = 3.0
_FAT_HU = -15.0
_HU_STEP = 20.0
_LARGEST_DARKER, _LARGEST_BRIGHTER = 80.0, 60.0
_SURE = 1e-4
_PEAK_PERCENTILE = 98.0


@dataclass(frozen=True)
class CandidateClassifier:
    """Weights of a logistic regression; saved with the model.

    Attributes:
        means: of the features, in the order of FEATURES.
        scales: their standard deviations.
        weights: of the standardised features.
        bias: the logit of a candidate with the features' means.
        threshold: probability from which a candidate is taken for a lesion.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    threshold: float = 0.5

    def __post_init__(self) -> None:
        lengths = {len(self.means), len(self.scales), len(self.weights)}
        if lengths != {len(FEATURES)} or min(self.scales) <= 0 or not 0 < self.threshold < 1:
            raise BundleError(
                f"The candidate classifier needs {len(FEATURES)} means, scales above 0, weights, "
                "and a threshold between 0 and 1: the model needs another version of this "
                "software."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CandidateClassifier:
        """Read a classifier saved as JSON.

        Raises:
            BundleError: for unknown or unusable entries.
        """
        return cls(**saved_entries(cls, values, "candidate classifier"))

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return asdict(self)

    def relaxed(self, share: float) -> CandidateClassifier:
        """Return it with its threshold lowered to a share of it, more than 0 and at most 1."""
        return self if share == 1 else replace(self, threshold=self.threshold * share)

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how probably candidates are lesions, (n,), from their (n, F) features."""
        if not len(features):
            return np.zeros(0)
        standard = (features - np.array(self.means)) / np.array(self.scales)
        logits = standard @ np.array(self.weights) + self.bias
        return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def candidate_features(
    volume: CTVolume,
    labels: NDArray[Any],
    lesions: Sequence[Lesion],
    liver: NDArray[np.bool_],
    probability: NDArray[Any],
    *,
    searched: Sequence[int] | None = None,
    axis: int = 0,
) -> NDArray[np.float64]:
    """Return the features of candidates, (n, F) in the order of FEATURES.

    Args:
        volume: the CT, HU.
        labels: (slices, rows, columns), candidates by their numbers, 0 elsewhere.
        lesions: their measurements.
        liver: the same shape, with or without the candidates.
        probability: the same shape, of a lesion.
        searched: the indices that were searched along ``axis``; default: all.
        axis: of the array, along which the slices were searched.
    """
    inside = np.ones(labels.shape[axis] + 2, bool)
    if searched is not None:
        inside[1:-1] = np.isin(np.arange(labels.shape[axis]), searched)
    inside[[0, -1]] = False
    i, j, k = volume.spacing_mm
    spacing = (k, j, i)
    margin = [int(np.ceil(_REACH_MM / mm)) for mm in spacing]
    boxes = boxes_of(labels)
    rows = []
    for one in lesions:
        around = tuple(
            slice(max(s.start - m, 0), s.stop + m)
            for s, m in zip(boxes[one.number], margin, strict=True)
        )
        place = boxes[one.number][axis]
        whole = bool(inside[place.start] and inside[place.stop + 1])
        shape = [-1 if a == axis else 1 for a in range(3)]
        seen = inside[1:-1][around[axis]].reshape(shape)
        rows.append(
            _features(volume, labels, one, liver, probability, spacing, around, whole, seen)
        )
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def _features(
    volume: CTVolume,
    labels: NDArray[Any],
    lesion: Lesion,
    liver: NDArray[np.bool_],
    probability: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    box: tuple[slice, ...],
    whole: bool,
    seen: NDArray[np.bool_],
) -> list[float]:
    mine = np.asarray(labels[box] == lesion.number)
    organ = liver[box] | mine
    hu = volume.array[box].astype(np.float64)
    distance = signed_distance_mm(mine, spacing_mm)
    # Where nothing was searched, no liver is known.
    shell = (distance > _SHELL_MM[0]) & (distance < _SHELL_MM[1]) & seen
    ring = ring_around(distance, organ & (labels[box] == 0))
    core = distance < -_CORE_MM
    inside = hu[core if np.count_nonzero(core) >= _FEWEST_CORE else mine]
    known = np.count_nonzero(ring) >= FEWEST_VOXELS
    noise = float(hu[ring].std()) if known else _NOISE_HU
    contrast = float(inside.mean() - np.median(hu[ring])) if known else lesion.contrast_hu or 0.0
    longest = max(lesion.longest_mm, _SMALLEST_MM)
    across = SlicePlane.of(volume, lesion.plane).axis
    others = tuple(axis for axis in range(3) if axis != across)
    deep = np.count_nonzero(mine.any(axis=others)) * spacing_mm[across]
    drawn = probability[box][mine].astype(np.float64)
    return [
        float(np.log(longest)),
        lesion.perpendicular_mm / longest,
        float(np.log(deep / longest)) if whole else 0.0,
        float(np.clip(-contrast, 0.0, _LARGEST_DARKER)) / _HU_STEP,
        float(np.clip(contrast, 0.0, _LARGEST_BRIGHTER)) / _HU_STEP,
        min(abs(contrast) / max(noise, _SMALLEST_NOISE_HU), _LARGEST_CNR),
        float(inside.mean() < _FAT_HU),
        float(organ[shell].mean()) if shell.any() else 1.0,
        float(liver[box][mine].mean()),
        _logit(float(drawn.mean())),
        _logit(float(np.percentile(drawn, _PEAK_PERCENTILE))),
    ]


def _logit(value: float) -> float:
    sure = min(max(value, _SURE), 1.0 - _SURE)
    return float(np.log(sure / (1.0 - sure)))
