"""A real server in a process of its own, with engines that need no model."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.service.image_hash import image_hash
from lsms_core.service.service_client import ServiceClient
from lsms_core.worker.protocol import Message, MessageReader

TOKEN = "a-token-for-the-tests"
MODEL = {"weights": "fake", "engine": None, "device": "auto"}
PATIENCE_S = 120  # for a machine that is busy with other things

# Every voxel above 100 HU is of a lesion; a slice takes a step's time.
ENGINE = """
import os, sys, time
import numpy as np
from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.errors import CancelledError
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.worker import jobs, process

class Fake:
    text_free, name, device, engine = True, "fake", "cpu", "lsms"

    def warm_up(self):
        pass

    def search(self, volume, *, plane, slices, progress, cancelled, texts=()):
        with open(os.environ["ENGINE_LOG"], "a") as log:
            log.write(f"search {os.getpid()}\\n")
        plane = SlicePlane.of(volume, plane)
        chosen = tuple(range(plane.count(volume.shape)) if slices is None else slices)
        for n in range(len(chosen)):
            progress(n, len(chosen), None)
            if cancelled():
                with open(os.environ["ENGINE_LOG"], "a") as log:
                    log.write("cancelled\\n")
                raise CancelledError("stopped")
            time.sleep(float(os.environ["ENGINE_STEP"]))
        search = Search(volume, chosen, plane.axis, plane.plane, engine="lsms", model="fake 1")
        found = np.where(volume.array > 100, 0.9, 0.0).astype(np.float16)
        config = PostprocessingConfig(min_area_mm2=0.0, min_depth_mm=0.0)
        return CandidateSet.from_map(search, found, None, config)

def load(self, fields):
    self._predictor = Fake()
    return {"model": "fake", "device": "cpu"}

jobs.Jobs._load = load
with open(os.environ["ENGINE_LOG"], "a") as log:
    log.write(f"begun {os.getpid()}\\n")
sys.argv[1:3] = []  # "-m" and the module's name
process.main()
"""
SERVER = """
import logging, sys
from pathlib import Path
from lsms_core.service.limits import Limits
from lsms_core.service.running import ServeOptions, run_server
logging.basicConfig(level=logging.INFO)
options = ServeOptions(
    token={token!r}, models={{"fake": "fake"}}, port={port}, engines={engines},
    certificate={certificate}, limits=Limits(**{limits}),
    command=(sys.executable, "-c", {engine!r}),
)
run_server(options, lambda port: print(port, flush=True))
"""


class Server:
    """A server that is started, asked and ended by a test.

    Args:
        folder: for its logs.
        step: seconds that its engines take a slice.
        engines: how many.
        certificate: PEM file with certificate and key.
        port: 0 for any.
        limits: entries of Limits that differ from the usual ones.
    """

    def __init__(self, folder: Path, step=0.0, engines=1, certificate=None, port=0, **limits):
        self.engine_log = folder / "engine.log"
        self.error_log = folder / "server.log"
        self.engine_log.touch()
        self.certificate = certificate
        script = SERVER.format(
            token=TOKEN,
            engine=ENGINE,
            port=port,
            engines=engines,
            limits=limits,
            certificate=f"Path({str(certificate)!r})" if certificate else None,
        )
        root = Path(__file__).resolve().parents[2]
        environment = {
            **os.environ,
            "PYTHONPATH": str(root),
            "ENGINE_LOG": str(self.engine_log),
            "ENGINE_STEP": str(step),
        }
        with self.error_log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=log,
                env=environment, cwd=folder, text=True,
            )  # fmt: skip
        line = self.process.stdout.readline()
        assert line, self.error_log.read_text()
        self.port = int(line)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def client(self, token=TOKEN, **options):
        return ServiceClient(self.url, token, certificate=self.certificate, **options)

    def engine_lines(self, word):
        lines = self.engine_log.read_text().splitlines()
        return [line for line in lines if line.startswith(word)]

    def engine_pids(self):
        return [int(line.split()[1]) for line in self.engine_lines("begun")]

    def http(self, method, path, body=b"", token=TOKEN, headers=None):
        """Ask in plain HTTP; return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            given = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, path, body, {**given, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read()

    def metric(self, name):
        text = self.http("GET", "/metrics")[1].decode()
        lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def eventually(self, good, what="it did not happen"):
        deadline = time.monotonic() + PATIENCE_S
        while not good():
            assert time.monotonic() < deadline, what
            assert self.process.poll() is None, self.error_log.read_text()
            time.sleep(0.02)


def search(client, ct, **options):
    return client.search(ct.array, ct.affine, model=MODEL, **options)


def events_until(client, *kinds):
    """Poll until an event of one of these kinds comes; returns all events up to it."""
    seen, deadline = [], time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        seen += client.poll()
        if any(event.kind in kinds for event in seen):
            return seen
        time.sleep(0.005)
    raise AssertionError(f"no {kinds} event, but {[event.kind for event in seen]}")


def make_ct(seed=0, slices=4) -> CTVolume:
    """A volume with two blocks above 100 HU; each seed is another image."""
    array = np.full((slices, 24, 32), 50, np.int16)
    array[1:3, 4:10, 4:10] = 150
    array[2:4, 14:18, 20:28] = 200 + seed
    return CTVolume(array, np.diag([-2.0, -2.0, 3.0, 1.0]))


def body(kind="search", ct=None, sent=True, **changes) -> bytes:
    """The bytes of a request."""
    ct = ct or make_ct()
    fields = {
        "request": 1,
        "model": MODEL,
        "volume_key": image_hash(ct.array, ct.affine),
        "affine": ct.affine.tolist(),
        "plane": "axial",
        "slices": None,
        "threshold": None,
        **changes,
    }
    return b"".join(Message(kind, fields, {"ct": ct.array} if sent else {}).chunks())


def answers(data: bytes) -> list[Message]:
    return MessageReader().feed(data)


def until_slices(client):
    """Poll until an engine is at work on a client's request."""
    while not any(e.fields.get("stage") == "slices" for e in events_until(client, "progress")):
        pass
