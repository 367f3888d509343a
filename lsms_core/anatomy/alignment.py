"""Rigid registration of the liver of one study to the liver of another, by SimpleITK."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.regions import bounding_box
from lsms_core.errors import InputError

# The livers are compared on a grid of this size, mm: finer than breathing moves them.
_GRID_MM = 5.0
# Surface distances are clipped at this value, mm: only the surroundings guide the registration.
_REACH_MM = 30.0
_SMALLEST_ML = 50.0
_ITERATIONS = 80


@dataclass(frozen=True)
class Alignment:
    """A rigid transform from one study's space to another's.

    Attributes:
        matrix: (4, 4), RAS mm of the later study to RAS mm of the earlier one.
        overlap: Dice of the two livers after it, 0 to 1; None where nothing was aligned.
    """

    matrix: NDArray[np.float64]
    overlap: float | None = None

    def moved(self, point: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return a point of the later study in the earlier one's space, RAS mm."""
        x, y, z = self.matrix[:3, :3] @ np.asarray(point) + self.matrix[:3, 3]
        return float(x), float(y), float(z)

    @property
    def shift_mm(self) -> float:
        """How far the later study's origin is moved."""
        return float(np.linalg.norm(self.matrix[:3, 3]))

    @property
    def turn_degrees(self) -> float:
        """By how much it is turned."""
        cosine = (np.trace(self.matrix[:3, :3]) - 1.0) / 2.0
        return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


IDENTITY = Alignment(np.eye(4))


def align_livers(before: CTVolume, after: CTVolume) -> Alignment:
    """Find the rigid motion that brings a later liver onto an earlier one.

    The livers' signed distance maps are matched from their centres on, so that grids, slice
    distances and fields of view may differ.

    Args:
        before: the earlier liver, a mask on its grid.
        after: the later one.

    Raises:
        InputError: for a liver too small to tell its position.
    """
    for name, liver in (("earlier", before), ("later", after)):
        voxel_ml = abs(float(np.linalg.det(liver.affine[:3, :3]))) / 1000.0
        if np.count_nonzero(liver.array) * voxel_ml < _SMALLEST_ML:
            raise InputError(
                f"The {name} study's liver is smaller than {_SMALLEST_ML:g} mL, which tells no "
                "position: give the outline of the whole liver."
            )
    fixed, moving = _distance_map(before), _distance_map(after)
    start = sitk.Euler3DTransform()
    start.SetCenter(_centre(before).tolist())
    start.SetTranslation((_centre(after) - _centre(before)).tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.005, numberOfIterations=_ITERATIONS,
        relaxationFactor=0.6, gradientMagnitudeTolerance=1e-5,
    )  # fmt: skip
    method.SetOptimizerScalesFromPhysicalShift()
    # Every voxel is used: the same livers give the same motion each time.
    method.SetInitialTransform(start, inPlace=True)
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 0.0])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    method.Execute(fixed, moving)
    inverse = start.GetInverse()
    matrix = np.eye(4)
    # A point of `before` goes to `after`; its inverse brings the later study back.
    origin = np.array(inverse.TransformPoint((0.0, 0.0, 0.0)))
    for axis in range(3):
        unit = np.eye(3)[axis]
        matrix[:3, axis] = np.array(inverse.TransformPoint(unit.tolist())) - origin
    matrix[:3, 3] = origin
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    overlap = _overlap(fixed, moving, start)
    return Alignment(flip @ matrix @ flip, overlap)


def _distance_map(liver: CTVolume) -> sitk.Image:
    """Distance to the liver's surface on a coarse, upright grid, LPS mm."""
    mask = np.asarray(liver.array > 0)
    box = bounding_box(mask, (0, 0, 0))
    corners = np.array(
        [
            [box[2].start + (i * (box[2].stop - box[2].start)) - 0.5,
             box[1].start + (j * (box[1].stop - box[1].start)) - 0.5,
             box[0].start + (k * (box[0].stop - box[0].start)) - 0.5, 1.0]
            for i in (0, 1) for j in (0, 1) for k in (0, 1)
        ]
    )  # fmt: skip
    lps = (corners @ liver.affine.T)[:, :3] * (-1.0, -1.0, 1.0)
    low, high = lps.min(axis=0) - _REACH_MM, lps.max(axis=0) + _REACH_MM
    size = np.ceil((high - low) / _GRID_MM).astype(int)
    image = sitk.Cast(liver.to_sitk(mask), sitk.sitkFloat32)
    grid = sitk.Resample(
        image, size.tolist(), sitk.Transform(), sitk.sitkLinear, low.tolist(),
        [_GRID_MM] * 3, np.eye(3).ravel().tolist(), 0.0, sitk.sitkFloat32,
    )  # fmt: skip
    distance = sitk.SignedMaurerDistanceMap(
        grid >= 0.5, squaredDistance=False, useImageSpacing=True
    )
    return sitk.Clamp(distance, sitk.sitkFloat32, -_REACH_MM, _REACH_MM)


def _centre(liver: CTVolume) -> NDArray[np.float64]:
    kji = np.argwhere(liver.array > 0).mean(axis=0)
    ras = liver.affine[:3, :3] @ kji[::-1] + liver.affine[:3, 3]
    centre: NDArray[np.float64] = ras * (-1.0, -1.0, 1.0)
    return centre


def _overlap(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    brought = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, _REACH_MM)
    # A distance of zero is the centre of the outermost voxels, half a voxel inside the surface.
    surface = _GRID_MM / 2
    one = sitk.GetArrayFromImage(fixed) <= surface
    two = sitk.GetArrayFromImage(brought) <= surface
    return float(2 * (one & two).sum() / max(int(one.sum() + two.sum()), 1))
