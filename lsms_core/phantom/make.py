"""Makes a synthetic abdominal CT in the portal venous phase.

It contains no patient data: every organ is a formula with seeded random deformation.
It serves the demonstration, the screenshots and the tests, and may be trained
on. Shapes and sizes follow what textbooks of anatomy give for adults; they are
plausible, not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError
from lsms_core.phantom import gut, liver, skeleton, vessels, viscera
from lsms_core.phantom.body import BACK, FRONT, HALF_WIDTH, make_trunk, paint_chest
from lsms_core.phantom.canvas import Canvas
from lsms_core.phantom.noise import scanner_noise, smooth3
from lsms_core.phantom.organs import PORTAL_VENOUS_HU, Organ
from lsms_core.phantom.placed_lesions import (
    LesionTruth,
    PlacedLesion,
    place_lesions,
    random_lesions,
)

DEFAULT_SHAPE = (64, 272, 368)
SMALL_SHAPE = (32, 96, 128)
DEFAULT_LENGTH_MM = 162.0
_SMALLEST_SHAPE = (3, 48, 64)
_LARGEST_VOXELS = 200_000_000
_MIDDLE_MM = -3.0
_AIR_MM = 12.0
# Of about equal length, for the progress.
_STEPS = 20


@dataclass(frozen=True)
class Phantom:
    """A synthetic CT with its ground truth.

    Attributes:
        ct: int16 HU; axial slices from inferior to superior, rows to the back, columns to the
            patient's left.
        liver: (slices, rows, columns), the liver with its vessels and lesions.
        instances: the same shape, int32, lesions 1..n, 0 elsewhere.
        organs: the same shape, uint8, see :class:`Organ`.
        lesions: one description a lesion, in the order of its number.
        seed: what it was made from.
    """

    ct: CTVolume
    liver: NDArray[np.bool_]
    instances: NDArray[np.int32]
    organs: NDArray[np.uint8]
    lesions: tuple[LesionTruth, ...]
    seed: int


def make_phantom(
    seed: int = 0,
    *,
    lesions: Sequence[PlacedLesion] | int | None = None,
    shape: tuple[int, int, int] = DEFAULT_SHAPE,
    spacing_mm: tuple[float, float, float] | None = None,
    noise_hu: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Phantom:
    """Make a phantom; the same arguments always give the same one.

    Args:
        seed: body, organs, lesions and noise follow from it; 0 or more.
        lesions: what to put into the liver (an error when one finds no place), how many to
            draw (as many as find a place), or None to draw one to four.
        shape: (slices, rows, columns). ``SMALL_SHAPE`` takes well under a second.
        spacing_mm: (slice, row, column); default: as the body needs, as a radiographer would
            choose the field of view.
        noise_hu: standard deviation of the noise in the liver; default: drawn, 10 to 15 HU.
        progress: called with the steps done and all steps; what it raises ends the work.

    Raises:
        InputError: for a grid that cannot be used, or a lesion without a place.
    """
    _check(seed, shape, spacing_mm, noise_hu)
    rng = np.random.default_rng([seed, 0])
    size = rng.normal(1.0, 0.045)
    scale = tuple(np.clip(size * rng.normal(1.0, 0.03, 3), 0.88, 1.13).tolist())
    fat_mm = float(np.clip(rng.gamma(5.0, 2.6), 4.0, 26.0))
    liver_hu = float(np.clip(rng.normal(PORTAL_VENOUS_HU[Organ.LIVER], 7.0), 88.0, 122.0))
    vessel_hu = float(rng.uniform(38.0, 58.0))
    sigma = float(rng.uniform(10.5, 15.0)) if noise_hu is None else noise_hu
    front, back = scale[1] * (FRONT + 3 + 1.3 * fat_mm), scale[1] * (BACK + 1.1 * fat_mm)
    width = 2 * scale[0] * (1.03 * HALF_WIDTH + 1.3 * fat_mm)
    spacing = spacing_mm or _field_of_view(shape, width, front + back, scale[2])
    middle = 0.5 * (back - front)
    canvas = Canvas(shape, spacing, (_MIDDLE_MM * scale[2], middle, 0.0), scale, seed)

    tell = _steps(progress)
    tell(1)
    _paint(canvas, fat_mm, liver_hu, vessel_hu, tell)
    image = _scan(canvas, sigma)
    tell(17)
    ct = CTVolume(image, _affine(canvas))
    mask = canvas.organ == Organ.LIVER
    chance = canvas.rng("lesions")
    drawn = lesions is None or isinstance(lesions, int)
    if lesions is None or isinstance(lesions, int):
        count = int(chance.integers(1, 5)) if lesions is None else lesions
        wanted = random_lesions(chance, count)
    else:
        wanted = list(lesions)
    image, instances, truth = place_lesions(ct, mask, wanted, chance, required=not drawn)
    tell(_STEPS)
    return Phantom(ct.with_array(image), mask, instances, canvas.organ, tuple(truth), seed)


def _paint(
    canvas: Canvas,
    fat_mm: float,
    liver_hu: float,
    vessel_hu: float,
    tell: Callable[[int], None],
) -> None:
    trunk = make_trunk(canvas, fat_mm)
    tell(5)
    skeleton.paint_ribs(canvas, trunk)
    paint_chest(canvas, trunk)
    skeleton.paint_spine(canvas)
    tell(8)
    organ = liver.make_liver(canvas, trunk, liver_hu)
    tell(11)
    viscera.paint_spleen(canvas, trunk)
    viscera.paint_kidneys(canvas)
    viscera.paint_adrenals(canvas)
    vessels.paint_mesentery(canvas)
    vessels.paint_great_vessels(canvas)
    liver.paint_vena_cava(canvas)
    liver.paint_gallbladder(canvas)
    viscera.paint_pancreas(canvas)
    tell(12)
    gut.paint_stomach(canvas, trunk)
    gut.paint_colon(canvas, trunk)
    gut.paint_small_bowel(canvas, trunk)
    tell(14)
    if organ is not None:
        vessels.paint_liver_vessels(canvas, organ, liver_hu, vessel_hu)
    tell(16)


def _steps(progress: Callable[[int, int], None] | None) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if progress:
            progress(done, _STEPS)

    return tell


def _check(
    seed: int,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float] | None,
    noise_hu: float | None,
) -> None:
    if seed < 0:
        raise InputError(f"The seed is {seed}: use 0 or more.")
    if len(shape) != 3 or any(n < m for n, m in zip(shape, _SMALLEST_SHAPE, strict=True)):
        raise InputError(f"A phantom of shape {shape} is too small: use {_SMALLEST_SHAPE} or more.")
    if int(np.prod(shape, dtype=np.int64)) > _LARGEST_VOXELS:
        raise InputError(f"A phantom of shape {shape} does not fit into memory: make it smaller.")
    if spacing_mm is not None and (len(spacing_mm) != 3 or not all(s > 0 for s in spacing_mm)):
        raise InputError(f"The spacing {spacing_mm} cannot be used: give three lengths in mm.")
    if noise_hu is not None and not 0 <= noise_hu <= 200:
        raise InputError(f"Noise of {noise_hu} HU cannot be used: give 0 to 200.")


def _field_of_view(
    shape: tuple[int, int, int], width_mm: float, depth_mm: float, height: float
) -> tuple[float, float, float]:
    """Return the spacing with which the body just fits, with some air around it."""
    pixel = max(
        (width_mm + 2 * _AIR_MM) / shape[2],
        (depth_mm + 2 * _AIR_MM) / shape[1],
    )
    return DEFAULT_LENGTH_MM * height / shape[0], pixel, pixel


def _scan(canvas: Canvas, sigma_hu: float) -> NDArray[np.int16]:
    """Turn the painted body into an image: blurring, noise, whole numbers."""
    image = smooth3(canvas.hu, (0.06, 0.04, 0.04))
    noise = scanner_noise(canvas.shape, sigma_hu, canvas.rng("scanner"))
    # Quanta are fewest where the body is thickest, and many in the air around it.
    x, y, _ = canvas.points
    level = 1.08 - 0.35 * np.clip((x / HALF_WIDTH) ** 2 + (y / FRONT) ** 2, 0, 1.3)
    image = image + noise * level
    return np.asarray(np.rint(image).clip(-1024, 3000), dtype=np.int16)


def _affine(canvas: Canvas) -> NDArray[np.float64]:
    """IJK to RAS: columns run to the left, rows to the back."""
    z, y, x = canvas.axes_mm
    dz, dy, dx = canvas.spacing_mm
    return np.array(
        [
            [-dx, 0, 0, -float(x[0])],
            [0, -dy, 0, -float(y[0])],
            [0, 0, dz, float(z[0])],
            [0, 0, 0, 1],
        ]
    )
