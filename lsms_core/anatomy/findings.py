"""What can be said of a mask in a CT: lesions, diameters, volume, attenuation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.measurements import diameters_mm
from lsms_core.anatomy.regions import bounding_box, label_components


@dataclass(frozen=True)
class Finding:
    """One connected lesion.

    Attributes:
        plane: the plane of the diameters and the area, "axial" as a rule.
        longest_mm: longest diameter (RECIST 1.1), in the slice where the area is largest.
        perpendicular_mm: the longest diameter perpendicular to it in that slice.
        diameter_slice: that slice's index along the array's axis across ``plane``.
        area_mm2: the largest area.
        volume_ml: volume.
        mean_hu: mean attenuation; voxels without a number are left out.
        slices: first and last slice along the axis that was asked for.
        centroid_ras: (3,) centre, RAS mm.
    """

    plane: str
    longest_mm: float
    perpendicular_mm: float
    diameter_slice: int
    area_mm2: float
    volume_ml: float
    mean_hu: float
    slices: tuple[int, int]
    centroid_ras: tuple[float, float, float]

    @property
    def axial_slice(self) -> int:
        """``diameter_slice`` of a finding that was measured in the axial plane."""
        return self.diameter_slice

    def to_dict(self) -> dict[str, Any]:
        """Return the measurements for JSON, rounded to what can be measured."""
        values = asdict(self)
        for name in ("longest_mm", "perpendicular_mm", "area_mm2", "mean_hu"):
            values[name] = round(values[name], 1)
        values["volume_ml"] = round(values["volume_ml"], 3)
        values["slices"] = list(self.slices)
        values["centroid_ras"] = [round(v, 1) for v in self.centroid_ras]
        return values


def measure_mask(
    volume: CTVolume, mask: NDArray[np.bool_], axis: int = 0, plane: str | int = "axial"
) -> list[Finding]:
    """Measure each connected lesion of a mask (faces, edges and corners connect), largest first.

    The voxel's volume is the determinant of the affine, which holds for a tilted gantry, too.

    Args:
        volume: the CT, HU.
        mask: the CT's shape.
        axis: the array axis that ``Finding.slices`` counts along.
        plane: where diameters and areas are taken: "axial", unless only a slice of another
            plane was run, which has no axial extent.
    """
    if not mask.any():
        return []
    seen = SlicePlane.of(volume, plane)
    voxel_ml = abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000.0
    pixel_mm2 = seen.spacing_mm[0] * seen.spacing_mm[1]
    box = bounding_box(mask, (0, 0, 0))
    start = np.array([s.start for s in box])
    labels, count = label_components(mask[box])
    values = volume.array[box]
    findings = []
    for number in range(1, count + 1):
        inner = bounding_box(labels == number, (0, 0, 0))
        part = labels[inner] == number
        offset = start + np.array([s.start for s in inner])
        stacked = seen.stack(part)
        areas = stacked.sum(axis=(1, 2))
        index = int(areas.argmax())
        longest, perpendicular = diameters_mm(np.ascontiguousarray(stacked[index]), seen.spacing_mm)
        hu = values[inner][part].astype(np.float64)
        hu = hu[np.isfinite(hu)]
        kji = np.argwhere(part).mean(axis=0) + offset
        centre = volume.affine[:3, :3] @ kji[::-1] + volume.affine[:3, 3]
        findings.append(
            Finding(
                plane=seen.plane,
                longest_mm=longest,
                perpendicular_mm=perpendicular,
                diameter_slice=index + int(offset[seen.axis]),
                area_mm2=float(areas[index]) * pixel_mm2,
                volume_ml=float(part.sum()) * voxel_ml,
                mean_hu=float(hu.mean()) if len(hu) else float("nan"),
                slices=(int(offset[axis]), int(offset[axis]) + part.shape[axis] - 1),
                centroid_ras=(float(centre[0]), float(centre[1]), float(centre[2])),
            )
        )
    return findings
