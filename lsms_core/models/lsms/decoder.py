"""Position alignment and the full-scale decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.mixers import AttentionMixer, NMFMixer

_GROUPS = 32
# About the share of pixels that a named lesion covers; saves the first hundreds of steps.
INITIAL_LOGIT = -4.0


def align_positions(features: Sequence[Tensor], size: tuple[int, int]) -> list[Tensor]:
    """Resize F1..F4 to one grid; channel widths stay."""
    return [
        f
        if f.shape[-2:] == size
        else F.interpolate(f, size=size, mode="bilinear", align_corners=False)
        for f in features
    ]


class FullScaleDecoder(nn.Module):
    """Models P2..P4 globally; P1 brings the boundary's detail."""

    def __init__(self, config: LSMSConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.squeeze = nn.Conv2d(sum(config.dims[1:]), width, 1, bias=False)
        self.squeeze_norm = nn.GroupNorm(_GROUPS, width)
        self.before_mix = nn.Conv2d(width, width, 1)
        self.mixer: nn.Module = (
            NMFMixer(width, config.nmf_rank) if config.mixer == "nmf" else AttentionMixer(width)
        )
        self.after_mix = nn.Conv2d(width, width, 1, bias=False)
        self.mix_norm = nn.GroupNorm(_GROUPS, width)
        self.detail = nn.Conv2d(config.dims[0], width, 1, bias=False)
        self.align = nn.Conv2d(width, width, 1, bias=False)
        self.align_norm = nn.GroupNorm(_GROUPS, width)
        self.dropout = nn.Dropout2d(config.dropout)
        if config.words:
            self.classify = nn.Conv2d(width, 1, 1)
            nn.init.constant_(self.classify.bias, INITIAL_LOGIT)  # type: ignore[arg-type]

    def forward(self, aligned: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return (B, 1, h, w) logits and (B, width, h, w) pixel features D."""
        d = self.pixels(aligned)
        return self.classify(self.dropout(d)), d

    def pixels(self, aligned: Sequence[Tensor]) -> Tensor:
        """Return the (B, width, h, w) pixel features D."""
        p1, *deeper = aligned
        z = F.relu(self.squeeze_norm(self.squeeze(torch.cat(deeper, dim=1))))
        mixed = self.mixer(F.relu(self.before_mix(z)))
        h = F.relu(z + self.mix_norm(self.after_mix(mixed)))
        return F.relu(self.align_norm(self.align(h + self.detail(p1))))
