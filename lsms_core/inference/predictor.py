"""The one predictor behind the command line, the worker and the tests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.errors import DeviceError, InputError
from lsms_core.inference.answer import Answer, accept_all
from lsms_core.inference.cache import CandidateCache, content_key
from lsms_core.inference.candidate_looks import looking_like, needs_looks
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.devices import batch_size as batch_size_of
from lsms_core.inference.devices import free_memory, is_out_of_memory
from lsms_core.inference.engine import Engine, EngineOptions, open_engine
from lsms_core.inference.evidence import see_looks
from lsms_core.inference.pipeline import Progress, Run, run_maps, run_texts
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.texts import clean_texts
from lsms_core.inference.view import SliceView

logger = logging.getLogger(__name__)


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
        self._cache = CandidateCache()

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
        runtime: str = "auto",
        verify: bool = True,
    ) -> Predictor:
        """Load a model bundle.

        Args:
            path_or_name: a bundle's folder, or the name of an installed one.
            device: "auto" (an NVIDIA GPU, then the CPU), "cpu", "cuda", "cuda:1", "mps",
                "directml" or "coreml".
            engine: the engine; default: the one that the bundle names.
            threads: CPU threads; default: one a physical core, eight at most.
            batch_size: pairs of slice and text run at once; default: by device.
            precision: "auto", "float32" or "bfloat16"; see :class:`EngineOptions`.
            runtime: "auto", "onnxruntime" or "torch".
            verify: compare every file with the bundle's SHA-256 manifest.

        Raises:
            BundleError: when the bundle is missing, incomplete or altered.
            DependencyError: when what it needs is not installed.
            DeviceError: when the device is not there.
            InputError: for a number of threads or a precision that does not exist.
        """
        from lsms_core.models.installed import default_weights, inspect_bundle

        info = inspect_bundle(default_weights(path_or_name, engine), verify=verify)
        fallback = None
        options = EngineOptions(device, runtime, threads, precision)
        try:
            model = open_engine(info, engine, options)
        except (RuntimeError, MemoryError) as error:
            if device == "cpu" or not is_out_of_memory(error):
                raise
            fallback = f"The model does not fit into the memory of {device}: using the CPU."
            logger.warning(fallback)
            model = open_engine(info, engine, replace(options, device="cpu"))
        predictor = cls(
            model,
            PreprocessingConfig.from_dict(info.preprocessing),
            PostprocessingConfig.from_dict(info.postprocessing),
            name=info.name,
            version=info.version,
            batch_size=batch_size,
        )
        predictor._fallback = fallback
        return predictor

    @property
    def device(self) -> str:
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
    ) -> list[Answer]:
        """Segment what each text names; all texts share one search.

        Args:
            image: a volume, or one (rows, columns) slice in HU, seen as radiologists see it
                (axial: the patient's right on the left, anterior on top).
            text: one text or several.
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
            One answer a text, in the same order, on the input's own grid.

        Raises:
            InputError: for an image, a text or a range that cannot be used.
            CancelledError: when ``cancelled`` said so.
            DeviceError: when memory ran out on the CPU, too.
        """
        texts = clean_texts(text)
        config = (postprocessing or self.postprocessing).at_threshold(threshold)
        view = SliceView.of(image, plane, slices, spacing_mm)
        if self._engine.text_free:
            found = self._search(view, config, progress, cancelled, texts)
            found = found if keep_probability else found.without_map()
            return [found.answer(one) for one in texts]
        return self._each_text(view, texts, config, progress, cancelled, keep_probability)

    def search(
        self,
        image: CTVolume | NDArray[Any],
        *,
        plane: str | int = "axial",
        slices: int | Sequence[int] | None = None,
        spacing_mm: tuple[float, float] | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        threshold: float | None = None,
        postprocessing: PostprocessingConfig | None = None,
        texts: Sequence[str] = (),
    ) -> CandidateSet:
        """Find the candidates, which any text may name; ``CandidateSet.answer`` asks for them.

        The last searches are remembered by their content. Arguments are those of
        :meth:`segment`; ``texts`` are what will be asked: where they speak of looks that
        nothing measures and the model was taught, it is asked for these, too.

        Raises:
            InputError: for an image or a range that cannot be used, and for an engine that
                looks for one text at a time.
            CancelledError: when ``cancelled`` said so.
            DeviceError: when memory ran out on the CPU, too.
        """
        if not self._engine.text_free:
            raise InputError(
                f"The engine {self._engine.name} looks for one text at a time: use segment()."
            )
        config = (postprocessing or self.postprocessing).at_threshold(threshold)
        view = SliceView.of(image, plane, slices, spacing_mm)
        return self._search(view, config, progress, cancelled, clean_texts(texts) if texts else ())

    def warm_up(self) -> None:
        """Draw an empty slice, so that the first search need not wait for what is made once."""
        if self._engine.text_free:
            empty = CTVolume(np.zeros((1, 64, 64), np.int16), np.diag([-4.0, -4.0, 4.0, 1.0]))
            self.search(empty, slices=[0])
            self.forget()

    def forget(self) -> None:
        """Forget earlier searches, so that the next one runs the model."""
        self._cache.clear()

    @property
    def text_free(self) -> bool:
        """Whether candidates are found once for all texts; see :meth:`search`."""
        return self._engine.text_free

    def _search(
        self,
        view: SliceView,
        config: PostprocessingConfig,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
        texts: Sequence[str] = (),
    ) -> CandidateSet:
        precision = getattr(self._engine, "precision", "")
        content = content_key(view, self.preprocessing.reach_mm)
        # The map is the same whatever threshold it is cut at.
        key = (content, precision, self.device, self.postprocessing.edges_mm)
        known = self._cache.get(key)
        if known is None:
            maps, liver, notes = run_maps(
                self._engine,
                view,
                self.preprocessing,
                self.postprocessing,
                self._run(progress, cancelled),
            )
            search = self._searched(view, tuple(notes))
            known = CandidateSet.from_map(search, maps, liver, config)
            self._cache.put(key, known)
        elif progress:
            progress(len(view.slices), len(view.slices), 0.0)
        if any(needs_looks(known, text) for text in texts):
            run = self._run(progress, cancelled)
            known = see_looks(known, self._engine, self.preprocessing, run)
            self._cache.put(key, known)
        if known.config == config:
            return known
        assert known.probability is not None
        cut = CandidateSet.from_map(known.search, known.probability, known.liver, config)
        return looking_like(cut, known)

    def _each_text(
        self,
        view: SliceView,
        texts: list[str],
        config: PostprocessingConfig,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
        keep_probability: bool,
    ) -> list[Answer]:
        run = self._run(progress, cancelled)
        maps, notes = run_texts(self._engine, view, self.preprocessing, texts, run)
        search, answers = self._searched(view, tuple(notes)), []
        for one in texts:
            run.check()
            # Taken off the list, so that a map that nobody keeps is freed at once.
            found = CandidateSet.from_map(search, maps.pop(0), None, config)
            warning = self._engine.encode(one).warning
            given = accept_all(
                found if keep_probability else found.without_map(),
                one,
                () if warning is None else (warning,),
            )
            answers.append(given)
        return answers

    def _searched(self, view: SliceView, notes: tuple[str, ...]) -> Search:
        return Search(
            volume=view.volume,
            slices=view.slices,
            axis=view.plane.axis,
            plane=view.plane_name,
            flat=view.flat,
            engine=self._engine.name,
            model=f"{self.name} {self.version}",
            device=self.device,
            fallback=self._fallback,
            warnings=notes,
        )

    def _run(self, progress: Progress | None, cancelled: Callable[[], bool] | None) -> Run:
        def size() -> int:
            return self._batch_size or batch_size_of(self.device)

        return Run(size, self._shrink, progress, cancelled)

    def _shrink(self, size: int, error: BaseException) -> None:
        """React to memory running out: half the batch, then the CPU, then give up."""
        device = self.device
        if size > 1:
            self._batch_size = size // 2
            message = f"Memory ran out on {device}: continued with batches of {size // 2}."
        elif device != "cpu":
            self._engine.to("cpu")
            self._batch_size = None
            message = f"Memory ran out on {device}: continued on the CPU, which is slower."
        else:
            raise DeviceError(
                "The computer ran out of memory: close other programs, or run fewer texts."
            ) from error
        free_memory(device)
        self._fallback = message
        logger.warning(message)
