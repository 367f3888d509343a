"""Parameters and multiplications of the variants, beside those of the specification.

Multiply-accumulates (MAC) are counted by torch's ``FlopCounterMode``, which adds up the
convolutions and the matrix products that really run (two operations a MAC); additions,
activations, norms and resizing are not counted. Nothing is computed: tensors have no values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

from lsms_core.models.lsms.lsms_config import VARIANTS, LSMSConfig
from lsms_core.models.lsms.model import LSMS

SIZES = (224, 352, 480)
TEXT_WIDTHS = (384, 768)
TOKENS = 20

# Millions of parameters: vision, decoder, then language and total at D_text 384 and 768.
SPECIFIED_PARAMETERS: dict[str, tuple[float, float, dict[int, float], dict[int, float]]] = {
    "tiny": (3.90, 0.33, {384: 2.33, 768: 3.56}, {384: 6.73, 768: 8.06}),
    "small": (13.45, 0.46, {384: 5.97, 768: 8.04}, {384: 20.05, 768: 22.21}),
    "base": (26.28, 1.32, {384: 12.90, 768: 17.47}, {384: 40.73, 768: 45.39}),
    "large": (44.64, 4.20, {384: 23.08, 768: 31.53}, {384: 72.28, 768: 80.83}),
}
# Contrastive heads, millions of parameters at D_text 384 and 768.
SPECIFIED_HEADS: dict[str, dict[int, float]] = {
    "tiny": {384: 0.16, 768: 0.26},
    "small": {384: 0.16, 768: 0.26},
    "base": {384: 0.23, 768: 0.33},
    "large": {384: 0.36, 768: 0.46},
}
# GMAC at 224, 352 and 480 pixels for D_text 768 and 20 tokens, one slice.
SPECIFIED_GMACS: dict[str, tuple[float, float, float]] = {
    "tiny": (1.5, 3.7, 6.9),
    "small": (4.0, 9.7, 18.0),
    "base": (8.4, 20.5, 37.8),
    "large": (16.7, 40.7, 75.3),
}


@dataclass(frozen=True)
class Description:
    """A variant's size, without its text encoder.

    Attributes:
        variant: its name.
        text_width: D_text.
        vision: parameters of the encoder without its language branches.
        decoder: parameters of the decoder.
        heads: parameters of the contrastive heads, used in training only.
        language: parameters of the language branches.
        gmacs: (pixels, 10^9 multiply-accumulates) for one square slice of three channels.
    """

    variant: str
    text_width: int
    vision: int
    decoder: int
    heads: int
    language: int
    gmacs: tuple[tuple[int, float], ...]

    @property
    def total(self) -> int:
        """All parameters but the text encoder's."""
        return self.vision + self.decoder + self.heads + self.language


@lru_cache
def describe(
    variant: str, text_width: int, sizes: tuple[int, ...] = SIZES, tokens: int = TOKENS
) -> Description:
    """Count a variant's parameters and multiply-accumulates.

    Args:
        variant: "tiny", "small", "base" or "large".
        text_width: D_text.
        sizes: pixels along the edge of a square slice.
        tokens: length of the text.
    """
    config = LSMSConfig.variant(variant, text_width=text_width)
    with torch.device("meta"):
        network = LSMS(config)
        # The shapes of LSMSModel's heads.
        heads = nn.ModuleList(
            [
                nn.Linear(config.text_width, config.contrast_width),
                nn.Conv2d(config.decoder_width, config.contrast_width, 1),
            ]
        )
    language = sum(p.numel() for n, p in network.named_parameters() if ".language." in n)
    decoder = _parameters(network.decoder)
    return Description(
        variant=variant,
        text_width=text_width,
        vision=_parameters(network) - decoder - language,
        decoder=decoder,
        heads=_parameters(heads),
        language=language,
        gmacs=tuple((size, gmacs(config, (size, size), tokens)) for size in sizes),
    )


def describe_all() -> list[Description]:
    """Describe every variant at both text widths; GMAC at the wider one, as specified."""
    narrow, wide = TEXT_WIDTHS
    return [one for name in VARIANTS for one in (describe(name, narrow, ()), describe(name, wide))]


def gmacs(config: LSMSConfig, shape: tuple[int, int], tokens: int = TOKENS) -> float:
    """Count 10^9 multiply-accumulates of LSMS for one slice, without the text encoder.

    Args:
        config: the network.
        shape: (rows, columns) of the slice.
        tokens: length of the text.
    """
    return count_gmacs(
        lambda: LSMS(config), (config.in_channels, *shape), (tokens, config.text_width)
    )


def count_gmacs(
    make: Callable[[], nn.Module], image: tuple[int, int, int], text: tuple[int, int]
) -> float:
    """Count 10^9 multiply-accumulates of a network for one image and text.

    Args:
        make: builds the network; called with image, tokens and mask.
        image: (channels, rows, columns).
        text: (tokens, D_text).
    """
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.device("meta"), torch.no_grad():
        network = make().eval()
        arguments = torch.empty((1, *image)), torch.empty((1, *text))
        with counter:
            network(*arguments, torch.ones((1, text[0]), dtype=torch.bool))
    return counter.get_total_flops() / 2e9


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
