"""The candidates of a CT: the lesions that a text may name, found once for all texts.

Needs no torch: a host that keeps the maps of a search (3D Slicer, say) cuts them again at another
threshold, and somebody else's outlines become candidates in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.liver_map import LiverMap, cropped
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.anatomy.regions import boxes_of
from lsms_core.errors import InputError
from lsms_core.inference.candidate_classifier import CandidateClassifier, candidate_features
from lsms_core.inference.liver_outline import lies_in_liver, margin_voxels
from lsms_core.inference.postprocess import PostprocessingConfig, find_components, runs_of
from lsms_core.language.unmeasured import Look

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.language.query import Query, Reading


@dataclass(frozen=True)
class Search:
    """The slices that were searched, and the model that searched them.

    Attributes:
        volume: the CT; a single picture is a volume of one slice.
        slices: the indices that were run along ``axis``.
        axis: the array axis along which the slices lie.
        plane: "axial", "coronal" or "sagittal".
        flat: whether the request was for a single picture.
        engine: the engine's name; "labels" for an existing segmentation.
        model: the model's name and version, or where the outlines come from.
        device: where the last slice was run.
        fallback: the limitation under which the run was finished, such as no GPU memory.
        warnings: what the user should know of the image, in sentences.
    """

    volume: CTVolume
    slices: tuple[int, ...]
    axis: int = 0
    plane: str = "axial"
    flat: bool = False
    engine: str = ""
    model: str = ""
    device: str = "cpu"
    fallback: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Spacing along the axes of the stored array, (slice, row, column)."""
        i, j, k = self.volume.spacing_mm
        return k, j, i

    @property
    def diameter_plane(self) -> str | int:
        """The plane of diameters: a single slice of another plane has no axial extent."""
        return self.axis if len(self.slices) == 1 else "axial"


