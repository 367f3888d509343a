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
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.regions import grown, label_components
from lsms_core.dataset.preprocessing import PreprocessingConfig, apply_window, plan_slice
from lsms_core.dataset.sources import Case, CaseArrays
from lsms_core.dataset.text_free_pictures import RIM_PIXELS
from lsms_core.inference.engine import Engine
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.view import SliceView
from lsms_core.models.architectures import Model
from lsms_core.models.lsms.kinds import LESIONS
from lsms_core.models.lsms.outline import probabilities
from lsms_core.training.waiting import progress

SURE = 0.6
_SURELY_NONE = 0.1
_NONE_WEIGHT = 0.5
# Fewer pixels are as often noise as a lesion.
_SMALLEST_PIXELS = 6


def with_guesses(
    cases: Sequence[CaseArrays],
    teacher: Engine,
    looks: PreprocessingConfig,
    grid: PreprocessingConfig,
) -> list[CaseArrays]:
    """Return the cases, with the teacher's lesions in the single slices where none are known.

    Args:
        cases: on the run's grid; volumes and slices with known lesions stay as they are.
        teacher: draws lobes and lesions without words.
        looks: how slices reach the teacher in answers: its grid, and the margin around the liver.
        grid: the run's.
    """
    alone = replace(looks, votes_mm=(0.0,))
    return [
        _guessed(arrays, _drawn(arrays.case, teacher, alone, grid))
        if len(arrays.hu) == 1 and not arrays.case.lesions_labelled
        else arrays
        for arrays in progress(cases, "the teacher looks", "case")
    ]


def _drawn(
    case: Case, teacher: Engine, looks: PreprocessingConfig, grid: PreprocessingConfig
) -> NDArray[np.float32]:
    """Return the (H, W) probability of a lesion in a case of one slice, on the run's grid."""
    image = CTVolume.from_sitk(sitk.ReadImage(str(case.image)))
    view = SliceView.of(image, "axial", [0], None)
    maps = SliceMaps(teacher, view, looks)
    (found,) = maps.text_free([0])
    hu = view.plane.extract(image.array, 0)
    place = plan_slice(hu, view.plane.spacing_mm, grid)
    drawn: NDArray[np.float32] = place.to_grid(maps.restored(0, found[LESIONS]), fill=0.0)
    return drawn


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


def _guessed(arrays: CaseArrays, drawn: NDArray[np.float32]) -> CaseArrays:
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
