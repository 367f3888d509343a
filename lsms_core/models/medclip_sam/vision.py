"""A vision transformer with the weights' names of timm, as BiomedCLIP was published.

A. Dosovitskiy et al.: An Image is Worth 16x16 Words, ICLR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEAD_WIDTH = 64
_EPS = 1e-6


@dataclass(frozen=True)
class VisionShape:
    """Sizes of a vision transformer.

    Attributes:
        image_size: rows and columns of the input, pixels.
        patch_size: rows and columns of a patch, pixels.
        width: channels.
        depth: blocks.
        embed_dim: channels of the embedding shared with the text.
    """

    image_size: int = 224
    patch_size: int = 16
    width: int = 768
    depth: int = 12
    embed_dim: int = 512

    @property
    def heads(self) -> int:
        """Attention heads; 64 channels each in every ViT of timm's tiny to base sizes."""
        return max(self.width // HEAD_WIDTH, 1)

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.image_size // self.patch_size


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        return self._mix(q, k, v)

    def class_token(self, x: Tensor) -> Tensor:
        """The first token's output alone, (B, 1, width); all tokens are still looked at."""
        batch, tokens, width = x.shape
        weight, bias = self.qkv.weight, self.qkv.bias
        asking = F.linear(x[:, :1], weight[:width], bias[:width])
        asked = F.linear(x, weight[width:], bias[width:])
        q = asking.reshape(batch, 1, self.heads, -1).transpose(1, 2)
        k, v = asked.reshape(batch, tokens, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        return self._mix(q, k, v)

    def _mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        out: Tensor = self.proj(mixed.flatten(2))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Pre-norm attention and MLP, each with a residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPS)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPS)
        self.mlp = _Mlp(width)

    def after_norm(self, x: Tensor, normed: Tensor) -> Tensor:
        """Go on from the block's input and its first norm's output."""
        x = x + self.attn(normed)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out

    def class_token(self, x: Tensor) -> Tensor:
        """Transform (B, tokens, width), but only the class token: (B, 1, width)."""
        token = x[:, :1] + self.attn.class_token(self.norm1(x))
        out: Tensor = token + self.mlp(self.norm2(token))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Transform (B, tokens, width)."""
        return self.after_norm(x, self.norm1(x))


class _PatchEmbed(nn.Module):
    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch_size, shape.patch_size)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.proj(image).flatten(2).transpose(1, 2)
        return out


class VisionTrunk(nn.Module):
    """Patches, class token, blocks and the last norm; timm's names."""

    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        self.patch_embed = _PatchEmbed(shape)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, shape.width))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, shape.grid**2 + 1, shape.width))
        self.blocks = nn.Sequential(*(Block(shape.width, shape.heads) for _ in range(shape.depth)))
        self.norm = nn.LayerNorm(shape.width, eps=_EPS)


class _Head(nn.Module):
    def __init__(self, width: int, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, embed_dim, bias=False)


class VisionTower(nn.Module):
    """From pixels to an embedding, in steps that the saliency methods can enter.

    Args:
        shape: its sizes.
    """

    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        self.shape = shape
        self.trunk = VisionTrunk(shape)
        self.head = _Head(shape.width, shape.embed_dim)

    def tokens(self, image: Tensor) -> Tensor:
        """Turn (B, 3, S, S) normalised pixels into (B, 1 + grid^2, width), class token first."""
        patches = self.trunk.patch_embed(image)
        x = torch.cat([self.trunk.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        out: Tensor = x + self.trunk.pos_embed
        return out

    @property
    def last_block(self) -> Block:
        """The block that ends in the embedding."""
        block = list(self.trunk.blocks)[-1]
        assert isinstance(block, Block)
        return block

    def run(self, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """Run the blocks ``first`` to ``last`` (exclusive; default: all)."""
        for block in list(self.trunk.blocks)[first:last]:
            x = block(x)
        return x

    def embed(self, x: Tensor) -> Tensor:
        """Embed the last block's output; returns (B, embed_dim), not normalised."""
        out: Tensor = self.head.proj(self.trunk.norm(x[:, 0]))
        return out

    def finish(self, x: Tensor, first: int = 0) -> Tensor:
        """Run the blocks from ``first`` on and embed; returns (B, embed_dim), not normalised.

        Of the last block only the class token is needed, which saves most of it.
        """
        if first >= self.shape.depth:
            return self.embed(x)
        return self.embed(self.last_block.class_token(self.run(x, first, self.shape.depth - 1)))

    def forward(self, image: Tensor) -> Tensor:
        """Embed (B, 3, S, S) normalised pixels; returns (B, embed_dim), not normalised."""
        return self.finish(self.tokens(image))
