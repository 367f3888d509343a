"""The real server on loopback, with real connections that behave and that do not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the server's package, of the extra 'serve'")
pytest.importorskip("prometheus_client", reason="the server's package, of the extra 'serve'")
sys.path.insert(0, str(Path(__file__).parent))

from service_process import (
    MODEL,
    PATIENCE_S,
    TOKEN,
    Server,
    events_until,
    search,
)

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import WorkerError
from lsms_core.service.image_hash import image_hash
from lsms_core.service.service_client import ServiceClient
from lsms_core.worker.protocol import Message, MessageReader

pytestmark = pytest.mark.slow
posix = pytest.mark.skipif(os.name != "posix", reason="signals")


def make_ct(seed=0, slices=4) -> CTVolume:
    """A volume with two blocks above 100 HU; each seed is another image."""
    array = np.full((slices, 24, 32), 50, np.int16)
    array[1:3, 4:10, 4:10] = 150
    array[2:4, 14:18, 20:28] = 200 + seed
    return CTVolume(array, np.diag([-2.0, -2.0, 3.0, 1.0]))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that answers at once; its limits are small."""
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, image_bytes=1 << 20, head_seconds=1.0, stall_seconds=1.0) as one:
        yield one


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    """A server whose engine takes 50 ms a slice."""
    with Server(tmp_path_factory.mktemp("slow"), step=0.05, told_seconds=0.3) as one:
        yield one


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


def test_candidates_then_answers_and_the_image_is_sent_once(server):
    ct = make_ct()
    received = server.metric("lsms_received_bytes_total")
    with server.client() as client:
        events = []
        search(client, ct, volume_key="a")
        events = events_until(client, "candidates")
        assert events[0].kind == "progress"
        assert len(events[-1].fields["lesions"]) == 2
        assert client.running
        assert not client.busy
        # Another question about the image is a few hundred bytes.
        asked = client.ask(ct.array, ct.affine, ["largest lesion"], model=MODEL, volume_key="a")
        told = client.wait(asked, PATIENCE_S)
        assert told.fields["answers"][0]["present"]
        assert told.arrays["mask0"].any()
    # Nor does another client, which has it from elsewhere, send it.
    searches = len(server.engine_lines("search"))
    with server.client() as other:
        found = other.wait(search(other, ct), PATIENCE_S)
        np.testing.assert_array_equal(found.arrays["labels"], events[-1].arrays["labels"])
    assert len(server.engine_lines("search")) == searches == 1
    sent = server.metric("lsms_received_bytes_total") - received
    assert ct.array.nbytes < sent < 1.6 * ct.array.nbytes
    assert server.metric("lsms_images") == 1


@pytest.mark.parametrize("token", ["a-token-of-somebody-else", None])
def test_without_the_token_nothing_is_told(server, token):
    for method, path in (("POST", "/v1/run"), ("GET", "/metrics"), ("GET", "/secret")):
        status, text = server.http(method, path, body(), token=token)
        assert status == 401
        assert "does not accept the token" in json.loads(text)["error"]
    status, text = server.http("GET", "/health", token=token)
    assert (status, json.loads(text)["status"]) == (200, "ok")


def test_a_wrong_token_is_an_answer_in_words(server):
    with server.client("a-token-of-somebody-else") as client:
        event = client.wait(search(client, make_ct()), PATIENCE_S)
        assert event.kind == "error"
        assert "check it in the settings" in event.fields["message"]
        assert not client.busy


def test_an_image_that_is_too_large_is_refused_before_it_is_taken(server):
    ct = make_ct(slices=3000)
    assert ct.array.nbytes > 4 << 20
    with server.client() as client:
        event = client.wait(search(client, ct), PATIENCE_S)
        assert event.kind == "error"
        assert "larger than the server takes (1 MiB)" in event.fields["message"]
    # An announcement alone takes no memory.
    lie = Message("search", {"request": 1}, {"ct": np.zeros(8, np.uint8)})
    data = b"".join(lie.chunks()).replace(b'"shape": [8]', b'"shape": [800000000]')
    assert server.http("POST", "/v1/run", data)[0] == 400
    status, _ = server.http("POST", "/v1/run", headers={"Content-Length": str(1 << 40)})
    assert status == 413


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello\n",
        b'{"type": 3}\n',
        b"[" * 100_000 + b"\n",
        b'{"type": "search", "arrays": [{"name": "ct"}]}\n',
        b'{"type":"search","arrays":[{"name":"ct","dtype":"|O","shape":[1],"crc32":0}]}\n',
        b'{"type":"search","arrays":[{"name":"ct","dtype":"|u1","shape":%s,"crc32":0}]}\n1'
        % (b"[" + b"1," * 99 + b"1]"),
        body()[:-1],
        body() + b"more",
        body() + body(),
        body(plane="oblique"),
        body("format"),
        bytes(range(256)) * 40,
    ],
)
def test_malformed_requests_are_refused_and_do_no_harm(server, data):
    status, text = server.http("POST", "/v1/run", data)
    assert status == 400
    assert len(json.loads(text)["error"]) < 200
    assert server.http("GET", "/health")[0] == 200
    assert server.metric("lsms_engine_deaths_total") == 0


