"""L = CE + Dice + lambda L_con: segmentation and region-text contrast, learnt together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.models.lsms.model import LSMSOutput

# Regions smaller than this share of one decoder pixel carry no usable embedding.
_SMALLEST_REGION = 0.05
# K of the Dice term for empty targets, pixels of the model's input.
COMMON_LESION_PIXELS = 100.0
# Two texts this close mean the same; one is no negative of the other.
_SAME_TEXT = 0.99


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss.

    Attributes:
        contrastive_weight: lambda.
        temperature: of the contrastive loss.
        ring_pixels: width of the ring around the lesion, in decoder pixels.
    """

    contrastive_weight: float = 0.1
    temperature: float = 0.07
    ring_pixels: int = 2


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Soft Dice loss, mean over samples (Milletari et al., 2016, with the plain sum below).

    Dice has no gradient worth following where the target is empty. There the term is
    S / (S + K) for a predicted area S, so that a false positive of common size costs about as much
    as a missed lesion; the mean of the cross-entropy over all pixels would hardly count it.

    Args:
        logits: (B, 1, H, W).
        target: (B, 1, H, W), 0 or 1.
    """
    probability = logits.float().sigmoid().flatten(1)
    truth = target.float().flatten(1)
    intersection = (probability * truth).sum(1)
    dice = (2 * intersection + 1) / (probability.sum(1) + truth.sum(1) + 1)
    predicted = probability.sum(1)
    invented = predicted / (predicted + COMMON_LESION_PIXELS)
    return torch.where(truth.sum(1) > 0, 1 - dice, invented).mean()


def ruled_out_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of the exclusion logits.

    Args:
        logits: (B, N).
        truth: (B, N), 1 or 0; -1 where it does not apply, which costs nothing.
    """
    known = (truth >= 0).float()
    return F.binary_cross_entropy_with_logits(logits.float(), truth.clamp_min(0), known)


def contrastive_loss(
    pixels: Tensor, text: Tensor, target: Tensor, lesions: Tensor | None, config: LossConfig
) -> Tensor:
    """Region-text InfoNCE: the named region against other lesions, its ring and other samples.

    Args:
        pixels: (B, E, h, w) pixel embedding.
        text: (B, E) normalised text embedding.
        target: (B, 1, H, W), 0 or 1.
        lesions: (B, H, W) instances 1..n of the slice, or None.
        config: temperature and ring.

    Returns:
        The mean over samples with a target; 0 where there is none.
    """
    size = (pixels.shape[-2], pixels.shape[-1])
    pixels, text = F.normalize(pixels.float(), dim=1), text.float()
    region = F.adaptive_avg_pool2d(target.float(), size)
    present = region.sum((1, 2, 3)) > _SMALLEST_REGION
    if not bool(present.any()):
        return pixels.sum() * 0.0
    named = _pool(pixels, region)
    reach = 2 * config.ring_pixels + 1
    ring = F.max_pool2d(region, reach, stride=1, padding=config.ring_pixels) * (region < 1e-3)
    # Column j of row i: does region j answer text i?
    others = text @ named.T
    same = (text @ text.T > _SAME_TEXT) | ~present[None, :]
    same.fill_diagonal_(False)
    scores = [others.masked_fill(same, float("-inf")), (text * _pool(pixels, ring)).sum(1, True)]
    if lesions is not None:
        rest = ((lesions > 0).unsqueeze(1) & (target < 0.5)).float()
        rest = F.adaptive_avg_pool2d(rest, size)
        absent = rest.sum((1, 2, 3)) <= _SMALLEST_REGION
        score = (text * _pool(pixels, rest)).sum(1, True)
        scores.append(score.masked_fill(absent[:, None], float("-inf")))
    logits = torch.cat(scores, dim=1) / config.temperature
    labels = torch.arange(len(text), device=text.device)
    return F.cross_entropy(logits[present], labels[present])


def _pool(pixels: Tensor, weights: Tensor) -> Tensor:
    """Return the (B, E) normalised weighted mean of (B, E, h, w) pixel embeddings."""
    # Positions before channels, as the channels-last memory has them.
    mean = weights.to(pixels.dtype).flatten(2) @ pixels.flatten(2).transpose(1, 2)
    return F.normalize(mean[:, 0] / weights.sum((2, 3)).clamp_min(1e-6), dim=1)


class LSMSLoss(nn.Module):
    """Cross-entropy, Dice and contrast; returns each part beside the sum."""

    def __init__(self, config: LossConfig | None = None) -> None:
        super().__init__()
        self.config = config or LossConfig()

    def forward(
        self, output: LSMSOutput, target: Tensor, lesions: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return "loss", "ce", "dice" and "contrastive".

        Args:
            output: the model's output.
            target: (B, 1, H, W), 0 or 1; empty where the text names nothing.
            lesions: (B, H, W) instances of the slice, for negatives.
        """
        ce = F.binary_cross_entropy_with_logits(output.logits.float(), target.float())
        dice = dice_loss(output.logits, target)
        contrastive = ce.new_zeros(())
        if output.pixel_embedding is not None and output.text_embedding is not None:
            contrastive = contrastive_loss(
                output.pixel_embedding, output.text_embedding, target, lesions, self.config
            )
        loss = ce + dice + self.config.contrastive_weight * contrastive
        return {"loss": loss, "ce": ce, "dice": dice, "contrastive": contrastive}
