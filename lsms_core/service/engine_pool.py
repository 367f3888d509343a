"""The engines: worker processes, each controlled by a thread, and the queue of their jobs."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from lsms_core.errors import LsmsError
from lsms_core.service.fair_queue import FairQueue
from lsms_core.worker.client import WorkerClient
from lsms_core.worker.events import WorkerEvent

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.004
_IDLE_POLL_SECONDS = 1.0
_DIED = (
    "The server's engine stopped in the middle of this run (status {status}), most often because "
    "memory ran out. Nothing was changed, and a new engine is ready: press Run again, on fewer "
    "slices if it happens again."
)
_STOPPING = "The engine's server is being stopped. Nothing was changed; press Run again later."
_TOO_LONG = "The run took longer than the server allows ({seconds:.0f} s): choose fewer slices."


@dataclass(eq=False)
class Job:
    """A request for an engine, with its progress and its answer.

    Attributes:
        client: who asks.
        kind: of the worker's protocol.
        fields: its entries.
        image: the image's hash, "" where it is about none.
        ct: the image.
        known: returns the answer where it is known by now, so that no engine is needed.
        progress: the last news.
        answer: what it ended with.
        changed: set at every change.
        stop: set to cancel.
    """

    client: str
    kind: str
    fields: dict[str, Any]
    image: str = ""
    ct: NDArray[Any] | None = None
    known: Callable[[], WorkerEvent | None] = lambda: None
    progress: dict[str, Any] | None = None
    answer: WorkerEvent | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    stop: threading.Event = field(default_factory=threading.Event)

    def end(self, answer: WorkerEvent) -> None:
        """Note the answer; called in the event loop."""
        if self.answer is None:
            self.answer = answer
            self.changed.set()

    def tell(self, fields: dict[str, Any]) -> None:
        """Note how far it is; called in the event loop."""
        self.progress = fields
        self.changed.set()


def failure(message: str, kind: str = "WorkerError") -> WorkerEvent:
    """Return an answer that says what went wrong."""
    return WorkerEvent("error", 0, {"kind": kind, "message": message})


class Engine:
    """One worker process and the thread that drives it.

    Args:
        client: the worker's client.
        loop: where jobs are told of their news.
        done: called in the loop after each job.
        run_seconds: until a run is cancelled.
    """

    def __init__(
        self,
        client: WorkerClient,
        loop: asyncio.AbstractEventLoop,
        done: Callable[[Engine], None],
        run_seconds: float,
    ) -> None:
        self.client = client
        self.image = ""
        self.deaths = 0
        self.job: Job | None = None
        self._loop, self._done, self._run_seconds = loop, done, run_seconds
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    def take(self, job: Job) -> None:
        """Run a job; called only while there is none."""
        self.job = job
        self.image = job.image or self.image
        self._inbox.put(job)

    def close(self) -> None:
        """End the thread and the process, at once."""
        if self.job is not None:
            self.job.stop.set()
        self._inbox.put(None)
        self._thread.join(timeout=10.0)

    def _serve(self) -> None:
        while True:
            try:
                job = self._inbox.get(timeout=_IDLE_POLL_SECONDS)
            except queue.Empty:
                self.client.poll()  # it may have dropped its model, or ended
                continue
            if job is None:
                self.client.close()
                return
            answer = self._answer(job)
            self._loop.call_soon_threadsafe(self._finish, job, answer)

    def _finish(self, job: Job, answer: WorkerEvent) -> None:
        self.job = None
        job.end(answer)
        self._done(self)

    def _answer(self, job: Job) -> WorkerEvent:
        try:
            return self._run(job)
        except LsmsError as error:
            return failure(str(error), type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a thread that ends would be an engine lost
            # Not its text, which may hold a prompt.
            logger.error("an engine's thread failed: %s", type(error).__name__)
            self.client.close()
            return failure("The server failed at this request; tell who runs it.")

    def _run(self, job: Job) -> WorkerEvent:
        client = self.client
        if job.stop.is_set():
            return WorkerEvent("cancelled")
        number = client.request(job.kind, job.fields, job.ct)
        ends, told, too_long = time.monotonic() + self._run_seconds, False, False
        while True:
            for event in client.poll():
                if event.kind == "died":
                    return self._died(event)
                if event.request != number:
                    continue
                if event.kind != "progress":
                    return (
                        failure(_TOO_LONG.format(seconds=self._run_seconds))
                        if (too_long and event.kind == "cancelled")
                        else event
                    )
                self._loop.call_soon_threadsafe(job.tell, dict(event.fields))
            too_long = too_long or time.monotonic() > ends
            if not told and (too_long or job.stop.is_set()):
                client.cancel(number)
                told = True
            time.sleep(_POLL_SECONDS)

    def _died(self, event: WorkerEvent) -> WorkerEvent:
        self.deaths += 1
        self.image = ""
        self.client.close()  # it keeps lost requests, which nobody will ask again
        status = event.fields.get("status")
        logger.warning("an engine's process ended with status %s", status)
        return failure(_DIED.format(status="unknown" if status is None else status))


class EnginePool:
    """Gives waiting jobs to free engines; all but the engines' threads is in the event loop.

    Args:
        clients: one a process.
        run_seconds: until a run is cancelled.
    """

    def __init__(self, clients: list[WorkerClient], run_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.engines = [Engine(one, loop, self._free, run_seconds) for one in clients]
        self.waiting: FairQueue[Job] = FairQueue()
        self.stopping = False

    @property
    def busy(self) -> int:
        """How many engines run something."""
        return sum(one.job is not None for one in self.engines)

    @property
    def deaths(self) -> int:
        """How many processes ended unasked."""
        return sum(one.deaths for one in self.engines)

    def submit(self, job: Job) -> None:
        """Let a job wait for an engine, or give it one at once."""
        if self.stopping:
            job.end(failure(_STOPPING))
            return
        self.waiting.put(job)
        self._give_out()

    def cancel(self, job: Job) -> None:
        """Take a job out, or stop it."""
        job.stop.set()
        if self.waiting.remove(job):
            job.end(WorkerEvent("cancelled"))
            self._tell_waiting()

    def before(self, job: Job) -> int | None:
        """Return how many jobs come before one that waits, None for one that does not."""
        return self.waiting.before(job)

    async def close(self) -> None:
        """Refuse what waits and runs, and end the engines."""
        self.stopping = True
        while len(self.waiting):
            self.waiting.take().end(failure(_STOPPING))
        for engine in self.engines:
            if engine.job is not None:
                engine.job.end(failure(_STOPPING))
        await asyncio.gather(*(asyncio.to_thread(one.close) for one in self.engines))

    def _free(self, _engine: Engine) -> None:
        self._give_out()

    def _give_out(self) -> None:
        while len(self.waiting) and not self.stopping:
            free = [one for one in self.engines if one.job is None]
            if not free:
                break
            job = self.waiting.take()
            answer = job.known()
            if answer is not None:
                job.end(answer)
                continue
            # The one that has the image need not be sent it.
            fit = [one for one in free if job.image and one.image == job.image]
            (fit or free)[0].take(job)
            job.changed.set()
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        for job in self.waiting.items():
            job.changed.set()
