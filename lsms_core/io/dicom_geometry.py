"""The geometry of a DICOM series: order and distance of the slices, gantry tilt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import InputError
from lsms_core.io.dicom_objects import DicomSlice

# Positions are rounded by scanners to about this, mm.
ROUNDING_MM = 0.05
# A slice that lies further from its even place than this share of the distance is refused.
_UNEVEN_SHARE = 0.25
# Below this the stack's lean is rounding, not a tilted gantry, degrees.
_TILT_DEGREES = 0.5
# Directions that differ by more than this within a series give a note.
_JITTER = 1e-3
_SPACING_JITTER = 1e-3


@dataclass(frozen=True)
class Layout:
    """The geometry of the sorted slices of a series.

    Attributes:
        affine: (4, 4) IJK to RAS mm, with the slices placed evenly from the first to the last;
            sheared where the gantry was tilted, so that it places every voxel truly.
        heights_mm: (slices,) place of each slice along the normal, from the first one.
        error_mm: how far a slice lies from its even place at most.
        tilt_degrees: between the stack and the slices' normal; 0 for rounding.
        notes: for the user.
    """

    affine: NDArray[np.float64]
    heights_mm: NDArray[np.float64]
    error_mm: float
    tilt_degrees: float
    notes: tuple[str, ...]

    @property
    def usual_mm(self) -> float:
        """The usual distance of neighbouring slices."""
        return float(np.median(np.diff(self.heights_mm))) if len(self.heights_mm) > 1 else 0.0

    @property
    def uneven(self) -> bool:
        """Whether the slices' distances differ by more than rounding."""
        return self.error_mm > max(ROUNDING_MM, 0.01 * self.usual_mm)


def heights_mm(slices: Sequence[DicomSlice]) -> NDArray[np.float64]:
    """Return the place of each slice along the common normal, mm."""
    normal = _normal(_orientation(slices))
    return np.array([s.position for s in slices]) @ normal


def order_slices(slices: Sequence[DicomSlice]) -> list[DicomSlice]:
    """Sort slices along their normal (the cross product of row and column directions)."""
    return [slices[i] for i in np.argsort(heights_mm(slices), kind="stable")]


def layout(ordered: Sequence[DicomSlice], title: str) -> Layout:
    """Lay out sorted slices.

    The step from slice to slice is measured between the first and the last one.

    Raises:
        InputError: when the directions are none.
    """
    orientation = _orientation(ordered)
    rows, columns = orientation.reshape(2, 3)
    for axis in (rows, columns):
        if abs(float(np.linalg.norm(axis)) - 1.0) > 1e-2:
            raise InputError(f"The {title} has no usable orientation: export it again.")
    if abs(float(rows @ columns)) > 0.05:
        raise InputError(
            f"The {title} has rows and columns that are not at right angles: export it again."
        )
    rows, columns = rows / np.linalg.norm(rows), columns / np.linalg.norm(columns)
    spacing = np.median([s.spacing for s in ordered], axis=0)
    notes = _jitter(ordered, orientation, spacing)
    normal = _normal(orientation)
    positions = np.array([s.position for s in ordered])
    error, tilt = 0.0, 0.0
    if len(ordered) == 1:
        step, note = _single_step(ordered[0], normal)
        notes.append(note)
    else:
        step = (positions[-1] - positions[0]) / (len(ordered) - 1)
        even = positions[0] + np.arange(len(positions))[:, None] * step
        error = float(np.linalg.norm(positions - even, axis=1).max())
        tilt = _tilt(step, normal)
    lps = np.eye(4)
    # A column index grows along the row direction by the column spacing.
    lps[:3, 0] = rows * spacing[1]
    lps[:3, 1] = columns * spacing[0]
    lps[:3, 2] = step
    lps[:3, 3] = positions[0]
    return Layout(
        np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps,
        (positions - positions[0]) @ normal,
        error,
        tilt,
        tuple(notes),
    )


def check_even(lying: Layout, title: str, missing: str = "") -> list[str]:
    """Refuse a stack with gaps; note small unevenness and a tilted gantry.

    Args:
        lying: the slices' layout.
        title: the series' name, for messages.
        missing: what was left out, which may be why.

    Raises:
        InputError: when slices are missing or unevenly spaced.
    """
    notes = []
    if len(lying.heights_mm) > 1:
        gaps, usual = np.diff(lying.heights_mm), lying.usual_mm
        widest = int(gaps.argmax())
        span = f"{gaps.min():.2f} to {gaps.max():.2f} mm"
        if gaps[widest] > 1.5 * usual:
            why = f" Left out: {missing}." if missing else ""
            raise InputError(
                f"The {title} has a gap of {gaps[widest]:.1f} mm between its slices "
                f"{widest} and {widest + 1} (elsewhere {usual:.1f} mm): slices are missing; "
                f"export it again, or fill the gap from its neighbours with --resample.{why}"
            )
        step = float(np.linalg.norm(lying.affine[:3, 2]))
        if lying.error_mm > _UNEVEN_SHARE * step:
            raise InputError(
                f"The slices of {title} are unevenly spaced ({span}) and lie up to "
                f"{lying.error_mm:.1f} mm from an even stack: use --resample, which interpolates "
                "even slices."
            )
        if lying.uneven:
            notes.append(
                f"The slices are unevenly spaced ({span}); they are placed evenly, with an error "
                f"of up to {lying.error_mm:.2f} mm."
            )
    if lying.tilt_degrees:
        notes.append(
            f"The gantry was tilted by {lying.tilt_degrees:.1f} degrees: slices are kept as they "
            "were taken, and the mask lies on the same sheared grid."
        )
    return notes


def _orientation(slices: Sequence[DicomSlice]) -> NDArray[np.float64]:
    """Return the usual directions: the median, so that one jittering slice does not count."""
    return np.median([s.orientation for s in slices], axis=0)


def _normal(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    normal: NDArray[np.float64] = np.cross(*orientation.reshape(2, 3))
    return normal / max(float(np.linalg.norm(normal)), 1e-9)


def _jitter(
    slices: Sequence[DicomSlice], orientation: NDArray[np.float64], spacing: NDArray[np.float64]
) -> list[str]:
    notes = []
    turned = max(float(np.abs(np.subtract(s.orientation, orientation)).max()) for s in slices)
    if turned > _JITTER:
        notes.append(
            f"The directions of the slices differ by up to {np.degrees(turned):.2f} degrees; the "
            "usual one was taken."
        )
    sized = max(float(np.abs(np.divide(s.spacing, spacing) - 1.0).max()) for s in slices)
    if sized > _SPACING_JITTER:
        notes.append(
            f"The pixel sizes of the slices differ by up to {sized:.1%}; the usual one was taken."
        )
    return notes


def _single_step(item: DicomSlice, normal: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    try:
        thickness = float(item.tags.get("thickness", ""))
    except ValueError:
        thickness = 0.0
    if 0 < thickness < 1e3:
        return normal * thickness, f"The series has one slice, {thickness:g} mm thick."
    return normal, (
        "The series has one slice of unknown thickness: it was taken to be 1 mm, so volumes "
        "mean little."
    )


def _tilt(step: NDArray[np.float64], normal: NDArray[np.float64]) -> float:
    cosine = float(np.dot(step, normal) / max(float(np.linalg.norm(step)), 1e-9))
    degrees = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    return degrees if degrees >= _TILT_DEGREES else 0.0
