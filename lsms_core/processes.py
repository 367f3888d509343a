"""Non-blocking pipe ends, and ending a process with everything it started.

In 3D Slicer a Python thread gets no time while Qt's event loop runs, so the
client polls instead of reading in a thread; that needs pipes that never block.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque

from lsms_core.errors import WorkerError

_READ_SIZE = 1 << 20
# Linux lets a pipe hold up to 1 MiB, which saves most of the switches for a large volume.
_F_SETPIPE_SZ = 1031


def make_non_blocking(descriptor: int) -> None:
    """Never block on this pipe end.

    Raises:
        WorkerError: on Windows before Python 3.12, which cannot do this to a pipe.
    """
    if sys.platform == "win32" and sys.version_info < (3, 12):
        raise WorkerError("On Windows the worker needs Python 3.12 or newer on both sides.")
    os.set_blocking(descriptor, False)
    if sys.platform.startswith("linux"):
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _READ_SIZE)


def read_available(descriptor: int) -> bytes | None:
    """Return what the pipe holds now, b"" for nothing, None at its end."""
    try:
        data = os.read(descriptor, _READ_SIZE)
    except BlockingIOError:
        return b""
    except OSError:
        return None
    return data or None


class OutgoingQueue:
    """Bytes waiting to be written to a non-blocking pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._chunks: deque[memoryview] = deque()

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def extend(self, chunks: list[memoryview]) -> None:
        """Queue whole messages; a message's chunks stay together."""
        self._chunks.extend(chunks)

    def flush(self, seconds: float) -> bool:
        """Write for at most ``seconds``; False when the other end is gone."""
        deadline = time.monotonic() + seconds
        while self._chunks:
            chunk = self._chunks[0]
            try:
                written = os.write(self._descriptor, chunk[:_READ_SIZE])
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return True
                time.sleep(0.0002)
                continue
            except OSError:
                self._chunks.clear()
                return False
            if written < len(chunk):
                self._chunks[0] = chunk[written:]
            else:
                self._chunks.popleft()
            if time.monotonic() >= deadline:
                return True
        return True


def spawn_options() -> dict[str, object]:
    """Options of ``subprocess.Popen`` that let :func:`kill_tree` reach all descendants."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    if sys.version_info >= (3, 11):
        # Not a session of its own: Linux schedules each session as one (autogroup), and on a busy
        # processor a new one got no time at all for minutes (Linux 6.18).
        return {"process_group": 0}
    return {"start_new_session": True}


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started, at once."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(process.pid)],
            capture_output=True,
            check=False,
        )
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
