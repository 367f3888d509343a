"""A plain U-Net (MONAI's) that draws every lesion of the slice, whatever the text says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lsms_core.entries import saved_entries
from lsms_core.errors import BundleError, DependencyError
from lsms_core.models.lsms.decoder import INITIAL_LOGIT
from lsms_core.models.lsms.model import LSMSOutput, Network

_VARIANTS = {"tiny": (32, 32, 64, 128, 256, 32), "small": (40, 40, 80, 160, 320, 40)}


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the U-Net.

    Attributes:
        dims: channels of the five levels of the encoder, then of the last level of the decoder.
        in_channels: input channels; three neighbouring slices by default.
        max_tokens: where a text counts as too long, as for LSMS.
    """

    dims: tuple[int, ...] = _VARIANTS["tiny"]
    in_channels: int = 3
    max_tokens: int = 64

    # One idle number a word keeps the texts in step with those of the other models.
    text_width: ClassVar[int] = 1

    @property
    def decoder_width(self) -> int:
        """Channels of the pixel features."""
        return self.dims[-1]

    @classmethod
    def variant(cls, name: str) -> UNetConfig:
        """Return the configuration of "tiny" or "small".

        Raises:
            BundleError: for another name.
        """
        if name not in _VARIANTS:
            raise BundleError(f"Unknown U-Net {name!r}: use one of {', '.join(_VARIANTS)}.")
        return cls(_VARIANTS[name])

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> UNetConfig:
        """Read a configuration saved as JSON.

        Raises:
            BundleError: for unknown entries.
        """
        return cls(**saved_entries(cls, values, "model"))

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return asdict(self)


class UNet(Network):
    """MONAI's BasicUNet (Falk et al., 2019) behind the interface of the text-guided networks.

    Args:
        config: the shape.

    Raises:
        DependencyError: when MONAI is not installed.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        try:
            from monai.networks.nets import BasicUNet
        except ImportError as error:
            raise DependencyError(
                "The U-Net is MONAI's, which is not installed: pip install 'lsms-core[train]'."
            ) from error
        self.config = config
        self.body = BasicUNet(
            2, config.in_channels, config.decoder_width, features=config.dims, bias=False
        )
        # Its features instead of its classes: the anatomy head draws from them, too.
        self.body.final_conv = nn.Identity()
        self.classify = nn.Conv2d(config.decoder_width, 1, 1)
        nn.init.constant_(self.classify.bias, INITIAL_LOGIT)  # type: ignore[arg-type]

    def features(
        self,
        image: Tensor,
        tokens: Tensor,  # noqa: ARG002
        mask: Tensor,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`Network.features`; the text is not looked at, the features have stride 1."""
        pixels = self.body(image)
        return self.classify(pixels), pixels


class NoText(nn.Module):
    """A text encoder that reads nothing."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002
        """Return (B, T, 1) zeros for (B, T) token ids."""
        return torch.zeros((*input_ids.shape, UNetConfig.text_width), device=input_ids.device)


class UNetModel(nn.Module):
    """The U-Net in LSMS's place.

    Args:
        config: its shape.
    """

    architecture: ClassVar[str] = "unet"

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.lsms = UNet(config)
        self.text_encoder = NoText()

    def forward(self, image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> LSMSOutput:
        """Run the image; there are no embeddings, so that the contrastive loss has no part."""
        tokens = self.text_encoder(input_ids, attention_mask)
        logits, pixels = self.lsms.features(image, tokens, attention_mask.bool())
        return LSMSOutput(logits, pixels=pixels) if self.training else LSMSOutput(logits)
