"""Self-training: a trained network marks lesions in slices without outlined lesions.

Slices with an outlined liver and unknown lesions come from other patients and scanners, but have no
labels for lesions. A trained network (the teacher) marks lesions of high probability. Pixels of low
probability count as "no lesion" with half the weight; pixels in between are not used. Lesions are
marked inside the outlined liver only, so that the gallbladder, veins outside and the stomach are
not learnt as lesions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lsms_core.anatomy.regions import grown, label_components
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import CaseArrays
from lsms_core.dataset.text_free_pictures import RIM_PIXELS
from lsms_core.errors import InputError
from lsms_core.io.atomic import replacing
from lsms_core.training.teacher import Teacher
from lsms_core.training.waiting import progress

SURE = 0.6
_SURELY_NONE = 0.1
_NONE_WEIGHT = 0.5
# Fewer pixels are as often noise as a lesion.
_SMALLEST_PIXELS = 6


# What is marked in a slice, (H, W), and how surely there is no lesion elsewhere, (H, W).
Marks = tuple[NDArray[np.bool_], NDArray[np.float32]]


def guesses(
    cases: Sequence[CaseArrays], teacher: Teacher, grid: PreprocessingConfig
) -> dict[str, Marks]:
    """Return the teacher's marks of the single slices where no lesions are known, by their names.

    Args:
        cases: on the run's grid; volumes and slices with known lesions are left out.
        teacher: draws the slices.
        grid: the run's.
    """
    found = {}
    for arrays in progress([a for a in cases if _unknown(a)], "the teacher looks", "case"):
        ((_, drawn),) = teacher.lesions(arrays.case, [0], grid)
        found[arrays.case.name] = marks(drawn, arrays.liver[0])
    return found


def with_guesses(cases: Sequence[CaseArrays], found: Mapping[str, Marks]) -> list[CaseArrays]:
    """Return the cases, with the marks of those that have some.

    Raises:
        InputError: when the marks are not those of these cases.
    """
    missing = [a.case.name for a in cases if _unknown(a) and a.case.name not in found]
    if missing:
        raise InputError(
            f"The teacher did not mark the slice {missing[0]}, so its marks are of other cases: "
            "start the run in a new folder."
        )
    return [
        replace(a, lesions=found[a.case.name][0][None], certainty=found[a.case.name][1][None])
        if _unknown(a)
        else a
        for a in cases
    ]


def write_guesses(path: Path, found: Mapping[str, Marks]) -> None:
    """Write marks, so that a resumed run and all its devices have the same.

    Raises:
        OutputError: when the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, (lesions, certainty) in found.items():
        arrays[f"{name}/lesions"] = lesions
        arrays[f"{name}/certainty"] = certainty
    with replacing(path) as partial:
        save_file(arrays, partial)


def read_guesses(path: Path) -> dict[str, Marks]:
    """Read what :func:`write_guesses` wrote.

    Raises:
        InputError: when it is no such file.
    """
    try:
        arrays = load_file(path)
        return {
            name.removesuffix("/lesions"): (
                lesions,
                arrays[name.removesuffix("lesions") + "certainty"],
            )
            for name, lesions in arrays.items()
            if name.endswith("/lesions")
        }
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"The run's marks {path} cannot be read: {error}") from error


def _unknown(arrays: CaseArrays) -> bool:
    return len(arrays.hu) == 1 and not arrays.case.lesions_labelled


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
