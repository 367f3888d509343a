"""The one predictor behind the command line, the worker and the tests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.errors import CancelledError, DeviceError, InputError
from lsms_core.inference.devices import free_memory, is_out_of_memory, resolve_device
from lsms_core.inference.drawing import Drawing
from lsms_core.inference.engine import EncodedText, Engine, make_engine
from lsms_core.inference.liver import keep_near_liver, shows_liver_whole
from lsms_core.inference.postprocess import PostprocessingConfig, postprocess
from lsms_core.inference.result import Prediction, measure
from lsms_core.inference.sections import ELSEWHERE
from lsms_core.inference.texts import clean_texts
from lsms_core.inference.view import SliceView

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, float | None], None]
"""Called with slices done, slices in all, and the seconds left (None at the start)."""

_BATCH = {"cuda": 32, "mps": 4, "cpu": 2}


class Predictor:
    """Segments what a text names in a CT slice, a range of slices or a volume.

    Args:
        engine: the model.
        preprocessing: how slices reach the model.
        postprocessing: how its maps are cut.
        name: the model's name.
        version: the model's version.
        batch_size: pairs of slice and text run at once; default: by device.

    Example:
        >>> predictor = Predictor.from_pretrained("lsms-tiny")  # doctest: +SKIP
        >>> found = predictor.segment(volume, "left lobe lesion")[0]  # doctest: +SKIP
    """

    def __init__(
        self,
        engine: Engine,
        preprocessing: PreprocessingConfig | None = None,
        postprocessing: PostprocessingConfig | None = None,
        *,
        name: str = "unnamed",
        version: str = "0",
        batch_size: int | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise InputError(f"The batch size is {batch_size}: use 1 or more.")
        self._engine = engine
        self.preprocessing = preprocessing or PreprocessingConfig()
        self.postprocessing = postprocessing or PostprocessingConfig()
        self.name = name
        self.version = version
        self._batch_size = batch_size
        self._fallback: str | None = None

    @classmethod
    def from_pretrained(
        cls,
        path_or_name: str | Path = "lsms-tiny",
        device: str = "auto",
        engine: str | None = None,
        *,
        threads: int | None = None,
        batch_size: int | None = None,
        precision: str = "auto",
        verify: bool = True,
    ) -> Predictor:
        """Load a model bundle.

        Args:
            path_or_name: a bundle's folder, or the name of an installed one.
            device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1" or "mps".
            engine: the engine; default: the one that the bundle names.
            threads: CPU threads for the whole process; default: torch's own choice.
            batch_size: pairs of slice and text run at once; default: by device.
            precision: "auto", "float32" or "bfloat16"; see :class:`LsmsEngine`.
            verify: compare every file with the bundle's SHA-256 manifest.

        Raises:
            BundleError: when the bundle is missing, incomplete or altered.
            DeviceError: when the device is not there.
            InputError: for a number of threads or a precision that does not exist.
        """
        from lsms_core.models.bundle import load_bundle
        from lsms_core.models.installed import default_weights

        chosen = resolve_device(device)
        if threads is not None:
            if threads < 1:
                raise InputError(f"The number of threads is {threads}: use 1 or more.")
            torch.set_num_threads(threads)
        bundle = load_bundle(default_weights(path_or_name, engine), verify=verify)
        model = make_engine(bundle, engine)
        if precision != "auto":
            if precision not in ("float32", "bfloat16") or not hasattr(model, "precision"):
                raise InputError(
                    f"The precision {precision!r} does not exist for the engine {model.name}: "
                    "use auto."
                )
            model.precision = precision
        predictor = cls(
            model,
            PreprocessingConfig.from_dict(bundle.preprocessing),
            PostprocessingConfig.from_dict(bundle.postprocessing),
            name=bundle.name,
            version=bundle.version,
            batch_size=batch_size,
        )
        predictor._move(chosen)
        return predictor

    @property
    def device(self) -> torch.device:
        """Where the model is now; changes when a GPU's memory runs out."""
        return self._engine.device

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self._engine.name

    @property
    def model(self) -> Engine:
        """The engine itself, for what only some engines can do, such as to explain."""
        return self._engine

    def segment(
        self,
        image: CTVolume | NDArray[Any],
        text: str | Sequence[str],
        *,
        plane: str | int = "axial",
        slices: int | Sequence[int] | None = None,
        spacing_mm: tuple[float, float] | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        threshold: float | None = None,
        postprocessing: PostprocessingConfig | None = None,
        keep_probability: bool = True,
    ) -> list[Prediction]:
        """Segment what each text names.

        Args:
            image: a volume, or one (rows, columns) slice in HU, seen as radiologists see it
                (axial: the patient's right on the left, anterior on top).
            text: one text or several; several share the preparation of the image.
            plane: "axial", "coronal", "sagittal" or an array axis 0, 1, 2. Oblique volumes
                are run along the closest axis, without resampling.
            slices: one index, a range or a list along the plane's array axis; default: all.
            spacing_mm: (row, column) spacing; needed for a 2-D image, refused for a volume.
            progress: called before the first and after each batch.
            cancelled: asked before each batch.
            threshold: cut at this probability instead of the model's own threshold.
            postprocessing: how to cut; default: the model's own way.
            keep_probability: False saves memory; such results cannot be cut again.

        Returns:
            One prediction a text, in the same order, on the input's own grid.

        Raises:
            InputError: for an image, a text or a range that cannot be used.
            CancelledError: when ``cancelled`` said so.
            DeviceError: when memory ran out on the CPU, too.
        """
        texts = clean_texts(text)
        config = (postprocessing or self.postprocessing).at_threshold(threshold)
        view = SliceView.of(image, plane, slices, spacing_mm)
        encoded = [self._engine.encode(t) for t in texts]
        maps: list[NDArray[np.float16]] = [np.zeros(view.volume.shape, np.float16) for _ in texts]
        notes, elsewhere = self._run(
            view, encoded, maps, config.mask_threshold, progress, cancelled
        )
        results = []
        for item, lost in zip(encoded, elsewhere, strict=True):
            _check(cancelled)
            warnings = tuple(filter(None, (item.warning, *notes)))
            # Taken off the list, so that a map that nobody keeps is freed at once.
            result = self._answer(view, item, maps.pop(0), config, warnings)
            if lost and not result.present:
                result = replace(result, warnings=(*result.warnings, ELSEWHERE))
            results.append(result if keep_probability else replace(result, probability=None))
        return results

    def _run(
        self,
        view: SliceView,
        texts: list[EncodedText],
        maps: list[NDArray[np.float16]],
        threshold: float,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
    ) -> tuple[list[str], list[bool]]:
        """Fill the maps, batch by batch.

        Returns what the user should know, and for each text whether something was left out
        because it lies in another section.
        """
        pairs = [(index, t) for index in view.slices for t in range(len(texts))]
        total, done = len(view.slices), 0
        elsewhere = [False] * len(texts)
        liver: NDArray[np.bool_] | None = None
        if not view.flat and shows_liver_whole(view.slices, view.plane.thickness_mm):
            liver = np.zeros(view.volume.shape, bool)
        drawing = Drawing(self._engine, view, self.preprocessing)
        started = time.monotonic()
        if progress:
            progress(0, total, None)
        while done < len(pairs):
            _check(cancelled)
            size = self._batch_size or _BATCH.get(self.device.type, 1)
            batch = pairs[done : done + size]
            try:
                answers = drawing.ask([(index, texts[t]) for index, t in batch])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(size, error)
                texts = [self._engine.encode(t.text) for t in texts]
                continue
            for (index, t), answer in zip(batch, answers, strict=True):
                elsewhere[t] |= answer.elsewhere
                canonical = drawing.on_slice(index, answer, self.postprocessing)
                view.plane.restore_into(maps[t], index, canonical.astype(np.float16))
                if liver is not None and t == 0:
                    seen = drawing.tissue(index, "liver")
                    if seen is not None:
                        view.plane.restore_into(liver, index, seen > 0.5)
            done += len(batch)
            if progress:
                left = (time.monotonic() - started) * (len(pairs) - done) / done
                progress(done // len(texts), total, left)
        _check(cancelled)
        if liver is not None:
            keep_near_liver(maps, liver, view.spacing_mm, threshold)
        return drawing.notes(), elsewhere

    def _shrink(self, size: int, error: BaseException) -> None:
        """React to memory running out: half the batch, then the CPU, then give up."""
        device = self.device
        if size > 1:
            self._batch_size = size // 2
            message = f"Memory ran out on {device}: continued with batches of {size // 2}."
        elif device.type != "cpu":
            self._move(torch.device("cpu"))
            self._batch_size = None
            message = f"Memory ran out on {device}: continued on the CPU, which is slower."
        else:
            raise DeviceError(
                "The computer ran out of memory: close other programs, or run fewer texts."
            ) from error
        free_memory(device)
        self._fallback = message
        logger.warning(message)

    def _move(self, device: torch.device) -> None:
        if device == self._engine.device:
            return
        try:
            self._engine.to(device)
        except RuntimeError as error:
            if device.type == "cpu" or not is_out_of_memory(error):
                raise
            free_memory(device)
            self._engine.to(torch.device("cpu"))
            self._fallback = f"The model does not fit into the memory of {device}: using the CPU."
            logger.warning(self._fallback)

    def _answer(
        self,
        view: SliceView,
        text: EncodedText,
        probability: NDArray[np.float16],
        config: PostprocessingConfig,
        warnings: tuple[str, ...],
    ) -> Prediction:
        axis: int | None = view.plane.axis
        spacing: tuple[float, ...] = view.spacing_mm
        if view.flat:
            probability, axis, spacing = probability[0], None, spacing[1:]
        slices = None if view.flat else view.slices
        selection = text.selection and replace(text.selection, anterior=view.anterior)
        cut = postprocess(
            probability, spacing, config, axis=axis or 0, slices=slices, selection=selection
        )
        area, volume = measure(cut.mask, spacing, axis)
        return Prediction(
            text=text.text,
            mask=cut.mask,
            probability=probability,
            score=cut.score,
            present=cut.present,
            threshold=cut.threshold,
            area_mm2=area,
            volume_ml=volume,
            slices=view.slices,
            plane=view.plane_name,
            axis=axis,
            spacing_mm=spacing,
            affine=None if view.flat else view.volume.affine,
            engine=self._engine.name,
            model=f"{self.name} {self.version}",
            device=str(self.device),
            fallback=self._fallback,
            warnings=(*warnings, *cut.notes),
            postprocessing=config,
            selection=selection,
        )


def _check(cancelled: Callable[[], bool] | None) -> None:
    if cancelled is not None and cancelled():
        raise CancelledError("Cancelled; nothing was changed.")