def test_bytes_that_are_no_http_end_their_connection_only(server):
    with server.socket() as one:
        one.sendall(b"\x16\x03\x01" + bytes(range(14, 256)) * 2 + b"\r\n\r\n")
        assert b" 400 " in one.recv(4096)
    assert server.http("GET", "/health")[0] == 200


def test_an_image_under_another_ones_name_is_not_taken(server):
    wrong = body(ct=make_ct(1), volume_key="0" * 64)
    status, text = server.http("POST", "/v1/run", wrong)
    assert status == 200
    assert answers(text)[-1].fields["kind"] == "InputError"
    status, text = server.http("POST", "/v1/run", body(sent=False, volume_key="0" * 64))
    assert answers(text)[-1].type == "need_volume"


def test_another_version_is_refused_by_its_number(server):
    status, text = server.http("POST", "/v1/run", body(), headers={"X-LSMS-Protocol": "99"})
    assert status == 409
    assert "protocol" in json.loads(text)["error"]


def test_a_path_that_is_not_there_says_so(server):
    status, text = server.http("GET", "/v2/run")
    assert (status, json.loads(text)) == (404, {"error": "Not Found"})


def test_silent_and_slow_connections_are_ended(server):
    with server.socket() as silent, server.socket() as slow:
        slow.sendall(
            b"POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            b"Authorization: Bearer " + TOKEN.encode() + b'\r\n\r\n{"type"'
        )
        assert b" 408 " in slow.recv(4096)
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(4096) == b""
    # They kept nobody from being answered.
    with server.client() as client:
        assert client.wait(search(client, make_ct(3)), PATIENCE_S).kind == "candidates"


