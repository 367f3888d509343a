"""The worker's client: starts the worker, sends requests, polls for events, cancels.

It has no thread and no event loop: its owner (Qt's timer in Slicer, a plain loop
in a script) calls :meth:`WorkerClient.poll` every few dozen milliseconds and gets
the events since the last call.
"""

from __future__ import annotations

import itertools
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from lsms_core.errors import WorkerError
from lsms_core.worker.asking import Asking
from lsms_core.worker.child import ChildProcess
from lsms_core.worker.events import WorkerEvent
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message

if TYPE_CHECKING:
    from lsms_core.inference.outlined_follow_up import OutlinedStudy

logger = logging.getLogger(__name__)

__all__ = ["WorkerClient", "WorkerEvent"]


@dataclass
class _Pending:
    """A request whose answer is awaited; kept whole, so that it can be sent again."""

    kind: str
    fields: dict[str, Any]
    ct: NDArray[Any] | None = None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    grace_ends: float | None = None


class WorkerClient(Asking):
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
            self._drop_child()  # it died while no request was running
        arguments = ["-m", "lsms_core.worker.process", "--idle-seconds", str(self._idle_seconds)]
        self._child = ChildProcess(self._command, arguments, self._environment)

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
        return self.request(lost.kind, lost.fields, lost.ct, lost.arrays)

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

    def put_back(self, events: list[WorkerEvent]) -> None:
        """See :meth:`Asking.put_back`."""
        self._events = events + self._events

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
        """The last lines of the worker's error stream, for diagnostics."""
        return "" if self._child is None else self._child.last_words()

    def compare(self, before: OutlinedStudy, after: OutlinedStudy) -> int:
        """Ask how the lesions of two studies changed; returns the request's number at once.

        It is answered by a "follow_up" event;
        ``lsms_core.worker.follow_up_messages.follow_up_from`` makes a ``FollowUp`` of it. No model
        is loaded for it.
        """
        from lsms_core.worker.follow_up_messages import compare_message

        fields, arrays = compare_message(before, after)
        return self.request("compare", fields, arrays=arrays)

    def request(
        self,
        kind: str,
        fields: dict[str, Any],
        ct: NDArray[Any] | None = None,
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> int:
        """See :meth:`Asking.request`; ``arrays`` are others than the image, sent with it."""
        self.start()
        number = next(self._ids)
        self._pending[number] = _Pending(kind, fields, ct, dict(arrays or {}))
        try:
            self._dispatch(number)
        except WorkerError:  # an array of a type that cannot be sent
            del self._pending[number]
            raise
        return number

    def _dispatch(self, number: int) -> None:
        assert self._child is not None
        pending = self._pending[number]
        arrays = dict(pending.arrays)
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
            # The other requests had not started yet.
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
        words, status = child.last_words(), child.status
        self._drop_child()
        self._lost, self._pending = self._pending, {}
        self._events.append(
            WorkerEvent(
                "died",
                0,
                {
                    "message": message,
                    "requests": list(self._lost),
                    "status": status,
                    "diagnostics": words,
                },
            )
        )
