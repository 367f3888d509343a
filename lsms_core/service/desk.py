"""Answers requests from kept searches, or queues them for an engine."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError, LsmsError
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.language.read import read
from lsms_core.service.engine_pool import EnginePool, Job, failure
from lsms_core.service.image_hash import image_hash
from lsms_core.service.kept import KeptByUse
from lsms_core.service.limits import Limits
from lsms_core.service.wire_request import WireRequest
from lsms_core.worker.events import WorkerEvent
from lsms_core.worker.messages import answers_message, candidates_from
from lsms_core.worker.protocol import Message

_ONE_TEXT = "The model's engine looks for one text at a time: ask it to segment."


class Desk:
    """Keeps images by their hash and searches by what was searched.

    Args:
        pool: the engines.
        limits: of the server.
    """

    def __init__(self, pool: EnginePool, limits: Limits) -> None:
        self._pool, self._limits = pool, limits
        self.images: KeptByUse[NDArray[Any]] = KeptByUse(
            limits.images_bytes, lambda array: array.nbytes
        )
        self.candidates: KeptByUse[WorkerEvent] = KeptByUse(
            limits.candidates_bytes,
            lambda event: sum(array.nbytes for array in event.arrays.values()),
        )
        self.hits = self.misses = 0

    async def answer(self, request: WireRequest, client: str) -> AsyncGenerator[Message, None]:
        """Yield progress messages, then the answer.

        Args:
            request: what is asked.
            client: who asks.
        """
        if request.kind == "unload":
            # Others may need the model; the server frees it by itself when nobody asks.
            yield Message("unloaded", {"request": request.number})
            return
        started = time.monotonic()
        try:
            ct = await self._image(request)
        except InputError as error:
            yield _message(request, failure(str(error), "InputError"), started)
            return
        if request.image and ct is None:
            yield Message("need_volume", {"request": request.number})
            return
        searched = request.kind in ("search", "ask")
        job = self._job(request, client, ct, searched)
        known = self._known(job) if searched else None
        if known is None:
            async with aclosing(self._follow(job, request)) as told:
                async for message in told:
                    yield message
            assert job.answer is not None
            known = job.answer
            if searched and known.kind == "candidates":
                self.candidates.put(_key(job.fields), known)
        if request.kind == "ask":
            known = await asyncio.to_thread(_asked, request, known, ct)
        yield _message(request, known, started)

    async def _image(self, request: WireRequest) -> NDArray[Any] | None:
        """Return a request's image, None where it has to be sent."""
        if not request.image:
            return None
        if request.ct is None:
            ct = self.images.get(request.image)
            self.hits += ct is not None
            self.misses += ct is None
            return ct
        assert request.affine is not None
        if await asyncio.to_thread(image_hash, request.ct, request.affine) != request.image:
            # With a wrong hash, the answer would be about another client's image.
            raise InputError("The image changed while it was being sent; press Run again.")
        self.images.put(request.image, request.ct)
        return request.ct

    def _job(
        self, request: WireRequest, client: str, ct: NDArray[Any] | None, searched: bool
    ) -> Job:
        kind, fields = request.kind, request.fields
        if searched:
            # The texts of a question are answered here.
            kind = "search"
            fields = {name: fields[name] for name in fields if name != "masks"}
        job = Job(client, kind, fields, request.image, ct)
        if searched:
            job.known = lambda: self._known(job)
        return job

    def _known(self, job: Job) -> WorkerEvent | None:
        """Return an earlier search, None where there is none that tells all that is asked."""
        found = self.candidates.get(_key(job.fields))
        return None if found is None or _needs_looks(found, job.fields["texts"]) else found

    async def _follow(self, job: Job, request: WireRequest) -> AsyncGenerator[Message, None]:
        """Let a job run, and yield its progress; it is cancelled when nobody listens."""
        self._pool.submit(job)
        try:
            while job.answer is None:
                job.changed.clear()
                yield Message("progress", {**self._news(job), "request": request.number})
                # Said again after a while, so that the client knows that the server is there.
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(job.changed.wait(), self._limits.told_seconds)
        finally:
            self._pool.cancel(job)

    def _news(self, job: Job) -> dict[str, Any]:
        before = self._pool.before(job)
        if before is not None:
            return {"stage": "queue", "done": 0, "total": before, "seconds_left": None}
        if job.progress is None:
            return {"stage": "model", "done": 0, "total": 1, "seconds_left": None}
        return job.progress


def _key(fields: dict[str, Any]) -> str:
    searched = {name: value for name, value in fields.items() if name != "texts"}
    return hashlib.sha256(json.dumps(searched, sort_keys=True).encode()).hexdigest()


def _message(request: WireRequest, event: WorkerEvent, started: float) -> Message:
    fields = {**event.fields, "request": request.number}
    if "seconds" in fields:
        fields["seconds"] = time.monotonic() - started
    return Message(event.kind, fields, event.arrays)


def _needs_looks(found: WorkerEvent, texts: Sequence[str]) -> bool:
    """Whether texts speak of looks that the model was taught and has not been asked for."""
    fields = found.fields
    if found.kind != "candidates" or fields["looks"] is not None or not fields["lesions"]:
        return False
    calibration = PostprocessingConfig.from_dict(found.fields["postprocessing"]).evidence
    return calibration is not None and any(
        calibration.asked(read(text)) for text in texts if text.strip()
    )


def _asked(request: WireRequest, found: WorkerEvent, ct: NDArray[Any] | None) -> WorkerEvent:
    """Answer the texts of a question from candidates."""
    if found.kind == "one_text":
        return failure(_ONE_TEXT, "InputError")
    if found.kind != "candidates":
        return found
    assert ct is not None
    assert request.affine is not None
    try:
        candidates = candidates_from(
            found.fields, found.arrays, CTVolume(ct, np.asarray(request.affine))
        )
        fields, arrays = answers_message(
            candidates, request.fields["texts"], request.fields["slices"], request.fields["masks"]
        )
    except LsmsError as error:
        return failure(str(error), type(error).__name__)
    return WorkerEvent("answers", 0, {**fields, "seconds": 0.0}, arrays)
