"""Contrastive losses of image-text pairs: DHN-NCE and plain InfoNCE.

DHN-NCE (decoupled hard-negative noise contrastive estimation, arXiv 2403.20253), for the
embeddings I_i, T_i of length 1 of B pairs:

    L_vt = - sum_i I_i.T_i / tau + sum_i log sum_{j != i} exp(I_i.T_j / tau) W_ij
    W_ij = (B - 1) exp(beta1 I_i.T_j / tau) / sum_{k != i} exp(beta1 I_i.T_k / tau)

and L = L_vt + L_tv, with the roles of image and text changed and beta2. The positive pair is
not in the denominator (decoupled), and negatives count the more, the more similar they are.
The code that was released with the paper computes something else: it leaves out the sum over
j and beta in W's denominator, and so pulls the hardest negative closer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from lsms_core.errors import InputError


def dhn_nce(
    images: Tensor,
    texts: Tensor,
    *,
    tau: float = 0.6,
    beta1: float = 0.15,
    beta2: float = 0.15,
    constant_weights: bool = False,
    reduction: str = "sum",
) -> Tensor:
    """DHN-NCE as its formula stands, in logarithms throughout.

    Args:
        images: (B, D), length 1.
        texts: (B, D), length 1; row i belongs to image i.
        tau: temperature.
        beta1: hardness of the texts as negatives of an image.
        beta2: hardness of the images as negatives of a text.
        constant_weights: take W as a constant in the gradient. By the formula, W's own
            gradient pulls very easy negatives a little closer; as constants the weights push
            every negative away. The value is the same.
        reduction: "sum" over pairs as in the formula, or "mean".

    Raises:
        InputError: for fewer than two pairs: there would be no negative.
    """
    logits = _logits(images, texts, tau)
    loss = one_way(logits, beta1, constant_weights) + one_way(logits.T, beta2, constant_weights)
    return loss / len(images) if reduction == "mean" else loss


def info_nce(
    images: Tensor, texts: Tensor, *, tau: float = 0.07, reduction: str = "mean"
) -> Tensor:
    """Plain InfoNCE, both ways: cross-entropy of each pair against its row and its column.

    Args:
        images: (B, D), length 1.
        texts: (B, D), length 1.
        tau: temperature.
        reduction: "sum" or "mean" over pairs.
    """
    logits = _logits(images, texts, tau)
    target = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits, target, reduction=reduction) + F.cross_entropy(
        logits.T, target, reduction=reduction
    )


def _logits(images: Tensor, texts: Tensor, tau: float) -> Tensor:
    if images.shape != texts.shape or len(images) < 2:
        raise InputError(
            f"The loss needs at least two pairs of image and text, got {tuple(images.shape)} "
            f"and {tuple(texts.shape)}."
        )
    return images @ texts.T / tau


def one_way(logits: Tensor, beta: float, constant_weights: bool = False) -> Tensor:
    """L_vt of (B, B) logits I_i.T_j / tau, summed over rows; of the transposed ones, L_tv."""
    pairs = len(logits)
    others = ~torch.eye(pairs, dtype=torch.bool, device=logits.device)
    negatives = logits[others].reshape(pairs, pairs - 1)
    hardness = beta * (negatives.detach() if constant_weights else negatives)
    weights = math.log(pairs - 1) + hardness - hardness.logsumexp(dim=1, keepdim=True)
    return (negatives + weights).logsumexp(dim=1).sum() - logits.diagonal().sum()
