"""LSMS behind the predictor: any runtime, text features and recent maps remembered."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import DependencyError, InputError
from lsms_core.inference.engine import EncodedText, EngineOptions
from lsms_core.inference.text_cache import TextCache, cut_short
from lsms_core.inference.texts import MAX_CHARACTERS
from lsms_core.models.installed import BundleInfo
from lsms_core.models.runtime import Runtime, open_runtime

# Half a megabyte each: enough for a slice, its neighbours and those of the slices beside it.
DRAWN_IMAGES = 64
# Probabilities are clipped at this value, so that logits are finite.
_UNSURE = np.float32(1e-6)
PRECISIONS = ("auto", "float32", "bfloat16")


class LsmsEngine:
    """Runs an LSMS model; features of recent texts and maps of recent images are kept.

    Args:
        open_on: opens the network on a device.
        device: where it is opened first.
        folder: the model's, which holds the tokenizer; None for a network that reads no text.
        max_tokens: where a text counts as too long.
    """

    name = "lsms"

    def __init__(
        self,
        open_on: Callable[[str], Runtime],
        device: str,
        *,
        folder: Path | None = None,
        max_tokens: int = 64,
    ) -> None:
        self._open_on = open_on
        self._network = open_on(device)
        self._folder = folder
        self._max_tokens = max_tokens
        self._tokenizer: Any = None
        self._texts = TextCache(self._encoded)
        # The text-independent maps of the last images, by digest.
        self._drawn: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    @property
    def device(self) -> str:
        """Where the model is."""
        return self._network.device

    @property
    def network(self) -> Runtime:
        """The network itself."""
        return self._network

    @property
    def runtime(self) -> str:
        """What runs it."""
        return self._network.name

    @property
    def precision(self) -> str:
        """See :attr:`lsms_core.inference.engine.EngineOptions.precision`."""
        return str(getattr(self._network, "precision", "float32"))

    @property
    def text_free(self) -> bool:
        """See :attr:`lsms_core.inference.engine.Engine.text_free`."""
        return "draw" in self._network.parts

    def to(self, device: str) -> None:
        """Move the model; the texts' features are made again when needed."""
        if device != self.device:
            self._network = self._open_on(device)
            self._texts.clear()
            self._drawn.clear()

    def encode(self, text: str) -> EncodedText:
        """Encode one text, or take it from the cache; longer texts lose their end."""
        return self._texts.get(text)

    def _encoded(self, text: str) -> EncodedText:
        tokenizer = self._text_tokenizer()
        limit = self._max_tokens
        tokenizer.no_truncation()
        ids = tokenizer.encode(text[:MAX_CHARACTERS]).ids
        warning = None
        if len(ids) > limit or len(text) > MAX_CHARACTERS:
            tokenizer.enable_truncation(limit)
            ids = tokenizer.encode(text[:MAX_CHARACTERS]).ids
            warning = cut_short(limit)
        return EncodedText(text, self._network.encode(np.array(ids, np.int64)), warning)

    def draw(self, images: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See :meth:`lsms_core.inference.engine.Engine.draw`; recent images are remembered."""
        if not self.text_free:
            return None
        keys = [hashlib.blake2b(i.tobytes()).digest() for i in images]
        maps = {k: self._drawn[k] for k in keys if k in self._drawn}
        new = {k: i for k, i in zip(keys, images, strict=True) if k not in maps}
        if new:
            drawn = _sigmoid(self._network.draw(np.stack(list(new.values()))))
            maps |= zip(new, drawn, strict=True)
        for key in maps:
            self._drawn[key] = maps[key]
            self._drawn.move_to_end(key)
        while len(self._drawn) > DRAWN_IMAGES:
            self._drawn.popitem(last=False)
        return np.stack([maps[k] for k in keys])

    def probabilities(
        self, images: NDArray[np.float32], texts: Sequence[EncodedText]
    ) -> NDArray[np.float32]:
        """See :meth:`lsms_core.inference.engine.Engine.probabilities`."""
        found = np.empty((len(images), *images.shape[-2:]), np.float32)
        # Several texts about one slice share all that does not depend on them.
        places: dict[bytes, list[int]] = {}
        for n, image in enumerate(images):
            places.setdefault(image.tobytes(), []).append(n)
        for some in places.values():
            features = [texts[n].features for n in some]
            longest = max(map(len, features))
            mask = np.arange(longest) < np.array([[len(f)] for f in features])
            tokens = np.zeros((len(some), longest, features[0].shape[1]), np.float32)
            tokens[mask] = np.concatenate(features)
            image = images[some[:1]]
            maps = self.draw(image)
            drawn = None if maps is None else logit(maps)
            logits = self._network.evidence(image, tokens, mask, drawn)
            found[some] = _sigmoid(logits[:, 0])
        return found

    def _text_tokenizer(self) -> Any:  # noqa: ANN401 - tokenizers are not typed
        if self._tokenizer is None:
            try:
                from tokenizers import Tokenizer
            except ImportError as error:
                raise DependencyError(
                    "This model reads texts itself, for which tokenizers is missing: "
                    "pip install tokenizers"
                ) from error
            assert self._folder is not None
            self._tokenizer = Tokenizer.from_file(
                str(self._folder / "tokenizer" / "tokenizer.json")
            )
            self._tokenizer.no_padding()
        return self._tokenizer


def open_engine(info: BundleInfo, options: EngineOptions) -> LsmsEngine:
    """Open a bundle; see :func:`lsms_core.inference.engine.open_engine`."""
    if options.precision not in PRECISIONS:
        raise InputError(
            f"Unknown precision {options.precision!r}: use {', '.join(PRECISIONS[:-1])} or "
            f"{PRECISIONS[-1]}."
        )
    # Only torch computes in half precision.
    half = options.precision == "bfloat16" and options.runtime == "auto"

    def open_on(device: str) -> Runtime:
        return open_runtime(
            info,
            device,
            runtime="torch" if half else options.runtime,
            threads=options.threads,
            precision=options.precision,
        )

    return LsmsEngine(
        open_on,
        options.device,
        folder=info.folder,
        max_tokens=int(info.config.get("model", {}).get("max_tokens", 64)),
    )


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities; the hyperbolic tangent does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * logits)


def logit(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return finite logits."""
    sure = np.clip(probabilities, _UNSURE, 1 - _UNSURE)
    return np.log(sure) - np.log1p(-sure)
