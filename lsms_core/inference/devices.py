"""Where a model runs, and how to tell that memory ran out there."""

from __future__ import annotations

import torch

from lsms_core.errors import DeviceError

# Images, or pairs of image and text, at once; more are slower on a CPU (docs/performance.md).
BATCH_SIZES = {"cuda": 32, "mps": 4, "cpu": 2}


def resolve_device(name: str = "auto") -> torch.device:
    """Choose a device: "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        DeviceError: when a device is unknown or not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise DeviceError(
            f"Unknown device {name!r}: use auto, cpu, cuda, cuda:1 or mps."
        ) from error
    if device.type == "cpu":
        return device
    if device.type == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("This machine has no Apple GPU for torch: use --device cpu or auto.")
        return device
    if device.type != "cuda":
        raise DeviceError(f"Unknown device {name!r}: use auto, cpu, cuda, cuda:1 or mps.")
    if not torch.cuda.is_available():
        raise DeviceError(
            "torch finds no CUDA GPU here: use the device cpu or auto, or install a CUDA build."
        )
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise DeviceError(
            f"There is no GPU {device.index}: this machine has {torch.cuda.device_count()}."
        )
    return device


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    # MPS and the CPU's allocator have no class of their own.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


def free_memory(device: torch.device) -> None:
    """Give cached blocks back after memory ran out."""
    if device.type == "cuda" and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif device.type == "mps" and torch.backends.mps.is_available():
        torch.mps.empty_cache()
