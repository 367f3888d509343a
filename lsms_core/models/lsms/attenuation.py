"""The attenuation of the outlined lesions, in four classes.

The limits are those of the training texts (:mod:`lsms_core.anatomy.measurements`), halfway where
there is a gap between two classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lsms_core.models.lsms.outline import LESIONS

# In the order of the maps: solid lesions darker than the liver, brighter ones, fluid, neither.
ATTENUATIONS = ("hypodense", "hyperdense", "cystic", "isodense")
# Contrast to the liver, HU, from which a lesion is darker or brighter, and how soft the limit is.
_CONTRAST_HU = 10.0
_SOFT_HU = 2.5
# Below this mean, HU, a dark lesion is fluid.
_FLUID_HU = 22.0
# Width, in pixels, of the surroundings over which a lesion is measured.
_AROUND = 9
_SMALLEST = 1e-3


def attenuation_shares(image: Tensor, drawn: Tensor, window_hu: Sequence[float]) -> Tensor:
    """Return A_d, (B, 4, H, W): the share of each attenuation class around a pixel.

    The four add up to 1. They have no meaning where nothing is outlined.

    Args:
        image: (B, H, W) the slice in [-1, 1].
        drawn: (B, 3, H, W) probabilities of the outline's kinds.
        window_hu: (lowest, highest) HU, what -1 and 1 stand for.
    """
    low, high = window_hu
    hu = (image.float() + 1) * (0.5 * (high - low)) + low
    lesions = drawn[:, LESIONS].float()
    lobes = drawn[:, :LESIONS].float().amax(1)
    healthy = lobes * (1 - lesions) * (lobes > 0.5)
    liver = (hu * healthy).sum((1, 2)) / healthy.sum((1, 2)).clamp_min(_SMALLEST)
    mean = _mean(hu * lesions) / _mean(lesions).clamp_min(_SMALLEST)
    contrast = mean - liver[:, None, None]
    brighter = torch.sigmoid((contrast - _CONTRAST_HU) / _SOFT_HU)
    darker = torch.sigmoid((-contrast - _CONTRAST_HU) / _SOFT_HU)
    fluid = darker * torch.sigmoid((_FLUID_HU - mean) / _SOFT_HU)
    neither = (1 - brighter - darker).clamp_min(0.0)
    return torch.stack([darker - fluid, brighter, fluid, neither], dim=1)


def _mean(values: Tensor) -> Tensor:
    """Return the (B, H, W) mean around each pixel."""
    around = F.avg_pool2d(values[:, None], _AROUND, stride=1, padding=_AROUND // 2)
    return around[:, 0]
