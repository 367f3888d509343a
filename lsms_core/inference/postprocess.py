"""Cuts a probability map into connected components, each with a score.

Needs only numpy and SimpleITK, so that a host that keeps the probability map
(3D Slicer, say) can cut it again at another threshold without the model.

The map is thresholded and split into connected components (in 3-D where
neighbouring slices were run together). Every component is kept or dropped by its own score:

    score = sqrt(mean probability inside the component * its peak)

The mean describes the component as a whole, the peak its most certain voxel; their
geometric mean lies between the two, and never below the threshold. A component is
kept when it is large and deep enough and its
score reaches the presence threshold. The map's score is that of its best
component, or its highest probability where nothing exceeds the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.entries import saved_entries
from lsms_core.errors import InputError
from lsms_core.inference.candidate_classifier import CandidateClassifier
from lsms_core.inference.evidence_calibration import EvidenceCalibration


@dataclass(frozen=True)
class PostprocessingConfig:
    """How a probability map is cut; saved with the model.

    Attributes:
        mask_threshold: probability from which a pixel belongs to the mask.
        presence_threshold: score from which a component is taken for real.
        seed_threshold: probability that a component must reach somewhere; 0 for off.
        min_area_mm2: a component's largest cross-section must reach this.
        min_depth_mm: in runs over neighbouring slices, a component must be at least this
            deep across them, unless the run's first or last slice cuts it; 0 for off.
        keep_largest: keep only the largest component.
        volumetric: connect components across neighbouring slices.
        edges_mm: how far from a finding its rim may move with the picture, before the map is
            cut (:mod:`lsms_core.inference.edges`); 0, as in weights before 0.9, where it stays.
        classifier: how probably a component in the liver is a lesion, in place of its score; None,
            as in weights before 1.0, for the score.
        evidence: the looks that LSMS was taught to see; None, as in weights before 1.0, for none.
    """

    mask_threshold: float = 0.5
    presence_threshold: float = 0.5
    min_area_mm2: float = 20.0
    min_depth_mm: float = 3.0
    keep_largest: bool = False
    volumetric: bool = True
    edges_mm: float = 0.0
    seed_threshold: float = 0.0
    classifier: CandidateClassifier | None = None
    evidence: EvidenceCalibration | None = None

    def __post_init__(self) -> None:
        for name in ("mask_threshold", "presence_threshold"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise InputError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)}: use a number between "
                    "0 and 1, such as 0.5."
                )
        if min(self.min_area_mm2, self.min_depth_mm, self.edges_mm) < 0:
            raise InputError(
                "The minimum area and depth and the edges' reach are sizes in mm: use 0 or more."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PostprocessingConfig:
        """Read a configuration saved as JSON.

        Raises:
            BundleError: for unknown entries.
        """
        entries = saved_entries(cls, values, "post-processing")
        if entries.get("classifier") is not None:
            entries["classifier"] = CandidateClassifier.from_dict(entries["classifier"])
        if entries.get("evidence") is not None:
            entries["evidence"] = EvidenceCalibration.from_dict(entries["evidence"])
        return cls(**entries)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration for saving as JSON."""
        return asdict(self)

    def at_threshold(self, threshold: float | None) -> PostprocessingConfig:
        """Return the configuration for a threshold that the user chose.

        Below the model's own threshold the demand on the score falls in proportion, so
        that asking for more shows more; the model's own threshold changes nothing.
        """
        if threshold is None or threshold == self.mask_threshold:
            return self
        share = min(1.0, threshold / self.mask_threshold)
        return replace(
            self,
            mask_threshold=threshold,
            presence_threshold=self.presence_threshold * share,
            seed_threshold=self.seed_threshold * share,
            classifier=self.classifier and self.classifier.relaxed(share),
        )


@dataclass(frozen=True)
class Components:
    """The connected components of a map that are taken for real.

    Attributes:
        labels: the map's shape; 1..n, the largest first, 0 elsewhere.
        scores: 0 to 1, one for each number from 1 on; see the module's text.
        best: score of the best component, kept or not; where nothing exceeds the threshold, the
            highest probability, held below what would count as found.
    """

    labels: NDArray[np.uint16]
    scores: tuple[float, ...]
    best: float


