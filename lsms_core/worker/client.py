"""The host's side: start the worker, send requests, poll for events, cancel, survive.

No thread and no event loop of its own: whoever owns one (Qt's timer in Slicer,
a plain loop in a script) calls :meth:`WorkerClient.poll` every few dozen
milliseconds and gets the events since the last call.
"""

from __future__ import annotations

import itertools
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import WorkerError
from lsms_core.worker.child import ChildProcess
from lsms_core.worker.events import WorkerEvent, about
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message

logger = logging.getLogger(__name__)


__all__ = ["WorkerClient", "WorkerEvent"]


@dataclass
class _Pending:
    """A request whose answer is awaited; kept whole, so that it can be sent again."""

    kind: str
    fields: dict[str, Any]
    ct: NDArray[Any] | None = None
    grace_ends: float | None = None


class WorkerClient:
    """Owns one worker process at a time; starts it when needed, again after a crash.

    Args:
        command: how to start Python; default: this interpreter. In Slicer, PythonSlicer.
        environment: entries added to the child's environment.
        idle_seconds: the worker drops the model after this long without a request.
        grace_seconds: how long a cancelled run may take to stop before it is killed.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        idle_seconds: float = 900.0,
        grace_seconds: float = 2.0,
    ) -> None:
        self._command = list(command) if command else [sys.executable]
        self._environment = dict(environment or {})
        self._idle_seconds = idle_seconds
        self._grace_seconds = grace_seconds
        self._ids = itertools.count(1)
        self._child: ChildProcess | None = None
        self._pending: dict[int, _Pending] = {}
        self._lost: dict[int, _Pending] = {}
        self._events: list[WorkerEvent] = []
        self._sent_key: str | None = None

    @property
    def running(self) -> bool:
        """Whether a worker process is alive."""
        return self._child is not None and self._child.status is None

    @property
    def busy(self) -> bool:
        """Whether a request is waiting for its answer."""
        return bool(self._pending)

    @property
    def process_id(self) -> int | None:
        """The worker's process id, None when there is none."""
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Start the worker unless it runs already.

        Raises:
            WorkerError: when the interpreter cannot be started.
        """
        if self.running:
            return
        if self._pending:
            self._collect()
        else:
            self._drop_child()  # it died while nobody waited for it
        arguments = ["-m", "lsms_core.worker.process", "--idle-seconds", str(self._idle_seconds)]
        self._child = ChildProcess(self._command, arguments, self._environment)

    def load(self, model: Mapping[str, Any]) -> int:
        """Ask the worker to load a model now; returns the request's number.

        Args:
            model: ``weights`` (name or folder), ``engine`` and ``device``.
        """
        return self._request("load", {"model": dict(model)})

    def segment(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        texts: Sequence[str],
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        slices: Sequence[int] | None = None,
        volume_key: str | None = None,
    ) -> int:
        """Ask for the masks that ``texts`` name; returns the request's number at once.

        Args:
            ct: (slices, rows, columns), HU.
            affine: (4, 4) IJK to RAS, mm.
            texts: one prompt or more.
            model: ``weights``, ``engine`` and ``device``.
            plane: anatomical plane or array axis.
            slices: indices along the plane's axis; None for the whole volume.
            volume_key: a key that changes whenever the voxels or the geometry do. The worker
                keeps the last volume, and a volume it has is not sent again.
        """
        fields = {"texts": list(texts), **about(affine, model, plane, slices, volume_key)}
        return self._request("segment", fields, ct)

    def search(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        slices: Sequence[int] | None = None,
        threshold: float | None = None,
        volume_key: str | None = None,
        texts: Sequence[str] = (),
    ) -> int:
        """Ask for the candidates; returns the request's number at once.

        It is answered by a "candidates" event; ``lsms_core.worker.messages.candidates_from``
        makes a ``CandidateSet`` of it. Args are those of :meth:`segment`, and the threshold (None: the model's own).
        """
        fields = about(affine, model, plane, slices, volume_key)
        asked = {"texts": list(texts), "threshold": threshold}
        return self._request("search", {**fields, **asked}, ct)

    def ask(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        texts: Sequence[str],
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        slices: Sequence[int] | None = None,
        threshold: float | None = None,
        volume_key: str | None = None,
        masks: bool = True,
    ) -> int:
        """Ask texts about candidates; returns the request's number at once.

        It is answered by an "answers" event, within some milliseconds where the same volume and
        slices were searched before; else they are searched first.

        Args are those of :meth:`search`, prompts, and whether masks are sent, too.
        """
        fields = about(affine, model, plane, slices, volume_key)
        asked = {"texts": list(texts), "threshold": threshold, "masks": masks}
        return self._request("ask", {**fields, **asked}, ct)

    def explain(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        text: str,
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        index: int = 0,
        threshold: float | None = None,
        volume_key: str | None = None,
    ) -> int:
        """Ask what leads to the answer on one slice; returns the request's number at once.

        It is answered by an "explanation" event.

        Args:
            ct: as for :meth:`segment`.
            affine: as for :meth:`segment`.
            text: one prompt.
            model: as for :meth:`segment`.
            plane: as for :meth:`segment`.
            index: of the slice along the plane's axis.
            threshold: probability from which a pixel belongs to the answer; default: the
                model's own.
            volume_key: as for :meth:`segment`.
        """
        fields = {
            "text": text,
            "plane": plane,
            "index": int(index),
            "threshold": None if threshold is None else float(threshold),
            "affine": np.asarray(affine, np.float64).tolist(),
            "model": dict(model),
            "volume_key": volume_key,
        }
        return self._request("explain", fields, ct)

    def unload(self) -> int:
        """Ask the worker to free the model's memory."""
        return self._request("unload", {})

    def retry(self, request: int) -> int:
        """Ask once more what was lost when the worker died; returns the new request's number.

        Args:
            request: one of the numbers in the last "died" event.

        Raises:
            WorkerError: when no such request was lost.
        """
        lost = self._lost.pop(request, None)
        if lost is None:
            raise WorkerError(f"Request {request} was not lost; press Run to ask anew.")
        return self._request(lost.kind, lost.fields, lost.ct)

    def cancel(self, request: int | None = None) -> None:
        """Cancel one request, or all; a run that does not stop in time is killed."""
        for number in [request] if request is not None else list(self._pending):
            pending = self._pending.get(number)
            if pending is not None and pending.grace_ends is None and self._child is not None:
                pending.grace_ends = time.monotonic() + self._grace_seconds
                self._child.send(Message("cancel", {"request": number}))

    def poll(self) -> list[WorkerEvent]:
        """Return what has happened since the last call; never blocks for more than ~40 ms."""
        self._collect()
        events, self._events = self._events, []
        return events

    def wait(self, request: int, timeout: float) -> WorkerEvent:
        """Poll until a request ends; for scripts and tests.

        Returns:
            Its "result", "candidates", "answers", "explanation", "loaded", "unloaded",
            "cancelled" or "error" event.

        Raises:
            WorkerError: when the worker dies or the time runs out.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            events = self.poll()
            for index, event in enumerate(events):
                if event.kind == "died":
                    raise WorkerError(str(event.fields["message"]))
                if event.request == request and event.kind != "progress":
                    self._events = events[index + 1 :] + self._events
                    return event
            time.sleep(0.001)
        raise WorkerError(f"The worker did not answer within {timeout:.0f} s; restart it.")

    def close(self) -> None:
        """End the worker; pending requests are dropped without an event."""
        self._drop_child()
        self._pending.clear()
        self._lost.clear()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def last_words(self) -> str:
        """The end of what the worker wrote to its error stream, for diagnostics."""
        return "" if self._child is None else self._child.last_words()

    def _request(self, kind: str, fields: dict[str, Any], ct: NDArray[Any] | None = None) -> int:
        self.start()
        number = next(self._ids)
        self._pending[number] = _Pending(kind, fields, ct)
        try:
            self._dispatch(number)
        except WorkerError:  # an array of a type that cannot be sent
            del self._pending[number]
            raise
        return number

    def _dispatch(self, number: int) -> None:
        assert self._child is not None
        pending = self._pending[number]
        arrays = {}
        if pending.ct is not None:
            key = pending.fields["volume_key"]
            if key is None or key != self._sent_key:
                arrays["ct"] = pending.ct
            self._sent_key = key
        self._child.send(Message(pending.kind, {**pending.fields, "request": number}, arrays))

    def _collect(self) -> None:
        child = self._child
        if child is not None:
            ended = child.status is not None  # asked first: its last messages are still read
            self._receive(child)
            if self._child is child:
                if ended:
                    self._report_death(child)
                else:
                    self._enforce_grace(child)

    def _drop_child(self) -> None:
        child, self._child = self._child, None
        self._sent_key = None
        if child is not None:
            child.end()

    def _receive(self, child: ChildProcess) -> None:
        try:
            messages = child.exchange()
        except WorkerError as error:
            self._lose(child, str(error))
            return
        for message in messages:
            self._take(child, message)
            if self._child is not child:
                return

    def _take(self, child: ChildProcess, message: Message) -> None:
        number = int(message.fields.get("request", 0))
        if message.type == "hello":
            version = message.fields.get("protocol")
            if version != PROTOCOL_VERSION:
                self._lose(
                    child,
                    f"The worker speaks protocol {version}, this program {PROTOCOL_VERSION}: "
                    "install the same version of lsms_core on both sides.",
                )
                return
            self._events.append(WorkerEvent("ready", 0, message.fields))
        elif message.type == "need_volume" and number in self._pending:
            self._sent_key = None
            self._dispatch(number)
        elif message.altered:
            self._lose(child, "The worker's answer was damaged on the way; restart the worker.")
        else:
            if message.type != "progress":
                self._pending.pop(number, None)
            self._events.append(WorkerEvent(message.type, number, message.fields, message.arrays))

    def _enforce_grace(self, child: ChildProcess) -> None:
        now = time.monotonic()
        ends = [p.grace_ends for p in self._pending.values() if p.grace_ends is not None]
        if not any(now > end for end in ends):
            return
        logger.warning("worker %d did not stop in time and was ended", child.pid)
        self._drop_child()
        for number in [n for n, p in self._pending.items() if p.grace_ends is not None]:
            del self._pending[number]
            self._events.append(WorkerEvent("cancelled", number))
        if self._pending:
            # The others only waited behind it.
            self.start()
            for number in self._pending:
                self._dispatch(number)

    def _report_death(self, child: ChildProcess) -> None:
        status = child.status
        logger.warning("worker ended with status %s; its last words: %s", status, self.last_words())
        if status in (-9, 137):
            reason = "was ended by the system, most often because memory ran out"
        else:
            reason = f"stopped unexpectedly (status {status})"
        self._lose(
            child,
            f"The segmentation worker {reason}. Nothing in the scene was changed; press Run to "
            "start it again, on a smaller range or on the CPU if it happens again.",
        )

    def _lose(self, child: ChildProcess, message: str) -> None:
        words = child.last_words()
        self._drop_child()
        self._lost, self._pending = self._pending, {}
        self._events.append(
            WorkerEvent(
                "died",
                0,
                {"message": message, "requests": list(self._lost), "diagnostics": words},
            )
        )
