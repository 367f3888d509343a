"""What a predictor needs of a model; engines are chosen by name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import BundleError

if TYPE_CHECKING:
    import torch

    from lsms_core.models.bundle import Bundle


@dataclass(frozen=True)
class EncodedText:
    """A text as the engine keeps it.

    Attributes:
        text: the text.
        features: (T, D) text features, without padding.
        warning: what the user should know, such as that the text was cut short.
    """

    text: str
    features: torch.Tensor
    warning: str | None = None


class Engine(Protocol):
    """A model behind the predictor."""

    name: str

    @property
    def device(self) -> torch.device:
        """Where the model is."""

    @property
    def text_free(self) -> bool:
        """Whether it outlines lobes and lesions whatever the text is; see :meth:`draw`."""

    def to(self, device: torch.device) -> None:
        """Move the model."""

    def encode(self, text: str) -> EncodedText:
        """Encode one text; the engine remembers recent ones."""

    def draw(self, images: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return the text-independent maps of (N, C, H, W) images.

        Returns (N, 3, H, W), how probably each pixel is of the right lobe, of the left lobe and
        of a lesion; None from a model that has none.
        """

    def probabilities(
        self, images: NDArray[np.float32], texts: Sequence[EncodedText]
    ) -> NDArray[np.float32]:
        """Run (N, C, H, W) images, each with its own text; returns (N, H, W), 0 to 1."""


# name -> "module:class"; the class is called with the bundle.
ENGINES = {
    "lsms": "lsms_core.inference.lsms_engine:LsmsEngine",
    "medclip-sam": "lsms_core.inference.medclip_engine:MedClipSamEngine",
}


def make_engine(bundle: Bundle, name: str | None = None) -> Engine:
    """Build the engine of a bundle.

    Args:
        bundle: the loaded model.
        name: the engine; default: the one that the bundle names.

    Raises:
        BundleError: for an engine that does not exist or does not fit the bundle.
    """
    wanted = name or bundle.engine
    if wanted not in ENGINES:
        raise BundleError(f"Unknown engine {wanted!r}: use one of {', '.join(sorted(ENGINES))}.")
    if wanted != bundle.engine:
        raise BundleError(
            f"The weights {bundle.name} are for the engine {bundle.engine!r}, not {wanted!r}: "
            "choose other weights or leave the engine out."
        )
    module, _, attribute = ENGINES[wanted].partition(":")
    engine: Engine = getattr(importlib.import_module(module), attribute)(bundle)
    return engine