def find_components(
    probability: NDArray[Any],
    spacing_mm: Sequence[float],
    config: PostprocessingConfig | None = None,
    *,
    axis: int = 0,
    slices: Sequence[int] | None = None,
) -> Components:
    """Cut a probability map into its connected components.

    Args:
        probability: (rows, columns), or a 3-D array, 0 to 1.
        spacing_mm: pixel size along each of its axes, mm.
        config: how to cut.
        axis: of a 3-D array, the axis along which slices were run.
        slices: of a 3-D array, the indices that were run; default: all of them.

    Raises:
        InputError: when shape and spacing do not fit.
    """
    config = config or PostprocessingConfig()
    if probability.ndim not in (2, 3) or len(spacing_mm) != probability.ndim:
        raise InputError(
            f"Expected a 2-D or 3-D map with one spacing an axis, got shape {probability.shape} "
            f"and {len(spacing_mm)} spacings."
        )
    labels = np.zeros(probability.shape, np.uint16)
    if probability.ndim == 2:
        stack, stack_labels = probability[None], labels[None]
        stack_spacing = (0.0, float(spacing_mm[0]), float(spacing_mm[1]))
    else:
        stack, stack_labels = np.moveaxis(probability, axis, 0), np.moveaxis(labels, axis, 0)
        moved = [float(s) for i, s in enumerate(spacing_mm) if i != axis % 3]
        stack_spacing = (float(spacing_mm[axis]), moved[0], moved[1])
    chosen = range(len(stack)) if slices is None else sorted(set(slices))
    components: list[_Component] = []
    peak = 0.0
    for start, stop in runs_of(chosen, joined=config.volumetric):
        block = stack[start:stop]
        peak = max(peak, float(block.max(initial=0.0)))
        components += _components(block, start, stack_spacing, config)
    large = [c for c in components if c.large_enough(config)]
    kept = [c for c in large if c.convincing(config)]
    kept.sort(key=lambda c: -c.voxels)
    del kept[np.iinfo(labels.dtype).max :]
    for number, component in enumerate(kept, 1):
        stack_labels[component.where] = number
    # Where nothing is a candidate the peak speaks, held below what would count as found.
    empty = min(peak, float(np.nextafter(config.presence_threshold, 0.0)))
    best = max((c.score for c in large), default=empty)
    return Components(labels, tuple(c.score for c in kept), best)


@dataclass(frozen=True)
class _Component:
    where: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
    score: float
    peak: float
    voxels: int
    largest_area_mm2: float
    depth_mm: float
    cut_off: bool

    def large_enough(self, config: PostprocessingConfig) -> bool:
        deep = self.cut_off or self.depth_mm >= config.min_depth_mm
        return deep and self.largest_area_mm2 >= config.min_area_mm2

    def convincing(self, config: PostprocessingConfig) -> bool:
        return self.score >= config.presence_threshold and self.peak >= config.seed_threshold


def runs_of(chosen: Sequence[int] | range, *, joined: bool = True) -> list[tuple[int, int]]:
    """Return half-open runs of neighbouring indices, or, not joined, each by itself."""
    if not joined:
        return [(i, i + 1) for i in chosen]
    indices = list(chosen)
    if not indices:
        return []
    breaks = [i for i, (a, b) in enumerate(pairwise(indices), start=1) if b != a + 1]
    edges = [0, *breaks, len(indices)]
    return [(indices[a], indices[b - 1] + 1) for a, b in pairwise(edges)]


def _components(
    block: NDArray[Any],
    first: int,
    spacing_mm: tuple[float, float, float],
    config: PostprocessingConfig,
) -> list[_Component]:
    """Connected components of a thresholded (slices, rows, columns) block.

    A single slice is connected over edges and corners. In 3-D only faces connect: across
    a thick slice a shared corner says nothing about two lesions being one.
    """
    foreground = block >= config.mask_threshold
    box = _bounding_box(foreground)
    if box is None:
        return []
    inner = np.ascontiguousarray(foreground[box]).astype(np.uint8)
    flat = len(inner) == 1
    image = sitk.GetImageFromArray(inner[0] if flat else inner)
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(image, flat)).reshape(inner.shape)
    where = np.nonzero(labels)
    ids = labels[where].astype(np.intp)
    values = block[box][where].astype(np.float64)
    order = np.argsort(ids, kind="stable")
    bounds = np.searchsorted(ids[order], np.arange(1, ids.max() + 2))
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    offsets = [s.start for s in box]
    components = []
    for low, high in pairwise(bounds):
        members = order[low:high]
        k, rows, columns = (w[members] + o for w, o in zip(where, offsets, strict=True))
        mine = values[members]
        counts = np.bincount(k)
        top, bottom = int(k.min()), int(k.max())
        components.append(
            _Component(
                where=(k + first, rows, columns),
                score=float(np.sqrt(mine.mean() * mine.max())),
                peak=float(mine.max()),
                voxels=len(members),
                largest_area_mm2=float(counts.max() * pixel_mm2),
                depth_mm=(bottom - top + 1) * spacing_mm[0],
                cut_off=len(block) == 1 or top == 0 or bottom == len(block) - 1,
            )
        )
    return components


def _bounding_box(foreground: NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """Smallest box around what is set, or None where nothing is."""
    filled = [np.flatnonzero(foreground.any(axis=(1, 2)))]
    if not len(filled[0]):
        return None
    part = foreground[filled[0][0] : filled[0][-1] + 1]
    rows, columns = part.any(axis=(0, 2)), part.any(axis=(0, 1))
    filled += [np.flatnonzero(rows), np.flatnonzero(columns)]
    k, r, c = (slice(int(f[0]), int(f[-1]) + 1) for f in filled)
    return k, r, c
