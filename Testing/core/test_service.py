"""Requests to a real server on loopback: answered, refused, malformed, slow."""

from __future__ import annotations

import contextlib
import json
import sys
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
    answers,
    body,
    events_until,
    make_ct,
    search,
)

from lsms_core.worker.protocol import Message

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that answers at once; its limits are small."""
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, image_bytes=1 << 20, head_seconds=1.0, stall_seconds=1.0) as one:
        yield one


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
