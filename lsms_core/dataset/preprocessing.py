"""Resamples a canonical slice to the model's input grid, and maps back to the slice.

The grid, the window and the neighbours are part of a model's saved
configuration: a bundle always sees images the way it was trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.body_outline import body_box
from lsms_core.dataset.smooth_resampling import resample
from lsms_core.entries import saved_entries
from lsms_core.errors import BundleError, InputError

# About how far apart the whole pictures are that tell where the liver is.
ANCHORS_MM = 10.0
# Grids, and parts of them that are looked at, are whole multiples of the network's coarsest stride.
GRID_MULTIPLE = 16


@dataclass(frozen=True)
class PreprocessingConfig:
    """How a slice becomes the model's input.

    Attributes:
        spacing_mm: pixel size of the model's grid; a body too large for the grid gets
            a proportionally larger pixel instead of being cut.
        height: rows of the grid.
        width: columns of the grid.
        window_hu: (lowest, highest) HU, mapped to -1 and 1.
        slice_offsets_mm: where the input channels lie across the slice (2.5-D input).
        votes_mm: where the slices lie whose outlines are averaged for one slice; those nearest
            count, as often as they are named. Only 0 in weights before 0.8.
        crop: "body" centres the grid on the patient's outline, "none" on the slice.
        focus_mm: how far around the liver a slice is looked at
            (:mod:`lsms_core.inference.focus`); 0 for the whole grid, as in weights before 1.0.1.
    """

    spacing_mm: float = 1.25
    height: int = 256
    width: int = 320
    window_hu: tuple[float, float] = (-160.0, 240.0)
    slice_offsets_mm: tuple[float, ...] = (-4.0, 0.0, 4.0)
    votes_mm: tuple[float, ...] = (0.0,)
    crop: str = "body"
    focus_mm: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.window_hu
        grid = self.spacing_mm > 0 and self.height > 0 and self.width > 0
        if not (grid and high > low and self.slice_offsets_mm and self.votes_mm):
            raise BundleError(f"The preprocessing configuration is not usable: {self}.")
        if not 0 <= self.focus_mm < np.inf:
            raise BundleError(f"focus_mm is {self.focus_mm}: use 0 or a distance in mm.")
        if self.crop not in ("body", "none"):
            raise BundleError(f"Unknown crop {self.crop!r}: use 'body' or 'none'.")

    @property
    def reach_mm(self) -> float:
        """How far from a slice the model looks for its answer."""
        anchors = ANCHORS_MM if self.focus_mm else 0.0
        return max(map(abs, self.slice_offsets_mm)) + max(map(abs, self.votes_mm)) + anchors

    def at_pixel(self, pixel_mm: float) -> PreprocessingConfig:
        """Return it with pixels of another size, and a grid that shows as much or a little more.

        Raises:
            InputError: for a size that is none.
        """
        if not 0 < pixel_mm < math.inf:
            raise InputError(f"The pixel of the grid is {pixel_mm} mm: use a size above 0.")
        height, width = (
            math.ceil(size * self.spacing_mm / (pixel_mm * GRID_MULTIPLE) - 1e-6) * GRID_MULTIPLE
            for size in (self.height, self.width)
        )
        return replace(self, spacing_mm=pixel_mm, height=height, width=width)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PreprocessingConfig:
        """Read a configuration saved as JSON.

        Raises:
            BundleError: for unknown or unusable entries.
        """
        return cls(**saved_entries(cls, values, "preprocessing"))


@dataclass(frozen=True)
class SliceTransform:
    """Where the model's grid lies on a canonical slice.

    Attributes:
        shape: (rows, columns) of the canonical slice.
        spacing_mm: (row, column) spacing of the canonical slice.
        grid_shape: (H, W) of the model's grid.
        grid_spacing_mm: pixel size of the model's grid.
        centre_mm: (row, column) centre of the grid, mm from the slice's first pixel.
    """

    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    grid_shape: tuple[int, int]
    grid_spacing_mm: float
    centre_mm: tuple[float, float]

    @property
    def origin_mm(self) -> tuple[float, float]:
        """(row, column) of the grid's first pixel, mm from the slice's first pixel."""
        height, width = self.grid_shape
        return (
            self.centre_mm[0] - 0.5 * (height - 1) * self.grid_spacing_mm,
            self.centre_mm[1] - 0.5 * (width - 1) * self.grid_spacing_mm,
        )

    def to_grid(self, image: NDArray[Any], *, fill: float, nearest: bool = False) -> NDArray[Any]:
        """Resample canonical (..., rows, columns) slices onto the model's grid.

        Args:
            image: one slice or several; one where ``nearest``.
            fill: outside the slice.
            nearest: take the nearest pixel instead of interpolating.
        """
        spacing = (self.grid_spacing_mm, self.grid_spacing_mm)
        if nearest:
            return _nearest(
                image, self.spacing_mm, self.grid_shape, spacing, self.origin_mm, fill=fill
            )
        return resample(
            image,
            self.spacing_mm,
            (0.0, 0.0),
            self.grid_shape,
            spacing,
            self.origin_mm,
            fill=fill,
        )

    def restore(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample (..., H, W) maps on the model's grid back to the canonical slice.

        Pixels that the grid does not cover get 0.
        """
        if probability.shape[-2:] != self.grid_shape:
            raise InputError(f"Expected maps of shape {self.grid_shape}, got {probability.shape}.")
        return resample(
            probability,
            (self.grid_spacing_mm, self.grid_spacing_mm),
            self.origin_mm,
            self.shape,
            self.spacing_mm,
            (0.0, 0.0),
            fill=0.0,
        )

    def onto(self, other: SliceTransform, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample (K, H, W) maps from this grid to another one's; 0 where this one ends."""
        if self == other:
            return maps
        return resample(
            maps,
            (self.grid_spacing_mm, self.grid_spacing_mm),
            self.origin_mm,
            other.grid_shape,
            (other.grid_spacing_mm, other.grid_spacing_mm),
            other.origin_mm,
            fill=0.0,
        )


def plan_slice(
    image: NDArray[Any], spacing_mm: tuple[float, float], config: PreprocessingConfig
) -> SliceTransform:
    """Place the model's grid on a canonical (rows, columns) slice in HU."""
    rows, columns = image.shape
    box = body_box(image) if config.crop == "body" else (0, rows, 0, columns)
    extent = ((box[1] - box[0]) * spacing_mm[0], (box[3] - box[2]) * spacing_mm[1])
    centre = (
        0.5 * (box[0] + box[1] - 1) * spacing_mm[0],
        0.5 * (box[2] + box[3] - 1) * spacing_mm[1],
    )
    pixel = max(config.spacing_mm, extent[0] / config.height, extent[1] / config.width)
    return SliceTransform(
        shape=(rows, columns),
        spacing_mm=spacing_mm,
        grid_shape=(config.height, config.width),
        grid_spacing_mm=pixel,
        centre_mm=centre,
    )


def apply_window(hu: NDArray[Any], window_hu: tuple[float, float]) -> NDArray[np.float32]:
    """Map HU linearly to [-1, 1] between the window's ends, clipped outside."""
    low, high = window_hu
    scaled = (hu.astype(np.float32) - low) * np.float32(2.0 / (high - low)) - np.float32(1.0)
    return np.clip(scaled, -1.0, 1.0, out=scaled)


def from_window(image: NDArray[np.float32], window_hu: tuple[float, float]) -> NDArray[np.float32]:
    """Map [-1, 1] back to HU; what was outside the window lies at its ends."""
    low, high = window_hu
    return (image + np.float32(1.0)) * np.float32(0.5 * (high - low)) + np.float32(low)


def prepare_slice(
    stack: NDArray[Any], spacing_mm: tuple[float, float], config: PreprocessingConfig
) -> tuple[NDArray[np.float32], SliceTransform]:
    """Turn canonical slices into the model's input.

    Args:
        stack: (C, rows, columns) HU, the slice with its neighbours; the middle channel
            decides where the grid lies.
        spacing_mm: (row, column) spacing.
        config: the model's configuration.

    Returns:
        (C, H, W) float32 in [-1, 1], and the transform that brings a map back.
    """
    if stack.ndim != 3:
        raise InputError(f"Expected (channels, rows, columns), got an array of {stack.ndim} axes.")
    transform = plan_slice(stack[stack.shape[0] // 2], spacing_mm, config)
    clipped = np.clip(stack.astype(np.float32), *config.window_hu)
    image = transform.to_grid(clipped, fill=config.window_hu[0])
    return apply_window(image, config.window_hu), transform


def _nearest(
    image: NDArray[Any],
    spacing: tuple[float, float],
    out_shape: tuple[int, int],
    out_spacing: tuple[float, float],
    out_origin: tuple[float, float],
    *,
    fill: float,
) -> NDArray[Any]:
    """Take the nearest pixels of a 2-D array; all pairs are (row, column)."""
    source = sitk.GetImageFromArray(np.ascontiguousarray(image))
    source.SetSpacing(spacing[::-1])
    return sitk.GetArrayFromImage(
        sitk.Resample(
            source,
            out_shape[::-1],
            sitk.Transform(),
            sitk.sitkNearestNeighbor,
            out_origin[::-1],
            out_spacing[::-1],
            (1.0, 0.0, 0.0, 1.0),
            fill,
        )
    )
