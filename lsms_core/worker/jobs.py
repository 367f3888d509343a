"""The worker's jobs: carries out each kind of request with the model and the volume."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import CancelledError, InputError, WorkerError
from lsms_core.worker.protocol import Message

if TYPE_CHECKING:
    from lsms_core.anatomy.geometry import CTVolume
    from lsms_core.inference.candidates import CandidateSet
    from lsms_core.inference.predictor import Predictor

Report = Callable[[int, str, int, int, float | None], None]
"""Called with request, stage, steps done and in all, and the seconds left."""


class Jobs:
    """Keeps the model, the last volume and the last search, and answers requests.

    Args:
        progress: told how far a request is.
        cancelled: whether a request was cancelled.
    """

    def __init__(self, progress: Report, cancelled: Callable[[int], bool]) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._predictor: Predictor | None = None
        self._model_key: tuple[str, ...] = ()
        self._volume_key: str | None = None
        self._volume: NDArray[Any] | None = None
        # The last search of the volume that is kept, by what was searched.
        self._found: tuple[tuple[str, ...], CandidateSet] | None = None

    @property
    def loaded(self) -> bool:
        """Whether a model is in memory."""
        return self._predictor is not None

    def run(self, request: int, message: Message) -> Message:
        """Carry out a request and return the messages to send.

        Raises:
            LsmsError: with what the user is told.
        """
        jobs = {
            "load": self._load_only,
            "segment": self._segment,
            "search": self._search,
            "ask": self._ask,
            "explain": self._explain,
            "unload": self._unload_only,
        }
        if message.type == "compare":
            return self._compare(request, message)
        if message.type not in jobs:
            raise WorkerError(f"Unknown request {message.type!r}.")
        return jobs[message.type](request, message.fields)

    def _load_only(self, request: int, fields: Mapping[str, Any]) -> Message:
        loaded = self._load(fields)
        assert self._predictor is not None
        self._predictor.warm_up()
        return Message("loaded", {"request": request, **loaded})

    def _unload_only(self, request: int, fields: Mapping[str, Any]) -> Message:  # noqa: ARG002
        self.unload()
        return Message("unloaded", {"request": request})

    def keep_volume(self, message: Message) -> None:
        """Keep a message's volume, if it brings one.

        Raises:
            InputError: when it was changed on its way.
        """
        if message.altered:
            self._volume, self._volume_key, self._found = None, None, None
            raise InputError("The image changed while it was being sent; press Run again.")
        if "ct" in message.arrays:
            self._volume, self._volume_key = message.arrays["ct"], message.fields.get("volume_key")

    def _load(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        from lsms_core.inference.predictor import Predictor

        model = fields["model"]
        key = tuple(str(model.get(name)) for name in ("weights", "engine", "device"))
        if self._predictor is None or key != self._model_key:
            self.unload()
            self._predictor = Predictor.from_pretrained(
                model.get("weights") or "lsms-tiny",
                device=model.get("device") or "auto",
                engine=model.get("engine"),
            )
            self._model_key = key
        return {"model": self._predictor.name, "device": str(self._predictor.device)}

    def unload(self) -> None:
        """Drop the model."""
        self._predictor, self._found = None, None
        gc.collect()
        if "torch" in sys.modules:
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _take_volume(self, fields: Mapping[str, Any]) -> CTVolume | None:
        """Return the volume that a request is about, None when it must be sent (again)."""
        from lsms_core.anatomy.geometry import CTVolume

        if self._volume is None or fields.get("volume_key") != self._volume_key:
            return None
        volume = CTVolume(self._volume, np.asarray(fields["affine"], np.float64))
        if self._volume_key is None:
            self._volume = None  # without a key it cannot be asked for again
        return volume

    def _ready(
        self, request: int, fields: Mapping[str, Any]
    ) -> tuple[CTVolume, Predictor, dict[str, Any]] | None:
        """Return volume, model and what is said of it; None when the volume must be sent."""
        volume = self._take_volume(fields)
        if volume is None:
            return None
        self._progress(request, "model", 0, 1, None)
        loaded = self._load(fields)
        assert self._predictor is not None
        return volume, self._predictor, loaded

    def _segment(self, request: int, fields: Mapping[str, Any]) -> Message:
        from lsms_core.anatomy.geometry import SlicePlane
        from lsms_core.inference.texts import clean_texts
        from lsms_core.worker.messages import along, answer_fields

        ready = self._ready(request, fields)
        if ready is None:
            return Message("need_volume", {"request": request})
        volume, predictor, loaded = ready
        axis = SlicePlane.of(volume, fields["plane"]).axis
        slices = fields["slices"]
        texts = clean_texts(fields["texts"])
        started = time.perf_counter()
        if predictor.text_free:
            found = self._candidates(request, fields, volume, predictor)
            answers = [found.answer(text) for text in texts]
        else:
            answers = predictor.segment(
                volume,
                texts,
                plane=fields["plane"],
                slices=slices,
                progress=self._slices_done(request),
                cancelled=lambda: self._cancelled(request),
            )
        seconds = time.perf_counter() - started
        arrays = {}
        for index, answer in enumerate(answers):
            arrays[f"mask{index}"] = along(answer.mask, axis, slices).view(np.uint8)
            if answer.probability is not None:
                arrays[f"probability{index}"] = along(answer.probability, axis, slices)
        return Message(
            "result",
            {
                "request": request,
                "axis": axis,
                "slices": slices,
                "seconds": seconds,
                **loaded,
                "device": str(predictor.device),
                "predictions": [answer_fields(answer) for answer in answers],
            },
            arrays,
        )

    def _search(self, request: int, fields: Mapping[str, Any]) -> Message:
        from lsms_core.worker.messages import candidates_message

        ready = self._ready(request, fields)
        if ready is None:
            return Message("need_volume", {"request": request})
        volume, predictor, loaded = ready
        if not predictor.text_free:
            return Message("one_text", {"request": request, **loaded})
        started = time.perf_counter()
        found = self._candidates(request, fields, volume, predictor)
        seconds = time.perf_counter() - started
        told, arrays = candidates_message(found, fields["slices"])
        return Message("candidates", {"request": request, "seconds": seconds, **loaded, **told},
                       arrays)  # fmt: skip

    def _ask(self, request: int, fields: Mapping[str, Any]) -> Message:
        from lsms_core.inference.texts import clean_texts
        from lsms_core.worker.messages import answers_message

        texts = clean_texts(fields["texts"])
        started = time.perf_counter()
        found = self._remembered(fields)
        if found is None or _needs_looks(found, texts):
            ready = self._ready(request, fields)
            if ready is None:
                return Message("need_volume", {"request": request})
            volume, predictor, _ = ready
            found = self._candidates(request, fields, volume, predictor)
        told, masks = answers_message(found, texts, fields["slices"], fields["masks"])
        seconds = time.perf_counter() - started
        return Message("answers", {"request": request, "seconds": seconds, **told}, masks)

    def _candidates(
        self, request: int, fields: Mapping[str, Any], volume: CTVolume, predictor: Predictor
    ) -> CandidateSet:
        """Return the candidates that a request is about, from memory where it was searched."""
        threshold = fields.get("threshold")
        known = self._remembered({**fields, "threshold": None})
        texts = fields.get("texts") or ()
        if known is None or _needs_looks(known, texts):
            known = predictor.search(
                volume,
                plane=fields["plane"],
                slices=fields["slices"],
                progress=self._slices_done(request),
                cancelled=lambda: self._cancelled(request),
                texts=texts,
            )
            if fields.get("volume_key") is not None:
                self._found = _search_key({**fields, "threshold": None}), known
        return known if threshold is None else known.at_threshold(float(threshold))

    def _remembered(self, fields: Mapping[str, Any]) -> CandidateSet | None:
        """Return the candidates of an earlier search, without volume or model."""
        if self._found is None or fields.get("volume_key") is None:
            return None
        key, known = self._found
        if key != _search_key({**fields, "threshold": None}):
            return None
        threshold = fields.get("threshold")
        return known if threshold is None else known.at_threshold(float(threshold))

    def _slices_done(self, request: int) -> Callable[[int, int, float | None], None]:
        return lambda done, total, left: self._progress(request, "slices", done, total, left)

    def _compare(self, request: int, message: Message) -> Message:
        from lsms_core.inference.outlined_follow_up import STEPS, compare_outlines
        from lsms_core.worker.follow_up_messages import follow_up_message, studies_from

        def done(steps: int) -> None:
            if self._cancelled(request):
                raise CancelledError("Cancelled; nothing was changed.")
            self._progress(request, "compare", steps, STEPS, None)

        done(0)
        before, after = studies_from(message.fields, message.arrays)
        found = compare_outlines(before, after, done)
        return Message("follow_up", {"request": request, **follow_up_message(found)})

    def _explain(self, request: int, fields: Mapping[str, Any]) -> Message:
        from lsms_core.inference.explain import explain

        ready = self._ready(request, fields)
        if ready is None:
            return Message("need_volume", {"request": request})
        volume, predictor, loaded = ready
        started = time.perf_counter()
        found = explain(
            predictor,
            volume,
            fields["text"],
            plane=fields["plane"],
            index=fields["index"],
            threshold=fields["threshold"],
            progress=lambda done, total: self._progress(request, "explain", done, total, None),
            cancelled=lambda: self._cancelled(request),
        )
        return Message(
            "explanation",
            {
                "request": request,
                "text": found.text,
                "index": fields["index"],
                "seconds": time.perf_counter() - started,
                **loaded,
                "device": str(predictor.device),
                "engine": predictor.engine,
                "verdict": found.verdict,
                "pictures": [{"title": p.title, "caption": p.caption} for p in found.pictures],
                "words": [{"word": w.word, "change": w.change} for w in found.words],
                "reasons": list(found.reasons),
            },
            {f"picture{i}": one.picture for i, one in enumerate(found.pictures)},
        )


def _search_key(fields: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("volume_key", "affine", "plane", "slices", "model", "threshold")
    return tuple(json.dumps(fields.get(name), sort_keys=True) for name in names)


def _needs_looks(found: CandidateSet, texts: Sequence[str]) -> bool:
    from lsms_core.inference.candidate_looks import needs_looks

    return any(needs_looks(found, text) for text in texts)
