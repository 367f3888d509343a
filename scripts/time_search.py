"""Time searches of the synthetic CT with several models in turn, in one process.

    python scripts/time_search.py lsms-tiny=30 lsms-tiny=0 --rounds 3

Each model is a name or folder and the margin around the liver in mm (0: the whole slice). They are
timed in turn, so that a machine that slows down slows them all.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from lsms_core.inference.predictor import Predictor
from lsms_core.phantom import make_phantom

SEED = 2
# Slices of the liver, at an anchor and between two.
SLICES = (20, 38)


def main() -> None:
    """Search and tell the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL=MM")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    volume = make_phantom(SEED).ct
    times: dict[str, dict[str, list[float]]] = {name: {} for name in options.models}
    whats = {"all slices": None, **{f"slice {number}": [number] for number in SLICES}}
    for _ in range(options.rounds):
        for name in options.models:
            for what, slices in whats.items():
                predictor = opened(name, options.threads)
                began = time.perf_counter()
                predictor.search(volume, slices=slices)
                times[name].setdefault(what, []).append(time.perf_counter() - began)
    for name, figures in times.items():
        told = ", ".join(f"{what} {np.median(some):.2f} s" for what, some in figures.items())
        print(f"{name}: {told}")


def opened(name: str, threads: int) -> Predictor:
    """Open a model that remembers no slice."""
    weights, _, margin = name.rpartition("=")
    predictor = Predictor.from_pretrained(weights, "cpu", threads=threads)
    predictor.preprocessing = replace(predictor.preprocessing, focus_mm=float(margin))
    predictor.warm_up()
    return predictor


if __name__ == "__main__":
    main()
