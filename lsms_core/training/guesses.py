"""Self-training: a trained network marks lesions in slices without outlined lesions.

Slices with an outlined liver and unknown lesions come from other patients and scanners, but have no
labels for lesions. A trained network (the teacher) marks lesions of high probability. Pixels of low
probability count as "no lesion" with half the weight; pixels in between are not used. Lesions are
marked inside the outlined liver only, so that the gallbladder, veins outside and the stomach are
not learnt as lesions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.anatomy.regions import grown, label_components
from lsms_core.dataset.preprocessing import PreprocessingConfig, apply_window
from lsms_core.dataset.sources import CaseArrays
from lsms_core.dataset.text_free_pictures import RIM_PIXELS
from lsms_core.models.architectures import Model
from lsms_core.models.lsms.kinds import LESIONS
from lsms_core.models.lsms.outline import probabilities
from lsms_core.training.progress import progress

SURE = 0.6
_SURELY_NONE = 0.1
_NONE_WEIGHT = 0.5
# Fewer pixels are as often noise as a lesion.
_SMALLEST_PIXELS = 6


def with_guesses(
    cases: Sequence[CaseArrays], teacher: Model, preprocessing: PreprocessingConfig
) -> list[CaseArrays]:
    """Return the cases, with the teacher's lesions in the single slices where none are known.

    Args:
        cases: on the model's grid; volumes and slices with known lesions stay as they are.
        teacher: draws lobes and lesions without words on the same grid.
        preprocessing: the window and the neighbours that the teacher sees.
    """
    teacher.eval()
    return [
        _guessed(arrays, teacher, preprocessing)
        if len(arrays.hu) == 1 and not arrays.case.lesions_labelled
        else arrays
        for arrays in progress(cases, "the teacher looks", "case")
    ]


def lesion_map(
    arrays: CaseArrays, level: int, model: Model, preprocessing: PreprocessingConfig
) -> NDArray[np.float32]:
    """Return the (H, W) probability of a lesion that a network draws in a slice of a case.

    Args:
        arrays: on the model's grid.
        level: of the slice.
        model: draws lobes and lesions without words on the same grid.
        preprocessing: the window and the neighbours that the model sees.
    """
    slab = arrays.around(level, preprocessing.slice_offsets_mm)
    planes = arrays.hu[slab.levels][slab.seen].astype(np.float32)
    image = torch.from_numpy(apply_window(planes, preprocessing.window_hu))
    with torch.inference_mode():
        maps = model.lsms.draw(image[None])
        assert maps is not None
        drawn: NDArray[np.float32] = probabilities(maps)[0, LESIONS].numpy()
    return drawn


def _guessed(arrays: CaseArrays, teacher: Model, preprocessing: PreprocessingConfig) -> CaseArrays:
    drawn = lesion_map(arrays, 0, teacher, preprocessing)
    lesions, certainty = marks(drawn, arrays.liver[0])
    return replace(arrays, lesions=lesions[None], certainty=certainty[None])


def marks(
    drawn: NDArray[np.float32], liver: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return the lesions of which a teacher is sure, and how sure it is of none elsewhere.

    Args:
        drawn: (H, W) probability of a lesion.
        liver: (H, W) outlined.

    Returns:
        (H, W) lesions, inside the liver; (H, W) certainty that a pixel is none, 0 to 1.
    """
    numbers, _ = label_components((drawn >= SURE) & liver)
    large = np.bincount(numbers.ravel()) >= _SMALLEST_PIXELS
    large[0] = False
    lesions: NDArray[np.bool_] = large[numbers]
    none = np.where(drawn < _SURELY_NONE, np.float32(_NONE_WEIGHT), np.float32(0))
    beside = grown(liver, (RIM_PIXELS, RIM_PIXELS)) & ~liver
    certainty = np.where(liver, none, np.where(beside, 0, 1)).astype(np.float32)
    return lesions, certainty
