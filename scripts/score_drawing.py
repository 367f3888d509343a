"""Score a model's text-independent maps of single slices: lesions found, false positives, Dice.

    python scripts/score_drawing.py SLICES --weights lsms-tiny --patients p031 p064

`SLICES` is a folder of single slices as docs/training.md describes it; those of the kind "lesion"
count. Each is drawn by itself, without votes, rims and classifier: this is the network alone.
Dice is that of all lesions of a slice, the mean over patients.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.regions import LESION_LABEL, label_components
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import cases_of
from lsms_core.inference.engine import EngineOptions, open_engine
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.view import SliceView
from lsms_core.models.installed import inspect_bundle
from lsms_core.models.lsms.kinds import LESIONS, LOBES

# Smaller than this is drawn by noise.
SMALLEST_MM2 = 20.0
# A lesion is touched where this share of it is drawn; what is drawn is an invention where less than
# the other share of it is of lesions.
TOUCHED, OWN = 0.1, 0.2
SIZES = ((0, 10), (10, 20), (20, np.inf))


def main() -> None:
    """Draw and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slices", type=Path)
    parser.add_argument("--weights", default="lsms-tiny")
    parser.add_argument("--patients", nargs="*", help="default: all")
    parser.add_argument(
        "--focus-mm", type=float, help="margin around the liver, 0 for none; default: the weights'"
    )
    parser.add_argument("--pixel-mm", type=float, help="of the grid; default: the weights'")
    parser.add_argument("--thresholds", nargs="*", type=float, default=[0.25, 0.4, 0.5])
    options = parser.parse_args()
    info = inspect_bundle(options.weights)
    engine = open_engine(info, options=EngineOptions("cpu"))
    grid = replace(PreprocessingConfig.from_dict(info.preprocessing), votes_mm=(0.0,))
    if options.focus_mm is not None:
        grid = replace(grid, focus_mm=options.focus_mm)
    if options.pixel_mm is not None:
        grid = grid.at_pixel(options.pixel_mm)
    listed = cases_of([options.slices], options.patients)
    cases = [case for case in listed if case.lesions_labelled and case.certified]
    drawn = []
    for case in cases:
        ct = CTVolume.from_sitk(sitk.ReadImage(str(case.image)))
        label = sitk.ReadImage(str(case.label))
        view = SliceView.of(ct, "axial", [0], None)
        maps = SliceMaps(engine, view, grid)
        (found,) = maps.text_free([0])
        truth = view.plane.extract(CTVolume.from_sitk(label).array, 0)
        rows_mm, columns_mm = view.plane.spacing_mm
        restored = np.stack([maps.restored(0, one) for one in found])
        drawn.append((case.group, truth, rows_mm * columns_mm, restored))
    print(
        f"{info.name} {info.version}: {len(cases)} slices, {len({g for g, *_ in drawn})} patients"
    )
    for threshold in options.thresholds:
        print(f"cut at {threshold:g}: {score(drawn, threshold)}")


def score(drawn: list[tuple], threshold: float) -> str:
    """Say how the maps do, cut at a threshold."""
    dice, liver_dice = defaultdict(list), []
    diameters, touched, inventions = [], [], 0
    for group, label, pixel, maps in drawn:
        numbers, count = label_components(maps[LESIONS][None] >= threshold)
        large = np.bincount(numbers.ravel(), minlength=count + 1) * pixel >= SMALLEST_MM2
        large[0] = False
        mask, truth = large[numbers[0]], label == LESION_LABEL
        dice[group].append(_dice(mask, truth))
        liver_dice.append(_dice(maps[:LOBES].max(axis=0) >= 0.5, label > 0))
        lesions, n = label_components(truth[None])
        for number in range(1, n + 1):
            one = lesions[0] == number
            diameters.append(2 * np.sqrt(one.sum() * pixel / np.pi))
            touched.append(mask[one].mean() > TOUCHED)
        inventions += sum(truth[numbers[0] == i].mean() < OWN for i in np.flatnonzero(large))
    size, hit = np.array(diameters), np.array(touched)
    parts = [f"Dice {np.mean([np.mean(d) for d in dice.values()]):.3f}"]
    for low, high in SIZES:
        some = hit[(size >= low) & (size < high)]
        if len(some):
            name = f"{low} to {high} mm" if np.isfinite(high) else f"{low} mm and more"
            parts.append(f"{name} {some.mean():.0%} of {len(some)}")
    return ", ".join([*parts, f"{inventions} inventions", f"liver {np.mean(liver_dice):.3f}"])


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * np.count_nonzero(one & other) / max(one.sum() + other.sum(), 1))


if __name__ == "__main__":
    main()
