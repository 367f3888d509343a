"""The child process: reads requests from stdin, runs them one after another, answers on stdout.

Run as ``python -m lsms_core.worker.process``. A thread reads, so that a cancel
gets through while the model works; the model itself runs in the main thread.
When stdin closes, because the host ended or crashed, the process ends at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
from typing import BinaryIO

from lsms_core import __version__
from lsms_core.errors import CancelledError, LsmsError
from lsms_core.worker.jobs import Jobs
from lsms_core.worker.protocol import PROTOCOL_VERSION, Message, MessageReader

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
        self._jobs = Jobs(self._progress, lambda request: request in self._cancelled)

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
                if self._jobs.loaded:
                    self._jobs.unload()
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
            self._jobs.keep_volume(message)
            if request in self._cancelled:
                raise CancelledError("Cancelled before it began.")
            self._send(self._jobs.run(request, message))
        except CancelledError:
            self._send(Message("cancelled", {"request": request}))
        except LsmsError as error:
            self._send_error(request, type(error).__name__, str(error))
        except Exception as error:
            logger.exception("request %d failed", request)
            if _is_out_of_memory(error):
                self._jobs.unload()
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

    def _send_error(self, request: int, kind: str, message: str) -> None:
        self._send(Message("error", {"request": request, "kind": kind, "message": message}))

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
