"""Batch sizes by device, and recognition of out-of-memory errors; without importing torch."""

from __future__ import annotations

import sys

# Images, or pairs of image and text, at once; more are slower on a CPU (docs/performance.md).
BATCH_SIZES = {"cuda": 32, "directml": 8, "coreml": 4, "mps": 4, "cpu": 2}


def batch_size(device: str) -> int:
    """Return how many images go at once on a device such as "cpu" or "cuda:0"."""
    return BATCH_SIZES.get(device.partition(":")[0], 1)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    if isinstance(error, MemoryError):
        return True
    # MPS, the allocators of CPUs and ONNX Runtime have no class of their own.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in text for words in ("out of memory", "can't allocate memory", "failed to allocate")
    )


def free_memory(device: str) -> None:
    """Give cached blocks back after memory ran out."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if device.startswith("cuda") and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif device == "mps" and torch.backends.mps.is_available():
        torch.mps.empty_cache()
