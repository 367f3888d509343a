"""Training pictures without texts, from volumes and single slices: lobes and lesions.

As in :class:`lsms_core.dataset.sampling.ReferringSamples`, a picture is a pure function of a seed
and a number. Without texts no lesion has to be measured, so that a picture takes a third of the
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from lsms_core.anatomy.laterality import cantlie_offset_mm
from lsms_core.anatomy.regions import grown, label_components
from lsms_core.dataset.augmentation import AugmentationConfig, intensity, spatial
from lsms_core.dataset.preprocessing import PreprocessingConfig, apply_window
from lsms_core.dataset.sources import CaseArrays, by_patient
from lsms_core.errors import InputError
from lsms_core.phantom.synthesis.lesions import add_lesions, lobe_to_fill
from lsms_core.phantom.synthesis.spec import random_spec

# The value of negative HU in pictures that have lost them, outside the liver.
_LOST_HU = -100.0
# Lesions bulge: this near the outlined liver nothing is certain where lesions are not known.
RIM_PIXELS = 3


@dataclass(frozen=True)
class HardPlace:
    """Where an earlier network found what is no lesion, or missed one.

    Attributes:
        case: name of the case.
        level: of the slice, on the model's grid.
        row: of the centre, in pixels.
        column: likewise.
    """

    case: str
    level: int
    row: float
    column: float


@dataclass(frozen=True)
class TextFreeConfig:
    """How pictures are drawn.

    Attributes:
        crop: (rows, columns) of a picture.
        single_share: how often a single slice is drawn rather than one of a volume.
        lesion_share: how often one with outlined lesions is drawn, where there are any.
        synthetic_share: how often lesions are added.
        lesion_counts: how many are added where some are; drawn with equal chance.
        diameter_mm: smallest and largest diameter of added lesions.
        hyperdense_share: how many of them are brighter than the liver.
        exophytic_share: how many of them bulge out of the liver.
        sided_share: how many of them are put clearly into one lobe, into either equally often.
        wander_share: how often the picture is cut out anywhere in the slice.
        positive_share: how often negative HU are lost, as they are in some single slices.
        unsure_weight: weight of "no lesion" where nobody certified it.
        hard_share: how often a picture shows a place where an earlier network erred, where such
            are given.
        augmentation: limits of the random changes.
    """

    crop: tuple[int, int] = (112, 144)
    single_share: float = 0.3
    lesion_share: float = 0.6
    synthetic_share: float = 0.6
    lesion_counts: tuple[int, ...] = (1, 2, 2, 3, 4)
    diameter_mm: tuple[float, float] = (5.0, 50.0)
    hyperdense_share: float = 0.12
    exophytic_share: float = 0.0
    sided_share: float = 0.4
    wander_share: float = 0.2
    positive_share: float = 0.1
    unsure_weight: float = 0.3
    hard_share: float = 0.25
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        for name in ("hyperdense_share", "exophytic_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}: use 0 to 1.")


class TextFreePictures(Dataset[dict[str, Any]]):
    """Draws slices and adds lesions; patients are drawn equally often.

    Args:
        cases: on the model's grid; those of one slice are the single slices.
        preprocessing: the model's grid, window and neighbours.
        config: how pictures are drawn.
        seed: of the run.
        count: how many pictures there are.
        first: number of the first picture, for resuming.
        hard: places where an earlier network erred, of these cases.
    """

    def __init__(
        self,
        cases: Sequence[CaseArrays],
        preprocessing: PreprocessingConfig,
        config: TextFreeConfig,
        *,
        seed: int,
        count: int,
        first: int = 0,
        hard: Sequence[HardPlace] = (),
    ) -> None:
        self._preprocessing = preprocessing
        self._config = config
        self._seed = seed
        self._count = count
        self._first = first
        self._volumes = by_patient([a for a in cases if len(a.hu) > 1])
        singles = [a for a in cases if len(a.hu) == 1]
        # Lesions that a teacher guessed are worth less than outlined ones: never drawn for them.
        outlined = [a.case.lesions_labelled and bool(a.lesions.any()) for a in singles]
        self._outlined = by_patient([a for a, o in zip(singles, outlined, strict=True) if o])
        self._others = by_patient([a for a, o in zip(singles, outlined, strict=True) if not o])
        named = {a.case.name: a for a in cases}
        patients: dict[str, list[HardPlace]] = {}
        for place in hard:
            patients.setdefault(named[place.case].case.group, []).append(place)
        self._named = named
        self._hard = [patients[group] for group in sorted(patients)]
        self._slices: dict[tuple[str, int], tuple[NDArray[np.int32], NDArray[np.float32]]] = {}

    def __len__(self) -> int:
        return self._count - self._first

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a picture.

        "image" (C, h, w), "anatomy" (3, h, w): right lobe, left lobe and lesions, 0 or 1,
        "lesions" (h, w): instances 1..n, and "known" (h, w): how surely a pixel is none of a
        lesion where it is not marked as one, 0 to 1.
        """
        rng = np.random.default_rng((self._seed, self._first + index))
        place = self._hard_place(rng)
        if place is None:
            arrays, level = self._choose(rng)
        else:
            arrays, level = self._named[place.case], place.level
        slab = arrays.around(level, self._preprocessing.slice_offsets_mm)
        hu, liver, centre = arrays.hu[slab.levels], arrays.liver[slab.levels], slab.centre
        instances, offset = self._measured(arrays, level)
        known = self._certainty(arrays, level)
        if rng.random() < self._config.synthetic_share:
            real = arrays.lesions[slab.levels]
            hu, made = self._add(hu, liver, slab.spacing_mm, real, offset, rng)
            added, _ = label_components(made[centre])
            instances = np.where(added > 0, added + instances.max(initial=0), instances)
            known = np.where(added > 0, np.float32(1), known)
            liver = liver | made  # an exophytic lesion belongs to it
        planes = hu[slab.seen].astype(np.float32)
        if rng.random() < self._config.positive_share:
            planes = np.where(planes < 0, np.where(liver[centre], 0.0, _LOST_HU), planes)
            planes = planes.astype(np.float32)
        middle = None if place is None else (place.row, place.column)
        return self._picture(planes, instances, liver[centre], offset > 0, known, rng, middle)

    def _hard_place(self, rng: np.random.Generator) -> HardPlace | None:
        # Without such places no number is drawn, so that runs of earlier versions stay the same.
        if not self._hard or rng.random() >= self._config.hard_share:
            return None
        places = self._hard[int(rng.integers(len(self._hard)))]
        return places[int(rng.integers(len(places)))]

    def _choose(self, rng: np.random.Generator) -> tuple[CaseArrays, int]:
        config = self._config
        singles = self._outlined or self._others
        if not self._volumes or (singles and rng.random() < config.single_share):
            outlined = rng.random() < config.lesion_share if self._others else True
            patients = self._outlined if outlined and self._outlined else self._others
            cases = patients[int(rng.integers(len(patients)))]
            return cases[int(rng.integers(len(cases)))], 0
        cases = self._volumes[int(rng.integers(len(self._volumes)))]
        arrays = cases[int(rng.integers(len(cases)))]
        with_lesions = np.flatnonzero(arrays.lesions.any(axis=(1, 2)))
        if len(with_lesions) and rng.random() < config.lesion_share:
            return arrays, int(rng.choice(with_lesions))
        return arrays, int(rng.choice(np.flatnonzero(arrays.liver_areas)))

    def _measured(
        self, arrays: CaseArrays, level: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return a slice's lesions and its distances to the lobes' border; found once."""
        key = arrays.case.name, level
        if key not in self._slices:
            instances, _ = label_components(arrays.lesions[level])
            offset = cantlie_offset_mm(
                arrays.midline(level), arrays.liver[level], arrays.spacing_mm[1:]
            )
            self._slices[key] = instances, offset.astype(np.float16)
        return self._slices[key]

    def _certainty(self, arrays: CaseArrays, level: int) -> NDArray[np.float32]:
        if arrays.certainty is not None:
            return arrays.certainty[level]
        liver = arrays.liver[level]
        weight = arrays.case.lesion_certainty(self._config.unsure_weight)
        if weight == 1:
            return np.ones(liver.shape, np.float32)
        return np.where(grown(liver, (RIM_PIXELS, RIM_PIXELS)), weight, 1).astype(np.float32)

    def _add(
        self,
        hu: NDArray[np.int16],
        liver: NDArray[np.bool_],
        spacing_mm: tuple[float, float, float],
        real: NDArray[np.bool_],
        offset_mm: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        made = np.zeros(hu.shape, bool)
        for _ in range(int(rng.choice(self._config.lesion_counts))):
            where = lobe_to_fill(offset_mm, hu.shape, self._config.sided_share, rng)
            spec = random_spec(rng, self._config.diameter_mm, self._config.hyperdense_share)
            wanted = [spec]
            # Without a share no number is drawn, so that earlier runs can be repeated.
            if self._config.exophytic_share and rng.random() < self._config.exophytic_share:
                # The plain one counts where there is no fat to bulge into.
                wanted = [replace(spec, exophytic=True), spec]
            avoid = real | made
            for one in wanted:
                hu, new = add_lesions(hu, liver, spacing_mm, [one], rng, avoid=avoid, where=where)
                if new.any():
                    break
            made |= new > 0
        return hu, made

    def _picture(
        self,
        planes: NDArray[np.float32],
        instances: NDArray[np.int32],
        liver: NDArray[np.bool_],
        left: NDArray[np.bool_],
        known: NDArray[np.float32],
        rng: np.random.Generator,
        middle: tuple[float, float] | None = None,
    ) -> dict[str, Tensor]:
        config = self._config
        middle = middle or self._middle(instances, liver, rng)
        # Certainty in thousandths, plus one: outside the picture nothing is known.
        sure = np.rint(known * 1000).astype(np.int32) + 1
        labels = np.stack([instances, liver & ~left, liver & left, sure]).astype(np.int32)
        image, moved = spatial(planes, labels, config.crop, middle, config.augmentation, rng)
        healthy = (moved[0] == 0) & (moved[1:3] > 0).any(dim=0)
        image = intensity(image, config.augmentation, rng, healthy)
        lesions = moved[0]
        return {
            "image": torch.from_numpy(apply_window(image.numpy(), self._preprocessing.window_hu)),
            "anatomy": torch.stack([moved[1] > 0, moved[2] > 0, lesions > 0]).float(),
            "lesions": lesions,
            "known": ((moved[3] - 1).clamp_min(0) / 1000).float(),
        }

    def _middle(
        self, instances: NDArray[np.int32], liver: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[float, float]:
        """Return the (row, column) around which a picture is cut out."""
        config = self._config
        focus = instances > 0 if instances.any() and rng.random() < 0.5 else liver
        rows, columns = np.nonzero(focus)
        middle = float(rows.mean()), float(columns.mean())
        if config.wander_share and rng.random() < config.wander_share:
            height, width = liver.shape
            middle = float(rng.uniform(0, height)), float(rng.uniform(0, width))
        return middle
