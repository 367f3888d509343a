"""LSMS: image and expression in, mask of the named lesion out (arXiv 2408.17347)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.models.lsms.config import LSMSConfig
from lsms_core.models.lsms.decoder import FullScaleDecoder, align_positions
from lsms_core.models.lsms.encoder import Encoder
from lsms_core.models.lsms.text_encoder import TextEncoder


@dataclass(frozen=True)
class LSMSOutput:
    """What the model returns.

    Attributes:
        logits: (B, 1, H, W).
        pixel_embedding: (B, E, h, w) in the shared space; training only.
        text_embedding: (B, E) in the shared space; training only.
        pixels: (B, width, h, w) features D of the decoder; training only.
    """

    logits: Tensor
    pixel_embedding: Tensor | None = None
    text_embedding: Tensor | None = None
    pixels: Tensor | None = None


class Network(nn.Module):
    """A network without its text encoder."""

    def forward(self, image: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return (B, 1, H, W) logits; see :meth:`features` for the arguments."""
        return self.features(image, tokens, mask)[0]

    def features(self, image: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, 1, H, W) logits and the decoder's (B, width, h, w) pixel features.

        Args:
            image: (B, C, H, W) of any size, in [-1, 1].
            tokens: (B, T, D_text) text features.
            mask: (B, T) bool, False for padding.
        """
        raise NotImplementedError


class LSMS(Network):
    """The paper's network."""

    def __init__(self, config: LSMSConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = FullScaleDecoder(config)

    def features(self, image: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`Network.features`."""
        height, width = image.shape[-2:]
        stride = self.config.align_stride
        size = (-(-height // stride), -(-width // stride))
        aligned = align_positions(self.encoder(image, tokens, mask), size)
        logits, pixels = self.decoder(aligned)
        full = F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False)
        return full, pixels


class LSMSModel(nn.Module):
    """LSMS with its text encoder and the heads of the contrastive loss.

    Args:
        config: its shape.
        text_encoder: reads the text.
        network: another network in LSMS's place, for comparison.
    """

    architecture: ClassVar[str] = "lsms"

    def __init__(
        self, config: LSMSConfig, text_encoder: TextEncoder, network: Network | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.lsms = LSMS(config) if network is None else network
        self.text_encoder = text_encoder
        self.text_head = nn.Linear(config.text_width, config.contrast_width)
        self.pixel_head = nn.Conv2d(config.decoder_width, config.contrast_width, 1)

    def forward(self, image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> LSMSOutput:
        """Run image and text; the embeddings come only in training mode."""
        tokens = self.text_encoder(input_ids, attention_mask)
        mask = attention_mask.bool()
        logits, pixels = self.lsms.features(image, tokens, mask)
        if not self.training:
            return LSMSOutput(logits)
        weights = mask.unsqueeze(-1).to(tokens.dtype)
        mean = (tokens * weights).sum(1) / weights.sum(1).clamp_min(1.0)
        return LSMSOutput(
            logits, self.pixel_head(pixels), F.normalize(self.text_head(mean), dim=-1), pixels
        )
