"""A process that is started can be ended with all that it started, and is scheduled with us."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lsms_core.processes import kill_tree, spawn_options

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups")

# Starts a child, says its process id, and waits.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def parent():
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, **spawn_options()
    )
    yield process
    kill_tree(process)
    process.stdout.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_what_it_started_ends_with_it(parent):
    child = int(parent.stdout.readline())
    assert is_running(child)
    kill_tree(parent)
    assert parent.poll() is not None
    # It was told to end with its parent; it may not be off the list yet.
    deadline = time.monotonic() + 60
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_leads_a_group_of_its_own(parent):
    parent.stdout.readline()
    assert os.getpgid(parent.pid) == parent.pid != os.getpgid(0)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="it gets a session of its own there")
def test_it_stays_in_our_session(parent):
    parent.stdout.readline()
    assert os.getsid(parent.pid) == os.getsid(0)
