"""A plain U-Net that draws every lesion of the slice, independently of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from lsms_core.entries import saved_entries
from lsms_core.errors import BundleError
from lsms_core.models.lsms.model import LSMSOutput, Network, each_text
from lsms_core.models.lsms.outline import LESIONS, Outline
from lsms_core.models.lsms.text_encoder import NoText

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

    text_width: ClassVar[int] = NoText.width

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
    """LSMS's outline alone: its map of the lesions is the answer to every text."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.outline = Outline(config.in_channels, config.dims)

    def draw(self, image: Tensor) -> Tensor:
        """See :meth:`Network.draw`."""
        drawn: Tensor = self.outline(image)
        return drawn

    def features(
        self,
        image: Tensor,
        tokens: Tensor,
        mask: Tensor,  # noqa: ARG002
        drawn: Tensor | None = None,
    ) -> LSMSOutput:
        """See :meth:`Network.features`; the text is not looked at."""
        drawn = self.draw(image) if drawn is None else drawn
        return LSMSOutput(each_text(drawn[:, LESIONS : LESIONS + 1], tokens), drawn=drawn)


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
        output = self.lsms.features(image, tokens, attention_mask.bool())
        return output if self.training else LSMSOutput(output.logits)
