"""What a radiologist would measure of the lesions in one axial slice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.appearance import (
    Margin,
    Shape,
    Texture,
    margin_of,
    shape_of,
    texture_of,
)
from lsms_core.anatomy.diameters import diameters
from lsms_core.anatomy.laterality import Side, cantlie_offset_mm, midline_column, side_of
from lsms_core.anatomy.regions import bounding_box, signed_distance_mm
from lsms_core.anatomy.sections import Section, section_of, segment_of
from lsms_core.errors import InputError

Attenuation = Literal["hypodense", "hyperdense", "isodense", "cystic"]

# Attenuation against the liver around it, HU; between the two limits no word is used.
CLEAR_CONTRAST_HU = 15.0
ISODENSE_CONTRAST_HU = 6.0
# Simple fluid: 0 to 20 HU (ACR, management of incidental liver lesions on CT).
FLUID_HU = (-10.0, 20.0)
# The liver around a lesion: this far from its edge, beyond the partial volume.
RING_MM = (2.0, 10.0)
SUBCAPSULAR_MM = 3.0
CENTRAL_MM = 20.0


@dataclass(frozen=True)
class LesionMeasurement:
    """One lesion in one axial slice.

    Attributes:
        instance: its number in the label map.
        side: the patient's lobe, None where it cannot be told.
        longest_mm: longest axial diameter (RECIST 1.1).
        perpendicular_mm: longest diameter perpendicular to it.
        area_mm2: area.
        mean_hu: mean attenuation.
        contrast_hu: mean minus that of the liver around it.
        attenuation: the word for it, None where it is in between.
        capsule_distance_mm: smallest distance to the liver's edge in the slice.
        subcapsular: whether it reaches the liver's edge; None where it is in between.
        centroid: (row, column) in the canonical slice.
        centroid_mm: the same in mm from the slice's first pixel.
        shape: the word for its outline, None where none is clear.
        margin: the word for its border, likewise.
        texture: the word for how even it is, likewise.
        section: the part of the lobe, likewise.
        segment: Couinaud's segment, likewise.
    """

    instance: int
    side: Side | None
    longest_mm: float
    perpendicular_mm: float
    area_mm2: float
    mean_hu: float
    contrast_hu: float
    attenuation: Attenuation | None
    capsule_distance_mm: float
    subcapsular: bool | None
    centroid: tuple[float, float]
    centroid_mm: tuple[float, float] = (0.0, 0.0)
    shape: Shape | None = None
    margin: Margin | None = None
    texture: Texture | None = None
    section: Section | None = None
    segment: str | None = None


@dataclass(frozen=True)
class SliceFindings:
    """The lesions of one slice.

    Attributes:
        lesions: in the order of their instance numbers.
        liver_area_mm2: the liver's area with its lesions.
    """

    lesions: tuple[LesionMeasurement, ...]
    liver_area_mm2: float


def diameters_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """Longest diameter and the longest perpendicular to it, mm.

    Diameters run between pixel edges, so a single pixel has its own size.

    Args:
        mask: (rows, columns), at least one pixel.
        spacing_mm: (row, column) spacing.
    """
    found = diameters(mask, spacing_mm)
    return found.longest_mm, found.perpendicular_mm


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
    organ_hu = float(np.median(image[healthy])) if healthy.any() else float("nan")
    lesions = []
    for number in np.unique(instances[lesions_mask]).tolist():
        mask = np.asarray(instances == number)
        margin = [int(np.ceil(RING_MM[1] / s)) + 1 for s in spacing_mm]
        box = bounding_box(mask, margin)
        distance = signed_distance_mm(mask[box], spacing_mm)
        ring = healthy[box] & (distance > RING_MM[0]) & (distance < RING_MM[1])
        around = float(np.median(image[box][ring])) if ring.sum() >= 20 else organ_hu
        values = image[mask].astype(np.float32)
        mean = float(values.mean())
        contrast = mean - around
        capsule = max(float(depth[mask].min()), 0.0)
        longest, perpendicular = diameters_mm(mask[box], spacing_mm)
        rows, columns = np.nonzero(mask)
        side = side_of(offset, mask)
        centroid_mm = float(rows.mean()) * spacing_mm[0], float(columns.mean()) * spacing_mm[1]
        section = section_of(side, centroid_mm, right_mm, midline * spacing_mm[1])
        lesions.append(
            LesionMeasurement(
                instance=number,
                side=side,
                longest_mm=longest,
                perpendicular_mm=perpendicular,
                area_mm2=float(mask.sum()) * pixel,
                mean_hu=mean,
                contrast_hu=contrast,
                attenuation=_attenuation(mean, contrast),
                capsule_distance_mm=capsule,
                subcapsular=_subcapsular(capsule),
                centroid=(float(rows.mean()), float(columns.mean())),
                centroid_mm=centroid_mm,
                shape=shape_of(mask[box], longest, perpendicular),
                margin=margin_of(image[box], distance, ring, around),
                texture=texture_of(image[box], distance, ring),
                section=section,
                segment=segment_of(section, height),
            )
        )
    return SliceFindings(tuple(lesions), float(organ.sum()) * pixel)


def mirrored(findings: SliceFindings, columns: int, spacing_mm: float) -> SliceFindings:
    """Return what would be measured in the slice's mirror image: left is right.

    Parts of the lobes get no word: a mirrored left lateral section is not a right one.

    Args:
        findings: of a slice.
        columns: of the slice.
        spacing_mm: of its columns.
    """
    other: dict[Side | None, Side | None] = {"left": "right", "right": "left", None: None}
    lesions = tuple(
        replace(
            lesion,
            side=other[lesion.side],
            section=None,
            segment=None,
            centroid=(lesion.centroid[0], columns - 1 - lesion.centroid[1]),
            centroid_mm=(
                lesion.centroid_mm[0],
                (columns - 1) * spacing_mm - lesion.centroid_mm[1],
            ),
        )
        for lesion in findings.lesions
    )
    return replace(findings, lesions=lesions)


def _attenuation(mean_hu: float, contrast_hu: float) -> Attenuation | None:
    if contrast_hu <= -CLEAR_CONTRAST_HU:
        return "cystic" if FLUID_HU[0] <= mean_hu <= FLUID_HU[1] else "hypodense"
    if contrast_hu >= CLEAR_CONTRAST_HU:
        return "hyperdense"
    return "isodense" if abs(contrast_hu) <= ISODENSE_CONTRAST_HU else None


def _subcapsular(distance_mm: float) -> bool | None:
    if distance_mm <= SUBCAPSULAR_MM:
        return True
    return False if distance_mm >= CENTRAL_MM else None
