"""Chooses the runtime of a network and the device.

ONNX Runtime is the default: it is small and starts in a fraction of a second. torch is used where
only it supports the device (CUDA without ONNX Runtime's GPU package, Apple's MPS), where a model
has no graphs, and where the user chooses it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import sys
from functools import lru_cache

from lsms_core.errors import BundleError, DependencyError, DeviceError, InputError
from lsms_core.models.installed import BundleInfo
from lsms_core.models.runtime.graphs import graphs_of
from lsms_core.models.runtime.interface import Runtime

logger = logging.getLogger(__name__)

RUNTIMES = ("onnxruntime", "torch")
DEVICES = ("auto", "cpu", "cuda", "mps", "directml", "coreml")
# device -> what ONNX Runtime calls the provider.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
NO_TORCH = 'torch is not installed: pip install "lsms-core[torch]"'


def open_runtime(
    info: BundleInfo,
    device: str = "auto",
    *,
    runtime: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
) -> Runtime:
    """Load a model's network.

    Args:
        info: the model; see :func:`lsms_core.models.installed.inspect_bundle`.
        device: "auto", "cpu", "cuda", "cuda:1", "mps" (Apple, torch), "directml" (Windows) or
            "coreml" (Apple). "auto" takes an NVIDIA GPU that either runtime can use, then
            DirectML where it was installed, then the CPU.
        runtime: "onnxruntime", "torch" or "auto".
        threads: CPU threads; default: see :mod:`lsms_core.models.runtime.threads`.
        precision: "auto", "float32" or "bfloat16", which only torch has.

    Raises:
        BundleError: when the weights or graphs cannot be read.
        DependencyError: when what the choice needs is not installed.
        DeviceError: when the device is not there.
        InputError: for a name or number that does not exist.
    """
    if threads is not None and threads < 1:
        raise InputError(f"The number of threads is {threads}: use 1 or more.")
    kind, where = choose(info, device, runtime)
    if kind == "onnxruntime":
        if precision == "bfloat16":
            raise InputError("ONNX Runtime has no bfloat16 here: use the runtime torch.")
        from lsms_core.models.runtime.onnx_runtime import OnnxRuntime

        return OnnxRuntime(info.folder, where, threads=threads)
    from lsms_core.models.runtime.torch_runtime import TorchRuntime

    return TorchRuntime.load(info, where, threads=threads, precision=precision)


def choose(info: BundleInfo, device: str, runtime: str = "auto") -> tuple[str, str]:
    """Return the runtime and the device for a model; see :func:`open_runtime`."""
    kind, number = _parsed(device)
    if runtime not in ("auto", *RUNTIMES):
        raise InputError(f"Unknown runtime {runtime!r}: use auto, {' or '.join(RUNTIMES)}.")
    if runtime == "auto":
        runtime = _runtime_for(info, kind)
    if runtime == "torch":
        if not _installed("torch"):
            if not graphs_of(info.folder):
                raise _no_graphs(info)
            raise DependencyError(f"{NO_TORCH}, or use the runtime onnxruntime.")
        return runtime, torch_device(device)
    if not graphs_of(info.folder):
        raise _no_graphs(info)
    if not _installed("onnxruntime"):
        raise DependencyError("onnxruntime is not installed: pip install onnxruntime")
    return runtime, _onnx_device(kind, number)


def _runtime_for(info: BundleInfo, kind: str) -> str:
    """Choose the runtime that reaches a kind of device."""
    if not graphs_of(info.folder):
        return "torch"
    if not _installed("onnxruntime"):
        return "torch" if _installed("torch") else "onnxruntime"
    if kind == "mps":
        return "torch"
    if kind in ("auto", "cuda") and PROVIDERS["cuda"] not in _providers():
        # Only torch can use the GPU; where there is none, ONNX Runtime says so.
        reachable = _installed("torch") and (kind == "cuda" or _has_nvidia_gpu())
        return "torch" if reachable else "onnxruntime"
    return "onnxruntime"


def _onnx_device(kind: str, number: str) -> str:
    providers = _providers()
    if kind == "auto":
        if PROVIDERS["cuda"] in providers and _has_nvidia_gpu():
            return "cuda:0"
        return "directml" if PROVIDERS["directml"] in providers else "cpu"
    if kind == "mps":
        raise DeviceError("ONNX Runtime has no MPS: use coreml or cpu, or the torch runtime.")
    if kind != "cpu" and PROVIDERS[kind] not in providers:
        raise DeviceError(
            f"The installed ONNX Runtime has no {kind}: use the device auto or cpu"
            + (f", or the torch runtime ({NO_TORCH})." if kind == "cuda" else ".")
        )
    return f"cuda:{number or 0}" if kind == "cuda" else kind


def torch_device(device: str = "auto") -> str:
    """Return the device on which torch runs: "auto" takes CUDA, else the CPU.

    Raises:
        DeviceError: when a device is unknown or not there.
    """
    import torch

    kind, number = _parsed(device)
    if kind in ("directml", "coreml"):
        raise DeviceError(f"torch has no {kind}: use the runtime onnxruntime.")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda":
        index = int(number or 0)
        if not torch.cuda.is_available():
            raise DeviceError(
                "torch finds no CUDA GPU here: use the device cpu or auto, or install a CUDA build."
            )
        if index >= torch.cuda.device_count():
            raise DeviceError(
                f"There is no GPU {index}: this machine has {torch.cuda.device_count()}."
            )
        return f"cuda:{index}"
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("This machine has no Apple GPU for torch: use --device cpu or auto.")
    return kind


def _parsed(device: str) -> tuple[str, str]:
    """Split "cuda:1"."""
    kind, _, number = device.partition(":")
    if kind not in DEVICES or (number and (kind != "cuda" or not number.isdigit())):
        raise DeviceError(
            f"Unknown device {device!r}: use auto, cpu, cuda, cuda:1, mps, directml or coreml."
        )
    return kind, number


def _no_graphs(info: BundleInfo) -> BundleError:
    return BundleError(
        f"The model {info.name} {info.version} has no graphs for ONNX Runtime, so that it runs "
        f"in torch only, and {NO_TORCH}, or install a model that has graphs (made by lsms export)."
    )


def _installed(package: str) -> bool:
    return package in sys.modules or importlib.util.find_spec(package) is not None


@lru_cache
def _providers() -> tuple[str, ...]:
    import onnxruntime

    return tuple(onnxruntime.get_available_providers())


@lru_cache
def _has_nvidia_gpu() -> bool:
    """Ask NVIDIA's driver, without torch, whose import takes seconds."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int(0)
        found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    except (OSError, AttributeError):
        return False
    return found and count.value > 0
