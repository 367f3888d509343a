"""LSMS's size beside the networks that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lsms_core.benchmarking.describe import TOKENS, count_gmacs
from lsms_core.benchmarking.tables import table
from lsms_core.models.baselines.lavt import LAVT, lavt_config
from lsms_core.models.baselines.unet import UNet, UNetConfig
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import LSMS, Network

TEXT_WIDTH = 384
OUTLINED = "lsms, outlined"


@dataclass(frozen=True)
class Size:
    """A network's size, without its text encoder and what only training needs.

    Attributes:
        architecture: its name.
        parameters: how many.
        gmacs: 10^9 multiply-accumulates for one slice and one text.
    """

    architecture: str
    parameters: int
    gmacs: float


def compare(shape: tuple[int, int], variant: str = "tiny") -> list[Size]:
    """Count LSMS (its decoder at stride 4) with and without an outline, LAVT and the U-Net.

    Args:
        shape: (rows, columns) of the slice.
        variant: "tiny" or "small".
    """
    outline = UNetConfig.variant(variant)

    def make(name: str) -> Network:
        if name == "unet":
            return UNet(outline)
        if name == "lavt":
            return LAVT(lavt_config(variant, text_width=TEXT_WIDTH))
        dims = outline.dims if name == OUTLINED else ()
        return LSMS(
            LSMSConfig.variant(variant, text_width=TEXT_WIDTH, align_stride=4, outline=dims)
        )

    sizes = []
    for name in ("lsms", OUTLINED, "lavt", "unet"):
        with torch.device("meta"):
            parameters = sum(p.numel() for p in make(name).parameters())

        def network(name: str = name) -> nn.Module:
            return make(name)

        gmacs = count_gmacs(network, (3, *shape), (TOKENS, TEXT_WIDTH))
        sizes.append(Size(name, parameters, gmacs))
    return sizes


def comparison_table(shape: tuple[int, int], variant: str = "tiny") -> str:
    """Return :func:`compare` as text."""
    cells = [["architecture", "M parameters", "GMAC"]]
    cells += [
        [size.architecture, f"{size.parameters / 1e6:.2f}", f"{size.gmacs:.2f}"]
        for size in compare(shape, variant)
    ]
    title = (
        f"{variant}, one slice of {shape[0]} x {shape[1]} pixels, {TOKENS} tokens, D_text "
        f"{TEXT_WIDTH}, without the text encoder; LSMS's decoder at stride 4."
    )
    return f"{title}\n\n{table(cells)}"
