"""One run of measurements: each model in a fresh process, then the worker's round trip."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lsms_core.benchmarking.probe import TEXT, phantom
from lsms_core.errors import DeviceError, LsmsError
from lsms_core.worker.client import WorkerClient

_ROUND_TRIPS = 20
_WORKER_PATIENCE_S = 600.0


@dataclass(frozen=True)
class BenchmarkConfig:
    """The settings of a benchmark.

    Attributes:
        variants: networks of random weights.
        sizes: edges of their square grid, pixels.
        weights: a bundle that is measured on its own grid, or None.
        threads: CPU threads; None for torch's choice.
        device: "auto", "cpu", "cuda", ...
        slices: slices of the volume.
        budget_s: seconds a measurement.
    """

    variants: tuple[str, ...] = ("tiny", "small", "base", "large")
    sizes: tuple[int, ...] = (224, 352, 480)
    weights: str | None = None
    threads: int | None = None
    device: str = "auto"
    slices: int = 8
    budget_s: float = 2.0


def benchmark(
    config: BenchmarkConfig, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Measure; returns "config", "models" (one entry a model and grid) and "worker".

    Raises:
        LsmsError: when a bundle or a device cannot be used, or memory runs out.
    """
    total = len(config.variants) * len(config.sizes) + (config.weights is not None) + 1
    report: dict[str, Any] = {"config": asdict(config), "models": []}

    def step() -> None:
        if progress:
            progress(len(report["models"]), total)

    step()
    with tempfile.TemporaryDirectory() as scratch:
        smallest = config.weights
        if config.weights is not None:
            figures = run_probe(config, config.weights, None)
            report["models"].append({"model": config.weights, **figures})
            step()
        for variant in config.variants:
            bundle = _random_bundle(Path(scratch) / variant)
            smallest = smallest or str(bundle)
            for size in config.sizes:
                figures = run_probe(config, str(bundle), size)
                report["models"].append({"model": variant, **figures})
                step()
        if smallest is not None:
            report["worker"] = worker_overhead(smallest, config)
    if progress:
        progress(total, total)
    return report


def run_probe(config: BenchmarkConfig, weights: str, size: int | None) -> dict[str, Any]:
    """Measure one model in a fresh process.

    Raises:
        LsmsError: the child's own error.
        DeviceError: when the child ended otherwise.
    """
    options = {
        "weights": weights,
        "size": size,
        "threads": config.threads,
        "device": config.device,
        "slices": config.slices,
        "budget_s": config.budget_s,
        "started": time.time(),
    }
    # Started like the worker, so that memory and cold start are the worker's, too.
    result = subprocess.run(  # noqa: S603 - our own module, run by this interpreter
        [sys.executable, "-m", "lsms_core.benchmarking.probe", json.dumps(options)],
        capture_output=True,
        text=True,
        env=_environment(config.threads),
        check=False,
    )
    lines = result.stdout.strip().splitlines()
    if result.returncode or not lines:
        words = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise DeviceError(
            f"The measurement of {weights} ended with status {result.returncode} ({words}): "
            "choose smaller variants or sizes."
        )
    figures: dict[str, Any] = json.loads(lines[-1])
    if "error" in figures:
        raise LsmsError(str(figures["error"]))
    return figures


def worker_overhead(weights: str, config: BenchmarkConfig) -> dict[str, float]:
    """Measure what the worker's round trip adds to the model's own time.

    Returns:
        Medians for one 512 x 512 slice: "sent_s" when the slice is sent along, "kept_s" when
        the worker has it already, and "model_s", the model's own time in the worker.
    """
    volume = phantom(1)
    model = {"weights": weights, "device": config.device}
    environment = {k: v for k, v in _environment(config.threads).items() if k not in os.environ}
    with WorkerClient(environment=environment) as client:
        times: dict[str, list[float]] = {"sent_s": [], "kept_s": [], "model_s": []}
        client.wait(client.load(model), _WORKER_PATIENCE_S)
        for name, key in (("sent_s", None), ("kept_s", "phantom")):
            for attempt in range(_ROUND_TRIPS + 1):
                started = time.perf_counter()
                request = client.segment(
                    volume.array, volume.affine, [TEXT], model=model, slices=[0], volume_key=key
                )
                event = client.wait(request, _WORKER_PATIENCE_S)
                elapsed = time.perf_counter() - started
                if event.kind != "result":
                    raise LsmsError(str(event.fields.get("message", "The worker stopped.")))
                if attempt:  # the first one warms up, and sends the volume
                    times[name].append(elapsed - float(event.fields["seconds"]))
                    times["model_s"].append(float(event.fields["seconds"]))
        return {name: statistics.median(values) for name, values in times.items()}


def _random_bundle(folder: Path) -> Path:
    from lsms_core.benchmarking.random_bundle import random_model, save_random_bundle
    from lsms_core.models.lsms.lsms_config import LSMSConfig

    return save_random_bundle(folder, random_model(LSMSConfig.variant(folder.name)))


def _environment(threads: int | None) -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    paths: Sequence[str] = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    limits = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **limits}
