"""LAVT: words join the image after each stage of the encoder (arXiv 2112.02244, CVPR 2022).

Written from the paper. What differs, so that only the way in which the text enters and the
decoder set it apart from LSMS:

* The backbone is LSMS's encoder with its language branches silenced, which is MSCAN, instead
  of a pretrained Swin-B. Like LSMS it starts from random weights.
* The text encoder, the data, the loss (the paper's is cross-entropy alone, two classes) and
  the training-only heads are those of LSMS; one score map instead of two.
* The decoder is 160 channels wide in the tiny variant instead of 512: LSMS-tiny's compute.
* Padding is masked out of the attention. Convolutions that a norm follows have no bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.models.lsms.decoder import INITIAL_LOGIT
from lsms_core.models.lsms.encoder import Attention, Encoder
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import LSMSModel, LSMSOutput, Network, each_text
from lsms_core.models.lsms.text_encoder import TextEncoder

# Of LSMS's decoder width; the top-down decoder's 3 x 3 convolutions cost more a channel.
_WIDTH_SHARE = 5 / 8


def lavt_config(variant: str, **changes: Any) -> LSMSConfig:  # noqa: ANN401
    """Return the shape whose compute is that of LSMS's variant.

    Of the entries, ``mixer``, ``nmf_rank``, ``align_stride`` and ``dropout`` have no meaning
    here: the finest level of the decoder has stride 4.
    """
    width = LSMSConfig.variant(variant).decoder_width
    return LSMSConfig.variant(
        variant, **{"decoder_width": round(width * _WIDTH_SHARE), "align_stride": 4, **changes}
    )


class PixelWordAttention(nn.Module):
    """The pixel-word attention module (PWAM, section 3.2): F_i from V_i and the words.

    Args:
        dim: channels C of the visual features.
        text_width: width D_text of the text features.
    """

    def __init__(self, dim: int, text_width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(dim, dim, 1, bias=False)
        self.query_norm = nn.InstanceNorm2d(dim)
        self.key = nn.Linear(text_width, dim)
        self.value = nn.Linear(text_width, dim)
        self.words = nn.Conv2d(dim, dim, 1, bias=False)
        self.words_norm = nn.InstanceNorm2d(dim)
        self.visual = nn.Conv2d(dim, dim, 1)
        self.out = nn.Conv2d(dim, dim, 1)
        self.scale = dim**-0.5

    def forward(self, visual: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return (B, C, H, W) multi-modal features; for the arguments see ``Network.features``."""
        query = self.query_norm(self.query(visual)).flatten(2).transpose(1, 2)
        scores = (query * self.scale) @ self.key(tokens).transpose(1, 2)
        scores = scores.masked_fill(~mask[:, None, :], torch.finfo(scores.dtype).min)
        words = (scores.softmax(-1) @ self.value(tokens)).transpose(1, 2).reshape(visual.shape)
        words = self.words_norm(self.words(words))
        return F.relu(self.out(F.relu(self.visual(visual)) * words))


class LanguageGate(nn.Module):
    """The language gate (LG, section 3.3): how much of F_i joins V_i on the way to the next stage.

    Args:
        dim: channels C.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(dim, dim, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(dim, dim, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, visual: Tensor, fused: Tensor) -> Tensor:
        """Return E_i = V_i + gate(F_i) * F_i, (B, C, H, W)."""
        joined: Tensor = visual + self.gate(fused) * fused
        return joined


class TopDownDecoder(nn.Module):
    """Y_4 = F_4; Y_i = two 3 x 3 convolutions of [resized Y_(i+1); F_i] (section 3.4).

    Args:
        config: the shape.
    """

    def __init__(self, config: LSMSConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.levels = nn.ModuleList()
        above = config.dims[-1]
        for dim in reversed(config.dims[:-1]):
            self.levels.append(
                nn.Sequential(
                    nn.Conv2d(above + dim, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                    nn.Conv2d(width, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                )
            )
            above = width
        self.classify = nn.Conv2d(width, 1, 1)
        nn.init.constant_(self.classify.bias, INITIAL_LOGIT)  # type: ignore[arg-type]

    def forward(self, fused: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return (B, 1, h, w) logits and (B, width, h, w) features at F_1's size."""
        *finer, y = fused
        for level, features in zip(self.levels, reversed(finer), strict=True):
            y = F.interpolate(y, size=features.shape[-2:], mode="bilinear", align_corners=False)
            y = level(torch.cat([y, features], dim=1))
        return self.classify(y), y


class LAVT(Network):
    """The network without its text encoder.

    Args:
        config: the shape; see :func:`lavt_config`.
    """

    def __init__(self, config: LSMSConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _silenced(Encoder(config))
        # "language": these learn at the rate of LSMS's attention to the words.
        self.language = nn.ModuleList(
            PixelWordAttention(dim, config.text_width) for dim in config.dims
        )
        # After the last stage there is nothing for a gate to lead to.
        self.gates = nn.ModuleList(LanguageGate(dim) for dim in config.dims[:-1])
        self.decoder = TopDownDecoder(config)

    def features(
        self,
        image: Tensor,
        tokens: Tensor,
        mask: Tensor,
        drawn: Tensor | None = None,  # noqa: ARG002
    ) -> LSMSOutput:
        """See :meth:`Network.features`; the pixel features have stride 4."""
        encoder, x, fused = self.encoder, each_text(image, tokens), []
        stages = zip(encoder.downsample, encoder.stages, encoder.norms, self.language, strict=True)
        for number, (downsample, stage, norm, language) in enumerate(stages):
            x = downsample(x)
            assert isinstance(stage, nn.ModuleList)
            for block in stage:
                x = block(x, tokens, mask)
            x = norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            fused.append(language(x, tokens, mask))
            if number < len(self.gates):
                x = self.gates[number](x, fused[-1])
        logits, pixels = self.decoder(fused)
        size = (image.shape[-2], image.shape[-1])
        logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        return LSMSOutput(logits, pixels=pixels)


class LAVTModel(LSMSModel):
    """LAVT with LSMS's text encoder and the heads of its contrastive loss.

    Args:
        config: its shape; see :func:`lavt_config`.
        text_encoder: reads the text.
    """

    architecture: ClassVar[str] = "lavt"

    def __init__(self, config: LSMSConfig, text_encoder: TextEncoder) -> None:
        super().__init__(config, text_encoder, LAVT(config))


class _Silence(nn.Module):
    """Replaces the language branch in a block of the encoder."""

    def forward(self, x: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        return x.new_zeros(())


def _silenced(encoder: Encoder) -> Encoder:
    for module in encoder.modules():
        if isinstance(module, Attention):
            module.svla.language = _Silence()  # type: ignore[assignment]
    return encoder
