"""The interface between the predictor and a model; engines are chosen by name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import BundleError
from lsms_core.models.installed import BundleInfo


@dataclass(frozen=True)
class EncodedText:
    """A text as the engine keeps it.

    Attributes:
        text: the text.
        features: (T, D) text features, without padding; of the engine's own kind.
        warning: what the user should know, such as that the text was cut short.
    """

    text: str
    features: Any
    warning: str | None = None


@dataclass(frozen=True)
class EngineOptions:
    """How an engine runs.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:1", "mps", "directml" or "coreml"; see
            :func:`lsms_core.models.runtime.open_runtime`.
        runtime: "auto", "onnxruntime" or "torch".
        threads: CPU threads; None: the software's choice.
        precision: "auto" is bfloat16 on CUDA in torch and float32 elsewhere; "bfloat16" is
            faster on a CPU that has it in hardware (AVX512_BF16, AMX), needs torch, and moves
            probabilities by up to some hundredths; "float32" is exact everywhere.
    """

    device: str = "auto"
    runtime: str = "auto"
    threads: int | None = None
    precision: str = "auto"


class Engine(Protocol):
    """A model behind the predictor."""

    name: str

    @property
    def device(self) -> str:
        """Where the model is, such as "cpu" or "cuda:0"."""

    @property
    def runtime(self) -> str:
        """What runs it: "onnxruntime" or "torch"."""

    @property
    def precision(self) -> str:
        """See :attr:`EngineOptions.precision`."""

    @property
    def text_free(self) -> bool:
        """Whether it has text-independent maps of lobes and lesions; see :meth:`draw`."""

    def to(self, device: str) -> None:
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


# name -> "module:function"; the function is called with a BundleInfo and EngineOptions.
ENGINES = {
    "lsms": "lsms_core.inference.lsms_engine:open_engine",
    "medclip-sam": "lsms_core.inference.medclip_engine:open_engine",
}


def open_engine(
    info: BundleInfo, name: str | None = None, options: EngineOptions | None = None
) -> Engine:
    """Load the engine of a bundle.

    Args:
        info: the bundle.
        name: the engine; default: the one that the bundle names.
        options: how it runs.

    Raises:
        BundleError: for an engine that does not exist or does not fit the bundle, and for
            weights that cannot be read.
        DependencyError: when what it needs is not installed.
        DeviceError: when the device is not there.
        InputError: for options that do not exist.
    """
    wanted = name or info.engine
    if wanted not in ENGINES:
        raise BundleError(f"Unknown engine {wanted!r}: use one of {', '.join(sorted(ENGINES))}.")
    if wanted != info.engine:
        raise BundleError(
            f"The weights {info.name} are for the engine {info.engine!r}, not {wanted!r}: "
            "choose other weights or leave the engine out."
        )
    module, _, attribute = ENGINES[wanted].partition(":")
    engine: Engine = getattr(importlib.import_module(module), attribute)(
        info, options or EngineOptions()
    )
    return engine
