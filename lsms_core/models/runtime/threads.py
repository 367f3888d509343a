"""The number of CPU threads of a network.

One a physical core that this process may use, and at most eight: the networks are small, and
beyond that more threads wait for each other. Threads that wait sleep instead of spinning: on a
machine with other work, spinning threads take the cores from those that they wait for
(docs/performance.md).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

MOST_THREADS = 8


def usable_cores() -> int:
    """Return the physical cores that this process may use, at least 1."""
    if not hasattr(os, "sched_getaffinity"):
        # Two threads a core are the rule on desktop machines; Apple's have one.
        count = os.cpu_count() or 1
        return count if sys.platform == "darwin" else max(1, count // 2)
    allowed = os.sched_getaffinity(0)
    cores = {_core(cpu) for cpu in allowed}
    return max(1, min(len(cores), _quota() or len(cores)))


def default_threads() -> int:
    """Return the number of threads if none is given."""
    return min(usable_cores(), MOST_THREADS)


def _core(cpu: int) -> str:
    """Name the physical core of a logical one; itself where the system does not tell."""
    file = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return str(cpu)


def _quota() -> int | None:
    """Return the whole cores that a container may use, None without a limit."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, round(int(limit) / int(period)))
    except (OSError, ValueError):
        return None
