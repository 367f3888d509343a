"""Fixtures every test room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Derandomised: the same examples on every machine, so that no test depends on luck.
settings.register_profile(
    "project",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("project")

# With a process a core (`-n auto`), each keeps to its own: two threads in each of two processes
# wait for each other, and some tests take seven times as long.
if hasattr(os, "sched_setaffinity") and os.environ.get("PYTEST_XDIST_WORKER"):
    _cores = sorted(os.sched_getaffinity(0))
    if os.environ["PYTEST_XDIST_WORKER_COUNT"] == str(len(_cores)):
        os.sched_setaffinity(0, {_cores[int(os.environ["PYTEST_XDIST_WORKER"][2:])]})

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real CT beside the checkout (never part of it); skips where it is absent."""
    folder = Path(os.environ.get("LSMS_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "liver_ct").is_dir():
        pytest.skip(f"real CT not found at {folder}; set LSMS_SHARED_DATA to run this test")
    return folder