@dataclass(frozen=True)
class CandidateSet:
    """The candidates of a search; every text about it is answered from them.

    Attributes:
        search: where was searched, and by what.
        labels: (slices, rows, columns); candidates 1..n, 0 elsewhere.
        scores: 0 to 1, one for each candidate; the candidates are numbered by size.
        liver: the liver, with or without them; None where it is not known.
        probability: float16, the same shape: how probably a voxel is of a lesion (of an engine
            that looks for one text, of what it names); None where it was not kept.
        config: how it was cut.
        best: score of the best component, whether or not it became a candidate.
        elsewhere: how many candidates were left out because they lie outside the liver.
        looks: the model's evidence for the appearances that it was taught, by the candidates'
            numbers; None where it was not asked.
    """

    search: Search
    labels: NDArray[np.uint16]
    scores: tuple[float, ...]
    liver: LiverMap | None = None
    probability: NDArray[np.float16] | None = None
    config: PostprocessingConfig = field(default_factory=PostprocessingConfig)
    best: float = 0.0
    elsewhere: int = 0
    looks: Mapping[int, Mapping[Look, float]] | None = None

    @classmethod
    def from_map(
        cls,
        search: Search,
        probability: NDArray[np.float16],
        liver: LiverMap | None,
        config: PostprocessingConfig,
    ) -> CandidateSet:
        """Cut a map into candidates.

        Args:
            search: where was searched.
            probability: (slices, rows, columns).
            liver: without it nothing is said of lobes, and nothing is left out.
            config: how to cut.
        """
        found = find_components(
            probability[0] if search.flat else probability,
            search.spacing_mm[1:] if search.flat else search.spacing_mm,
            config,
            axis=search.axis,
            slices=None if search.flat else search.slices,
        )
        labels = found.labels[None] if search.flat else found.labels
        scores, elsewhere = list(found.scores), 0
        if liver is not None:
            scores, elsewhere = _keep_inside(labels, scores, liver.liver, search.spacing_mm)
        cut = cls(search, labels, tuple(scores), liver, probability, config, found.best, elsewhere)
        return cut if config.classifier is None else cut._judged(config.classifier)

    def features(self) -> NDArray[np.float64]:
        """Return what the classifier looks at; needs the liver and the map.

        Raises:
            InputError: when one of them is missing.
        """
        if self.liver is None or self.probability is None:
            raise InputError("Candidates are judged by liver and map: search with a model that "
                             "draws both.")  # fmt: skip
        search = self.search
        return candidate_features(
            search.volume, self.labels, self.lesions, self.liver.liver, self.probability,
            searched=search.slices, axis=search.axis,
        )  # fmt: skip

    def _judged(self, classifier: CandidateClassifier) -> CandidateSet:
        """Return the same candidates, scored by how probably they are lesions."""
        if self.liver is None or self.probability is None or not self.scores:
            return self
        features = self.features()
        scores = tuple(float(p) for p in classifier.probabilities(features))
        judged = replace(self, scores=scores, best=max(scores))
        # Measured already; a cached property is filled in by its name.
        judged.__dict__["lesions"] = tuple(
            replace(one, score=score) for one, score in zip(self.lesions, scores, strict=True)
        )
        return judged

    @property
    def least_score(self) -> float:
        """The score under which a candidate is taken for no lesion, for every text."""
        if self.config.classifier is None or self.liver is None:
            return 0.0
        return self.config.classifier.threshold

    @property
    def unlikely(self) -> frozenset[int]:
        """Numbers of the candidates that are taken for no lesion."""
        least = self.least_score
        return frozenset(n for n, score in enumerate(self.scores, start=1) if score < least)

    @classmethod
    def from_labels(
        cls, search: Search, labels: NDArray[Any], liver: LiverMap | None = None
    ) -> CandidateSet:
        """Take outlines as candidates, each as it is.

        Args:
            search: where the outlines were looked at.
            labels: (slices, rows, columns); lesions by number, 0 elsewhere.
            liver: as far as it is known.
        """
        inside = np.zeros(labels.shape[search.axis], bool)
        inside[list(search.slices)] = True
        shape = [1, 1, 1]
        shape[search.axis] = -1
        numbers = np.where(inside.reshape(shape), labels, 0)
        if numbers.max(initial=0) > np.iinfo(np.uint16).max:
            raise InputError("There are more than 65535 lesions: pass the lesions' own label map.")
        numbers = numbers.astype(np.uint16)
        _part_runs(search, numbers)
        return cls(search, numbers, (1.0,) * _by_size(numbers), liver, best=1.0)

    def at_threshold(
        self,
        threshold: float | None = None,
        *,
        keep_largest: bool | None = None,
        min_area_mm2: float | None = None,
    ) -> CandidateSet:
        """Cut the kept map again; the model is not asked again.

        Args:
            threshold: between 0 and 1; None for the one of last time.
            keep_largest: keep only the largest lesion of an answer.
            min_area_mm2: what a candidate's largest cross-section must reach.

        Raises:
            InputError: when the map was not kept.
        """
        from lsms_core.inference.candidate_looks import looking_like

        config = self.config.at_threshold(threshold)
        if keep_largest is not None:
            config = replace(config, keep_largest=keep_largest)
        if min_area_mm2 is not None:
            config = replace(config, min_area_mm2=min_area_mm2)
        if config == self.config:
            return self
        if replace(config, keep_largest=self.config.keep_largest) == self.config:
            return replace(self, config=config)
        if self.probability is None:
            raise InputError(
                "This result was made without its probability map: segment again with "
                "keep_probability=True."
            )
        cut = CandidateSet.from_map(self.search, self.probability, self.liver, config)
        return looking_like(cut, self)

    def changed(self, lesions: tuple[Lesion, ...] | None = None, **changes: Any) -> CandidateSet:  # noqa: ANN401
        """Return the same candidates with other entries, without measuring anything again."""
        changed = replace(self, **changes)
        # A cached property is filled in by its name.
        known = self.__dict__.get("lesions") if lesions is None else lesions
        if known is not None:
            changed.__dict__["lesions"] = known
        return changed

    def answer(self, text: str | Reading | Query) -> Answer:
        """Answer a text, or what was read from it; takes a few milliseconds."""
        from lsms_core.inference.answer import answer

        return answer(self, text)

    @cached_property
    def lesions(self) -> tuple[Lesion, ...]:
        """The candidates with their measurements, in the order of their numbers."""
        return self.measured(self.labels)

    def measured(self, labels: NDArray[np.uint16]) -> tuple[Lesion, ...]:
        """Measure the candidates in other outlines of theirs.

        Args:
            labels: (slices, rows, columns), with the candidates' numbers.
        """
        return _measure(self.search, labels, self.liver, self.scores)

    @cached_property
    def boxes(self) -> Mapping[int, tuple[slice, slice, slice]]:
        """The bounding box of each candidate."""
        return boxes_of(self.labels)

    def check_number(self, number: int) -> None:
        """Refuse the number of a candidate that does not exist.

        Raises:
            InputError: saying which exist.
        """
        if not 1 <= number <= len(self.scores):
            raise InputError(
                f"There is no lesion {number}: use 1 to {len(self.scores)}."
                if self.scores
                else "No lesion was found that could be named by its number."
            )

    def mask_of(self, numbers: Sequence[int]) -> NDArray[np.bool_]:
        """Return the union of some candidates, (slices, rows, columns)."""
        mask = np.zeros(self.labels.shape, np.bool_)
        for number in numbers:
            box = self.boxes[number]
            mask[box] |= self.labels[box] == number
        return mask

    def without_map(self) -> CandidateSet:
        """Return the same candidates without the map, which is as large as the CT."""
        return replace(self, probability=None)


