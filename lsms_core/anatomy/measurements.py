"""Measures the lesions of one axial slice, for the training texts.

A training text describes one slice, so the lesions are measured in this slice only. The type is
the same as for whole lesions, :class:`~lsms_core.anatomy.lesion.Lesion`. Coordinates are RAS mm
from the slice's first pixel, with height 0; the volume is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.appearance import margin_of, shape_of, texture_of
from lsms_core.anatomy.diameters import Point, diameters
from lsms_core.anatomy.laterality import Side, cantlie_offset_mm, midline_column, side_of
from lsms_core.anatomy.lesion import Ends, Lesion, attenuation_of, location_of
from lsms_core.anatomy.liver_around import FEWEST_VOXELS, ring_around, ring_margin
from lsms_core.anatomy.regions import bounding_box, signed_distance_mm
from lsms_core.anatomy.sections import lobe_segments, possible_segments
from lsms_core.errors import InputError


@dataclass(frozen=True)
class SliceFindings:
    """The lesions of one slice.

    Attributes:
        lesions: in the order of their numbers, which are those of the label map.
        liver_area_mm2: the liver's area with its lesions.
    """

    lesions: tuple[Lesion, ...]
    liver_area_mm2: float


def measure_slice(
    image: NDArray[Any],
    liver: NDArray[np.bool_],
    instances: NDArray[Any],
    spacing_mm: tuple[float, float],
    height: float | None = None,
    midline: float | None = None,
) -> SliceFindings:
    """Measure every lesion of a canonical axial slice.

    Args:
        image: (rows, columns) HU.
        liver: (rows, columns), the liver including its lesions.
        instances: (rows, columns), lesions 1..n, 0 elsewhere.
        spacing_mm: (row, column) spacing.
        height: of the slice in the liver, from :func:`lsms_core.anatomy.sections.liver_height`.
        midline: column of the patient's midline; default: found in the image.

    Raises:
        InputError: when the shapes differ.
    """
    if not image.shape == liver.shape == instances.shape:
        raise InputError(
            f"Image {image.shape}, liver {liver.shape} and lesions {instances.shape} "
            "must have the same shape."
        )
    pixel = spacing_mm[0] * spacing_mm[1]
    lesions_mask = instances > 0
    organ = np.asarray(liver | lesions_mask)
    if not organ.any():
        return SliceFindings((), 0.0)
    if not lesions_mask.any():
        return SliceFindings((), float(organ.sum()) * pixel)
    if midline is None:
        midline = midline_column(image, spacing_mm)
    offset = cantlie_offset_mm(midline, organ, spacing_mm)
    depth = -signed_distance_mm(organ, spacing_mm)
    healthy = organ & ~lesions_mask
    right_rows = np.nonzero(organ & (offset < 0))[0]
    right_mm = float(right_rows.mean()) * spacing_mm[0] if len(right_rows) else None
    organ_rows = np.flatnonzero(organ.any(axis=1)) * spacing_mm[0]
    organ_hu = float(np.median(image[healthy])) if healthy.any() else float("nan")
    lesions = []
    for number in np.unique(instances[lesions_mask]).tolist():
        mask = np.asarray(instances == number)
        box = bounding_box(mask, ring_margin(spacing_mm))
        distance = signed_distance_mm(mask[box], spacing_mm)
        ring = ring_around(distance, healthy[box])
        around = float(np.median(image[box][ring])) if ring.sum() >= FEWEST_VOXELS else organ_hu
        values = image[mask].astype(np.float32)
        mean = float(values.mean())
        contrast = mean - around if np.isfinite(around) else None
        capsule = max(float(depth[mask].min()), 0.0)
        found = diameters(mask[box], spacing_mm)
        longest, perpendicular = found.longest_mm, found.perpendicular_mm
        rows, columns = np.nonzero(mask)
        centre = float(rows.mean()), float(columns.mean())
        side = side_of(offset, mask)
        sides: tuple[Side, ...] = ("left", "right") if side is None else (side,)
        corner = box[0].start, box[1].start
        lesions.append(
            Lesion(
                number=number,
                plane="axial",
                longest_mm=longest,
                perpendicular_mm=perpendicular,
                longest_ends=_ends(found.longest_ends, corner, spacing_mm),
                perpendicular_ends=_ends(found.perpendicular_ends, corner, spacing_mm),
                diameter_slice=0,
                area_mm2=float(mask.sum()) * pixel,
                volume_ml=0.0,
                mean_hu=mean,
                sd_hu=float(values.std()),
                slices=(0, 0),
                centroid_ras=_ras(centre, (0, 0), spacing_mm),
                contrast_hu=contrast,
                attenuation=None if contrast is None else attenuation_of(mean, contrast),
                capsule_mm=capsule,
                location=location_of(capsule),
                shape=shape_of(mask[box], longest, perpendicular),
                margin=margin_of(image[box], distance, ring, around),
                texture=texture_of(image[box], distance, ring),
                sides=sides,
                left_share=float(np.mean(offset[mask] > 0)),
                segments=possible_segments(
                    sides,
                    (centre[0] * spacing_mm[0], centre[1] * spacing_mm[1]),
                    right_centre_mm=right_mm,
                    midline_mm=midline * spacing_mm[1],
                    liver_rows_mm=(float(organ_rows[0]), float(organ_rows[-1])),
                    height=height,
                ),
            )
        )
    return SliceFindings(tuple(lesions), float(organ.sum()) * pixel)


def _ends(
    ends: tuple[Point, Point], corner: tuple[int, int], spacing_mm: tuple[float, float]
) -> Ends:
    return _ras(ends[0], corner, spacing_mm), _ras(ends[1], corner, spacing_mm)


def _ras(
    point: Point, corner: tuple[int, int], spacing_mm: tuple[float, float]
) -> tuple[float, float, float]:
    """Return the place of a point: canonical rows run to the back, columns to the left."""
    row, column = point[0] + corner[0], point[1] + corner[1]
    return -column * spacing_mm[1], -row * spacing_mm[0], 0.0


def mirrored(findings: SliceFindings, columns: int, spacing_mm: float) -> SliceFindings:
    """Return the measurements of the slice's mirror image, in which left and right are swapped.

    Any segment of the lobe is possible: a mirrored left lateral section is not a right one.

    Args:
        findings: of a slice.
        columns: of the slice.
        spacing_mm: of its columns.
    """
    other: dict[Side, Side] = {"left": "right", "right": "left"}

    def turned(point: tuple[float, float, float]) -> tuple[float, float, float]:
        return -(columns - 1) * spacing_mm - point[0], point[1], point[2]

    lesions = []
    for lesion in findings.lesions:
        sides = tuple(sorted(other[side] for side in lesion.sides))
        caudate = tuple(n for n in lesion.segments if n == "1")
        (a, b), (c, d) = lesion.longest_ends, lesion.perpendicular_ends
        lesions.append(
            replace(
                lesion,
                sides=sides,
                left_share=None if lesion.left_share is None else 1.0 - lesion.left_share,
                segments=caudate + lobe_segments(sides),
                centroid_ras=turned(lesion.centroid_ras),
                longest_ends=(turned(a), turned(b)),
                perpendicular_ends=(turned(c), turned(d)),
            )
        )
    return replace(findings, lesions=tuple(lesions))
