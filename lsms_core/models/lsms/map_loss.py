"""The loss of the text-independent maps; small lesions get larger weights per pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lsms_core.models.lsms.losses import COMMON_LESION_PIXELS
from lsms_core.models.lsms.outline import KINDS, LESIONS

# A lesion of fewer pixels weighs as one of so many does, at most by the factor behind.
WEIGHED_PIXELS = 60.0
LARGEST_WEIGHT = 6.0
# Of right lobe, left lobe and lesions, in the sum.
_KINDS = (0.25, 0.25, 1.5)
_CROSS_ENTROPY = 4.0
# Of the maps at strides 1, 2 and 4.
_STRIDES = (1.0, 0.3, 0.3)


def lesion_weights(lesions: Tensor) -> Tensor:
    """Return the weight of each pixel, (B, H, W), for (B, H, W) lesions 1..n; 1 elsewhere."""
    weights = torch.ones(lesions.shape, device=lesions.device)
    for picture, numbers in enumerate(lesions):
        area = torch.bincount(numbers.flatten()).float()
        each = (WEIGHED_PIXELS / area.clamp_min(1)).clamp(1.0, LARGEST_WEIGHT)
        each[0] = 1.0
        weights[picture] = each[numbers]
    return weights


def maps_loss(
    maps: Sequence[Tensor], anatomy: Tensor, lesions: Tensor, known: Tensor
) -> dict[str, Tensor]:
    """Return "loss", and of the finest map's lesions "ce" and "dice", of its lobes "lobes".

    Args:
        maps: (B, 3, h, w) logits each, at strides 1, 2, 4, as far as there are any.
        anatomy: (B, 3, H, W), 0 or 1: right lobe, left lobe, lesions.
        lesions: (B, H, W), lesions 1..n.
        known: (B, H, W), how surely a pixel is none of a lesion where none is marked, 0 to 1.
    """
    sure = torch.where(anatomy[:, LESIONS] > 0, lesion_weights(lesions), known)
    weight = torch.stack([torch.ones_like(known)] * LESIONS + [sure], dim=1)
    kinds = torch.tensor(_KINDS, device=anatomy.device)
    total = anatomy.new_zeros(())
    finest: tuple[Tensor, Tensor] | None = None
    for logits, share in zip(maps, _STRIDES[: len(maps)], strict=True):
        stride = -(-anatomy.shape[-1] // logits.shape[-1])
        # A small lesion must not vanish in a coarse cell: the mean truth, the largest weight.
        truth = F.avg_pool2d(anatomy, stride, ceil_mode=True)
        counts = F.max_pool2d(weight, stride, ceil_mode=True)
        ce, dice = _each_kind(logits.float(), truth, counts, stride)
        total = total + share * ((_CROSS_ENTROPY * ce + dice) * kinds).sum()
        finest = finest or (ce, dice)
    assert finest is not None
    ce, dice = finest
    return {"loss": total, "ce": ce[LESIONS], "dice": dice[LESIONS], "lobes": dice[:LESIONS].mean()}


def _each_kind(logits: Tensor, truth: Tensor, weight: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Return cross-entropy and Dice loss of each kind, (3,), means over the pictures."""
    assert logits.shape[1] == len(KINDS)
    ce = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    ce = (ce * weight).sum((2, 3)) / weight.sum((2, 3)).clamp_min(1.0)
    drawn = logits.sigmoid() * weight
    overlap = (drawn * truth).sum((2, 3))
    drawn, present = drawn.sum((2, 3)), (truth * weight).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (drawn + present + 1)
    # As in losses.dice_loss: a false positive costs about as much as a missed lesion.
    invented = drawn / (drawn + COMMON_LESION_PIXELS / stride**2)
    return ce.mean(0), torch.where(present > 0, dice, invented).mean(0)
