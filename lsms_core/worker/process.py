"""The child process: reads requests from stdin, runs them one after another, answers on stdout.

Run as ``python -m lsms_core.worker.process``. A thread reads, so that a cancel
gets through while the model works; the model itself runs in the main thread.
When stdin closes, because the host ended or crashed, the process ends at once.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lsms_core import __version__
from lsms_core.errors import CancelledError, InputError, LsmsError
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message, MessageReader

if TYPE_CHECKING:
    from lsms_core.anatomy.geometry import CTVolume
    from lsms_core.inference.predictor import Predictor
    from lsms_core.inference.result import Prediction

logger = logging.getLogger(__name__)

_READ_SIZE = 1 << 20
_OUT_OF_MEMORY = (
    "The computer ran out of memory. Close other programs, choose fewer slices, "
    "and press Run again."
)


class Worker:
    """Serves one client over a pair of pipes."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, idle_seconds: float) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._idle_seconds = idle_seconds
        self._requests: queue.Queue[Message] = queue.Queue()
        self._cancelled: set[int] = set()
        self._predictor: Predictor | None = None
        self._model_key: tuple[str, ...] = ()
        self._volume_key: str | None = None
        self._volume: NDArray[Any] | None = None

    def serve(self) -> None:
        """Answer requests until the client goes away."""
        self._send(
            Message(
                "hello",
                {"protocol": PROTOCOL_VERSION, "pid": os.getpid(), "version": __version__},
            )
        )
        threading.Thread(target=self._read_forever, daemon=True).start()
        while True:
            try:
                message = self._requests.get(timeout=self._idle_seconds)
            except queue.Empty:
                if self._predictor is not None:
                    self._unload()
                    self._send(Message("unloaded", {"request": 0}))
                message = self._requests.get()
            self._answer(message)

    def _read_forever(self) -> None:
        reader = MessageReader()
        descriptor = self._incoming.fileno()
        while True:
            data = os.read(descriptor, _READ_SIZE)
            if not data:
                _end_with_the_host()
            try:
                messages = reader.feed(data)
            except LsmsError:
                logger.exception("the client's bytes do not follow the protocol")
                os._exit(3)
            for message in messages:
                if message.type == "cancel":
                    self._cancelled.add(int(message.fields["request"]))
                else:
                    self._requests.put(message)

    def _send(self, message: Message) -> None:
        for chunk in message.chunks():
            self._outgoing.write(chunk)
        self._outgoing.flush()

    def _answer(self, message: Message) -> None:
        request = int(message.fields.get("request", 0))
        try:
            # Even of a request that was cancelled: the client will not send it again.
            self._keep_volume(message)
            if request in self._cancelled:
                raise CancelledError("Cancelled before it began.")
            if message.type == "load":
                self._send(Message("loaded", {"request": request, **self._load(message.fields)}))
            elif message.type == "segment":
                self._send(self._segment(request, message.fields))
            elif message.type == "explain":
                self._send(self._explain(request, message.fields))
            elif message.type == "unload":
                self._unload()
                self._send(Message("unloaded", {"request": request}))
            else:
                self._send_error(request, "WorkerError", f"Unknown request {message.type!r}.")
        except CancelledError:
            self._send(Message("cancelled", {"request": request}))
        except LsmsError as error:
            self._send_error(request, type(error).__name__, str(error))
        except Exception as error:
            logger.exception("request %d failed", request)
            if _is_out_of_memory(error):
                self._unload()
                self._send_error(request, "DeviceError", _OUT_OF_MEMORY)
            else:
                self._send_error(
                    request,
                    type(error).__name__,
                    f"An unexpected error occurred ({type(error).__name__}: {error}). "
                    "Copy the diagnostics into a report; your data are unchanged.",
                )
        finally:
            self._cancelled.discard(request)

    def _keep_volume(self, message: Message) -> None:
        if message.altered:
            self._volume, self._volume_key = None, None
            raise InputError("The image changed while it was being sent; press Run again.")
        if "ct" in message.arrays:
            self._volume, self._volume_key = message.arrays["ct"], message.fields.get("volume_key")

    def _send_error(self, request: int, kind: str, message: str) -> None:
        self._send(Message("error", {"request": request, "kind": kind, "message": message}))

    def _load(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        from lsms_core.inference.predictor import Predictor

        model = fields["model"]
        key = tuple(str(model.get(name)) for name in ("weights", "engine", "device"))
        if self._predictor is None or key != self._model_key:
            self._unload()
            self._predictor = Predictor.from_pretrained(
                model.get("weights") or "lsms-tiny",
                device=model.get("device") or "auto",
                engine=model.get("engine"),
            )
            self._model_key = key
        return {"model": self._predictor.name, "device": str(self._predictor.device)}

    def _unload(self) -> None:
        self._predictor = None
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
            self._volume = None  # without a key nobody will ask for it again
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

        ready = self._ready(request, fields)
        if ready is None:
            return Message("need_volume", {"request": request})
        volume, predictor, loaded = ready
        axis = SlicePlane.of(volume, fields["plane"]).axis
        slices = fields["slices"]
        started = time.perf_counter()
        predictions = predictor.segment(
            volume,
            fields["texts"],
            plane=fields["plane"],
            slices=slices,
            progress=lambda done, total, left: self._progress(request, "slices", done, total, left),
            cancelled=lambda: request in self._cancelled,
        )
        seconds = time.perf_counter() - started
        arrays = {}
        for index, prediction in enumerate(predictions):
            arrays[f"mask{index}"] = _along(prediction.mask, axis, slices).view(np.uint8)
            if prediction.probability is not None:
                probability = _along(prediction.probability, axis, slices)
                arrays[f"probability{index}"] = probability.astype(np.float16, copy=False)
        return Message(
            "result",
            {
                "request": request,
                "axis": axis,
                "slices": slices,
                "seconds": seconds,
                **loaded,
                "device": str(predictor.device),
                "predictions": [_summary(prediction) for prediction in predictions],
            },
            arrays,
        )

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
            cancelled=lambda: request in self._cancelled,
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
            },
            {f"picture{i}": one.picture for i, one in enumerate(found.pictures)},
        )

    def _progress(
        self, request: int, stage: str, done: int, total: int, seconds_left: float | None
    ) -> None:
        self._send(
            Message(
                "progress",
                {
                    "request": request,
                    "stage": stage,
                    "done": done,
                    "total": total,
                    "seconds_left": seconds_left,
                },
            )
        )


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    if "torch" not in sys.modules:
        return False
    from lsms_core.inference.devices import is_out_of_memory

    return is_out_of_memory(error)


