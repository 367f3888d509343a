"""The worker's messages survive any cut of the stream; a broken stream is noticed."""

from __future__ import annotations

import json
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.errors import WorkerError
from lsms_core.worker.client import WorkerClient
from lsms_core.worker.protocol import Message, MessageReader


def encode(message: Message) -> bytes:
    return b"".join(bytes(chunk) for chunk in message.chunks())


@given(
    cuts=st.lists(st.integers(1, 400), max_size=12),
    texts=st.lists(st.text(max_size=20), max_size=3),
    shape=st.tuples(st.integers(0, 3), st.integers(1, 5)),
    dtype=st.sampled_from(["i2", "u1", "f4", "f2", "?", ">i2"]),
)
def test_messages_survive_any_cut_of_the_stream(cuts, texts, shape, dtype):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    sent = [Message("segment", {"texts": texts}, {"ct": array}), Message("cancel", {"request": 3})]
    data = b"".join(map(encode, sent))
    reader, received, position = MessageReader(), [], 0
    for cut in [*cuts, len(data)]:
        received += reader.feed(data[position : position + cut])
        position += cut
    assert [m.type for m in received] == ["segment", "cancel"]
    assert received[0].fields == {"texts": texts}
    np.testing.assert_array_equal(received[0].arrays["ct"], array)
    assert received[1].fields == {"request": 3}


def announcing(**changes) -> bytes:
    entry = {"name": "a", "dtype": "<f8", "shape": [1], "crc32": 0, **changes}
    return json.dumps({"type": "x", "arrays": [entry]}).encode() + b"\n"


def test_an_announcement_as_it_should_be_is_taken():
    assert MessageReader().feed(announcing(crc32=zlib.crc32(bytes(8))) + bytes(8))[0].altered == ()


@pytest.mark.parametrize(
    "header",
    [
        b"Segmentation fault\n",
        b"[1, 2]\n",
        b'{"no": "type"}\n',
        b'{"type": 3}\n',
        b'{"type": "x", "arrays": [{"name": "a", "dtype": "<f8", "shape": [1]}]}\n',
        announcing(dtype="|O"),
        announcing(shape=[-1]),
        announcing(shape=[1 << 40]),
        announcing(shape=["1"]),
        announcing(crc32=None),
        b"x" * (1 << 21),
    ],
)
def test_bytes_that_are_no_message_are_refused(header):
    with pytest.raises(WorkerError, match="restart the worker"):
        MessageReader().feed(header)


def test_an_array_changed_while_it_was_sent_is_noticed_and_the_stream_goes_on():
    array = np.arange(1000, dtype=np.int16)
    header, body = Message("segment", {}, {"ct": array, "other": array + 1}).chunks(), b""
    body += bytes(next(header))
    array[500] = -1
    body += b"".join(bytes(chunk) for chunk in header)
    first, second = MessageReader().feed(body + encode(Message("unload")))
    assert first.altered == ("ct",)
    assert second.type == "unload"


def test_an_array_of_a_type_nobody_agreed_on_is_not_sent():
    with pytest.raises(WorkerError, match="complex128"):
        encode(Message("segment", {}, {"ct": np.zeros(2, complex)}))


def test_an_interpreter_that_is_not_there_is_named():
    client = WorkerClient(["/nonexistent/python"])
    with pytest.raises(WorkerError, match="/nonexistent/python"):
        client.start()


def test_a_worker_that_ends_at_once_is_reported_with_its_last_words():
    script = "import sys; sys.stderr.write('no room left'); sys.exit(7)"
    with WorkerClient([sys.executable, "-c", script]) as client:
        client.unload()
        events, deadline = [], time.monotonic() + 30
        while not events and time.monotonic() < deadline:
            events = client.poll()
            time.sleep(0.01)
        assert events[0].kind == "died"
        assert "status 7" in events[0].fields["message"]
        assert events[0].fields["diagnostics"] == "no room left"
        assert not client.running
        assert not client.busy


def test_the_real_process_says_hello_refuses_nonsense_and_ends_with_its_client():
    with WorkerClient() as client:
        assert client.wait(client.unload(), timeout=60).kind == "unloaded"
        answer = client.wait(client.request("dance", {}), timeout=60)
        assert answer.kind == "error"
        assert "dance" in answer.fields["message"]
        process = client._child._process
        process.stdin.close()
        assert process.wait(timeout=30) is not None
