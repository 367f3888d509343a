"""The lobe of a lesion, estimated from a single slice.

The lobes are divided by Cantlie's line, from the inferior vena cava to the
gallbladder's fossa (Couinaud, 1957). Neither is in a liver mask, so the line
is approximated: in an axial slice it starts at the vena cava, which lies about
2 cm to the right of the spine's midline, and runs forward and to the patient's
right. Close to the line no side is given, because a wrong side is worse than
none.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.body_outline import body_box

Side = Literal["left", "right"]

# The vena cava's usual place beside the midline at the level of the liver, mm.
VENA_CAVA_OFFSET_MM = 20.0
# The line's slope: how far to the right it runs for each mm forward.
CANTLIE_SLOPE = 0.35
# Half the width of the band around the line in which no side is given, mm.
AMBIGUOUS_BAND_MM = 12.0
_BONE_HU = 150.0
_SMALLEST_SPINE_MM2 = 300.0


def midline_column(image: NDArray[Any], spacing_mm: tuple[float, float]) -> float:
    """Column of the patient's midline in a canonical axial slice.

    The centre of the bone in the middle third of the body's rear half (the vertebra);
    the body's centre where there is no bone to see.

    Args:
        image: (rows, columns) HU.
        spacing_mm: (row, column) spacing.
    """
    row0, row1, column0, column1 = body_box(image)
    width = column1 - column0
    rows = slice((row0 + row1) // 2, row1)
    columns = slice(column0 + width // 3, column1 - width // 3)
    bone = np.asarray(image[rows, columns] > _BONE_HU)
    if bone.sum() * spacing_mm[0] * spacing_mm[1] < _SMALLEST_SPINE_MM2:
        return 0.5 * (column0 + column1 - 1)
    return float(columns.start + np.median(np.nonzero(bone)[1]))


def cantlie_offset_mm(
    midline: float, liver: NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> NDArray[np.float32]:
    """How far each pixel lies to the patient's left of the line, mm (negative: right).

    Args:
        midline: column of the patient's midline, from :func:`midline_column`.
        liver: (rows, columns), the liver with its lesions, in a canonical axial slice; at least
            one pixel.
        spacing_mm: (row, column) spacing.
    """
    rows, columns = liver.shape
    rear_mm = float(np.flatnonzero(liver.any(axis=1))[-1]) * spacing_mm[0]
    middle_mm = midline * spacing_mm[1]
    row_mm = np.arange(rows, dtype=np.float32)[:, None] * np.float32(spacing_mm[0])
    column_mm = np.arange(columns, dtype=np.float32)[None, :] * np.float32(spacing_mm[1])
    forward_mm = np.maximum(rear_mm - row_mm, 0.0)
    line_mm = middle_mm - VENA_CAVA_OFFSET_MM - CANTLIE_SLOPE * forward_mm
    horizontal = column_mm - line_mm
    return np.asarray(horizontal / np.hypot(1.0, CANTLIE_SLOPE), dtype=np.float32)


def side_of(offset_mm: NDArray[np.float32], lesion: NDArray[np.bool_]) -> Side | None:
    """The lobe of a lesion; None where it lies in the ambiguous band or on both sides.

    Args:
        offset_mm: from :func:`cantlie_offset_mm`.
        lesion: (rows, columns).
    """
    values = offset_mm[lesion]
    centre = float(values.mean())
    if abs(centre) < AMBIGUOUS_BAND_MM:
        return None
    share = float(np.mean(values > 0)) if centre > 0 else float(np.mean(values < 0))
    if share < 0.9:
        return None
    return "left" if centre > 0 else "right"
