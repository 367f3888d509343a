"""How long clients of `lsms serve` wait when there are many, and what memory it takes.

    python scripts/load_service.py --clients 1 4 16 --seconds 20

Starts a server on loopback and gives it clients with an image each, a synthetic CT. A client
searches a slice that nobody has searched, which needs the engine, asks four texts about what was
found, which does not, and begins anew. Beside them rude clients drop their connections, send half a
request, and ask with a wrong token. Every request of the others must be answered; the script fails
otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import socket
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.phantom import make_phantom
from lsms_core.service.service_client import ServiceClient

SHAPE = (40, 272, 368)
TEXTS = ("left lobe lesion", "largest lesion", "cyst over 1 cm", "lesions in segment 7")
MODEL = {"weights": "lsms-tiny", "engine": None, "device": "auto"}
MIB = 1 << 20


@dataclass
class Reader:
    """A client that searches a slice, asks about it, and goes to the next one."""

    client: ServiceClient
    ct: CTVolume
    first: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)
    step: int = 0
    asked: int = 0
    since: float = 0.0

    @property
    def what(self) -> str:
        """What is asked in this step."""
        return "search" if self.step % 5 == 0 else "ask"

    def ask(self) -> None:
        """Send the step's request."""
        slices = [(self.first + self.step // 5) % SHAPE[0]]
        known = {"model": MODEL, "slices": slices, "volume_key": "ct"}
        self.since = time.monotonic()
        if self.what == "search":
            self.asked = self.client.search(self.ct.array, self.ct.affine, **known)
        else:
            text = TEXTS[self.step % 5 - 1]
            self.asked = self.client.ask(self.ct.array, self.ct.affine, [text], **known)

    def poll(self) -> None:
        """Take what came; after an answer, go on."""
        for event in self.client.poll():
            if event.kind == "progress":
                continue
            if event.kind not in ("candidates", "answers"):
                self.failures.append(str(event.fields.get("message", event.kind)))
            self.seconds[self.what].append(time.monotonic() - self.since)
            self.step += 1
            self.asked = 0


class Rude:
    """Drops connections, sends slowly, and guesses tokens."""

    def __init__(self, url: str, token: str, ct: CTVolume) -> None:
        self._url, self._token, self._ct = url, token, ct
        self._open: list[socket.socket] = []
        self._client: ServiceClient | None = None
        self.done = 0

    def act(self) -> None:
        """Do something rude."""
        self.done += 1
        place = self._url.rpartition("/")[2].split(":")
        kind = self.done % 3
        if self._client is not None:
            self._client.close()
            self._client = None
        if kind == 0:
            one = socket.create_connection((place[0], int(place[1])))
            one.sendall(b"POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Le")
            self._open = [*self._open[-4:], one]
        else:
            token = self._token if kind == 1 else secrets.token_hex(8)
            self._client = ServiceClient(self._url, token)
            self._client.search(self._ct.array, self._ct.affine, model=MODEL)
            self._client.poll()


def memory_of(pid: int) -> dict[int, int]:
    """Return the resident bytes of a process and its children, by process id."""
    found = {}
    for one in [pid, *_children(pid)]:
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{one}/statm").read_text().split()[1]
            found[one] = int(pages) * os.sysconf("SC_PAGE_SIZE")
    return found


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        direct = [int(one) for one in text.split()]
        threads = Path(f"/proc/{pid}/task").iterdir()
        for thread in threads:
            with contextlib.suppress(OSError):
                direct += [int(one) for one in (thread / "children").read_text().split()]
        return sorted(set(direct))
    return []


def load(
    url: str, token: str, pid: int, readers: list[Reader], seconds: float, rude: int
) -> dict[str, int]:
    """Let readers read for some seconds; return the most memory, server's and engines'."""
    most = {"server": 0, "engines": 0}
    other = make_images(1, 99)[0]
    rudes = [Rude(url, token, other) for _ in range(rude)]
    ends, next_look = time.monotonic() + seconds, 0.0
    while time.monotonic() < ends or any(one.asked for one in readers):
        now = time.monotonic()
        for one in readers:
            if one.asked:
                one.poll()
            elif now < ends:
                one.ask()
        if now > next_look:
            next_look = now + 0.25
            for one in rudes:
                one.act()
            memory = memory_of(pid)
            most["server"] = max(most["server"], memory.pop(pid, 0))
            most["engines"] = max(most["engines"], sum(memory.values()))
        time.sleep(0.002)
    return most


def make_images(count: int, seed: int) -> list[CTVolume]:
    """Make images that differ in their voxels."""
    base = make_phantom(seed, shape=SHAPE).ct
    images = []
    for n in range(count):
        array = base.array.copy()
        array[:, 0, 0] = n - 1000
        images.append(CTVolume(array, base.affine))
    return images


def _percentiles(values: list[float]) -> str:
    if not values:
        return "       –"
    p50, p99 = np.percentile(values, [50, 99])
    return f"{len(values):5d} {1000 * p50:8.0f} {1000 * p99:8.0f}"


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--engines", type=int, default=1)
    parser.add_argument("--memory-mb", type=int, default=512)
    parser.add_argument("--rude", type=int, default=2, help="rude clients beside the others")
    arguments = parser.parse_args()
    random.seed(0)
    token = secrets.token_urlsafe(32)
    server = subprocess.Popen(
        [sys.executable, "-m", "lsms_core", "serve", "--port", "0",
         "--engines", str(arguments.engines), "--memory-mb", str(arguments.memory_mb)],
        env={**os.environ, "LSMS_SERVER_TOKEN": token},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    failed = 0
    try:
        assert server.stdout is not None
        url = next(word for word in server.stdout.readline().split() if "://" in word).rstrip(":")
        with ServiceClient(url, token) as first:
            first.wait(first.load(MODEL), 300.0)
        print("clients | searches   p50 ms   p99 ms |  asks   p50 ms   p99 ms | memory MiB")
        print("        |                           |                        | server  engine")
        for count in arguments.clients:
            images = make_images(count, count)
            readers = [
                Reader(ServiceClient(url, token), ct, (7 * n) % SHAPE[0])
                for n, ct in enumerate(images)
            ]
            most = load(url, token, server.pid, readers, arguments.seconds, arguments.rude)
            searches = [s for one in readers for s in one.seconds["search"]]
            asks = [s for one in readers for s in one.seconds["ask"]]
            failures = [text for one in readers for text in one.failures]
            failed += len(failures)
            print(
                f"{count:7d} |    {_percentiles(searches)} | {_percentiles(asks)} | "
                f"{most['server'] // MIB:6d} {most['engines'] // MIB:7d}",
                flush=True,
            )
            for text in sorted(set(failures)):
                print(f"        failed {failures.count(text)} times: {text}")
            for one in readers:
                one.client.close()
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
    print("Every request was answered." if not failed else f"{failed} requests failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
