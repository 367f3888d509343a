"""Where the slices of a DICOM series lie: their order, their distance, a tilted gantry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import InputError

if TYPE_CHECKING:
    from lsms_core.io.dicom import DicomSlice

# Positions are rounded by scanners to about this, mm.
_ROUNDING_MM = 0.05
# A slice that lies further from its even place than this share of the distance is refused.
_UNEVEN_SHARE = 0.25
# Below this the stack's lean is rounding, not a tilted gantry, degrees.
_TILT_DEGREES = 0.5


def order_slices(slices: Sequence[DicomSlice], title: str) -> list[DicomSlice]:
    """Sort slices along their normal (the cross product of row and column directions).

    Raises:
        InputError: when two images lie at the same place.
    """
    normal = _normal(slices[0])
    ordered = sorted(slices, key=lambda s: float(np.dot(normal, s.position)))
    places = [float(np.dot(normal, s.position)) for s in ordered]
    doubled = sum(b - a < _ROUNDING_MM / 5 for a, b in pairwise(places))
    if doubled:
        acquisitions = Counter(s.tags.get("acquisition", "") for s in slices)
        why = (
            f"it holds {len(acquisitions)} acquisitions (phases)"
            if len(acquisitions) > 1
            else "files may be there twice"
        )
        raise InputError(
            f"The series {title} has {doubled + 1} images or more at the same place; {why}: put "
            "the files of one phase into a folder of their own."
        )
    return ordered


def volume_affine(
    ordered: Sequence[DicomSlice], title: str
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the IJK-to-RAS affine of sorted slices, and notes for the user.

    The step from slice to slice is measured between the first and the last one, so a tilted
    gantry gives a sheared affine, which places every voxel truly.

    Raises:
        InputError: when slices are missing or unevenly spaced.
    """
    first = ordered[0]
    row_direction, column_direction = np.array(first.orientation).reshape(2, 3)
    for axis in (row_direction, column_direction):
        if abs(float(np.linalg.norm(axis)) - 1.0) > 1e-2:
            raise InputError(f"The series {title} has no usable orientation: export it again.")
    row_direction = row_direction / np.linalg.norm(row_direction)
    column_direction = column_direction / np.linalg.norm(column_direction)
    positions = np.array([s.position for s in ordered])
    notes: list[str] = []
    if len(ordered) == 1:
        step, note = _single_step(first)
        notes.append(note)
    else:
        step = (positions[-1] - positions[0]) / (len(ordered) - 1)
        notes += _check_even(positions, step, _normal(first), title)
        notes += _tilt(step, _normal(first))
    lps = np.eye(4)
    # A column index grows along the row direction by the column spacing.
    lps[:3, 0] = row_direction * first.spacing[1]
    lps[:3, 1] = column_direction * first.spacing[0]
    lps[:3, 2] = step
    lps[:3, 3] = positions[0]
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps, notes


def _normal(item: DicomSlice) -> NDArray[np.float64]:
    row_direction, column_direction = np.array(item.orientation).reshape(2, 3)
    normal: NDArray[np.float64] = np.cross(row_direction, column_direction)
    return normal / max(float(np.linalg.norm(normal)), 1e-9)


def _single_step(item: DicomSlice) -> tuple[NDArray[np.float64], str]:
    try:
        thickness = float(item.tags.get("thickness", ""))
    except ValueError:
        thickness = 0.0
    if thickness > 0:
        return _normal(item) * thickness, f"The series has one slice, {thickness:g} mm thick."
    return _normal(item), (
        "The series has one slice of unknown thickness: it was taken to be 1 mm, so volumes "
        "mean little."
    )


def _check_even(
    positions: NDArray[np.float64],
    step: NDArray[np.float64],
    normal: NDArray[np.float64],
    title: str,
) -> list[str]:
    along = positions @ normal
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    widest = int(gaps.argmax())
    if gaps[widest] > 1.5 * usual:
        raise InputError(
            f"The series {title} has a gap of {gaps[widest]:.1f} mm between its slices {widest} "
            f"and {widest + 1} (elsewhere {usual:.1f} mm): slices are missing; export it again."
        )
    even = positions[0] + np.arange(len(positions))[:, None] * step
    error = float(np.linalg.norm(positions - even, axis=1).max())
    if error > _UNEVEN_SHARE * float(np.linalg.norm(step)):
        raise InputError(
            f"The slices of the series {title} are unevenly spaced ({gaps.min():.2f} to "
            f"{gaps.max():.2f} mm) and lie up to {error:.1f} mm from an even stack: resample "
            "the series to even slices first."
        )
    if error > max(_ROUNDING_MM, 0.01 * usual):
        return [
            f"The slices are unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm); they are "
            f"placed evenly, with an error of up to {error:.2f} mm."
        ]
    return []


def _tilt(step: NDArray[np.float64], normal: NDArray[np.float64]) -> list[str]:
    cosine = float(np.dot(step, normal) / np.linalg.norm(step))
    degrees = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    if degrees < _TILT_DEGREES:
        return []
    return [
        f"The gantry was tilted by {degrees:.1f} degrees: slices are kept as they were taken, and "
        "the mask lies on the same sheared grid."
    ]
