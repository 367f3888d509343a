"""Starts the worker's process, writes to it, reads from it, and ends it."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from lsms_core.errors import WorkerError
from lsms_core.processes import (
    OutgoingQueue,
    kill_tree,
    make_non_blocking,
    read_available,
    spawn_options,
)
from lsms_core.worker.protocol import Message, MessageReader

logger = logging.getLogger(__name__)

_FLUSH_SECONDS = 0.01
# Never spend longer than this in one exchange: the host draws its window in between.
_READ_SECONDS = 0.03
_STDERR_TAIL_BYTES = 4000


class ChildProcess:
    """A running worker and the pipes to it; nothing here ever blocks for long.

    Args:
        command: how to start Python.
        arguments: what to run.
        environment: entries added to the child's environment.

    Raises:
        WorkerError: when the interpreter cannot be started.
    """

    def __init__(
        self, command: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        package_parent = str(Path(__file__).resolve().parents[2])
        paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._stderr = _error_file()
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
                [*command, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(paths),
                    # A file called torch.py in the host's folder must not be imported.
                    "PYTHONSAFEPATH": "1",
                    # Nothing is downloaded without the user's consent.
                    "HF_HUB_OFFLINE": "1",
                    "TRANSFORMERS_OFFLINE": "1",
                    **environment,
                },
                bufsize=0,
                **spawn_options(),
            )
        except OSError as error:
            self._stderr.close()
            raise WorkerError(
                f"The worker could not be started with {command[0]} ({error.strerror}); "
                "check the Python executable in the settings."
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._incoming = self._process.stdout.fileno()
        self._reader = MessageReader()
        self._outgoing = OutgoingQueue(self._process.stdin.fileno())
        try:
            make_non_blocking(self._process.stdin.fileno())
            make_non_blocking(self._incoming)
        except WorkerError:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def send(self, message: Message) -> None:
        """Queue a message and begin to send it."""
        self._outgoing.extend(list(message.chunks()))
        self._outgoing.flush(_FLUSH_SECONDS)

    def exchange(self) -> list[Message]:
        """Send and receive what the pipes take and hold now.

        Raises:
            WorkerError: when the worker's bytes are out of protocol.
        """
        self._outgoing.flush(_FLUSH_SECONDS)
        messages: list[Message] = []
        deadline = time.monotonic() + _READ_SECONDS
        while time.monotonic() < deadline:
            data = read_available(self._incoming)
            if not data:
                break
            messages += self._reader.feed(data)
        return messages

    def last_words(self) -> str:
        """The last lines of the worker's error stream, for diagnostics."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
        return self._stderr.read().decode(errors="replace")

    def end(self) -> None:
        """End the process with everything it started, at once."""
        kill_tree(self._process)
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # a broken pipe is expected when the process has ended
                    logger.debug("closing the worker's pipe", exc_info=True)


def _error_file() -> BinaryIO:
    """Return where the worker's error stream goes: memory, or a file without a name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("lsms-worker"), "w+b")
    return tempfile.TemporaryFile()
