"""Named masks, one for each text, ready to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.terminology import Terminology
from lsms_core.errors import InputError


@dataclass(frozen=True)
class Segment:
    """A mask with its name.

    Attributes:
        name: the text that it answers.
        mask: (slices, rows, columns) bool, on the CT's grid.
        terminology: what it is, coded.
        colour: red, green, blue, 0 to 255.
        tags: further entries, such as model and score.
    """

    name: str
    mask: NDArray[np.bool_]
    terminology: Terminology
    colour: tuple[int, int, int]
    tags: Mapping[str, str] = field(default_factory=dict)


def assign_layers(segments: Sequence[Segment]) -> list[tuple[int, int]]:
    """Place segments on as few layers as a first fit needs, so that none covers another.

    Returns:
        (layer, label value) for each segment; label values start at 1 on every layer.
    """
    occupied: list[NDArray[np.bool_]] = []
    used: list[int] = []
    places = []
    for segment in segments:
        layer = next(
            (n for n, taken in enumerate(occupied) if not (taken & segment.mask).any()),
            len(occupied),
        )
        if layer == len(occupied):
            occupied.append(np.zeros(segment.mask.shape, np.bool_))
            used.append(0)
        occupied[layer] |= segment.mask
        used[layer] += 1
        places.append((layer, used[layer]))
    return places


def label_map(
    segments: Sequence[Segment], shape: tuple[int, int, int]
) -> tuple[NDArray[np.uint16], int]:
    """Return one label map, segment n as n (from 1), and how many voxels several claim.

    Where masks overlap the first one keeps the voxel.
    """
    labels: NDArray[np.uint16] = np.zeros(shape, np.uint16)
    shared = 0
    for number, segment in enumerate(segments, 1):
        free = labels == 0
        shared += int((segment.mask & ~free).sum())
        labels[segment.mask & free] = number
    return labels, shared


def check_shapes(segments: Sequence[Segment], shape: tuple[int, int, int]) -> None:
    """Refuse masks that lie on another grid.

    Raises:
        InputError: naming the mask.
    """
    for segment in segments:
        if segment.mask.shape != shape:
            raise InputError(
                f"The mask of {segment.name!r} has shape {segment.mask.shape}, the CT {shape}."
            )
