"""Runs a cohort in several processes of one machine, each with its own model."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from lsms_core.cohort.work import MOST_TRIES, Outcome, Recipe, Task, attempt
from lsms_core.errors import WorkerError


def run_here(tasks: Sequence[Task], recipe: Recipe) -> Iterator[Outcome]:
    """Answer studies in this process, one after the other."""
    answering = recipe.make()
    for task in tasks:
        yield attempt(answering, task)


def run_processes(tasks: Sequence[Task], recipe: Recipe, processes: int) -> Iterator[Outcome]:
    """Answer studies in so many processes, each study in one of them.

    If a process dies, only its current study is affected; it is tried once more.

    Raises:
        WorkerError: when no process can load the model.
    """
    waiting = deque((task, 1) for task in tasks)
    pool: list[_Process] = []
    try:
        pool.extend(_Process.start(recipe) for _ in range(min(processes, len(tasks))))
        while waiting or any(one.busy for one in pool):
            for one in pool:
                if one.ready and one.busy is None and waiting:
                    one.give(*waiting.popleft())
            for one in _heard(pool):
                said = one.hear()
                if isinstance(said, Outcome):
                    yield said
                elif said is not None:
                    task, tries, how = said
                    pool.remove(one)
                    pool.append(_Process.start(recipe))
                    if tries < MOST_TRIES:
                        waiting.append((task, tries + 1))
                    else:
                        message = f"Its process ended ({how}), out of memory perhaps."
                        yield Outcome(task.study.name, {}, "WorkerError", message)
    finally:
        for one in pool:
            one.end()


@dataclass
class _Process:
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    busy: tuple[Task, int] | None = None

    @classmethod
    def start(cls, recipe: Recipe) -> _Process:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, recipe), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def give(self, task: Task, tries: int) -> None:
        self.busy = (task, tries)
        self.pipe.send(task)

    def hear(self) -> Outcome | tuple[Task, int, str] | None:
        """Return an outcome, or the study that the process died of; None for "I am ready".

        Raises:
            WorkerError: when it died before it was ready.
        """
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(10)
            code = self.process.exitcode
            how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
            if self.busy is None:
                raise WorkerError(
                    f"A process ended ({how}) before its first study: use fewer processes."
                ) from None
            return (*self.busy, how)
        if isinstance(said, Outcome):
            self.busy = None
            return said
        if isinstance(said, str):
            raise WorkerError(said)
        self.ready = True
        return None

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(10)


def _heard(pool: Sequence[_Process]) -> list[_Process]:
    spoken = set(map(id, wait([one.pipe for one in pool])))
    return [one for one in pool if id(one.pipe) in spoken]


def _serve(pipe: Connection, recipe: Recipe) -> None:
    """The process: loads the model, then answers study by study."""
    # An interrupt at the keyboard reaches every process; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    try:
        answering = recipe.make()
    except Exception as error:  # noqa: BLE001 - the parent says it in one line
        pipe.send(str(error) or type(error).__name__)
        return
    pipe.send(None)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(attempt(answering, task))


def _end_with_parent() -> None:
    """End at once when the parent process has ended, because the results could not be kept."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
