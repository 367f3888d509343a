"""Puts synthetic lesions into a CT slab.

Follows the line of work that trains on synthetic tumours in healthy livers
(Hu et al., "Label-Free Liver Tumor Segmentation", CVPR 2023): a deformed
ellipsoid whose attenuation replaces the parenchyma's mean while the image's own
noise stays, with a soft border.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.laterality import AMBIGUOUS_BAND_MM
from lsms_core.anatomy.regions import grown, label_components, signed_distance_mm
from lsms_core.phantom.synthesis.spec import LesionSpec, random_spec

# The parenchyma's local mean is taken over this radius; the rest is noise and is kept.
_SMOOTHING_MM = 3.0
# Vessels stand out from the parenchyma by more than this and vanish inside a lesion.
_NOISE_LIMIT_HU = 25.0
_SPACE_BETWEEN_MM = 4.0
# Share of a lesion that lies in the liver: at least this, or within these where it bulges out.
_LEAST_IN_LIVER = 0.8
_BULGING = (0.35, 0.85)
# A bulging lesion takes the place of fat, and of little else.
_FAT_HU = (-150, 0)
_LEAST_FAT = 0.75
_TRIES = 8
_TRIES_AT_FAT = 24


def add_lesions(
    image: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    specs: Sequence[LesionSpec] | int,
    rng: np.random.Generator,
    *,
    avoid: NDArray[np.bool_] | None = None,
    where: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Return the slab with lesions, and their labels.

    A lesion ends at the liver's surface, unless it is exophytic: then its label goes on beyond.

    Args:
        image: (slices, rows, columns) HU; canonical orientation, though any will do.
        liver: the same shape.
        spacing_mm: (slice, row, column) spacing.
        specs: the lesions, or how many to draw.
        rng: source of chance; the same state gives the same lesions.
        avoid: where no lesion may be, such as real lesions.
        where: where the centres must lie, within the liver.

    Returns:
        The new image, and labels 1..n in the order of ``specs``; a lesion that finds no
        place is left out and its number is unused.
    """
    wanted = [random_spec(rng) for _ in range(specs)] if isinstance(specs, int) else list(specs)
    result = image.copy()
    labels = np.zeros(image.shape, np.int32)
    blocked = np.zeros(image.shape, bool) if avoid is None else avoid.copy()
    allowed = liver if where is None else liver & where
    fat = None
    if any(spec.exophytic for spec in wanted):
        fat = ~liver & (image > _FAT_HU[0]) & (image < _FAT_HU[1])
    for number, spec in enumerate(wanted, start=1):
        centres, beside = allowed & ~blocked, fat if spec.exophytic else None
        if beside is not None:
            centres &= _near(beside, 0.25 * spec.diameter_mm, spacing_mm)
        placed = _place(spec, centres, liver, beside, blocked, spacing_mm, rng)
        if placed is None:
            continue
        box, depth = placed
        room = liver[box]
        if beside is not None:
            room = _with_fat_beside(room, depth, beside[box] & ~blocked[box])
        inside = (depth > 0) & room
        if inside.sum() < 4:
            continue
        result[box] = _paint(result[box], depth, liver[box], room, spec, spacing_mm, rng)
        labels[box][inside] = number
        blocked[box] |= depth > -_SPACE_BETWEEN_MM
    return result, labels