def _end_with_the_host() -> None:
    """End this process with everything it started.

    There is no clean-up to wait for: results live in the client, and a model that is deep
    in a kernel would keep an orphan alive.
    """
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _along(array: NDArray[Any], axis: int, slices: list[int] | None) -> NDArray[Any]:
    """Keep only the slices that were asked for, along the plane's axis."""
    return np.ascontiguousarray(array if slices is None else array.take(slices, axis=axis))


def _summary(prediction: Prediction) -> dict[str, Any]:
    return {
        "text": prediction.text,
        "score": float(prediction.score),
        "present": bool(prediction.present),
        "threshold": float(prediction.threshold),
        "engine": prediction.engine,
        "model": prediction.model,
        "device": prediction.device,
        "fallback": prediction.fallback,
        "warnings": list(prediction.warnings),
        "postprocessing": prediction.postprocessing.to_dict(),
        "selection": prediction.selection and prediction.selection.to_dict(),
    }


def main() -> None:
    """Serve the client at the other end of stdin and stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle-seconds", type=float, default=900.0)
    arguments = parser.parse_args()
    # Libraries that print must not break the protocol: stdout gets a descriptor of its own
    # and everything else that is printed goes to the error stream.
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    Worker(sys.stdin.buffer, outgoing, arguments.idle_seconds).serve()


if __name__ == "__main__":
    main()
