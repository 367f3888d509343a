"""Training pictures for appearances that are not measured, with synthetic lesions.

Each picture is a slice with two to four synthetic lesions of known appearance. It has several
texts: one for each appearance that is taught, and the plain "lesion". Real lesions, whose
appearance is not recorded, are left out of the loss. A picture is a pure function of a seed and a
number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from lsms_core.dataset.augmentation import AugmentationConfig, intensity, spatial
from lsms_core.dataset.preprocessing import PreprocessingConfig, apply_window
from lsms_core.dataset.sources import CaseArrays, by_patient
from lsms_core.language.unmeasured import LOOKS, NOUNS, PLAIN, WORDS, Look
from lsms_core.phantom.synthesis.lesions import add_lesions
from lsms_core.phantom.synthesis.spec import Appearance, LesionSpec, random_spec

# The kinds of lesions that show none of the appearances.
_WITHOUT: tuple[Appearance, ...] = ("solid", "solid", "cystic", "hyperdense")
_REAL = -1
# A lesion of fewer pixels of the grid shows no look.
_SMALLEST_PIXELS = 20


@dataclass(frozen=True)
class LookConfig:
    """How pictures are drawn.

    Attributes:
        crop: (rows, columns) of a picture.
        counts: how many lesions are added; drawn with equal chance.
        diameter_mm: their smallest and largest diameter.
        look_share: how often a lesion has one of the looks.
        kept_back: ask in the words that training never sees, for an evaluation.
        augmentation: limits of the random changes.
    """

    crop: tuple[int, int] = (96, 128)
    counts: tuple[int, ...] = (2, 3, 4)
    diameter_mm: tuple[float, float] = (12.0, 60.0)
    look_share: float = 0.6
    kept_back: bool = False
    augmentation: AugmentationConfig = field(
        default_factory=lambda: AugmentationConfig(
            scale=(0.85, 1.2), shift=0.06, contrast=0.2, offset_hu=20.0
        )
    )


class LookPictures(Dataset[dict[str, Any]]):
    """Draws slices, adds lesions and asks for their looks.

    Args:
        cases: on the model's grid, with a liver; patients are drawn equally often.
        preprocessing: the model's grid, window and neighbours.
        config: how pictures are drawn.
        seed: of the run.
        count: how many pictures there are.
    """

    def __init__(
        self,
        cases: Sequence[CaseArrays],
        preprocessing: PreprocessingConfig,
        config: LookConfig,
        *,
        seed: int,
        count: int,
    ) -> None:
        self._patients = by_patient(cases)
        self._preprocessing = preprocessing
        self._config = config
        self._seed = seed
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a picture and its texts.

        "patient", "image" (C, h, w), "lesions" (h, w) synthetic lesions 1..n and -1 for real ones,
        "texts", a text a look and a plain one, and "named" (T, n + 1), which lesions each names;
        the first column, of no lesion, is False.
        """
        rng = np.random.default_rng((self._seed, index))
        while True:
            arrays, level = self._choose(rng)
            picture = self._draw(arrays, level, rng)
            if picture is not None:
                return picture

    def _choose(self, rng: np.random.Generator) -> tuple[CaseArrays, int]:
        cases = self._patients[int(rng.integers(len(self._patients)))]
        arrays = cases[int(rng.integers(len(cases)))]
        return arrays, int(rng.choice(np.flatnonzero(arrays.liver_areas)))

    def _draw(
        self, arrays: CaseArrays, level: int, rng: np.random.Generator
    ) -> dict[str, Any] | None:
        slab = arrays.around(level, self._preprocessing.slice_offsets_mm)
        hu, liver = arrays.hu[slab.levels], arrays.liver[slab.levels]
        real = arrays.lesions[slab.levels]
        specs, looks = self._specs(rng)
        hu, labels = add_lesions(hu, liver, slab.spacing_mm, specs, rng, avoid=real)
        made = np.where(real[slab.centre], _REAL, labels[slab.centre])
        planes = hu[slab.seen].astype(np.float32)
        focus = made > 0
        if not focus.any():
            return None
        rows, columns = np.nonzero(focus)
        # Numbers begin at 0 for what is moved; a real lesion's is the last.
        stored = np.where(made == _REAL, len(specs) + 1, made)
        labelled = np.stack([stored, arrays.liver[level]]).astype(np.int32)
        middle = float(rows.mean()), float(columns.mean())
        image, moved = spatial(
            planes, labelled, self._config.crop, middle, self._config.augmentation, rng
        )
        lesions = moved[0]
        lesions = torch.where(lesions == len(specs) + 1, _REAL, lesions)
        healthy = (moved[0] == 0) & (moved[1] > 0)
        image = intensity(image, self._config.augmentation, rng, healthy)
        seen = torch.bincount(lesions.clamp_min(0).flatten(), minlength=len(specs) + 1)
        lesions = torch.where((lesions > 0) & (seen[lesions.clamp_min(0)] < _SMALLEST_PIXELS),
                              _REAL, lesions)  # fmt: skip
        if not bool((lesions > 0).any()):
            return None
        texts, named = self._texts(looks, rng)
        return {
            "image": torch.from_numpy(apply_window(image.numpy(), self._preprocessing.window_hu)),
            "lesions": lesions,
            "patient": arrays.case.group,
            "texts": texts,
            "named": torch.from_numpy(named),
        }

    def _specs(self, rng: np.random.Generator) -> tuple[list[LesionSpec], list[Look | None]]:
        specs: list[LesionSpec] = []
        looks: list[Look | None] = []
        for _ in range(int(rng.choice(self._config.counts))):
            look = LOOKS[int(rng.integers(len(LOOKS)))]
            has = rng.random() < self._config.look_share
            shown: Appearance = look if has else _WITHOUT[int(rng.integers(len(_WITHOUT)))]
            spec = random_spec(rng, self._config.diameter_mm)
            contrast = -abs(spec.contrast_hu) if shown != "hyperdense" else abs(spec.contrast_hu)
            specs.append(replace(spec, appearance=shown, contrast_hu=contrast))
            looks.append(look if has else None)
        return specs, looks

    def _texts(
        self, looks: Sequence[Look | None], rng: np.random.Generator
    ) -> tuple[list[str], NDArray[np.bool_]]:
        texts, named = [], []
        for look in LOOKS:
            words = WORDS[look].kept_back if self._config.kept_back else WORDS[look].taught
            noun = NOUNS[int(rng.integers(len(NOUNS)))]
            texts.append(words[int(rng.integers(len(words)))].format(n=noun))
            named.append([False, *(one == look for one in looks)])
        texts.append(PLAIN)
        named.append([False, *(True for _ in looks)])
        return texts, np.array(named)
