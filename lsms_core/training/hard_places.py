"""Hard-example mining: where a trained network errs on the patients that it trains on.

The gallbladder, veins at the confluence, the stomach and partial volume at the dome are a small
part of all pictures, so that a run sees them rarely. A network that was trained before is run on
the training patients; what it takes for a lesion and is none, and the lesions that it misses, are
drawn more often by the next run (Shrivastava et al. 2016, arXiv 1604.03540, does the same within a
run).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.regions import label_components
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import CaseArrays
from lsms_core.dataset.text_free_pictures import HardPlace
from lsms_core.errors import InputError
from lsms_core.io.text_files import write_text
from lsms_core.training.teacher import Teacher
from lsms_core.training.waiting import progress

# What is drawn with this probability counts as found.
_FOUND = 0.25
# Smaller findings are noise.
_SMALLEST_PIXELS = 6
# A finding is false where less than this share of it is of lesions, a lesion missed likewise.
_OWN, _TOUCHED = 0.2, 0.1
# Slices closer to each other than this show the same.
_APART_MM = 3.0


def hard_places(
    cases: Sequence[CaseArrays], network: Teacher, grid: PreprocessingConfig
) -> list[HardPlace]:
    """Return the false findings and the missed lesions of a network in training cases.

    Args:
        cases: on the run's grid; only those whose lesions are outlined, and whose liver is
            certified to hold no other, are looked at.
        network: draws the slices.
        grid: the run's.
    """
    known = [a for a in cases if a.case.lesions_labelled and a.case.certified]
    places = []
    for arrays in progress(known, "looking for mistakes", "case"):
        step = max(round(_APART_MM / arrays.spacing_mm[0]), 1)
        levels = np.flatnonzero(arrays.liver_areas)[::step].tolist()
        for level, drawn in network.lesions(arrays.case, levels, grid):
            for row, column in _mistakes(drawn, arrays.lesions[level]):
                places.append(HardPlace(arrays.case.name, level, row, column))
    return places


def _mistakes(
    drawn: NDArray[np.float32], lesions: NDArray[np.bool_]
) -> Iterator[tuple[float, float]]:
    """Yield the centres, (row, column), of false findings and of missed lesions."""
    found = drawn >= _FOUND
    for one in _components(found):
        if len(one[0]) >= _SMALLEST_PIXELS and lesions[one].mean() < _OWN:
            yield float(one[0].mean()), float(one[1].mean())
    for one in _components(lesions):
        if found[one].mean() < _TOUCHED:
            yield float(one[0].mean()), float(one[1].mean())


def _components(mask: NDArray[np.bool_]) -> Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    numbers, count = label_components(mask)
    for number in range(1, count + 1):
        rows, columns = np.nonzero(numbers == number)
        yield rows, columns


def write_hard_places(path: Path, places: Sequence[HardPlace]) -> None:
    """Write them as JSON, so that a resumed run has the same and needs no network."""
    write_text(path, json.dumps([asdict(place) for place in places]) + "\n")


def read_hard_places(path: Path) -> list[HardPlace]:
    """Read what :func:`write_hard_places` wrote.

    Raises:
        InputError: when it is no such file.
    """
    try:
        return [HardPlace(**place) for place in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"The run's list of mistakes {path} cannot be read: {error}") from error