def _part_runs(search: Search, labels: NDArray[np.uint16]) -> None:
    """Number anew, in place, a lesion that two runs of slices show: between them it is not seen."""
    used: set[int] = set()
    stack = np.moveaxis(labels, search.axis, 0)
    for first, stop in runs_of(search.slices):
        part = stack[first:stop]
        here = set(np.unique(part).tolist()) - {0}
        for number in sorted(here & used):
            part[part == number] = max(used | here) + 1
            here = (here - {number}) | {max(used | here) + 1}
        used |= here


def _by_size(labels: NDArray[np.uint16]) -> int:
    """Number the lesions anew, in place, the largest first; returns how many there are."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    present = np.flatnonzero(sizes)
    order = present[np.argsort(-sizes[present], kind="stable")]
    numbers = np.zeros(len(sizes), np.uint16)
    numbers[order] = np.arange(1, len(order) + 1)
    np.take(numbers, labels, out=labels)
    return len(order)


def _keep_inside(
    labels: NDArray[np.uint16],
    scores: Sequence[float],
    liver: NDArray[np.bool_],
    spacing_mm: Sequence[float],
) -> tuple[list[float], int]:
    """Unset, in place, what lies outside the liver, and number the others anew."""
    margin = margin_voxels(spacing_mm)
    kept: list[float] = []
    boxes = boxes_of(labels)
    for number, place in sorted(boxes.items()):
        box = tuple(
            slice(max(s.start - m, 0), s.stop + m) for s, m in zip(place, margin, strict=True)
        )
        mine = labels[box] == number
        inside = lies_in_liver(mine, liver[box], spacing_mm)
        if inside:
            kept.append(scores[number - 1])
        labels[box][mine] = len(kept) if inside else 0
    return kept, len(boxes) - len(kept)


def _measure(
    search: Search,
    labels: NDArray[np.uint16],
    liver: LiverMap | None,
    scores: Sequence[float] | None,
) -> tuple[Lesion, ...]:
    """Measure the lesions, each in the run of neighbouring slices that it lies in."""
    lesions: list[Lesion] = []
    plane = SlicePlane.of(search.volume, search.diameter_plane)
    for first, stop in runs_of(search.slices):
        volume, part, around = _cropped(search, labels, liver, first, stop)
        if not part.any():
            continue
        found = measure_lesions(
            volume, part, around, plane=search.diameter_plane, axis=search.axis, scores=scores
        )
        for one in found:
            low, high = one.slices
            moved = first if plane.axis == search.axis else 0
            lesions.append(
                replace(
                    one,
                    slices=(low + first, high + first),
                    diameter_slice=one.diameter_slice + moved,
                )
            )
    return tuple(sorted(lesions, key=lambda one: one.number))


def _cropped(
    search: Search,
    labels: NDArray[np.uint16],
    liver: LiverMap | None,
    first: int,
    stop: int,
) -> tuple[CTVolume, NDArray[np.uint16], LiverMap | None]:
    place: list[slice] = [slice(None)] * 3
    place[search.axis] = slice(first, stop)
    where = tuple(place)
    affine = search.volume.affine.copy()
    affine[:3, 3] += first * affine[:3, 2 - search.axis]
    axial = SlicePlane.of(search.volume, "axial").axis
    around = liver and cropped(liver, search.axis, first, stop, axial)
    return CTVolume(search.volume.array[where], affine), labels[where], around
