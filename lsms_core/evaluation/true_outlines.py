"""Candidates from the true outlines, to score the reader and the selection without a network."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.liver_map import LiverMap, cropped, with_heights, with_lobes
from lsms_core.dataset.records import Record, load_image, load_slice_label, load_volume
from lsms_core.errors import InputError
from lsms_core.inference.candidates import CandidateSet, Search

NAME = "true outlines"


def true_candidates(folder: Path, record: Record) -> CandidateSet:
    """Return the lesions of a record's slice as candidates, on a volume of that slice.

    The lobes are divided by Cantlie's line; the height in the liver is that of the whole scan.

    Args:
        folder: the data set.
        record: one of the slice.

    Raises:
        InputError: when the data set has no livers, or the slice does not exist.
    """
    labels = load_slice_label(folder, record)
    volume = load_image(folder, record)
    if record.liver is None:
        raise InputError(
            "The data set has no livers, which tell the sides: build it again with lsms "
            "build-dataset."
        )
    known = _liver(folder, record.image, record.liver)
    first, axial = record.slice, SlicePlane.of(volume, "axial").axis
    affine = volume.affine.copy()
    affine[:3, 3] += first * affine[:3, 2 - record.axis]
    array = volume.array.take([first], axis=record.axis)
    alone = CTVolume(array, affine)
    around = with_lobes(alone, cropped(known, record.axis, first, first + 1, axial))
    search = Search(alone, (0,), record.axis, SlicePlane.of(alone, record.axis).plane,
                    engine="labels", model=NAME)  # fmt: skip
    return CandidateSet.from_labels(search, np.expand_dims(labels, record.axis), around)


@lru_cache(maxsize=4)
def _liver(folder: Path, image: str, liver: str) -> LiverMap:
    volume = load_volume(folder, image)
    return with_heights(volume, LiverMap(load_volume(folder, liver).array > 0))
