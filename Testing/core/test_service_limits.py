"""A real server's limits on memory, connections and time, its engines and its certificate."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the server's package, of the extra 'serve'")
pytest.importorskip("prometheus_client", reason="the server's package, of the extra 'serve'")
sys.path.insert(0, str(Path(__file__).parent))

from service_process import (
    PATIENCE_S,
    TOKEN,
    Server,
    make_ct,
    search,
    until_slices,
)

from lsms_core.errors import WorkerError
from lsms_core.service.service_client import ServiceClient

pytestmark = pytest.mark.slow


def test_memory_is_bounded_and_what_is_forgotten_is_sent_again(tmp_path):
    size = make_ct().array.nbytes
    with Server(tmp_path, images_bytes=3 * size, candidates_bytes=0) as server:
        with server.client() as client:
            for n in (*range(6), 0):
                found = client.wait(search(client, make_ct(n), volume_key=str(n)), PATIENCE_S)
                assert found.kind == "candidates"
        assert server.metric("lsms_images") == 3
        assert server.metric("lsms_images_bytes") == 3 * size
        assert server.metric("lsms_image_misses_total") == 7


def test_more_connections_than_allowed_are_turned_away(tmp_path):
    with Server(tmp_path, connections=2) as server:
        with server.socket(), server.socket():
            server.eventually(lambda: b" 503 " in _first_bytes(server))
        with server.client() as client:
            server.eventually(lambda: server.http("GET", "/health")[0] == 200)
            assert client.wait(search(client, make_ct()), PATIENCE_S).kind == "candidates"


def _first_bytes(server) -> bytes:
    with server.socket() as one:
        one.settimeout(0.5)
        try:
            return one.recv(4096)
        except TimeoutError:
            return b""


def test_a_run_that_takes_longer_than_allowed_is_ended(tmp_path):
    with Server(tmp_path, step=0.05, run_seconds=0.3) as server, server.client() as client:
        event = client.wait(search(client, make_ct(slices=4000)), PATIENCE_S)
        assert "longer than the server allows" in event.fields["message"]


def test_two_engines_work_at_once(tmp_path):
    with Server(tmp_path, step=0.05, engines=2) as server:
        server.eventually(lambda: len(server.engine_pids()) == 2)
        with server.client() as one, server.client() as two:
            search(one, make_ct(1, slices=400))
            search(two, make_ct(2, slices=400))
            until_slices(one)
            until_slices(two)
            assert len(set(server.engine_lines("search"))) == 2


def test_connections_are_encrypted_with_a_certificate(tmp_path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    pem = tmp_path / "both.pem"
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    subprocess.run(
        [openssl, *command.split(), "subjectAltName=IP:127.0.0.1",
         "-keyout", str(pem), "-out", str(tmp_path / "certificate")],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + (tmp_path / "certificate").read_text())
    with Server(tmp_path, certificate=pem) as server:
        with server.client() as client:
            assert client.wait(search(client, make_ct()), PATIENCE_S).kind == "candidates"
        with ServiceClient(server.url, TOKEN) as stranger:
            search(stranger, make_ct())
            with pytest.raises(WorkerError, match="is not trusted"):
                stranger.wait(1, PATIENCE_S)
        with ServiceClient(server.url.replace("https", "http"), TOKEN) as plain:
            search(plain, make_ct())
            with pytest.raises(WorkerError):
                plain.wait(1, PATIENCE_S)
    plain = Server(tmp_path)
    with plain, ServiceClient(plain.url.replace("http", "https"), TOKEN) as client:
        search(client, make_ct())
        with pytest.raises(WorkerError, match="does not speak TLS"):
            client.wait(1, PATIENCE_S)