def test_a_connection_that_is_dropped_while_sending_leaves_nothing(server):
    with server.socket() as one:
        data = body(ct=make_ct(4, slices=300))
        one.sendall(
            b"POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nAuthorization: Bearer %s"
            b"\r\n\r\n" % (len(data), TOKEN.encode()) + data[: len(data) // 2]
        )
    images = server.metric("lsms_images")
    with server.client() as client:
        assert client.wait(search(client, make_ct(5)), PATIENCE_S).kind == "candidates"
    assert server.metric("lsms_images") == images + 1


def test_no_text_no_token_and_no_name_is_logged(server):
    secret = "zwischenfall"
    ct = make_ct()
    with server.client() as client:
        for text in (secret, "?!" + secret):
            request = client.ask(ct.array, ct.affine, [text], model=MODEL, volume_key="a")
            client.wait(request, PATIENCE_S)
        client.wait(client.load({"weights": secret}), PATIENCE_S)
    server.http("POST", "/v1/run", b'{"type": "' + secret.encode() + b'"}\n')
    log = server.error_log.read_text()
    assert "answers after" in log
    assert secret not in log
    assert TOKEN not in log


def test_progress_is_told_and_a_waiting_client_hears_its_place(slow_server):
    with slow_server.client() as first, slow_server.client() as second:
        search(first, make_ct(10, slices=40))
        events_until(first, "progress")
        request = search(second, make_ct(11))
        seen = events_until(second, "candidates")
    stages = [event.fields["stage"] for event in seen if event.kind == "progress"]
    assert stages[0] == "queue" or "queue" in stages
    assert stages[-1] == "slices"
    waits = [event.fields["total"] for event in seen if event.fields.get("stage") == "queue"]
    assert max(waits) <= 1
    assert all(event.request == request for event in seen)


def test_cancel_stops_the_engine_and_frees_it(slow_server):
    before = len(slow_server.engine_lines("cancelled"))
    with slow_server.client() as client:
        request = search(client, make_ct(20, slices=4000))  # more than three minutes
        until_slices(client)
        client.cancel(request)
        assert [event.kind for event in client.poll()] == ["cancelled"]
        assert not client.busy
        slow_server.eventually(lambda: len(slow_server.engine_lines("cancelled")) == before + 1)
        assert client.wait(search(client, make_ct(21)), PATIENCE_S).kind == "candidates"


def test_a_client_that_goes_away_cancels_its_run(slow_server):
    before = len(slow_server.engine_lines("cancelled"))
    client = slow_server.client()
    search(client, make_ct(22, slices=4000))
    until_slices(client)
    client.close()
    slow_server.eventually(lambda: len(slow_server.engine_lines("cancelled")) == before + 1)
    slow_server.eventually(lambda: slow_server.metric("lsms_engines_busy") == 0)


def test_a_client_with_many_requests_does_not_keep_another_one_waiting(slow_server):
    """Six runs of one client against one of another: it comes second, not seventh."""
    with slow_server.client() as greedy, slow_server.client() as modest:
        many = [search(greedy, make_ct(30 + n)) for n in range(6)]
        while len(slow_server.engine_lines("search")) == 0 or not any(
            e.fields.get("stage") == "queue" for e in events_until(greedy, "progress")
        ):
            pass
        search(modest, make_ct(40))
        ended = []
        deadline = time.monotonic() + PATIENCE_S
        while len(ended) < 7 and time.monotonic() < deadline:
            ended += [e.request for e in greedy.poll() if e.kind == "candidates"]
            ended += ["modest" for e in modest.poll() if e.kind == "candidates"]
            time.sleep(0.005)
        assert sorted(one for one in ended if one != "modest") == many
        assert ended.index("modest") <= 3


def test_too_many_requests_of_a_client_are_refused(slow_server):
    with slow_server.client() as client:
        for n in range(9):
            search(client, make_ct(50 + n, slices=400))
        refused = [e for e in events_until(client, "error") if e.kind == "error"]
        assert "wait already" in refused[0].fields["message"]
    slow_server.eventually(lambda: slow_server.metric("lsms_engines_busy") == 0)


@posix
def test_an_engine_that_is_killed_is_said_and_the_next_request_works(slow_server):
    with slow_server.client() as client:
        request = search(client, make_ct(60, slices=4000))
        until_slices(client)
        os.kill(slow_server.engine_pids()[-1], signal.SIGKILL)
        event = client.wait(request, PATIENCE_S)
        assert event.kind == "error"
        assert "engine stopped in the middle of this run" in event.fields["message"]
        assert "press Run again" in event.fields["message"]
        # The image is still there, and a new engine is, too.
        received = slow_server.metric("lsms_received_bytes_total")
        found = client.wait(search(client, make_ct(60, slices=4000), slices=[1, 2]), PATIENCE_S)
        assert found.kind == "candidates"
        assert slow_server.metric("lsms_received_bytes_total") - received < 5000
        assert slow_server.metric("lsms_engine_deaths_total") == 1


@posix
def test_a_server_that_is_killed_is_one_message_and_the_run_can_be_made_again(tmp_path):
    with Server(tmp_path, step=0.05) as server, server.client() as client:
        request = search(client, make_ct(slices=400))
        until_slices(client)
        server.process.kill()
        events = events_until(client, "died")
        died = [e for e in events if e.kind == "died"]
        assert len(died) == 1
        assert "was lost in the middle of the run" in died[0].fields["message"]
        assert "Nothing was changed" in died[0].fields["message"]
        assert died[0].fields["requests"] == [request]
        assert not client.busy
        assert not client.running
        assert client.poll() == []
        # Nobody answers there now; that is told by its own name.
        server.process.wait()
        client.retry(request)
        gone = events_until(client, "died")[-1]
        assert "No engine's server answers at" in gone.fields["message"]
        # Its engine ended with it.
        for pid in server.engine_pids():
            stat = Path(f"/proc/{pid}/stat")
            deadline = time.monotonic() + PATIENCE_S
            while stat.exists() and ") Z" not in stat.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.02)
        folder = tmp_path / "again"
        folder.mkdir()
        with Server(folder, port=server.port):
            again = client.retry(gone.fields["requests"][0])
            assert client.wait(again, PATIENCE_S).kind == "candidates"


@posix
def test_a_server_that_is_stopped_tells_those_who_wait(tmp_path):
    with Server(tmp_path, step=0.05) as server, server.client() as client:
        request = search(client, make_ct(slices=4000))
        waiting = search(client, make_ct(1, slices=4000))
        until_slices(client)
        server.process.send_signal(signal.SIGTERM)
        seen = []
        while client.busy:
            seen += client.poll()
            time.sleep(0.005)
        seen += client.poll()
        ends = {e.request: e for e in seen if e.kind == "error"}
        assert set(ends) == {request, waiting}
        assert all("being stopped" in e.fields["message"] for e in ends.values())
        assert server.process.wait(timeout=PATIENCE_S) == 0


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
