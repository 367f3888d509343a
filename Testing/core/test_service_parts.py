"""The parts of the service that need no process: addresses, tokens, turns, HTTP, checks."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pytest

from lsms_core.errors import InputError, OutputError, WorkerError
from lsms_core.service.access_token import (
    checked_token,
    given_token,
    make_token_file,
    read_token,
    same_token,
)
from lsms_core.service.address import Address, is_loopback
from lsms_core.service.fair_queue import FairQueue
from lsms_core.service.http_response import HttpResponse
from lsms_core.service.image_hash import image_hash
from lsms_core.service.kept import KeptByUse
from lsms_core.service.limits import Limits
from lsms_core.service.wire_request import WireRequest
from lsms_core.worker.protocol import Message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ward", "http://ward:8417"),
        ("ward:99", "http://ward:99"),
        (" https://ward.example/lsms/ ", "https://ward.example:443/lsms"),
        ("http://[::1]:8417", "http://[::1]:8417"),
    ],
)
def test_addresses_are_read_as_people_write_them(text, shown):
    assert str(Address.parse(text)) == shown
    assert Address.parse(shown) == Address.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "ftp://ward", "http://", "ward:port", "http://me:secret@ward", "http://a b", "wärd"],
)
def test_what_is_no_address_is_refused_without_showing_a_password(text):
    with pytest.raises(InputError) as refused:
        Address.parse(text)
    assert "secret" not in str(refused.value)


def test_only_this_computers_addresses_are_loopback():
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "10.0.0.1", "localhost.example", ""]))


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_token_file_is_its_owners_alone(tmp_path, monkeypatch):
    file = tmp_path / "token"
    token = make_token_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_token(file) == given_token(file) == token
    with pytest.raises(OutputError):
        make_token_file(file)
    file.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        read_token(file)
    monkeypatch.setenv("LSMS_SERVER_TOKEN", " from-the-environment ")
    assert given_token(None) == "from-the-environment"
    monkeypatch.delenv("LSMS_SERVER_TOKEN")
    assert given_token(None) is None


def test_tokens_are_compared_whole_and_cannot_break_http():
    assert same_token("abc", "abc")
    assert not same_token("ab", "abc")
    assert not same_token("äbc", "abc")
    for bad in ("short", "two lines of\r\nX-Header: more", "ä" * 20):
        with pytest.raises(InputError):
            checked_token(bad, "the settings")


@dataclass(frozen=True)
class Item:
    client: str
    number: int


def test_a_client_with_many_requests_does_not_keep_others_waiting():
    queue: FairQueue[Item] = FairQueue()
    greedy = [Item("greedy", n) for n in range(10)]
    for item in greedy:
        queue.put(item)
    others = [Item("a", 0), Item("b", 0), Item("a", 1)]
    for item in others:
        queue.put(item)
    foreseen = {item: queue.before(item) for item in (*greedy, *others)}
    taken = [queue.take() for _ in range(13)]
    assert taken[:6] == [greedy[0], others[0], others[1], greedy[1], others[2], greedy[2]]
    assert {item: n for n, item in enumerate(taken)} == foreseen
    assert len(queue) == 0
    with pytest.raises(IndexError):
        queue.take()


def test_what_is_taken_out_of_the_queue_is_not_served():
    queue: FairQueue[Item] = FairQueue()
    first, second = Item("a", 0), Item("a", 1)
    queue.put(first)
    queue.put(second)
    assert queue.remove(first)
    assert not queue.remove(first)
    assert queue.before(first) is None
    assert queue.take() is second


def test_memory_holds_what_was_used_last():
    kept = KeptByUse(10, len)
    kept.put("a", b"aaaa")
    kept.put("b", b"bbbb")
    assert kept.get("a")
    kept.put("c", b"cccc")
    assert kept.get("b") is None
    assert (kept.bytes, len(kept)) == (8, 2)
    kept.put("a", b"aaaaaa")
    assert kept.bytes == 10
    kept.put("huge", b"x" * 11)
    assert kept.get("huge") is None
    assert kept.get("a")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
RESPONSES = {
    "chunks": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "length": HEAD + b"Content-Length: 13\r\n\r\nabc0123456789",
    "end": HEAD + b"\r\nabc0123456789",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n"
    + HEAD
    + b"Content-Length: 13\r\n\r\nabc0123456789",
}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_responses_are_read_in_pieces_of_any_size(name, size):
    whole, response = RESPONSES[name], HttpResponse()
    body = b"".join(response.feed(whole[n : n + size]) for n in range(0, len(whole), size))
    assert response.status == 200
    assert body == b"abc0123456789"
    assert response.complete == (name != "end")
    response.end()
    assert response.complete


def test_a_response_that_breaks_off_is_not_complete():
    response = HttpResponse()
    response.feed(RESPONSES["chunks"][:-5])
    response.end()
    assert not response.complete


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 what\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"H" * 70000,
    ],
)
def test_what_is_no_http_is_refused(data):
    with pytest.raises(WorkerError, match="speaks no HTTP"):
        HttpResponse().feed(data)


def test_an_images_name_is_that_of_its_voxels_and_its_geometry():
    ct, affine = np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4)
    name = image_hash(ct, affine)
    assert name == image_hash(ct.astype(">i2"), affine)
    assert name == image_hash(np.asfortranarray(ct), affine)
    moved = affine.copy()
    moved[0, 3] = 1e-9
    changed = ct.copy()
    changed[1, 2, 3] += 1
    others = [
        image_hash(ct, moved),
        image_hash(changed, affine),
        image_hash(ct.reshape(2, 4, 3), affine),
        image_hash(ct.view(np.uint16), affine),
    ]
    assert len({name, *others}) == 5


GOOD = {
    "request": 3,
    "model": {"weights": "fake", "engine": None, "device": "cuda"},
    "volume_key": "0" * 64,
    "affine": np.eye(4).tolist(),
    "plane": "axial",
    "slices": [0, 1],
    "threshold": None,
    "texts": ["left lobe lesion"],
    "masks": True,
}


def checked(kind="ask", **changes):
    fields = {**GOOD, **changes}
    return WireRequest.of(Message(kind, fields), Limits(), {"fake": "/models/fake"}, "cpu")


def test_a_good_request_gives_the_engine_only_what_it_needs():
    request = checked(patient="Doe^Jane")
    assert request.number == 3
    # The server decides where models run, and what their names mean.
    assert request.fields["model"] == {"weights": "/models/fake", "engine": None, "device": "cpu"}
    assert "patient" not in request.fields
    assert checked("unload").fields == {}
    assert checked(model={}).fields["model"]["weights"] == "/models/fake"


@pytest.mark.parametrize(
    "changes",
    [
        {"request": "3"},
        {"request": True},
        {"model": "fake"},
        {"model": {"weights": "/etc"}},
        {"model": {"weights": ["fake"]}},
        {"model": {"weights": "fake", "engine": 3}},
        {"volume_key": "../../etc/passwd"},
        {"volume_key": None},
        {"affine": [[1, 0, 0, 0]] * 3},
        {"affine": [[float("nan")] * 4] * 4},
        {"plane": "oblique"},
        {"plane": 3},
        {"plane": ["axial"]},
        {"slices": []},
        {"slices": [0.5]},
        {"slices": "all"},
        {"threshold": 2},
        {"threshold": "high"},
        {"texts": []},
        {"texts": "lesion"},
        {"texts": [None]},
        {"texts": ["a"] * 100},
        {"texts": ["a" * 5000]},
    ],
)
def test_bad_requests_are_refused_in_words_without_their_texts(changes):
    with pytest.raises(InputError) as refused:
        checked(**changes)
    assert "aaaa" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_what_an_engine_cannot_do_is_refused_by_name():
    with pytest.raises(InputError, match="no request 'format'"):
        checked("format")
    with pytest.raises(InputError, match="changed while"):
        WireRequest.of(Message("ask", GOOD, {}, ("ct",)), Limits(), {"fake": "f"}, "cpu")
    with pytest.raises(InputError, match="ct"):
        WireRequest.of(
            Message("ask", GOOD, {"ct": np.zeros((2, 2))}), Limits(), {"fake": "f"}, "cpu"
        )