def _place(
    spec: LesionSpec,
    centres: NDArray[np.bool_],
    liver: NDArray[np.bool_],
    fat: NDArray[np.bool_] | None,
    blocked: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[tuple[slice, ...], NDArray[np.float32]] | None:
    """Find a free place; return its box and the depth below the lesion's surface, mm.

    With fat the lesion bulges into it.
    """
    candidates = np.flatnonzero(centres)
    if not len(candidates):
        return None
    spacing = np.asarray(spacing_mm)
    reach = 0.5 * spec.diameter_mm * (1 + spec.irregularity) * np.sqrt(spec.elongation)
    margin = np.ceil((reach + 3 * spec.blur_mm + _SPACE_BETWEEN_MM) / spacing).astype(int)
    least, most = (_LEAST_IN_LIVER, 1.0) if fat is None else _BULGING
    for _ in range(_TRIES if fat is None else _TRIES_AT_FAT):
        centre = np.unravel_index(int(rng.choice(candidates)), liver.shape)
        box = tuple(
            slice(max(int(c) - int(m), 0), min(int(c) + int(m) + 1, n))
            for c, m, n in zip(centre, margin, liver.shape, strict=True)
        )
        depth = _depth(spec, box, np.asarray(centre), spacing, rng)
        core = depth > 0
        if not core.any() or (core & blocked[box]).any():
            continue
        if not least < liver[box][core].mean() <= most:
            continue
        if fat is None or fat[box][core & ~liver[box]].mean() > _LEAST_FAT:
            return box, depth
    return None


def _near(
    mask: NDArray[np.bool_], reach_mm: float, spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Return what lies within a distance of a mask, in each slice by itself."""
    near = np.zeros(mask.shape, bool)
    for level in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        near[level] = signed_distance_mm(mask[level], spacing_mm[1:]) < reach_mm
    return near


def _with_fat_beside(
    liver: NDArray[np.bool_], depth: NDArray[np.float32], fat: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the liver and the fat that a lesion reaches from it without crossing anything."""
    parts, _ = label_components((depth > 0) & (liver | fat))
    reached = np.unique(parts[liver & (parts > 0)])
    # Its soft border, too: the fat around what it reaches.
    return liver | (fat & grown(np.isin(parts, reached[reached > 0]), (0, 2, 2)))


def _depth(
    spec: LesionSpec,
    box: tuple[slice, ...],
    centre: NDArray[np.int64],
    spacing: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Depth below the surface of a deformed ellipsoid, mm, positive inside."""
    axes = [
        (np.arange(b.start, b.stop) - c) * s for b, c, s in zip(box, centre, spacing, strict=True)
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    stretch = np.array([spec.elongation**0.5, 1.0, spec.elongation**-0.5])
    local = points @ rotation.astype(np.float32) / stretch.astype(np.float32)
    radius = np.linalg.norm(local, axis=-1)
    direction = local / np.maximum(radius, 1e-3)[..., None]
    bumps = np.zeros_like(radius)
    for _ in range(4):
        wave = rng.normal(size=3).astype(np.float32)
        wave *= np.float32(rng.uniform(1.5, 4.0)) / np.linalg.norm(wave)
        bumps += np.sin(direction @ wave + np.float32(rng.uniform(0, 2 * np.pi)))
    surface = 0.5 * spec.diameter_mm * (1.0 + spec.irregularity * bumps / 2.0)
    return np.asarray(surface - radius, dtype=np.float32)


def _paint(
    image: NDArray[np.int16],
    depth: NDArray[np.float32],
    liver: NDArray[np.bool_],
    room: NDArray[np.bool_],
    spec: LesionSpec,
    spacing_mm: tuple[float, float, float],
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    values = image.astype(np.float32)
    around = values[liver & (depth < -1.0)]
    base = float(np.median(around if around.size > 20 else values[liver]))
    filtered = sitk.GetImageFromArray(np.where(liver, values, base).astype(np.float32))
    sigma = [max(_SMOOTHING_MM / s, 0.01) for s in reversed(spacing_mm)]
    sigma[2] = 0.01  # within slices only: a slab may be one slice thick
    smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(filtered, [s**2 for s in sigma]))
    noise = np.clip(values - smooth, -_NOISE_LIMIT_HU, _NOISE_LIMIT_HU)
    if spec.exophytic:
        # Neither fat nor the partial volume at the old surface is noise of the parenchyma.
        strange = ~liver | (noise <= -_NOISE_LIMIT_HU)
        spread = float(np.std(noise[~strange])) if (~strange).any() else 0.0
        noise[strange] = rng.normal(scale=spread, size=int(strange.sum()))
    level = np.full_like(values, base + spec.contrast_hu)
    radius = 0.5 * spec.diameter_mm
    if spec.appearance == "cystic":
        level[:] = spec.fluid_hu
    elif spec.appearance == "rim":
        level += 0.5 * abs(spec.contrast_hu) * np.exp(-np.abs(depth) / max(0.12 * radius, 1.0))
    elif spec.appearance == "necrotic":
        core = np.clip((depth - 0.45 * radius) / (0.1 * radius), -30, 30)
        level += 0.5 * spec.contrast_hu / (1 + np.exp(-core))
    texture = rng.normal(size=values.shape).astype(np.float32)
    coarse = sitk.DiscreteGaussian(sitk.GetImageFromArray(texture), [4.0, 4.0, 0.01])
    coarse_texture = sitk.GetArrayFromImage(coarse)
    coarse_texture /= max(float(coarse_texture.std()), 1e-6)
    heterogeneity = 0.0 if spec.appearance == "cystic" else 0.08 * abs(spec.contrast_hu)
    level += heterogeneity * coarse_texture
    weight = 1.0 / (1.0 + np.exp(-np.clip(depth / (0.4 * spec.blur_mm), -30, 30)))
    weight *= room
    blended = values * (1 - weight) + (level + noise) * weight
    return np.asarray(np.rint(blended).clip(-1024, 3000), dtype=np.int16)


def lobe_to_fill(
    offset_mm: NDArray[np.float32],
    shape: tuple[int, ...],
    share: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_] | None:
    """Draw where a lesion goes: clearly into one lobe, either equally often, or anywhere (None).

    Args:
        offset_mm: (rows, columns) distance from the lobes' border, positive on the left.
        shape: (slices, rows, columns) of the slab.
        share: how often it is one lobe.
        rng: source of chance.
    """
    if rng.random() >= share:
        return None
    sign = 1 if rng.random() < 0.5 else -1
    return np.broadcast_to(sign * offset_mm > AMBIGUOUS_BAND_MM, shape)
