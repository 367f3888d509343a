"""Augmentation that keeps left and right.

There are no flips, because the text would be wrong. Mirrored pictures get mirrored texts
(:class:`lsms_core.dataset.sampling.SamplingConfig`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

# Livers between heavy fat and a strong portal venous phase.
_LIVER_HU = (20.0, 170.0)
_FAT_HU = -50.0
# A steeper curve turns noise into lesions, a flatter one lesions into noise.
_SLOPES = (0.6, 1.6)


@dataclass(frozen=True)
class AugmentationConfig:
    """Limits of the random changes.

    Attributes:
        rotation_degrees: largest rotation.
        scale: smallest and largest zoom.
        shift: largest shift, share of the output.
        noise_hu: largest standard deviation of added noise.
        contrast: largest relative change of contrast.
        offset_hu: largest shift of all values.
        flat_share: how often the neighbours are replaced by the slice itself, as for a
            single picture.
        narrow_share: how often values are cut to [-40, 160] HU, as some data sets are.
        phase_share: how often the liver is given another attenuation, as in another phase of
            contrast or with more fat; lesions and vessels keep their order (:func:`phase`).
        sharpness: largest amount of an unsharp mask, or of its opposite, as of another kernel.
    """

    rotation_degrees: float = 12.0
    scale: tuple[float, float] = (0.8, 1.3)
    shift: float = 0.08
    noise_hu: float = 12.0
    contrast: float = 0.15
    offset_hu: float = 15.0
    flat_share: float = 0.15
    narrow_share: float = 0.3
    phase_share: float = 0.0
    sharpness: float = 0.0


def spatial(
    image: NDArray[np.float32],
    labels: NDArray[np.int32],
    out_shape: tuple[int, int],
    centre: tuple[float, float],
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate, zoom and crop around a point.

    Args:
        image: (C, H, W) HU.
        labels: (K, H, W).
        out_shape: (rows, columns) of the result.
        centre: (row, column) that comes to lie near the middle.
        config: limits.
        rng: source of chance.

    Returns:
        (C, rows, columns) HU and (K, rows, columns) labels.
    """
    height, width = image.shape[1:]
    rows, columns = out_shape
    angle = np.deg2rad(rng.uniform(-config.rotation_degrees, config.rotation_degrees))
    zoom = float(np.exp(rng.uniform(*np.log(config.scale))))
    shift = rng.uniform(-config.shift, config.shift, 2) * (rows, columns)
    r = (torch.arange(rows) - (rows - 1) / 2 + float(shift[0])) / zoom
    c = (torch.arange(columns) - (columns - 1) / 2 + float(shift[1])) / zoom
    grid_r, grid_c = torch.meshgrid(r, c, indexing="ij")
    source_r = np.cos(angle) * grid_r - np.sin(angle) * grid_c + centre[0]
    source_c = np.sin(angle) * grid_r + np.cos(angle) * grid_c + centre[1]
    grid = torch.stack(
        [2 * source_c / (width - 1) - 1, 2 * source_r / (height - 1) - 1], dim=-1
    ).float()[None]
    low = float(image.min())
    # Zero padding stands for air once the values are moved above it.
    moved = F.grid_sample(torch.from_numpy(image - low)[None], grid, align_corners=True)[0] + low
    numbers = torch.from_numpy(labels.astype(np.float32))[None]
    sampled = F.grid_sample(numbers, grid, mode="nearest", align_corners=True)[0]
    return moved, sampled.round().to(torch.int64)


def phase(image: torch.Tensor, liver: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Give the liver another attenuation, by a rising curve that leaves fat as it is.

    Args:
        image: (C, H, W) HU.
        liver: (H, W), the liver without its lesions; without any the image stays.
        rng: source of chance.
    """
    target = float(rng.uniform(*_LIVER_HU))
    if not liver.any():
        return image
    level = float(image[len(image) // 2][liver].median())
    room = max(level - _FAT_HU, 1.0)
    slope = min(max((target - _FAT_HU) / room, _SLOPES[0]), _SLOPES[1])
    above = image.clamp(min=_FAT_HU) - _FAT_HU
    return image + (slope - 1.0) * above.clamp(max=room)


def intensity(
    image: torch.Tensor,
    config: AugmentationConfig,
    rng: np.random.Generator,
    liver: torch.Tensor | None = None,
) -> torch.Tensor:
    """Change phase, contrast, level, noise, sharpness, range and neighbours.

    Args:
        image: (C, H, W) HU.
        config: limits.
        rng: source of chance.
        liver: (H, W), the liver without its lesions; without it the phase stays.
    """
    image = image.clone()
    if rng.random() < config.flat_share:
        image[:] = image[image.shape[0] // 2].clone()
    if liver is not None and config.phase_share and rng.random() < config.phase_share:
        image = phase(image, liver, rng)
    if rng.random() < config.narrow_share:
        image = image.clamp(-40.0, 160.0)
    image = (image - 60.0) * float(1 + rng.uniform(-config.contrast, config.contrast)) + 60.0
    image += float(rng.uniform(-config.offset_hu, config.offset_hu))
    if rng.random() < 0.5:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        noise = torch.randn(image.shape, generator=generator)
        image += noise * float(rng.uniform(0, config.noise_hu))
    if config.sharpness:
        smooth = F.avg_pool2d(image[None], 3, stride=1, padding=1, count_include_pad=False)[0]
        image += (image - smooth) * float(rng.uniform(-config.sharpness, config.sharpness))
    return image
