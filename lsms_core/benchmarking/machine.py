"""Measures the machine's matrix-multiply peak, and the memory of a process."""

from __future__ import annotations

import ctypes
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MIB = 1 << 20
_EDGE = {"cpu": 2048, "cuda": 8192, "mps": 4096}


def seconds_of(
    function: Callable[[], object], device: torch.device, budget_s: float, at_least: int = 3
) -> list[float]:
    """Time a function again and again, after one call that is not counted.

    Args:
        function: what is timed.
        device: waited for, so that queued work is counted.
        budget_s: go on for about this long.
        at_least: calls, however long they take.
    """
    function()
    synchronise(device)
    times: list[float] = []
    while len(times) < at_least or (sum(times) < budget_s and len(times) < 1000):
        started = time.perf_counter()
        function()
        synchronise(device)
        times.append(time.perf_counter() - started)
    return times


def median_of(
    function: Callable[[], object], device: torch.device, budget_s: float, at_least: int = 3
) -> float:
    """Return the median of :func:`seconds_of`: other programs disturb it least."""
    return statistics.median(seconds_of(function, device, budget_s, at_least))


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done what was queued."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matmul_peak(device: torch.device, dtype: torch.dtype, budget_s: float = 0.5) -> float:
    """Measure GFLOP/s of a large square matrix product, the best of several."""
    import torch

    edge = _EDGE.get(device.type, 2048)
    a = torch.rand((edge, edge), device=device).to(dtype)
    b = torch.rand((edge, edge), device=device).to(dtype)
    best = min(seconds_of(lambda: a @ b, device, budget_s))
    return 2.0 * edge**3 / best / 1e9


def peak_memory_mib() -> float | None:
    """Return the most memory (resident set) this process ever had, MiB; None where unknown."""
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage would report the parent's peak for a freshly started child on Linux.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return _windows_peak() / MIB
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    return None


def _windows_peak() -> int:
    class Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of psapi.h."""

        _fields_ = [
            ("cb", ctypes.c_uint32),
            ("PageFaultCount", ctypes.c_uint32),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("WorkingSetSize", ctypes.c_size_t),
            ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
            ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
            ("PagefileUsage", ctypes.c_size_t),
            ("PeakPagefileUsage", ctypes.c_size_t),
        ]

    counters = Counters(cb=ctypes.sizeof(Counters))
    windll = ctypes.windll  # type: ignore[attr-defined,unused-ignore]
    windll.kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(windll.kernel32.GetCurrentProcess())
    windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
    return int(counters.PeakWorkingSetSize)


def machine_name(device: torch.device) -> str:
    """Name the processor or GPU, as far as the system tells."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
