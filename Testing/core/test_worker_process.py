"""The real child process: results, cancel, crash, memory, no orphans. Nothing here is timed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from lsms_core.errors import WorkerError
from lsms_core.inference.predictor import Predictor
from lsms_core.processes import OutgoingQueue
from lsms_core.worker.client import WorkerClient

pytestmark = pytest.mark.slow

PATIENCE_S = 240  # for a machine that is busy with other things
TEXTS = ["left lobe lesion", "right cyst"]
posix = pytest.mark.skipif(os.name != "posix", reason="process groups and /proc")

# Changes to the real process, applied in the child before it serves.
PROLOGUE = """
import subprocess, sys, time
from lsms_core.worker import jobs, process
sys.argv[1:3] = []  # "-m" and the module's name
"""
EPILOGUE = "\nprocess.main()\n"
STUCK = """
def stuck(self, request, fields):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    open(fields["texts"][0], "w").write(f"{child.pid}\\n")
    time.sleep(3600)
jobs.Jobs._segment = stuck
"""


def changed(body: str) -> list[str]:
    return [sys.executable, "-c", PROLOGUE + textwrap.dedent(body) + EPILOGUE]


def model(bundle) -> dict[str, str]:
    return {"weights": str(bundle), "device": "cpu"}


@pytest.fixture(scope="module")
def client(quick_bundle):
    with WorkerClient() as one:
        yield one


def ask(client, ct, bundle, texts=TEXTS, **options):
    return client.segment(ct.array, ct.affine, texts, model=model(bundle), **options)


def until(client, kind: str):
    """Poll until an event of a kind comes; returns all events up to it."""
    seen, deadline = [], time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        seen += client.poll()
        if any(event.kind == kind for event in seen):
            return seen
        time.sleep(0.005)
    raise AssertionError(f"no {kind!r} event; last words: {client.last_words()}")


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return not Path("/proc").is_dir()
        return False
    return state != "Z"


def assert_ends(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.02)


def written(path: Path) -> int:
    """Wait for a process id in a file."""
    deadline = time.monotonic() + PATIENCE_S
    while not (path.is_file() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def test_progress_then_the_answer_that_the_predictor_gives(client, quick_bundle, small_ct):
    ct = small_ct()
    request = ask(client, ct, quick_bundle, slices=[1, 3])
    events = until(client, "result")
    steps = [e.fields for e in events if e.kind == "progress" and e.request == request]
    assert (steps[0]["stage"], steps[0]["done"]) == ("model", 0)
    assert [s["done"] for s in steps if s["stage"] == "slices"][-1] == 2
    assert all(s["total"] == 2 for s in steps if s["stage"] == "slices")
    result = events[-1]
    assert (result.fields["axis"], result.fields["slices"]) == (0, [1, 3])
    assert result.fields["device"] == "cpu"
    assert result.fields["seconds"] > 0
    direct = Predictor.from_pretrained(quick_bundle, "cpu").segment(ct, TEXTS, slices=[1, 3])
    for i, (summary, expected) in enumerate(zip(result.fields["predictions"], direct, strict=True)):
        assert summary["text"] == TEXTS[i]
        assert summary["present"] == expected.present
        assert summary["score"] == pytest.approx(expected.score, abs=0.002)
        mine = result.arrays[f"probability{i}"]
        assert mine.dtype == np.float16
        np.testing.assert_allclose(
            mine.astype(np.float32),
            expected.probability[[1, 3]].astype(np.float32),
            atol=2e-3,  # another number of threads sums in another order
            rtol=0,
        )
        assert result.arrays[f"mask{i}"].shape == (2, 48, 64)
        assert result.arrays[f"mask{i}"].any() == summary["present"]


def test_a_volume_is_sent_once_a_key_and_again_when_the_worker_lost_it(
    client, quick_bundle, small_ct, monkeypatch
):
    ct, sent = small_ct(1), []
    original = type(client._child).send

    def counting(child, message):
        sent.append((message.type, sorted(message.arrays)))
        original(child, message)

    monkeypatch.setattr(type(client._child), "send", counting)
    first = client.wait(ask(client, ct, quick_bundle, volume_key="a"), PATIENCE_S)
    again = client.wait(ask(client, ct, quick_bundle, volume_key="a"), PATIENCE_S)
    np.testing.assert_array_equal(first.arrays["probability0"], again.arrays["probability0"])
    other = ct.with_array(ct.array[:, ::-1])
    turned = client.wait(ask(client, other, quick_bundle, volume_key="b"), PATIENCE_S)
    assert not np.array_equal(first.arrays["probability0"], turned.arrays["probability0"])
    # The client takes the worker to have a volume that it has not: it asks for it.
    client._sent_key = "c"
    found = client.wait(ask(client, ct, quick_bundle, volume_key="c"), PATIENCE_S)
    np.testing.assert_array_equal(first.arrays["probability0"], found.arrays["probability0"])
    arrays = [names for kind, names in sent if kind == "segment"]
    assert arrays == [["ct"], [], ["ct"], [], ["ct"]]
    # Without a key nothing is kept, and nothing is taken from the one before.
    client.wait(ask(client, ct, quick_bundle), PATIENCE_S)
    client.wait(ask(client, ct, quick_bundle), PATIENCE_S)
    assert [names for kind, names in sent if kind == "segment"][5:] == [["ct"], ["ct"]]


def test_an_image_changed_while_it_was_sent_is_refused(client, quick_bundle, small_ct, monkeypatch):
    ct = small_ct(1)
    client.start()
    with monkeypatch.context() as held:
        held.setattr(OutgoingQueue, "flush", lambda *_: True)  # all of it still waits here
        request = ask(client, ct, quick_bundle, volume_key="torn")
        ct.array[-1] = 7
    event = client.wait(request, PATIENCE_S)
    assert event.kind == "error"
    assert "changed while it was being sent" in event.fields["message"]
    # Nothing of it was kept under that key: the worker asks for it, and gets it whole.
    assert (
        client.wait(ask(client, ct, quick_bundle, volume_key="torn"), PATIENCE_S).kind == "result"
    )


def test_what_the_user_got_wrong_comes_back_in_words(client, quick_bundle, small_ct):
    ct = small_ct(1)
    event = client.wait(ask(client, ct, quick_bundle, ["?!"]), PATIENCE_S)
    assert (event.kind, event.fields["kind"]) == ("error", "InputError")
    assert "has no words" in event.fields["message"]
    event = client.wait(ask(client, ct, quick_bundle, slices=[9]), PATIENCE_S)
    assert "Slice 9 is outside" in event.fields["message"]
    event = client.wait(ask(client, ct, "nowhere"), PATIENCE_S)
    assert (event.kind, event.fields["kind"]) == ("error", "BundleError")
    with pytest.raises(WorkerError, match="complex64"):
        client.segment(ct.array.astype("c8"), ct.affine, TEXTS, model=model(quick_bundle))
    assert not client.busy


def test_load_and_unload_on_request(client, quick_bundle):
    loaded = client.wait(client.load(model(quick_bundle)), PATIENCE_S)
    assert (loaded.kind, loaded.fields["model"]) == ("loaded", "small")
    assert client.wait(client.unload(), PATIENCE_S).kind == "unloaded"
    assert client.running


def test_cancel_is_polite_first_and_the_worker_lives_on(client, quick_bundle, small_ct):
    client._grace_seconds, pid = float(PATIENCE_S), client.process_id
    ct = small_ct(2000)  # seconds of work, so that the cancel comes in the midst of it
    running = ask(client, ct, quick_bundle, volume_key="long")
    queued = ask(client, ct, quick_bundle, volume_key="long")
    until(client, "progress")
    client.cancel()
    events = until(client, "cancelled")
    while client.busy:
        events += client.poll()
    assert {e.request for e in events if e.kind == "cancelled"} == {running, queued}
    assert client.process_id == pid
    # The volume that came with the cancelled run is there all the same.
    request = ask(client, ct, quick_bundle, slices=[0], volume_key="long")
    assert client.wait(request, PATIENCE_S).kind == "result"


@posix
def test_a_crash_is_reported_and_the_request_can_be_made_again(client, quick_bundle, small_ct):
    lost = ask(client, small_ct(300), quick_bundle, volume_key="crash")
    os.kill(client.process_id, signal.SIGKILL)
    died = until(client, "died")[-1]
    assert "memory ran out" in died.fields["message"]
    assert "press Run" in died.fields["message"]
    assert died.fields["requests"] == [lost]
    assert not client.busy
    assert not client.running
    answer = client.wait(client.retry(lost), PATIENCE_S)
    assert answer.kind == "result"
    assert [p["text"] for p in answer.fields["predictions"]] == TEXTS
    with pytest.raises(WorkerError, match="was not lost"):
        client.retry(lost)


@posix
def test_a_worker_that_died_unnoticed_is_replaced_without_a_word(client):
    client.start()
    pid = client.process_id
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while client.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    client.unload()
    kinds = {event.kind for event in until(client, "unloaded")}
    assert "died" not in kinds
    assert client.process_id != pid


@posix
def test_a_run_that_does_not_stop_is_ended_with_all_it_started(small_ct, tmp_path):
    ct = small_ct(1)
    with WorkerClient(changed(STUCK), grace_seconds=0.1) as client:
        file = tmp_path / "first"
        stuck = client.segment(ct.array, ct.affine, [str(file)], model={})
        waiting = client.unload()
        grandchild, worker = written(file), client.process_id
        assert alive(grandchild)
        client.cancel(stuck)
        events = until(client, "cancelled")
        assert [e.request for e in events if e.kind == "cancelled"] == [stuck]
        assert_ends(worker)
        assert_ends(grandchild)
        # What only waited behind it is answered by the next worker, under its own number.
        assert client.wait(waiting, PATIENCE_S).kind == "unloaded"
        assert client.process_id != worker


@posix
def test_closing_ends_all_that_was_started(small_ct, tmp_path):
    ct, file = small_ct(1), tmp_path / "pid"
    client = WorkerClient(changed(STUCK))
    client.segment(ct.array, ct.affine, [str(file)], model={})
    grandchild, worker = written(file), client.process_id
    client.close()
    assert_ends(worker)
    assert_ends(grandchild)


@posix
def test_no_orphan_is_left_when_the_host_is_killed(tmp_path):
    host = textwrap.dedent(f"""
        import sys, time, numpy as np
        from lsms_core.worker.client import WorkerClient
        client = WorkerClient({changed(STUCK)!r})
        ct = np.zeros((1, 8, 8), np.int16)
        client.segment(ct, np.eye(4), [sys.argv[1]], model={{}})
        print(client.process_id, flush=True)
        while True:
            client.poll()
            time.sleep(0.01)
    """)
    file = tmp_path / "pid"
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", host, str(file)], stdout=subprocess.PIPE, cwd=root
    ) as process:
        worker = int(process.stdout.readline())
        grandchild = written(file)
        assert alive(worker)
        process.kill()
        process.wait()
        assert_ends(worker)
        assert_ends(grandchild)


def test_memory_that_runs_out_is_reported_and_survived(small_bundle, small_ct):
    command = changed("""
        from lsms_core.inference.lsms_engine import LsmsEngine
        original = LsmsEngine.probabilities
        def short(self, images, texts):
            if "cyst" in texts[0].text:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes")
            return original(self, images, texts)
        LsmsEngine.probabilities = short
        def load(self, fields):
            if fields["model"].get("weights") == "huge":
                raise MemoryError
            return loading(self, fields)
        from lsms_core.worker.jobs import Jobs
        loading, Jobs._load = Jobs._load, load
    """)
    with WorkerClient(command) as client:
        ct = small_ct(1)
        event = client.wait(client.load({"weights": "huge"}), PATIENCE_S)
        assert (event.kind, event.fields["kind"]) == ("error", "DeviceError")
        assert "ran out of memory" in event.fields["message"]
        event = client.wait(ask(client, ct, small_bundle, ["cyst"]), PATIENCE_S)
        assert (event.kind, event.fields["kind"]) == ("error", "DeviceError")
        assert "ran out of memory" in event.fields["message"]
        event = client.wait(ask(client, ct, small_bundle, ["left lesion"]), PATIENCE_S)
        assert event.kind == "result"
        assert "Memory ran out" in event.fields["predictions"][0]["fallback"]


def test_an_idle_worker_drops_the_model_says_so_and_takes_it_up_again(quick_bundle, small_ct):
    # What is printed by accident must not break the protocol either.
    command = changed("""
        import os
        def load(self, fields):
            print("a library says hello", flush=True)
            os.write(1, b"and so does its C part")
            return loading(self, fields)
        from lsms_core.worker.jobs import Jobs
        loading, Jobs._load = Jobs._load, load
    """)
    with WorkerClient(command, idle_seconds=0.2) as client:
        ct = small_ct(1)
        first = client.wait(ask(client, ct, quick_bundle, volume_key="k"), PATIENCE_S)
        idle = [e for e in until(client, "unloaded") if e.kind == "unloaded"]
        assert idle[0].request == 0
        again = client.wait(ask(client, ct, quick_bundle, volume_key="k"), PATIENCE_S)
        np.testing.assert_array_equal(first.arrays["mask0"], again.arrays["mask0"])


def test_a_worker_of_another_version_is_refused(small_ct):
    with WorkerClient(changed("process.PROTOCOL_VERSION = 99")) as client:
        lost = client.unload()
        died = until(client, "died")[-1]
        assert "protocol 99" in died.fields["message"]
        assert "same version" in died.fields["message"]
        assert died.fields["requests"] == [lost]
        assert not client.running
        assert client.poll() == []


def test_an_answer_out_of_protocol_ends_the_worker():
    script = "import sys, time; sys.stdout.write('hello?' + chr(10)); sys.stdout.flush(); "
    with WorkerClient([sys.executable, "-c", script + "time.sleep(3600)"]) as client:
        client.start()
        pid = client.process_id
        died = until(client, "died")[-1]
        assert "not a message" in died.fields["message"]
        if os.name == "posix":
            assert_ends(pid)
