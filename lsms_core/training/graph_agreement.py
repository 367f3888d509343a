"""Adds graphs to a model, after checking that both runtimes give the same maps."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.dataset.preprocessing import PreprocessingConfig, prepare_slice
from lsms_core.errors import BundleError, DependencyError
from lsms_core.models.bundle import load_model, new_bundle
from lsms_core.models.installed import BundleInfo, inspect_bundle
from lsms_core.models.manifest import MANIFEST
from lsms_core.models.runtime import Runtime
from lsms_core.models.runtime.graphs import graph_file, graphs_of

# Limits for equal results: Dice of the masks of each map, and difference of a probability.
LEAST_DICE = 0.995
LARGEST_DIFFERENCE = 0.01
# A map is cut here.
_CUT = 0.5
# Slices of each volume that are compared, evenly spaced.
_SLICES = 12


@dataclass(frozen=True)
class Agreement:
    """How closely two runtimes draw the same.

    Attributes:
        dice: the lowest Dice of the masks of a map in a volume.
        difference: the largest difference of a probability anywhere.
    """

    dice: float
    difference: float

    @property
    def enough(self) -> bool:
        """Whether one can replace the other."""
        return self.dice >= LEAST_DICE and self.difference <= LARGEST_DIFFERENCE


def add_graphs(
    bundle: str | Path,
    output: str | Path,
    volumes: Sequence[CTVolume] = (),
    *,
    version: str | None = None,
) -> Agreement | None:
    """Write a model with graphs for ONNX Runtime; its weights' file stays as it is.

    Args:
        bundle: the model; graphs that it has are made anew.
        output: where the model with graphs goes; may be the same folder.
        volumes: CT on which both runtimes are compared, beside the synthetic one.
        version: of the new model; default: as before.

    Returns:
        How closely the runtimes agree; None for a model that draws nothing by itself.

    Raises:
        BundleError: when they do not agree; nothing is written.
        DependencyError: when the packages that make graphs are missing.
    """
    check_exporter()
    from lsms_core.models.runtime.export import export_graphs
    from lsms_core.models.runtime.onnx_runtime import OnnxRuntime
    from lsms_core.models.runtime.torch_runtime import TorchRuntime

    info = inspect_bundle(bundle)
    model = load_model(info)
    agreement = None
    with new_bundle(output) as folder:
        shutil.copytree(info.folder, folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()
        for part in graphs_of(folder):
            graph_file(folder, part).unlink()
        parts = export_graphs(model, folder)
        if "draw" in parts:
            config = PreprocessingConfig.from_dict(info.preprocessing)
            runtimes = OnnxRuntime(folder), TorchRuntime(model)
            agreement = compare(*runtimes, [_synthetic(), *volumes], config)
            if not agreement.enough:
                raise BundleError(
                    f"The graphs of {info.name} draw otherwise than torch does (Dice "
                    f"{agreement.dice:.4f}, probabilities differ by {agreement.difference:.4f}): "
                    "update onnxruntime and torch, and export again."
                )
        _say(info, folder, agreement, 1 + len(volumes), version)
    return agreement


def check_exporter() -> None:
    """Refuse early where the packages that make graphs are missing.

    Raises:
        DependencyError: naming one.
    """
    for name in ("onnx", "onnxscript"):
        if importlib.util.find_spec(name) is None:
            raise DependencyError(f'{name} is not installed: pip install "lsms-core[train]"')


def compare(
    one: Runtime, other: Runtime, volumes: Sequence[CTVolume], config: PreprocessingConfig
) -> Agreement:
    """Compare the text-independent maps of two runtimes on volumes.

    Args:
        one: a runtime that draws.
        other: another one, of the same model.
        volumes: what is drawn in.
        config: how slices reach the model.
    """
    lowest, largest = 1.0, 0.0
    for volume in volumes:
        plane = SlicePlane.of(volume, "axial")
        count = plane.count(volume.shape)
        common = np.zeros(3)
        sizes = np.zeros(3)
        for index in np.unique(np.linspace(0, count - 1, min(_SLICES, count)).round()):
            slab = plane.slab(volume.array, int(index), config.slice_offsets_mm)
            image = prepare_slice(slab, plane.spacing_mm, config)[0][None]
            a, b = (0.5 + 0.5 * np.tanh(runtime.draw(image)[0] / 2) for runtime in (one, other))
            largest = max(largest, float(np.abs(a - b).max()))
            common += 2 * np.sum((a >= _CUT) & (b >= _CUT), axis=(1, 2))
            sizes += np.sum(a >= _CUT, axis=(1, 2)) + np.sum(b >= _CUT, axis=(1, 2))
        seen = sizes > 0
        lowest = min([lowest, *(common[seen] / sizes[seen])])
    return Agreement(float(lowest), largest)


def _synthetic() -> CTVolume:
    from lsms_core.phantom import make_phantom

    return make_phantom(0).ct


def _say(
    info: BundleInfo,
    folder: Path,
    agreement: Agreement | None,
    compared: int,
    version: str | None,
) -> None:
    """Bring version and card up to date."""
    config = dict(info.config)
    card = info.card
    if version is not None:
        config["version"] = version
        card = card.replace(f"# {info.name} {info.version}", f"# {info.name} {version}", 1)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    if agreement is not None and _TITLE not in card:
        card = card.rstrip() + _NOTE.format(
            title=_TITLE,
            volumes=compared,
            dice=agreement.dice,
            difference=agreement.difference,
        )
    (folder / "MODEL_CARD.md").write_text(card, "utf-8")


_TITLE = "## Runtimes"
_NOTE = """

{title}

The graphs (`*.onnx`) refer to the weights in `model.safetensors`, so that this model runs in ONNX
Runtime as well as in torch. Compared on {volumes} CT when they were made, the synthetic one among
them: Dice of the maps' masks at least {dice:.4f}, probabilities within {difference:.5f}.
"""
