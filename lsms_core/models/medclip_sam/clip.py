"""The two towers of BiomedCLIP: a vision transformer and PubMedBERT.

The modules bear the weights' names of open_clip's published files, and so load them without
that library. It is not used because it imports torchvision, which must match torch's build to
the letter, and because even for a local folder it asks the hub for the text tower's
configuration.

S. Zhang et al.: BiomedCLIP, NEJM AI 2024 (arXiv 2303.00915).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.errors import BundleError
from lsms_core.models.medclip_sam.vision import HEAD_WIDTH, VisionShape, VisionTower


@dataclass(frozen=True)
class TextShape:
    """Sizes of the text tower (BERT).

    Attributes:
        vocabulary: word pieces.
        width: channels.
        depth: layers.
        intermediate: channels of the feed-forward part.
        positions: longest text that the weights have positions for.
        context_length: longest text that is read, in tokens.
        projection: "mlp" (two layers, as in BiomedCLIP) or "linear".
    """

    vocabulary: int = 30522
    width: int = 768
    depth: int = 12
    intermediate: int = 3072
    positions: int = 512
    context_length: int = 256
    projection: str = "mlp"

    def __post_init__(self) -> None:
        if self.projection not in ("mlp", "linear"):
            raise BundleError(
                f"The text projection {self.projection!r} is unknown: use weights with "
                "hf_proj_type mlp or linear, such as BiomedCLIP's."
            )


@dataclass(frozen=True)
class ClipConfig:
    """Both towers' sizes, and how pixels are normalised.

    Attributes:
        vision: the image tower.
        text: the text tower.
        mean: of the pixels (0 to 1), by channel.
        std: likewise.
    """

    vision: VisionShape = field(default_factory=VisionShape)
    text: TextShape = field(default_factory=TextShape)
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)


class TextTower(nn.Module):
    """BERT's last hidden state of the class token, projected; not normalised."""

    def __init__(self, shape: TextShape, embed_dim: int) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        config = BertConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.width,
            num_hidden_layers=shape.depth,
            num_attention_heads=max(shape.width // HEAD_WIDTH, 1),
            intermediate_size=shape.intermediate,
            max_position_embeddings=shape.positions,
        )
        self.transformer = BertModel(config, add_pooling_layer=False)
        if shape.projection == "linear":
            self.proj: nn.Module = nn.Linear(shape.width, embed_dim, bias=False)
        else:
            hidden = (shape.width + embed_dim) // 2
            self.proj = nn.Sequential(
                nn.Linear(shape.width, hidden, bias=False),
                nn.GELU(),
                nn.Linear(hidden, embed_dim, bias=False),
            )

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed (B, T) token ids with their attention mask; returns (B, embed_dim)."""
        states = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
        out: Tensor = self.proj(states[:, 0])
        return out


class ClipModel(nn.Module):
    """Image and text towers with a shared, normalised embedding."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.visual = VisionTower(config.vision)
        self.text = TextTower(config.text, config.vision.embed_dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def normalise(self, grey: Tensor) -> Tensor:
        """Turn (B, 1, H, W) grey values, 0 to 1, into (B, 3, S, S) normalised pixels."""
        size = self.config.vision.image_size
        if grey.shape[-2:] != (size, size):
            grey = F.interpolate(grey, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
        mean = grey.new_tensor(self.config.mean).view(1, 3, 1, 1)
        std = grey.new_tensor(self.config.std).view(1, 3, 1, 1)
        return (grey - mean) / std

    def image_embedding(self, pixels: Tensor) -> Tensor:
        """Embed (B, 3, S, S) normalised pixels; returns (B, D) of length 1."""
        return F.normalize(self.visual(pixels), dim=-1)

    def text_embedding(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed (B, T) token ids; returns (B, D) of length 1."""
        return F.normalize(self.text(ids, mask), dim=-1)

    def embed_texts(self, texts: Sequence[str], tokenizer: Any) -> Tensor:  # noqa: ANN401
        """Tokenize and embed texts; their ends are cut off beyond the context length."""
        tokens = tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.config.text.context_length,
            return_tensors="pt",
        )
        device = self.logit_scale.device
        return self.text_embedding(
            tokens["input_ids"].to(device), tokens["attention_mask"].to(device)
        )
