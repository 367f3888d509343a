"""MedCLIP-SAM behind the predictor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.errors import InputError
from lsms_core.inference.engine import EncodedText, EngineOptions
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.text_cache import TextCache, cut_short
from lsms_core.inference.texts import MAX_CHARACTERS
from lsms_core.models.runtime.choose import torch_device

if TYPE_CHECKING:
    from lsms_core.inference.predictor import Predictor
    from lsms_core.models.bundle import Bundle
    from lsms_core.models.installed import BundleInfo
    from lsms_core.models.medclip_sam.medclip_pipeline import MedClipSam
    from lsms_core.models.medclip_sam.stages import StageMaps


class MedClipSamEngine:
    """Runs MedCLIP-SAM, one pair of picture and text after another.

    The work is inside a pair: masked pictures are scored in batches, and what depends on the
    picture alone is kept for its next text. A text that fits the picture no better than a
    neutral one gets an empty map.

    Args:
        bundle: the loaded model; it is used in place, not copied.
    """

    name = "medclip-sam"
    runtime = "torch"
    precision = "auto"
    text_free = False

    def __init__(self, bundle: Bundle) -> None:
        self._model: MedClipSam = bundle.model
        self._texts = TextCache(self._encoded)

    @property
    def device(self) -> str:
        """Where the model is."""
        return str(self._model.device)

    def to(self, device: str) -> None:
        """Move the model; texts and pictures are worked out again when needed."""
        self._texts.clear()
        self._model.to(torch.device(device))

    def encode(self, text: str) -> EncodedText:
        """Encode one text, or take it from the cache; longer texts lose their end."""
        return self._texts.get(text)

    def _encoded(self, text: str) -> EncodedText:
        short = text[:MAX_CHARACTERS]
        limit = self._model.clip.config.text.context_length
        tokens = self._model.tokenizer(short, truncation=False, verbose=False)["input_ids"]
        warning = None
        if len(tokens) > limit or len(text) > MAX_CHARACTERS:
            warning = cut_short(limit)
        return EncodedText(text, self._model.embed_text(short)[None], warning=warning)

    def probabilities(
        self, images: NDArray[np.float32], texts: Sequence[EncodedText]
    ) -> NDArray[np.float32]:
        """Run (N, C, H, W) images, each with its own text; returns (N, H, W), 0 to 1.

        Of several channels (neighbouring slices) the middle one is the picture.
        """
        return np.stack(
            [
                self.stages(image, text).probability
                for image, text in zip(images, texts, strict=True)
            ]
        )

    def draw(self, images: NDArray[np.float32]) -> None:  # noqa: ARG002
        """See :meth:`lsms_core.inference.engine.Engine.draw`: it has no maps without a text."""
        return

    def stages(
        self, image: NDArray[np.float32], text: EncodedText, *, explain: bool = False
    ) -> StageMaps:
        """Run one (C, H, W) image and return every stage's map on its grid.

        Args:
            image: -1 to 1, as the predictor prepares it.
            text: the text.
            explain: work out every stage, even for a text that does not fit.
        """
        grey = (0.5 * (image[len(image) // 2] + 1.0)).astype(np.float32)
        return self._model.run(grey, text.features[0], explain=explain)

    def stage_report(self) -> str:
        """Return the time spent in each stage since the last reset, as a Markdown table."""
        return self._model.clock.report()

    def reset_stages(self) -> None:
        """Start the times of the stages anew."""
        self._model.clock.reset()


def open_engine(info: BundleInfo, options: EngineOptions) -> MedClipSamEngine:
    """Open a bundle; see :func:`lsms_core.inference.engine.open_engine`."""
    from lsms_core.models.bundle import load_bundle

    if options.runtime == "onnxruntime" or options.precision not in ("auto", "float32"):
        raise InputError("MedCLIP-SAM runs in torch, in float32: leave runtime and precision out.")
    device = torch_device(options.device)
    if options.threads is not None:
        if options.threads < 1:
            raise InputError(f"The number of threads is {options.threads}: use 1 or more.")
        torch.set_num_threads(options.threads)
    engine = MedClipSamEngine(load_bundle(info.folder, verify=False))
    engine.to(device)
    return engine


def picture_predictor(
    weights: str | Path = "medclip-sam",
    device: str = "auto",
    postprocessing: PostprocessingConfig | None = None,
) -> Predictor:
    """Load a bundle to answer about 8-bit pictures, (rows, columns) arrays of 0 to 255.

    Args:
        weights: bundle: a name or a folder.
        device: as for ``Predictor.from_pretrained``.
        postprocessing: how maps are cut; default: at 0.5, whatever the size.

    Raises:
        BundleError: when the bundle is missing, damaged, or takes CT only.
        DeviceError: when the device is not there.
    """
    from lsms_core.inference.predictor import Predictor
    from lsms_core.models.bundle import load_bundle
    from lsms_core.models.medclip_sam.files import picture_preprocessing

    bundle = load_bundle(weights)
    preprocessing = picture_preprocessing(bundle)
    engine = MedClipSamEngine(bundle)
    engine.to(torch_device(device))
    # A pixel's size in mm is not known, so no area can be asked for.
    sizeless = PostprocessingConfig(min_area_mm2=0.0, min_depth_mm=0.0)
    return Predictor(
        engine,
        preprocessing,
        postprocessing or sizeless,
        name=bundle.name,
        version=bundle.version,
    )
