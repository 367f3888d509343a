"""The bounding box of the patient in an axial slice."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

_BODY_THRESHOLD_HU = -140.0
# Below this share of the slice a "body" is taken for noise and the whole slice is used.
_SMALLEST_BODY = 0.05
# A disc of a radius of two pixels.
_DISC = [(r, c) for r in range(-2, 3) for c in range(-2, 3) if abs(r) + abs(c) < 4]

Box = tuple[int, int, int, int]

# Boxes of recent slices, by digest: a reader who scrolls asks for the same neighbours again.
_RECENT: OrderedDict[bytes, Box] = OrderedDict()
_REMEMBERED = 256


def body_box(image: NDArray[Any]) -> Box:
    """Bounding box (row0, row1, column0, column1), half open, of the patient's outline.

    The largest connected region above -140 HU; the whole slice where there is none.
    """
    mask = image > _BODY_THRESHOLD_HU
    key = hashlib.blake2b(np.packbits(mask).tobytes() + repr(mask.shape).encode()).digest()
    box = _RECENT.get(key)
    if box is None:
        box = _RECENT[key] = _found(mask)
        while len(_RECENT) > _REMEMBERED:
            _RECENT.popitem(last=False)
    return box


def _found(body: NDArray[np.bool_]) -> Box:
    rows, columns = body.shape
    # Opening detaches the table and tubes, which touch the skin by a pixel or two.
    mask = sitk.GetImageFromArray(_opened(body).astype(np.uint8))
    labels = sitk.RelabelComponent(sitk.ConnectedComponent(mask), sortByObjectSize=True)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(labels)
    if not statistics.HasLabel(1):
        return 0, rows, 0, columns
    if statistics.GetNumberOfPixels(1) < _SMALLEST_BODY * rows * columns:
        return 0, rows, 0, columns
    column, row, width, height = statistics.GetBoundingBox(1)
    return row, row + height, column, column + width


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Open a (rows, columns) mask by a disc; to shift the picture is the fastest way."""
    rows, columns = mask.shape
    eroded = np.ones_like(mask)
    padded = np.pad(mask, 2, constant_values=True)
    for r, c in _DISC:
        eroded &= padded[2 + r : 2 + r + rows, 2 + c : 2 + c + columns]
    opened = np.zeros_like(mask)
    padded = np.pad(eroded, 2)
    for r, c in _DISC:
        opened |= padded[2 + r : 2 + r + rows, 2 + c : 2 + c + columns]
    return opened
