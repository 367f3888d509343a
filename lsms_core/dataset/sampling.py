"""Training samples: a pure function of a seed and a number, so that a run can resume exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from lsms_core.anatomy.laterality import cantlie_offset_mm
from lsms_core.anatomy.measurements import SliceFindings, measure_slice, mirrored
from lsms_core.anatomy.regions import label_components, lesion_instances
from lsms_core.anatomy.sections import liver_height
from lsms_core.dataset.augmentation import AugmentationConfig, intensity, spatial
from lsms_core.dataset.preprocessing import PreprocessingConfig, apply_window
from lsms_core.dataset.sources import CaseArrays, by_patient
from lsms_core.language.expression import (
    Expression,
    asked_of,
    attenuations_ruled_out,
    lobes_ruled_out,
    sections_ruled_out,
)
from lsms_core.language.generator import ExpressionGenerator, organ_expression
from lsms_core.phantom.synthesis.lesions import add_lesions, lobe_to_fill

# Whether a text is about the right lobe, the left lobe, lesions.
_LIVER = (1.0, 1.0, 1.0)
_LESIONS = (0.0, 0.0, 1.0)
_NEITHER = (0.0, 0.0, 0.0)
# How many lesions are drawn until one fits into a lobe.
_TRIES = 4


@dataclass(frozen=True)
class SamplingConfig:
    """How samples are drawn.

    Attributes:
        crop: (rows, columns) of a training sample.
        lesion_share: how often a slice with real lesions is drawn, where a case has any.
        synthetic_share: how often lesions are added.
        no_target_share: how often the text names nothing in the slice.
        organ_share: how often the text names the whole liver.
        texts_per_image: how many consecutive samples ask about the same picture: one text
            that names a lesion, one that names nothing, then any. Only what they say tells
            their targets apart.
        lesion_counts: how many lesions are added where some are; drawn with equal chance.
        sided_share: how many of them are put clearly into one lobe, into either equally often;
            the others lie anywhere, most of them in the larger lobe.
        mirror_share: how often the picture is mirrored, with left and right swapped in the text
            and in the lobes. Otherwise "left" would only mean the smaller lobe.
        wander_share: how often a sample is cut out anywhere in the slice, not around the liver
            or its lesions. Organs that are never seen, such as the stomach, would be taken for
            lesions.
        augmentation: limits of the random changes.
    """

    crop: tuple[int, int] = (192, 240)
    lesion_share: float = 0.5
    synthetic_share: float = 0.6
    no_target_share: float = 0.22
    organ_share: float = 0.1
    texts_per_image: int = 1
    lesion_counts: tuple[int, ...] = (1, 1, 2, 2, 3)
    sided_share: float = 0.0
    mirror_share: float = 0.0
    wander_share: float = 0.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


class ReferringSamples(Dataset[dict[str, Any]]):
    """Draws slice, lesions and text; patients are drawn equally often.

    Args:
        cases: on the model's grid.
        preprocessing: the model's grid, window and neighbours.
        config: how samples are drawn.
        seed: of the run.
        count: how many samples there are.
        first: number of the first sample, for resuming.
    """

    def __init__(
        self,
        cases: Sequence[CaseArrays],
        preprocessing: PreprocessingConfig,
        config: SamplingConfig,
        *,
        seed: int,
        count: int,
        first: int = 0,
    ) -> None:
        self._patients = by_patient(cases)
        self._preprocessing = preprocessing
        self._config = config
        self._seed = seed
        self._count = count
        self._first = first
        self._texts = ExpressionGenerator()
        self._picture: _Picture | None = None

    def __len__(self) -> int:
        return self._count - self._first

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a sample.

        "image" (C, h, w), "text", "target" (1, h, w), "lesions" (h, w), "anatomy" (3, h, w),
        "kinds" (3,), which of the anatomy the words speak of, there or not, "lobes" (2,),
        whether they rule out the right and the left lobe (-1 where that is no question),
        "attenuations" (4,), likewise (:func:`attenuations_ruled_out`), "sections" (4,),
        likewise (:func:`sections_ruled_out`), "asked" (8,), what they ask of whole lesions
        (:func:`asked_of`), and "picture", the number that samples about the
        same picture share.
        """
        number, turn = divmod(self._first + index, self._config.texts_per_image)
        if self._picture is None or self._picture.number != number:
            self._picture = self._draw(number)
        picture = self._picture
        text, target, read = self._ask(picture, turn)
        lobes = [picture.right, picture.left, picture.instances > 0]
        return {
            "picture": number,
            "image": picture.image,
            "text": text,
            "target": target[None].float(),
            "lesions": picture.instances,
            "anatomy": torch.stack(lobes).float(),
            **{name: torch.tensor(truth) for name, truth in read.items()},
        }

    def _level(self, arrays: CaseArrays, rng: np.random.Generator) -> int:
        with_lesions = np.flatnonzero(arrays.lesions.any(axis=(1, 2)))
        if len(with_lesions) and rng.random() < self._config.lesion_share:
            return int(rng.choice(with_lesions))
        return int(rng.choice(np.flatnonzero(arrays.liver.any(axis=(1, 2)))))

    def _draw(self, number: int) -> _Picture:
        config = self._config
        rng = np.random.default_rng((self._seed, number))
        cases = self._patients[int(rng.integers(len(self._patients)))]
        arrays = cases[int(rng.integers(len(cases)))]
        level = self._level(arrays, rng)
        thickness = arrays.spacing_mm[0]
        steps = [round(mm / thickness) for mm in self._preprocessing.slice_offsets_mm]
        reach = max(map(abs, steps))
        low, high = max(level - reach, 0), min(level + reach + 1, len(arrays.hu))
        hu, liver = arrays.hu[low:high], arrays.liver[low:high]
        real = arrays.lesions[low:high]
        centre = level - low
        spacing = arrays.spacing_mm[1:]
        midline = arrays.midlines[level]
        offset = cantlie_offset_mm(midline, liver[centre], spacing)
        instances = lesion_instances(real[centre], spacing)
        if rng.random() < config.synthetic_share or not arrays.case.lesions_labelled:
            hu, made = self._add(hu, liver, arrays.spacing_mm, real, offset, rng)
            added, _ = label_components(made[centre])
            instances = np.where(added > 0, added + instances.max(initial=0), instances)
        height = liver_height(arrays.liver_areas, level)
        findings = measure_slice(hu[centre], liver[centre], instances, spacing, height, midline)
        channels = np.clip(np.array([centre + s for s in steps]), 0, len(hu) - 1)
        planes, organ, left = hu[channels], liver[centre], offset > 0
        if config.mirror_share and rng.random() < config.mirror_share:
            findings = mirrored(findings, organ.shape[1], spacing[1])
            planes, instances = planes[..., ::-1], instances[:, ::-1]
            organ, left = organ[:, ::-1], ~left[:, ::-1]
        image, labels = self._augment(planes, instances, organ, left, rng)
        return _Picture(
            number=number,
            image=image,
            instances=labels[0],
            right=labels[1] > 0,
            left=labels[2] > 0,
            findings=findings,
            all_labelled=arrays.case.lesions_labelled,
            words=tuple(int(n) for n in rng.integers(2**31, size=2)),
        )

    def _add(
        self,
        hu: NDArray[np.int16],
        liver: NDArray[np.bool_],
        spacing_mm: tuple[float, float, float],
        real: NDArray[np.bool_],
        offset_mm: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Return the slab with lesions added beside the real ones, and where they are."""
        made = np.zeros(hu.shape, bool)
        for _ in range(int(rng.choice(self._config.lesion_counts))):
            where = lobe_to_fill(offset_mm, hu.shape, self._config.sided_share, rng)
            # The small lobe has no room for most lesions, and a small one is found at last.
            for _ in range(_TRIES if where is not None else 1):
                avoid = real | made
                hu, new = add_lesions(hu, liver, spacing_mm, 1, rng, avoid=avoid, where=where)
                if new.any():
                    made |= new > 0
                    break
        return hu, made

    def _augment(
        self,
        hu: NDArray[np.int16],
        instances: NDArray[np.int32],
        liver: NDArray[np.bool_],
        left: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Return the window (C, h, w) and the labels (3, h, w): instances, right and left lobe."""
        focus = instances > 0 if instances.any() and rng.random() < 0.5 else liver
        rows, columns = np.nonzero(focus)
        height, width = liver.shape
        middle = (
            (float(rows.mean()), float(columns.mean())) if len(rows) else (height / 2, width / 2)
        )
        if self._config.wander_share and rng.random() < self._config.wander_share:
            middle = float(rng.uniform(0, height)), float(rng.uniform(0, width))
        labels = np.stack([instances, liver & ~left, liver & left]).astype(np.int32)
        image, moved = spatial(
            hu.astype(np.float32), labels, self._config.crop, middle, self._config.augmentation, rng
        )
        healthy = (moved[0] == 0) & (moved[1:] > 0).any(dim=0)
        image = intensity(image, self._config.augmentation, rng, healthy)
        window = apply_window(image.numpy(), self._preprocessing.window_hu)
        return torch.from_numpy(window), moved

    def _ask(
        self, picture: _Picture, turn: int
    ) -> tuple[str, Tensor, dict[str, tuple[float, ...]]]:
        """Return a text, what it names, (h, w), and what its words say (see __getitem__)."""
        config = self._config
        rng = np.random.default_rng((*picture.words, turn))
        paired = config.texts_per_image > 1 and turn < 2
        if not paired and rng.random() < config.organ_share:
            organ = picture.left | picture.right
            return organ_expression(rng), organ, _say(_LIVER, Expression("", (), "organ"))
        # With unlabelled lesions, "no target" could be wrong.
        share = float(turn) if paired else config.no_target_share
        share = share if picture.all_labelled else 0.0
        expression = self._texts.sample(picture.findings, rng, share)
        named = torch.tensor(expression.instances, dtype=picture.instances.dtype)
        kinds = _NEITHER if expression.kind in ("elsewhere", "unrelated") else _LESIONS
        target = torch.isin(picture.instances, named)
        return expression.text, target, _say(kinds, expression)


def _say(kinds: tuple[float, ...], expression: Expression) -> dict[str, tuple[float, ...]]:
    """Return the labels that follow from a text alone; see ReferringSamples.__getitem__."""
    return {
        "kinds": kinds,
        "lobes": lobes_ruled_out(expression),
        "attenuations": attenuations_ruled_out(expression),
        "sections": sections_ruled_out(expression),
        "asked": asked_of(expression),
    }


@dataclass(frozen=True)
class _Picture:
    """The picture that consecutive samples share; only their texts differ.

    Attributes:
        number: of the picture in the run.
        image: (C, h, w), windowed.
        instances: (h, w) lesions 1..n.
        right: (h, w) right lobe, lesions included.
        left: (h, w) left lobe.
        findings: the lesions' measurements, before the augmentation.
        all_labelled: whether every lesion of the case is known.
        words: seed of the texts.
    """

    number: int
    image: Tensor
    instances: Tensor
    right: Tensor
    left: Tensor
    findings: SliceFindings
    all_labelled: bool
    words: tuple[int, ...]
