"""Configuration of LSMS; saved as JSON beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lsms_core.entries import saved_entries
from lsms_core.errors import BundleError

_VARIANTS: dict[str, dict[str, Any]] = {
    "tiny": {"dims": (32, 64, 160, 256), "depths": (3, 3, 5, 2), "decoder_width": 256},
    "small": {"dims": (64, 128, 320, 512), "depths": (2, 2, 4, 2), "decoder_width": 256},
    "base": {"dims": (64, 128, 320, 512), "depths": (3, 3, 12, 3), "decoder_width": 512},
    "large": {"dims": (64, 128, 320, 512), "depths": (3, 5, 27, 3), "decoder_width": 1024},
}
VARIANTS = tuple(_VARIANTS)
NORMS = ("batch", "instance")
BACKBONES = ("efficientnet-lite0",)


@dataclass(frozen=True)
class LSMSConfig:
    """Shape of the network.

    Attributes:
        dims: channels of the four stages.
        depths: blocks of the four stages.
        decoder_width: channels of the full-scale decoder.
        text_width: width of the text features, D_text.
        in_channels: input channels; three neighbouring slices by default.
        mlp_ratios: expansion of the feed-forward part in each stage.
        mixer: the decoder's global mixing, "nmf" or "mhsa".
        align_stride: stride a of the grid on which the four stages meet, 8 or 4.
        nmf_rank: number of bases of the NMF mixer.
        contrast_width: width of the shared space of the contrastive loss.
        drop_path: largest drop-path rate, reached in the last block.
        dropout: dropout before the last convolution.
        max_tokens: longest text, in tokens.
        outline: channels of the U-Net that draws lobes and lesions, five levels going down and
            the last going up (:mod:`lsms_core.models.lsms.outline`); () for the paper's network.
        outlines: how many such U-Nets there are; their mean counts.
        lobes: whether there is a text head for excluded lobes; not in weights before 0.4.
        attenuation_window: (lowest, highest) HU of the image where there is a text head for
            excluded attenuations; (), as in weights before 0.5, without it.
        asked: whether there is a text head for what is asked of whole lesions, such as their
            size; not in weights before 0.6.
        sections: whether there is a text head for parts of lobes; not in weights before 0.7.
        queries: learnt queries of each text head, beside the mean word; 0 in weights before 0.8.
        trust: the power of the network's own choice among the outlined lesions.
        draws: whether the network draws the text-independent maps itself, from its encoder and
            decoder without words (:mod:`lsms_core.models.lsms.detail`); where there are U-Nets
            (``outline``), too, the mean of all counts. Not in weights before 1.0.
        detail: channels of the detail path at strides 1 and 2; () where the network draws nothing.
        members: how many networks that draw there are, trained apart; the mean of their maps
            counts. Not in weights before 1.1.
        words: False for a network that only draws: it has no language branches and no heads
            that read a text, and draws the same for every text.
        listens: whether the logits for a text come from the language branches, pixel by pixel;
            there are no text heads then. Not in weights before 1.0.
        norm: normalisation of the encoder, "batch" or "instance".
        backbone: public convolutions beside the detail path and the encoder
            (:mod:`lsms_core.models.lsms.backbone`), of three slices; "" for none, as in weights
            before 1.2.
        layer_scale: where s1 and s2 of each block start.
    """

    dims: tuple[int, int, int, int] = (32, 64, 160, 256)
    depths: tuple[int, int, int, int] = (3, 3, 5, 2)
    decoder_width: int = 256
    text_width: int = 384
    in_channels: int = 3
    mlp_ratios: tuple[int, int, int, int] = (8, 8, 4, 4)
    mixer: str = "nmf"
    align_stride: int = 8
    nmf_rank: int = 64
    contrast_width: int = 256
    drop_path: float = 0.1
    dropout: float = 0.1
    max_tokens: int = 64
    outline: tuple[int, ...] = ()
    outlines: int = 1
    lobes: bool = False
    attenuation_window: tuple[float, ...] = ()
    asked: bool = False
    sections: bool = False
    queries: int = 0
    trust: float = 1.0
    draws: bool = False
    detail: tuple[int, ...] = ()
    members: int = 1
    words: bool = True
    listens: bool = False
    norm: str = "batch"
    layer_scale: float = 1e-2
    backbone: str = ""

    def __post_init__(self) -> None:
        if self.mixer not in ("nmf", "mhsa"):
            raise BundleError(f"Unknown mixer {self.mixer!r}: use 'nmf' or 'mhsa'.")
        if self.align_stride not in (4, 8):
            raise BundleError(f"The alignment stride is {self.align_stride}: use 4 or 8.")
        if len(self.outline) not in (0, 6):
            raise BundleError(f"The outline has {len(self.outline)} levels: use 6, or none.")
        if self.outlines < 1:
            raise BundleError(f"The model has {self.outlines} outlines: use 1 or more.")
        read = (self.lobes, self.attenuation_window, self.asked, self.sections)
        if self.norm not in NORMS:
            raise BundleError(f"Unknown norm {self.norm!r}: use one of {', '.join(NORMS)}.")
        self._check_drawing()
        if not (self.words or self.draws):
            raise BundleError("A network without words has to draw: set draws, or words.")
        if self.listens and (any(read) or not (self.draws and self.words)):
            raise BundleError("A network that listens has to draw and to have words, and no heads.")
        if any(read) and not (self.maps and self.words):
            raise BundleError("The words can rule something out of an outline only: it has none.")
        if len(self.attenuation_window) not in (0, 2) or not 0 <= self.trust <= 1:
            raise BundleError(f"The model's configuration is not usable: {self}.")

    def _check_drawing(self) -> None:
        if len(self.detail) != (2 if self.draws else 0):
            raise BundleError(
                f"The detail path has {len(self.detail)} levels: use 2 for a network that draws, "
                "else none."
            )
        if self.backbone and self.backbone not in BACKBONES:
            raise BundleError(
                f"Unknown backbone {self.backbone!r}: use one of {', '.join(BACKBONES)}, or none."
            )
        if self.backbone and not (self.draws and self.in_channels == 3):
            raise BundleError("A backbone needs a network that draws and sees three slices.")
        if self.members < 1 or (self.members > 1 and not self.draws):
            raise BundleError(
                f"The model has {self.members} networks that draw: use 1 or more, and 1 for a "
                "network that draws nothing."
            )

    @property
    def maps(self) -> bool:
        """Whether there are text-independent maps."""
        return self.draws or bool(self.outline)

    @classmethod
    def variant(cls, name: str, **changes: Any) -> LSMSConfig:  # noqa: ANN401
        """Return the configuration of "tiny", "small", "base" or "large", with changes."""
        if name not in _VARIANTS:
            raise BundleError(f"Unknown variant {name!r}: use one of {', '.join(VARIANTS)}.")
        return cls(**{**_VARIANTS[name], **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LSMSConfig:
        """Read a configuration saved as JSON; refuses unknown entries."""
        return cls(**saved_entries(cls, values, "model"))

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return asdict(self)
