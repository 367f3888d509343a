"""From a saliency map to a coarse mask: dense CRF or two-means, then the largest contours."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from lsms_core.anatomy.regions import label_components
from lsms_core.models.medclip_sam.crf import refine
from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig

CRF_SIZE = 224
KMEANS_SIZE = 256


def coarse_mask(
    grey: NDArray[np.float32], saliency: NDArray[np.float32], config: MedClipSamConfig
) -> NDArray[np.bool_]:
    """Clean a saliency map up.

    Args:
        grey: (H, W) picture, 0 to 1.
        saliency: (h, w), 0 to 1, of the same field of view.
        config: how.

    Returns:
        (H, W); empty where the map says nothing.
    """
    if config.cleanup == "crf":
        small = resize(saliency, (CRF_SIZE, CRF_SIZE))
        mask = refine(resize(grey, (CRF_SIZE, CRF_SIZE)), small, config.crf) > 0.5
    else:
        small = resize(saliency, (KMEANS_SIZE, KMEANS_SIZE))
        mask = small > two_means_threshold(small)
    mask = largest_components(mask, config.components)
    return resize(mask.astype(np.float32), grey.shape, nearest=True) > 0.5


def two_means_threshold(values: NDArray[Any]) -> float:
    """Where k-means with k = 2 parts numbers; found exactly, without a random start.

    In one dimension the clusters are the numbers up to some value and those beyond, so the
    best of all such splits is the optimum.

    Returns:
        The largest number of the lower cluster; the maximum where all are equal.
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    total, count = ordered.sum(), len(ordered)
    below = np.cumsum(ordered)[:-1]
    number = np.arange(1, count)
    # Maximal variance between the clusters is minimal variance within.
    between = below**2 / number + (total - below) ** 2 / (count - number)
    between[ordered[1:] == ordered[:-1]] = -np.inf
    if not len(between) or not np.isfinite(between).any():
        return float(ordered[-1])
    return float(ordered[int(between.argmax())])


def largest_components(mask: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Keep the ``count`` largest components; all for 0."""
    if not count or not mask.any():
        return mask
    labels, _ = label_components(mask)
    kept: NDArray[np.bool_] = (labels > 0) & (labels <= count)
    return kept


def resize(
    image: NDArray[np.float32], shape: tuple[int, ...], *, nearest: bool = False
) -> NDArray[np.float32]:
    """Resize a (H, W) map, bilinear (anti-aliased) or nearest."""
    if image.shape == shape:
        return image
    tensor = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]
    if nearest:
        out = F.interpolate(tensor, shape, mode="nearest-exact")
    else:
        out = F.interpolate(tensor, shape, mode="bilinear", antialias=True)
    result: NDArray[np.float32] = out[0, 0].numpy()
    return result
