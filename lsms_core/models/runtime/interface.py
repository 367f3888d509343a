"""The interface of a network for inference, with NumPy arrays."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Part = Literal["draw", "text", "evidence"]
"""The parts of a network that run separately: the text-independent maps of an image, the features
of a text, and the map for a text."""


class Runtime(Protocol):
    """A network that is ready to run."""

    @property
    def name(self) -> str:
        """Which runtime it is, "onnxruntime" or "torch"."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", "directml", "coreml" or "mps"."""

    @property
    def parts(self) -> frozenset[Part]:
        """Which parts this network has; the methods of the others raise a BundleError."""

    def draw(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the text-independent maps of images.

        Args:
            images: (P, C, H, W) in [-1, 1]; any H and W from 64 on.

        Returns:
            (P, 3, H, W) logits: right lobe, left lobe, lesions.

        Raises:
            MemoryError: when memory runs out on this device, even for one image at a time.
        """

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the (T, D) features of one text of T tokens, given by their ids."""

    def evidence(
        self,
        image: NDArray[np.float32],
        tokens: NDArray[np.float32],
        mask: NDArray[np.bool_],
        drawn: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the map of each text for one image.

        Args:
            image: (1, C, H, W) in [-1, 1].
            tokens: (B, T, D) features of the texts, padded to one length.
            mask: (B, T), False for padding.
            drawn: (1, 3, H, W) logits that :meth:`draw` returned for this image, to save
                doing it again.

        Returns:
            (B, 1, H, W) logits.
        """
