"""A model in each runtime, measured in turn, each in a process of its own.

The times are those for which users wait: from the start of a process to the first mask, for another
slice, for a volume, for another text after a search. Run as ``python -m
lsms_core.benchmarking.runtimes '{"weights": ..., ...}'``, it measures one runtime and prints a line
of JSON; torch is imported only where it is the runtime.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lsms_core.errors import DeviceError, LsmsError

if TYPE_CHECKING:
    from lsms_core.anatomy.geometry import CTVolume

MIB = 1 << 20
TEXT = "left lobe hypodense lesion"
OTHER_TEXT = "right lobe cyst"
# figure -> what it is called, its unit, its factor, and whether more is better.
FIGURES = {
    "import_s": ("imports and weights", "s", 1.0, False),
    "first_mask_s": ("cold start to first mask", "s", 1.0, False),
    "network_s": ("network, one slice", "ms", 1000.0, False),
    "slice_s": ("warm slice with its neighbours", "ms", 1000.0, False),
    "slices_per_s": ("volume, slices/s", "", 1.0, True),
    "second_text_s": ("second text", "ms", 1000.0, False),
    "peak_memory_mib": ("peak memory", "MiB", 1.0, False),
    "installed_mib": ("packages on disk", "MiB", 1.0, False),
}


def measure(options: Mapping[str, Any]) -> dict[str, Any]:
    """Measure one runtime in this process, which must be fresh.

    Args:
        options: ``weights`` (bundle), ``runtime``, ``threads`` (None for the software's choice),
            ``device``, ``slices`` (of the volume), ``budget_s`` (seconds a measurement) and
            ``started`` (time.time() when this process was started).

    Returns:
        The figures of ``FIGURES``, and ``runtime``, ``device`` and ``threads``.
    """
    from lsms_core.benchmarking.machine import peak_memory_mib
    from lsms_core.inference.predictor import Predictor

    started, budget = float(options["started"]), float(options["budget_s"])
    figures: dict[str, Any] = {}
    predictor = Predictor.from_pretrained(
        options["weights"],
        options["device"],
        threads=options["threads"],
        runtime=options["runtime"],
    )
    figures["import_s"] = time.time() - started
    volumes = _volumes(int(options["slices"]))
    predictor.segment(next(volumes), TEXT, slices=0)
    figures["first_mask_s"] = time.time() - started
    middle = int(options["slices"]) // 2
    figures["slice_s"] = _median(
        lambda: predictor.segment(next(volumes), TEXT, slices=middle), budget
    )
    whole = _median(lambda: predictor.segment(next(volumes), TEXT), budget, 1)
    figures["slices_per_s"] = int(options["slices"]) / whole
    volume = next(volumes)
    predictor.segment(volume, TEXT)
    figures["second_text_s"] = _median(lambda: predictor.segment(volume, OTHER_TEXT), budget)
    figures["peak_memory_mib"] = peak_memory_mib()
    config = predictor.preprocessing
    shape = 1, len(config.slice_offsets_mm), config.height, config.width
    images = (np.random.default_rng(n).uniform(-1, 1, shape).astype(np.float32) for n in count())
    figures["network_s"] = _median(lambda: predictor.model.draw(next(images)), budget)
    figures["installed_mib"] = _installed_mib()
    return {
        "runtime": predictor.model.runtime,
        "device": predictor.device,
        "threads": options["threads"],
        **figures,
    }


def compare(
    weights: str,
    runtimes: Sequence[str] = ("onnxruntime", "torch"),
    *,
    device: str = "auto",
    threads: int | None = None,
    slices: int = 16,
    budget_s: float = 2.0,
    rounds: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Measure runtimes one after the other, several times in turn; medians.

    Args:
        weights: the bundle.
        runtimes: which.
        device: for each.
        threads: CPU threads; None for the software's choice.
        slices: of the volume.
        budget_s: seconds a measurement.
        rounds: how often each is measured; other programs disturb more rounds less.
        progress: called with measurements done and all.

    Raises:
        LsmsError: what a runtime cannot do.
    """
    options = {
        "weights": weights,
        "device": device,
        "threads": threads,
        "slices": slices,
        "budget_s": budget_s,
    }
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in runtimes}
    for turn in range(rounds):
        for n, name in enumerate(runtimes):
            if progress:
                progress(turn * len(runtimes) + n, rounds * len(runtimes))
            measured[name].append(_in_a_process({**options, "runtime": name}))
    if progress:
        progress(rounds * len(runtimes), rounds * len(runtimes))
    return [
        {
            **some[0],
            **{
                name: statistics.median(one[name] for one in some)
                for name in FIGURES
                if some[0][name] is not None
            },
        }
        for some in measured.values()
    ]


def runtimes_table(measured: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures as plain text: a column a runtime, the last the first one's ratio."""
    from lsms_core.benchmarking.tables import table

    first, *others = measured
    head = ["", *(f"{one['runtime']} ({one['device']})" for one in measured)]
    cells = [head + ([f"{first['runtime']} / {others[0]['runtime']}"] if others else [])]
    for name, (title, unit, factor, _) in FIGURES.items():
        values = [one[name] for one in measured]
        row = [title, *("-" if v is None else _shown(factor * v, unit) for v in values)]
        if others:
            known = None not in values[:2] and values[1]
            row.append(f"x {values[0] / values[1]:.2f}" if known else "-")
        cells.append(row)
    return table(cells)


def _shown(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}".rstrip()


def _in_a_process(options: Mapping[str, Any]) -> dict[str, Any]:
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(  # noqa: S603 - our own module, run by this interpreter
        [
            sys.executable,
            "-m",
            "lsms_core.benchmarking.runtimes",
            json.dumps({**options, "started": time.time()}),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    lines = result.stdout.strip().splitlines()
    if result.returncode or not lines:
        words = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise DeviceError(
            f"The measurement in {options['runtime']} ended with status {result.returncode} "
            f"({words})."
        )
    figures: dict[str, Any] = json.loads(lines[-1])
    if "error" in figures:
        raise LsmsError(str(figures["error"]))
    return figures


def _volumes(slices: int) -> Iterator[CTVolume]:
    """Give volumes that differ: what was searched before is remembered."""
    from lsms_core.anatomy.geometry import CTVolume
    from lsms_core.benchmarking.probe import phantom

    first = phantom(slices)
    for n in count():
        yield CTVolume(first.array + np.int16(n), first.affine)


def _median(function: Callable[[], object], budget_s: float, at_least: int = 3) -> float:
    """Time a function again and again, after one call that does not count."""
    function()
    times: list[float] = []
    while len(times) < at_least or (sum(times) < budget_s and len(times) < 1000):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _installed_mib() -> float:
    """Add up the files of the packages of which something is loaded in this process."""
    owners = importlib.metadata.packages_distributions()
    loaded = {name.partition(".")[0] for name in sys.modules}
    names = {owner for module in loaded for owner in owners.get(module, [])} - {"lsms-core"}
    total = 0
    for name in names:
        for file in importlib.metadata.files(name) or []:
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
    return total / MIB


def main() -> None:
    """Print the figures, or the error that the user can repair, as one line of JSON."""
    try:
        answer = measure(json.loads(sys.argv[1]))
    except LsmsError as error:
        answer = {"error": str(error)}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
