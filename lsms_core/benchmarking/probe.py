"""Measures one model in a process of its own: first the start, then single slices.

Run as ``python -m lsms_core.benchmarking.probe '{"weights": ..., ...}'``; prints one line of
JSON. The order matters: memory is read before anything that is not part of segmenting runs.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import LsmsError

if TYPE_CHECKING:
    import torch

    from lsms_core.anatomy.geometry import CTVolume
    from lsms_core.inference.predictor import Predictor

TEXT = "left lobe hypodense lesion"
OTHER_TEXTS = ("right lobe cyst", "all lesions")


def phantom(slices: int, pixels: int = 512) -> CTVolume:
    """Return a volume of a body's outline and noise: contents do not change the cost.

    Args:
        slices: how many, 2.5 mm apart.
        pixels: rows and columns of a slice, of 0.8 mm.
    """
    from lsms_core.anatomy.geometry import CTVolume

    y, x = np.mgrid[-1 : 1 : pixels * 1j, -1 : 1 : pixels * 1j]
    body = (y / 0.6) ** 2 + (x / 0.85) ** 2 < 1
    noise = np.random.default_rng(0).normal(60, 20, (slices, pixels, pixels))
    array = np.where(body, noise, -1000).astype(np.int16)
    return CTVolume(array, np.diag([-0.8, -0.8, 2.5, 1.0]))


def probe(options: dict[str, Any]) -> dict[str, Any]:
    """Measure as ``options`` say.

    Args:
        options: ``weights`` (bundle), ``size`` (edge of the model's grid, None for the
            bundle's own), ``threads`` (None for torch's choice), ``device``, ``slices`` (of
            the volume), ``budget_s`` (seconds a measurement) and ``started`` (time.time()
            when this process was started).

    Returns:
        The figures; see docs/performance.md.
    """
    from lsms_core.inference.predictor import Predictor

    started = float(options["started"])
    figures: dict[str, Any] = {"import_s": time.time() - started}
    predictor = Predictor.from_pretrained(
        options["weights"], options["device"], threads=options["threads"]
    )
    figures["cold_start_s"] = time.time() - started
    figures["load_s"] = figures["cold_start_s"] - figures["import_s"]
    if options["size"] is not None:
        size = int(options["size"])
        predictor.preprocessing = replace(predictor.preprocessing, height=size, width=size)
    volume = phantom(int(options["slices"]))
    before = time.perf_counter()
    predictor.segment(volume, TEXT, slices=0)
    figures["first_slice_s"] = time.perf_counter() - before
    figures |= _warm(predictor, volume, float(options["budget_s"]))
    figures |= _efficiency(options, predictor, figures, float(options["budget_s"]))
    return figures


def _warm(predictor: Predictor, volume: CTVolume, budget_s: float) -> dict[str, Any]:
    import torch

    from lsms_core.benchmarking.machine import MIB, median_of, peak_memory_mib

    device = torch.device(predictor.device)
    count = len(volume.array)
    # Another slice each time, and no earlier search: what is remembered is no speed.
    turn = cycle(range(count))

    def one(texts: str | list[str]) -> None:
        predictor.forget()
        predictor.segment(volume, texts, slices=next(turn))

    slice_s = median_of(lambda: one(TEXT), device, budget_s)

    def whole() -> None:
        predictor.forget()
        predictor.segment(volume, TEXT)

    volume_s = median_of(whole, device, budget_s, 1)
    texts = [TEXT, *OTHER_TEXTS]
    three_s = median_of(lambda: one(texts), device, budget_s)
    figures = {
        "device": str(device),
        "slice_s": slice_s,
        "slices_per_s": count / volume_s,
        "text_s": three_s / len(texts),
        "peak_memory_mib": peak_memory_mib(),
    }
    if device.type == "cuda":
        figures["peak_gpu_memory_mib"] = torch.cuda.max_memory_allocated(device) / MIB
    return figures


def _efficiency(
    options: dict[str, Any], predictor: Predictor, figures: dict[str, Any], budget_s: float
) -> dict[str, Any]:
    import torch

    from lsms_core.benchmarking.describe import gmacs
    from lsms_core.benchmarking.machine import machine_name, matmul_peak
    from lsms_core.benchmarking.network import network_times
    from lsms_core.models.bundle import load_bundle

    device = torch.device(predictor.device)
    bundle = load_bundle(options["weights"], verify=False)
    shape = (predictor.preprocessing.height, predictor.preprocessing.width)
    inputs = _inputs(bundle, shape, device)
    times = network_times(bundle.model.lsms.to(device), inputs, budget_s)
    network_s = times["network_s"]
    assert network_s is not None
    work = gmacs(bundle.model.config, shape, inputs[1].shape[1])
    peak = matmul_peak(device, torch.float32)
    achieved = 2 * work / network_s
    return {
        "grid": list(shape),
        "threads": torch.get_num_threads(),
        "machine": machine_name(device),
        "parameters": sum(p.numel() for p in bundle.model.parameters()),
        "gmac": work,
        "gflops": achieved,
        "peak_gflops": peak,
        "share_of_peak": achieved / peak,
        "around_the_network_s": figures["slice_s"] - network_s,
        **times,
    }


def _inputs(
    bundle: Any,  # noqa: ANN401 - a Bundle, whose module needs torch
    shape: tuple[int, int],
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    import torch

    ids = torch.tensor([bundle.tokenizer(TEXT)["input_ids"]])
    with torch.inference_mode():
        features = bundle.model.text_encoder(ids, torch.ones_like(ids)).to(device)
    image: NDArray[np.float32] = (
        np.random.default_rng(0)
        .uniform(-1, 1, (1, bundle.model.config.in_channels, *shape))
        .astype(np.float32)
    )
    batch = torch.from_numpy(image).to(device, memory_format=torch.channels_last)
    return batch, features, torch.ones(features.shape[:2], dtype=torch.bool, device=device)


def main() -> None:
    """Print the figures, or the error that the user can repair, as one line of JSON."""
    try:
        answer = probe(json.loads(sys.argv[1]))
    except LsmsError as error:
        answer = {"error": str(error)}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
