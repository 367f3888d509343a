"""The networks that are trained, saved and asked in the same way, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsms_core.errors import BundleError
from lsms_core.models.baselines.lavt import LAVTModel, lavt_config
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from lsms_core.models.lsms.config import LSMSConfig
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.models.lsms.text_encoder import TextEncoder

Model = LSMSModel | UNetModel

DEFAULT = "lsms"
# "unet" draws all lesions, whatever the text says.
ARCHITECTURES = (DEFAULT, "lavt", "unet")


def new_model(
    architecture: str, variant: str, text_encoder: TextEncoder, align_stride: int
) -> Model:
    """Build a model with random weights around a text encoder.

    Args:
        architecture: one of ARCHITECTURES.
        variant: its size; LSMS's names, "unet" has "tiny" and "small".
        text_encoder: reads the text; "unet" does without.
        align_stride: stride of the decoder's grid, 8 or 4; LSMS only.

    Raises:
        BundleError: for an unknown architecture or variant.
        DependencyError: when the architecture needs a package that is not installed.
    """
    check(architecture)
    if architecture == "unet":
        return UNetModel(UNetConfig.variant(variant))
    width = text_encoder.width
    if architecture == "lavt":
        return LAVTModel(lavt_config(variant, text_width=width), text_encoder)
    config = LSMSConfig.variant(variant, text_width=width, align_stride=align_stride)
    return LSMSModel(config, text_encoder)


def restore_model(architecture: str, model: Mapping[str, Any], text: Mapping[str, Any]) -> Model:
    """Build a model from what a bundle's config.json says, with random weights.

    Args:
        architecture: one of ARCHITECTURES.
        model: the entries of the network's configuration.
        text: the entries of the text encoder's configuration.

    Raises:
        BundleError: for an unknown architecture or entry.
        DependencyError: when the architecture needs a package that is not installed.
    """
    check(architecture)
    if architecture == "unet":
        return UNetModel(UNetConfig.from_dict(model))
    kind = LAVTModel if architecture == "lavt" else LSMSModel
    return kind(LSMSConfig.from_dict(model), TextEncoder.from_config(dict(text)))


def reads_text(model: Model) -> bool:
    """Whether a model's answer depends on the text."""
    return not isinstance(model, UNetModel)


def check(architecture: str) -> None:
    """Refuse an architecture that does not exist.

    Raises:
        BundleError: when it is unknown.
    """
    if architecture not in ARCHITECTURES:
        raise BundleError(
            f"Unknown architecture {architecture!r}: use one of {', '.join(ARCHITECTURES)}, "
            "or a newer version of this software."
        )
