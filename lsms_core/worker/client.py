"""The host's side: start the worker, send requests, poll for events, cancel, survive.

No thread and no event loop of its own: whoever owns one (Qt's timer in Slicer,
a plain loop in a script) calls :meth:`WorkerClient.poll` every few dozen
milliseconds and gets the events since the last call.
"""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import WorkerError
from lsms_core.worker.pipes import (
    OutgoingQueue,
    kill_tree,
    make_non_blocking,
    read_available,
    spawn_options,
)
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message, MessageReader

logger = logging.getLogger(__name__)

_FLUSH_SECONDS = 0.01
# Never spend longer than this in one poll: the host draws its window between polls.
_READ_SECONDS = 0.03
_STDERR_TAIL_BYTES = 4000


@dataclass(frozen=True)
class WorkerEvent:
    """Something the worker reported.

    Attributes:
        kind: "ready", "progress", "result", "cancelled", "error", "loaded", "unloaded" or "died".
        request: the request it belongs to, 0 where it belongs to none.
        fields: the message's entries (``message`` for "error" and "died").
        arrays: the message's arrays.
    """

    kind: str
    request: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


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
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._reader = MessageReader()
        self._outgoing: OutgoingQueue | None = None
        self._pending: dict[int, float | None] = {}  # request -> when its grace ends
        self._events: list[WorkerEvent] = []
        self._sent_key: str | None = None

    @property
    def running(self) -> bool:
        """Whether a worker process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def busy(self) -> bool:
        """Whether a request is waiting for its answer."""
        return bool(self._pending)

    @property
    def process_id(self) -> int | None:
        """The worker's process id, None when there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the worker unless it runs already.

        Raises:
            WorkerError: when the interpreter cannot be started.
        """
        if self.running:
            return
        self.close()
        package_parent = str(Path(__file__).resolve().parents[2])
        paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            # Nothing is downloaded behind the user's back.
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            **self._environment,
        }
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        arguments = ["-m", "lsms_core.worker.process", "--idle-seconds", str(self._idle_seconds)]
        try:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                [*self._command, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=environment,
                bufsize=0,
                **spawn_options(),
            )
        except OSError as error:
            raise WorkerError(
                f"The worker could not be started with {self._command[0]} ({error.strerror}); "
                "check the Python executable in the settings."
            ) from error
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        make_non_blocking(self._process.stdin.fileno())
        make_non_blocking(self._process.stdout.fileno())
        self._reader = MessageReader()
        self._outgoing = OutgoingQueue(self._process.stdin.fileno())

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
        fields = {
            "texts": list(texts),
            "plane": plane,
            "slices": None if slices is None else [int(i) for i in slices],
            "affine": np.asarray(affine, np.float64).tolist(),
            "model": dict(model),
            "volume_key": volume_key,
        }
        self.start()
        arrays = {}
        if volume_key is None or volume_key != self._sent_key:
            arrays["ct"] = ct
        self._sent_key = volume_key
        return self._request("segment", fields, arrays)

    def unload(self) -> int:
        """Ask the worker to free the model's memory."""
        return self._request("unload", {})

    def cancel(self, request: int | None = None) -> None:
        """Cancel one request, or all; a run that does not stop in time is killed."""
        for number in [request] if request is not None else list(self._pending):
            if number in self._pending and self._pending[number] is None:
                self._pending[number] = time.monotonic() + self._grace_seconds
                self._send(Message("cancel", {"request": number}))

    def poll(self) -> list[WorkerEvent]:
        """Return what has happened since the last call; never blocks for more than ~40 ms."""
        process, outgoing = self._process, self._outgoing
        if process is not None and outgoing is not None:
            outgoing.flush(_FLUSH_SECONDS)
            self._read(process)
            self._enforce_grace(process)
            if process.poll() is not None and self._process is not None:
                self._read(process)
                self._report_death(process)
        events, self._events = self._events, []
        return events

    def wait(self, request: int, timeout: float) -> WorkerEvent:
        """Poll until a request ends; for scripts and tests.

        Returns:
            Its "result", "loaded", "unloaded", "cancelled" or "error" event.

        Raises:
            WorkerError: when the worker dies or the time runs out.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for event in self.poll():
                if event.kind == "died":
                    raise WorkerError(str(event.fields["message"]))
                if event.request == request and event.kind != "progress":
                    return event
            time.sleep(0.001)
        raise WorkerError(f"The worker did not answer within {timeout:.0f} s; restart it.")

    def close(self) -> None:
        """End the worker; pending requests are dropped without an event."""
        process, self._process = self._process, None
        if process is not None:
            kill_tree(process)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    try:
                        stream.close()
                    except OSError:  # a broken pipe on close is what we wanted anyway
                        logger.debug("closing the worker's pipe", exc_info=True)
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None
        self._outgoing = None
        self._sent_key = None
        self._pending.clear()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(
        self, kind: str, fields: dict[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
    ) -> int:
        self.start()
        number = next(self._ids)
        self._pending[number] = None
        self._send(Message(kind, {**fields, "request": number}, arrays or {}))
        return number

    def _send(self, message: Message) -> None:
        if self._outgoing is not None:
            self._outgoing.extend(list(message.chunks()))
            self._outgoing.flush(_FLUSH_SECONDS)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        deadline = time.monotonic() + _READ_SECONDS
        while time.monotonic() < deadline:
            data = read_available(process.stdout.fileno())
            if not data:
                return
            try:
                messages = self._reader.feed(data)
            except WorkerError as error:
                kill_tree(process)
                self._lose(str(error))
                return
            for message in messages:
                self._take(message)

    def _take(self, message: Message) -> None:
        if message.type == "hello":
            version = message.fields.get("protocol")
            if version != PROTOCOL_VERSION:
                self.close()
                self._lose(
                    f"The worker speaks protocol {version}, this program {PROTOCOL_VERSION}: "
                    "install the same version of lsms_core on both sides."
                )
                return
            self._events.append(WorkerEvent("ready", 0, message.fields))
            return
        request = int(message.fields.get("request", 0))
        if message.type != "progress":
            self._pending.pop(request, None)
        self._events.append(WorkerEvent(message.type, request, message.fields, message.arrays))

    def _enforce_grace(self, process: subprocess.Popen[bytes]) -> None:
        now = time.monotonic()
        if any(end is not None and now > end for end in self._pending.values()):
            cancelled = list(self._pending)
            kill_tree(process)
            self.close()
            self._events.extend(WorkerEvent("cancelled", number) for number in cancelled)

    def _report_death(self, process: subprocess.Popen[bytes]) -> None:
        code = process.returncode
        logger.warning("worker ended with status %s; its last words: %s", code, self.last_words())
        if code in (-9, 137):
            reason = "was ended by the system, most often because memory ran out"
        else:
            reason = f"stopped unexpectedly (status {code})"
        self._lose(
            f"The segmentation worker {reason}. Nothing in the scene was changed; press Run to "
            "start it again, on a smaller range or on the CPU if it happens again."
        )

    def last_words(self) -> str:
        """The end of what the worker wrote to its error stream, for diagnostics."""
        if self._stderr is None:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
        return self._stderr.read().decode(errors="replace")

    def _lose(self, message: str) -> None:
        requests = list(self._pending)
        words = self.last_words()
        self.close()
        self._events.append(
            WorkerEvent("died", 0, {"message": message, "requests": requests, "diagnostics": words})
        )
