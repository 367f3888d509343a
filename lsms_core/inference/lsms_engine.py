"""LSMS behind the predictor: cached text features, batches of slices, mixed precision."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.inference.devices import BATCH_SIZES
from lsms_core.inference.engine import EncodedText
from lsms_core.inference.texts import MAX_CHARACTERS

if TYPE_CHECKING:
    from lsms_core.models.bundle import Bundle

CACHED_TEXTS = 256
# Half a megabyte each: enough for a slice, its neighbours and those of the slices beside it.
DRAWN_IMAGES = 64


class LsmsEngine:
    """Runs an LSMS model; features of recent texts are kept.

    Args:
        bundle: the loaded model; it is used in place, not copied.
        precision: "auto" is bfloat16 on CUDA and float32 elsewhere; "bfloat16" is faster on a
            CPU that has it in hardware (AVX512_BF16, AMX), and moves probabilities by up to
            some hundredths; "float32" is exact everywhere.
    """

    name = "lsms"

    def __init__(self, bundle: Bundle, *, precision: str = "auto") -> None:
        self._model = bundle.model.eval()
        self._tokenizer = bundle.tokenizer
        self.precision = precision
        self._device = torch.device("cpu")
        self._texts: OrderedDict[str, EncodedText] = OrderedDict()
        # What was drawn in the last images whatever the words were, by precision and digest.
        self._drawn: OrderedDict[tuple[str, bytes], NDArray[np.float32]] = OrderedDict()
        self._place()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._device

    @property
    def text_free(self) -> bool:
        """See :attr:`lsms_core.inference.engine.Engine.text_free`."""
        return bool(self._model.config.outline)

    def to(self, device: torch.device) -> None:
        """Move the model; the texts' features are made again when needed."""
        self._device = device
        self._texts.clear()
        self._drawn.clear()
        self._place()

    def _place(self) -> None:
        # Depth-wise convolutions are faster with the channels last, on CPUs and on CUDA.
        self._model.to(device=self._device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def encode(self, text: str) -> EncodedText:
        """Encode one text, or take it from the cache; longer texts lose their end."""
        if text in self._texts:
            self._texts.move_to_end(text)
            return self._texts[text]
        limit = self._model.config.max_tokens
        tokens = self._tokenizer(text[:MAX_CHARACTERS], truncation=False)["input_ids"]
        warning = None
        if len(tokens) > limit or len(text) > MAX_CHARACTERS:
            tokens = self._tokenizer(text[:MAX_CHARACTERS], truncation=True, max_length=limit)[
                "input_ids"
            ]
            warning = (
                f"The text is too long for the model: only its first {limit} tokens were read. "
                "Name the lesion in one short sentence."
            )
        ids = torch.tensor([tokens], device=self._device)
        features = self._model.text_encoder(ids, torch.ones_like(ids))
        encoded = EncodedText(text, features[0], warning)
        self._texts[text] = encoded
        if len(self._texts) > CACHED_TEXTS:
            self._texts.popitem(last=False)
        return encoded

    @torch.inference_mode()
    def draw(self, images: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See :meth:`lsms_core.inference.engine.Engine.draw`; recent images are remembered."""
        keys = [(self.precision, hashlib.blake2b(i.tobytes()).digest()) for i in images]
        maps = {k: self._drawn[k] for k in keys if k in self._drawn}
        new = {k: i for k, i in zip(keys, images, strict=True) if k not in maps}
        size = BATCH_SIZES.get(self._device.type, 1)
        for start in range(0, len(new), size):
            some = list(new)[start : start + size]
            batch = torch.from_numpy(np.stack([new[k] for k in some]))
            batch = batch.to(self._device, memory_format=torch.channels_last)
            with self._autocast():
                drawn = self._model.lsms.draw(batch)
            if drawn is None:
                return None
            maps |= zip(some, torch.sigmoid(drawn.float()).cpu().numpy(), strict=True)
        for key in maps:
            self._drawn[key] = maps[key]
            self._drawn.move_to_end(key)
        while len(self._drawn) > DRAWN_IMAGES:
            self._drawn.popitem(last=False)
        return np.stack([maps[k] for k in keys])

    @torch.inference_mode()
    def probabilities(
        self, images: NDArray[np.float32], texts: Sequence[EncodedText]
    ) -> NDArray[np.float32]:
        """See :meth:`lsms_core.inference.engine.Engine.probabilities`."""
        features = torch.nn.utils.rnn.pad_sequence(
            [text.features for text in texts], batch_first=True
        )
        lengths = torch.tensor([len(text.features) for text in texts], device=self._device)
        mask = torch.arange(features.shape[1], device=self._device) < lengths[:, None]
        # Several texts about one slice share all that does not depend on them.
        if len(images) > 1 and (images == images[:1]).all():
            images = images[:1]
        batch = torch.from_numpy(images).to(self._device, memory_format=torch.channels_last)
        with self._autocast():
            logits = self._model.lsms(batch, features, mask)
        return torch.sigmoid(logits[:, 0].float()).cpu().numpy()

    def _autocast(self) -> torch.autocast:
        half = self.precision == "bfloat16" or (
            self.precision == "auto" and self._device.type == "cuda"
        )
        return torch.autocast(self._device.type, torch.bfloat16, enabled=half)
