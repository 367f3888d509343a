"""A model of no weights that needs no torch: a process that answers with it starts at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lsms_core.models.manifest import write_manifest
from lsms_core.models.runtime.graphs import WEIGHTS, graph_file

MODELS = Path(__file__).resolve().parents[2] / "Resources" / "Models"

# The window of the picture is -160 to 240 HU, as -1 to 1: air is under this, tissue above.
_BODY = -0.6
_TISSUE = 0.05
_CONTRAST = 0.15


def quick_bundle(folder: Path) -> Path:
    """Write a bundle named "small" in whose maps tissue is the right lobe.

    What stands out from tissue is a lesion. Importing torch is most of what a new process does
    otherwise; here it need not be installed.
    """
    released = json.loads((MODELS / "lsms-tiny" / "config.json").read_text("utf-8"))
    config = {
        **{key: released[key] for key in ("format", "engine", "architecture", "model")},
        "name": "small",
        "version": "1",
        "text_encoder": {},
        "preprocessing": {"spacing_mm": 3.0, "height": 64, "width": 96},
        "postprocessing": {},
    }
    target = folder / "small"
    target.mkdir(parents=True)
    (target / "config.json").write_text(json.dumps(config), "utf-8")
    (target / "MODEL_CARD.md").write_text("# Test\n", "utf-8")
    # A file of no weights: the length of its header, and the header.
    (target / WEIGHTS).write_bytes((2).to_bytes(8, "little") + b"{}")
    graph_file(target, "draw").write_bytes(_graph().SerializeToString())
    write_manifest(target)
    return target


def _graph():
    constants = {
        "middle": np.array([1], np.int64),
        "body": np.float32(_BODY),
        "tissue": np.float32(_TISSUE),
        "contrast": np.float32(_CONTRAST),
        "steep": np.float32(40.0),
        "none": np.float32(-10.0),
        "zero": np.float32(0.0),
    }
    nodes = [
        helper.make_node("Gather", ["image", "middle"], ["slice"], axis=1),
        helper.make_node("Sub", ["slice", "body"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["right"]),
        helper.make_node("Mul", ["right", "zero"], ["nowhere"]),
        helper.make_node("Add", ["nowhere", "none"], ["left"]),
        helper.make_node(
            "AveragePool", ["slice"], ["smooth"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]
        ),
        helper.make_node("Sub", ["smooth", "tissue"], ["differs"]),
        helper.make_node("Abs", ["differs"], ["by"]),
        helper.make_node("Sub", ["by", "contrast"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["stands"]),
        helper.make_node("Min", ["stands", "right"], ["lesions"]),
        helper.make_node("Concat", ["right", "left", "lesions"], ["drawn"], axis=1),
    ]
    float32 = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "by hand",
        [helper.make_tensor_value_info("image", float32, ["images", 3, "rows", "columns"])],
        [helper.make_tensor_value_info("drawn", float32, ["images", 3, "rows", "columns"])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return model
