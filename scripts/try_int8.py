"""Compare a model's drawing network in 8-bit integers with float32: time of a slice, and masks.

    python scripts/try_int8.py CASES SLICES --weights lsms-tiny --patients p031 p064

The convolutions are quantised statically by ONNX Runtime, the weights by channel; the ranges of
what lies between come from a slice of each of ten of `CASES`. Compared are the lesions that are
drawn in the outlined slices of `SLICES`, cut at the model's threshold, on one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from lsms_core.dataset.preprocessing import PreprocessingConfig, apply_window
from lsms_core.dataset.sources import Case, cases_of, load_case
from lsms_core.inference.maps import LESIONS
from lsms_core.models.installed import inspect_bundle
from lsms_core.models.runtime.graphs import graph_file

CALIBRATING = 10
LOGGED = 3  # errors only


class Pictures(CalibrationDataReader):
    """Hands pictures to the calibration."""

    def __init__(self, pictures: list[NDArray[np.float32]]) -> None:
        self._left = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next one; None at the end."""
        picture = next(self._left, None)
        return None if picture is None else {"image": picture}


def main() -> None:
    """Quantise, draw and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("slices", type=Path)
    parser.add_argument("--weights", default="lsms-tiny")
    parser.add_argument("--patients", nargs="*", help="default: all")
    options = parser.parse_args()
    info = inspect_bundle(options.weights)
    grid = PreprocessingConfig.from_dict(info.preprocessing)
    threshold = info.postprocessing["mask_threshold"]
    outlined = [c for c in cases_of([options.slices], options.patients) if c.lesions_labelled]
    shown = list(pictures([c for c in outlined if c.certified], grid))
    ranges = list(pictures(cases_of([options.cases])[::2][:CALIBRATING], grid))
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch, "whole.onnx")
        quant_pre_process(graph_file(info.folder, "draw"), whole, skip_symbolic_shape=True)
        seconds, masks = draw(whole, shown, threshold)
        print(f"float32: {1000 * seconds:.0f} ms a slice")
        for name, nodes in (("all convolutions", None), ("dense 3 x 3 only", dense(whole))):
            small = Path(scratch, "small.onnx")
            quantize_static(
                whole, small, Pictures(ranges), quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"], nodes_to_quantize=nodes, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
            faster, others = draw(small, shown, threshold)
            dice = [_dice(a, b) for a, b in zip(masks, others, strict=True) if a.any() or b.any()]
            print(
                f"int8, {name}: {faster / seconds:.2f} of the time, Dice to float32 "
                f"{np.mean(dice):.3f}, at worst {min(dice):.3f}"
            )


def pictures(cases: list[Case], grid: PreprocessingConfig) -> Iterator[NDArray[np.float32]]:
    """Yield the middle one of each case's liver slices as the network sees it, (1, C, H, W)."""
    for case in cases:
        arrays = load_case(case, grid)
        levels = np.flatnonzero(arrays.liver_areas)
        slab = arrays.around(int(levels[len(levels) // 2]), grid.slice_offsets_mm)
        planes = arrays.hu[slab.levels][slab.seen].astype(np.float32)
        yield apply_window(planes, grid.window_hu)[None]


def dense(graph: Path) -> list[str]:
    """Name the 3 x 3 convolutions that mix all channels."""

    def attributes(node: onnx.NodeProto) -> dict[str, object]:
        return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    found = [(n.name, attributes(n)) for n in onnx.load(graph).graph.node if n.op_type == "Conv"]
    return [n for n, a in found if a.get("kernel_shape") == [3, 3] and a.get("group", 1) == 1]


def draw(
    graph: Path, images: list[NDArray[np.float32]], threshold: float
) -> tuple[float, list[NDArray[np.bool_]]]:
    """Return the median seconds of an image, and the lesions of each."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = 1, LOGGED
    session = onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
    seconds, masks = [], []
    for image in images:
        began = time.perf_counter()
        logits = session.run(None, {"image": image})[0]
        seconds.append(time.perf_counter() - began)
        masks.append(0.5 + 0.5 * np.tanh(0.5 * logits[0, LESIONS]) >= threshold)
    return float(np.median(seconds)), masks


def _dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * np.count_nonzero(one & other) / (one.sum() + other.sum()))


if __name__ == "__main__":
    main()
