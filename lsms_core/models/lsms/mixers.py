"""Global mixing for the decoder: non-negative matrix factorisation, or self-attention."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

TRAINING_STEPS = 6
EVALUATION_STEPS = 7
_EPSILON = 1e-6


class NMFMixer(nn.Module):
    """Low-rank reconstruction X ~ D C^T by multiplicative updates (Lee and Seung, 2000).

    The first bases are a seeded buffer, so that the same image gives the same mask.
    All but the last update run without gradients, as in "Is Attention Better Than
    Matrix Decomposition?" (arXiv 2109.04553).

    Args:
        dim: channels.
        rank: number of bases.
    """

    bases: Tensor

    def __init__(self, dim: int, rank: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        bases = torch.rand((1, dim, rank), generator=generator)
        self.register_buffer("bases", nn.functional.normalize(bases, dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction of non-negative (B, C, H, W) features."""
        # Positions before channels: with channels-last memory nothing has to be copied.
        with full_precision(x):
            values = x.float().flatten(2).transpose(1, 2)  # X^T: B x N x C
            with torch.no_grad():
                bases = self.bases.float().expand(x.shape[0], -1, -1)
                codes = (values @ bases).softmax(-1)
                for _ in range(TRAINING_STEPS if self.training else EVALUATION_STEPS):
                    codes = _update_codes(values, bases, codes)
                    gram = codes.transpose(1, 2) @ codes
                    bases = bases * (values.transpose(1, 2) @ codes) / (bases @ gram + _EPSILON)
            codes = _update_codes(values, bases, codes)
            mixed = codes @ bases.transpose(1, 2)
            return mixed.transpose(1, 2).unflatten(2, x.shape[2:]).to(x.dtype)


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Return a context without autocast; tensors on "meta" have no values and need none."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def _update_codes(values: Tensor, bases: Tensor, codes: Tensor) -> Tensor:
    gram = bases.transpose(1, 2) @ bases
    return codes * (values @ bases) / (codes @ gram + _EPSILON)


class AttentionMixer(nn.Module):
    """Multi-head self-attention over all positions.

    Args:
        dim: channels.
        heads: attention heads.
    """

    def __init__(self, dim: int, heads: int = 8) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return mixed (B, C, H, W) features."""
        sequence = x.flatten(2).transpose(1, 2)
        mixed, _ = self.attention(sequence, sequence, sequence, need_weights=False)
        return mixed.transpose(1, 2).reshape(x.shape)
