"""Runs on a real server: progress, cancel, the queue, and engines and servers that are killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the server's package, of the extra 'serve'")
pytest.importorskip("prometheus_client", reason="the server's package, of the extra 'serve'")
sys.path.insert(0, str(Path(__file__).parent))

from service_process import (
    PATIENCE_S,
    Server,
    events_until,
    make_ct,
    search,
    until_slices,
)

pytestmark = pytest.mark.slow
posix = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    """A server whose engine takes 50 ms a slice."""
    with Server(tmp_path_factory.mktemp("slow"), step=0.05, told_seconds=0.3) as one:
        yield one


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
