"""The language-guided vision encoder: four stages of SVLA blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.outline import KINDS
from lsms_core.models.lsms.svla import SVLA


def _norm(kind: str, dim: int) -> nn.Module:
    return nn.InstanceNorm2d(dim, affine=True) if kind == "instance" else nn.BatchNorm2d(dim)


class DropPath(nn.Module):
    """Skips a residual branch for random samples in training (stochastic depth)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, zeroed for some samples and rescaled for the others."""
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        draw = torch.rand((x.shape[0], 1, 1, 1), device=x.device, dtype=x.dtype)
        return x * (draw < keep) / keep


class Attention(nn.Module):
    """A(z) = z + W2 SVLA(GELU(W1 z); L, m)."""

    def __init__(self, dim: int, text_width: int) -> None:
        super().__init__()
        self.w1 = nn.Conv2d(dim, dim, 1)
        self.svla = SVLA(dim, text_width)
        self.w2 = nn.Conv2d(dim, dim, 1)

    def forward(self, z: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return (B, C, H, W)."""
        attended = self.svla(nn.functional.gelu(self.w1(z)), tokens, mask)
        out: Tensor = z + self.w2(attended)
        return out


class Block(nn.Module):
    """One residual block: attention, then a feed-forward part with a depth-wise convolution."""

    def __init__(self, config: LSMSConfig, dim: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        hidden = dim * mlp_ratio
        self.norm1 = _norm(config.norm, dim)
        self.attention = Attention(dim, config.text_width if config.words else 0)
        self.norm2 = _norm(config.norm, dim)
        self.feed_forward = nn.Sequential(
            nn.Conv2d(dim, hidden, 1),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden),
            nn.GELU(),
            nn.Conv2d(hidden, dim, 1),
        )
        self.drop_path = DropPath(drop_path)
        self.scale1 = nn.Parameter(torch.full((dim, 1, 1), config.layer_scale))
        self.scale2 = nn.Parameter(torch.full((dim, 1, 1), config.layer_scale))

    def forward(self, x: Tensor, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return (B, C, H, W)."""
        x = x + self.drop_path(self.scale1 * self.attention(self.norm1(x), tokens, mask))
        out: Tensor = x + self.drop_path(self.scale2 * self.feed_forward(self.norm2(x)))
        return out


class Encoder(nn.Module):
    """Image and text features in, F1..F4 out, at strides 4, 8, 16 and 32."""

    def __init__(self, config: LSMSConfig) -> None:
        super().__init__()
        dims = config.dims
        # A network that draws the maps itself gets no outline as input.
        seen = len(KINDS) if config.outline and not config.draws else 0
        channels = config.in_channels + seen
        fine = config.detail[1] if config.detail else 0
        self.downsample = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Conv2d(channels, dims[0] // 2, 3, stride=2, padding=1),
                    _norm(config.norm, dims[0] // 2),
                    nn.GELU(),
                    nn.Conv2d(dims[0] // 2 + fine, dims[0], 3, stride=2, padding=1),
                    _norm(config.norm, dims[0]),
                ),
                *(
                    nn.Sequential(
                        nn.Conv2d(dims[i], dims[i + 1], 3, stride=2, padding=1),
                        _norm(config.norm, dims[i + 1]),
                    )
                    for i in range(3)
                ),
            ]
        )
        blocks = sum(config.depths)
        rates = [config.drop_path * i / max(blocks - 1, 1) for i in range(blocks)]
        self.stages = nn.ModuleList()
        for dim, depth, ratio in zip(dims, config.depths, config.mlp_ratios, strict=True):
            self.stages.append(
                nn.ModuleList(Block(config, dim, ratio, rates.pop(0)) for _ in range(depth))
            )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for dim in dims)

    def forward(
        self,
        image: Tensor,
        tokens: Tensor | None = None,
        mask: Tensor | None = None,
        fine: Tensor | None = None,
        added: Sequence[Tensor] = (),
    ) -> list[Tensor]:
        """Return F1..F4, each (B, C_i, H / stride, W / stride), rounded up.

        Args:
            image: (B, C, H, W).
            tokens: (B, T, D_text); None for what does not depend on words.
            mask: (B, T) bool, False for padding.
            fine: (B, detail[1], H / 2, W / 2), the detail path's features at stride 2, where the
                configuration has one.
            added: (B, C_i, H / stride, W / stride) to the entries of the first stages, from the
                backbone, where the configuration has one.
        """
        x, features = image, []
        stages = zip(self.downsample, self.stages, self.norms, strict=True)
        for number, (downsample, stage, norm) in enumerate(stages):
            if number == 0 and fine is not None:
                assert isinstance(downsample, nn.Sequential)
                x = downsample[:3](x)
                x = downsample[3:](torch.cat([x, fine], dim=1))
            else:
                x = downsample(x)
            if number < len(added):
                x = x + added[number]
            assert isinstance(stage, nn.ModuleList)
            for block in stage:
                x = block(x, tokens, mask)
            x = norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            features.append(x)
        return features
