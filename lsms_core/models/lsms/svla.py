"""Scale-aware vision-language attention: strip convolutions and word attention in parallel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STRIP_SIZES = (7, 11, 21)


class LanguageBranch(nn.Module):
    """Aligns every pixel with the words and gates the result.

    Args:
        dim: channels C of the visual features.
        text_width: width D_text of the text features.
    """

    def __init__(self, dim: int, text_width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(dim, dim, 1)
        self.key = nn.Linear(text_width, dim)
        self.value = nn.Linear(text_width, dim)
        self.query_norm = nn.InstanceNorm2d(dim)
        self.out = nn.Conv2d(dim, dim, 1)
        self.out_norm = nn.InstanceNorm2d(dim)
        self.gate = nn.Sequential(
            nn.Conv2d(dim, dim, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(dim, dim, 1, bias=False),
            nn.Tanh(),
        )
        self.scale = dim**-0.5

    def forward(self, x: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return X_L for X_0.

        Args:
            x: (B, C, H, W) visual features.
            tokens: (B, T, D_text) text features.
            mask: (B, T) bool, False for padding.
        """
        b, c, h, w = x.shape
        q = self.query_norm(self.query(x)).flatten(2).transpose(1, 2)
        scores = (q * self.scale) @ self.key(tokens).transpose(1, 2)
        scores = scores.masked_fill(~mask[:, None, :], torch.finfo(scores.dtype).min)
        words = scores.softmax(-1) @ self.value(tokens)
        y = self.out_norm(self.out(words.transpose(1, 2).reshape(b, c, h, w)))
        gated: Tensor = self.gate(y) * y
        return gated


class SVLA(nn.Module):
    """out = X * Conv1x1(X0 + X7 + X11 + X21 + XL), as in arXiv 2408.17347 and MSCAN's shape.

    Args:
        dim: channels.
        text_width: of the text features; 0 for no language branch.
    """

    def __init__(self, dim: int, text_width: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.strips = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(dim, dim, (1, k), padding=(0, k // 2), groups=dim),
                nn.Conv2d(dim, dim, (k, 1), padding=(k // 2, 0), groups=dim),
            )
            for k in STRIP_SIZES
        )
        if text_width:
            self.language = LanguageBranch(dim, text_width)
        self.mix = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return (B, C, H, W) features attended at several scales and by the text, if any."""
        total = local = self.local(x)
        if tokens is not None and mask is not None:
            total = total + self.language(local, tokens, mask)
        for strip in self.strips:
            total = total + strip(local)
        attended: Tensor = x * self.mix(total)
        return attended
