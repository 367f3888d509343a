"""Exports a model's graphs with torch's own exporter, without a copy of the weights.

The weights stay in the model's one file as they are stored. A graph refers to their bytes there,
and where they are stored in half precision it begins with casts to float32, which ONNX Runtime
computes once, when it opens the graph.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import struct
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from lsms_core.models.architectures import Model
from lsms_core.models.runtime.graphs import PARTS, WEIGHTS, graph_file
from lsms_core.models.runtime.interface import Part
from lsms_core.models.runtime.torch_runtime import parts_of

# From 20 on GELU is one operator, which is a tenth faster.
OPSET = 20
# safetensors' names of what ONNX can hold.
_STORED = {
    "F16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "F32": TensorProto.FLOAT,
    "I64": TensorProto.INT64,
}
# Numbers that belong to the graph itself, such as axes, may be this large; weights are not.
_LARGEST_CONSTANT = 4096
# The sizes with which the graphs are traced; they run with others, too.
_IMAGES, _ROWS, _COLUMNS, _TEXTS, _TOKENS = 2, 96, 112, 3, 7


class _Draw(nn.Module):
    """The text-independent maps, as a module of their own."""

    inputs = ("image",)
    output = "drawn"

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.lsms = model.lsms
        self.channels = model.config.in_channels

    def forward(self, image: Tensor) -> Tensor:
        drawn = self.lsms.draw(image)
        assert drawn is not None
        return drawn

    def examples(self) -> tuple[Tensor, ...]:
        return (torch.rand(_IMAGES, self.channels, _ROWS, _COLUMNS) * 2 - 1,)

    sizes: Sequence[dict[int, str]] = ({0: "images", 2: "rows", 3: "columns"},)


class _Text(nn.Module):
    """The features of texts of one length."""

    inputs = ("input_ids",)
    output = "tokens"

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.text_encoder = model.text_encoder

    def forward(self, input_ids: Tensor) -> Tensor:
        out: Tensor = self.text_encoder(input_ids, torch.ones_like(input_ids))
        return out

    def examples(self) -> tuple[Tensor, ...]:
        return (torch.ones(_TEXTS, _TOKENS, dtype=torch.long),)

    sizes: Sequence[dict[int, str]] = ({0: "texts", 1: "length"},)


class _Evidence(nn.Module):
    """What each text names in one image."""

    output = "logits"

    def __init__(self, model: Model, draws: bool) -> None:
        super().__init__()
        self.lsms = model.lsms
        self.channels = model.config.in_channels
        self.width = model.config.text_width
        self.inputs = ("image", "tokens", "mask", *(("drawn",) if draws else ()))
        image = {2: "rows", 3: "columns"}
        text = {0: "texts", 1: "length"}
        self.sizes = (image, text, text, *((image,) if draws else ()))

    def forward(
        self, image: Tensor, tokens: Tensor, mask: Tensor, drawn: Tensor | None = None
    ) -> Tensor:
        texts = tokens.shape[0]
        image = image.expand(texts, -1, -1, -1)
        drawn = None if drawn is None else drawn.expand(texts, -1, -1, -1)
        out: Tensor = self.lsms(image, tokens, mask, drawn)
        return out

    def examples(self) -> tuple[Tensor, ...]:
        image = torch.rand(1, self.channels, _ROWS, _COLUMNS) * 2 - 1
        words = torch.randn(_TEXTS, _TOKENS, self.width)
        mask = torch.ones(_TEXTS, _TOKENS, dtype=torch.bool)
        drawn = torch.randn(1, 3, _ROWS, _COLUMNS)
        return (image, words, mask, drawn)[: len(self.inputs)]


def export_graphs(model: Model, folder: Path, parts: Sequence[Part] = PARTS) -> list[Part]:
    """Write the graphs of a model beside its weights.

    Args:
        model: with the weights of ``folder``, in float32 on the CPU.
        folder: holds the weights' file.
        parts: those to write, as far as the model has them.

    Returns:
        The parts that were written.
    """
    there = parts_of(model)
    modules: dict[Part, Any] = {
        "draw": lambda: _Draw(model),
        "text": lambda: _Text(model),
        "evidence": lambda: _Evidence(
            model, "draw" in there and not getattr(model.config, "listens", False)
        ),
    }
    written: list[Part] = [part for part in modules if part in there and part in parts]
    state = {name: value.detach() for name, value in model.state_dict().items()}
    for part in written:
        graph = without_weights(_traced(modules[part]().eval()), state, folder / WEIGHTS)
        graph_file(folder, part).write_bytes(graph.SerializeToString(deterministic=True))
    return written


def _traced(module: Any) -> onnx.ModelProto:  # noqa: ANN401 - one of the modules above
    sizes = tuple(dict.fromkeys(axes, torch.export.Dim.AUTO) for axes in module.sizes)
    with _quiet():
        program = torch.onnx.export(
            module,
            module.examples(),
            dynamo=True,
            optimize=False,
            opset_version=OPSET,
            input_names=list(module.inputs),
            output_names=[module.output],
            dynamic_shapes=sizes,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def without_weights(
    graph: onnx.ModelProto, state: dict[str, Tensor], weights: Path
) -> onnx.ModelProto:
    """Return a graph that refers to a safetensors file instead of holding its weights.

    Args:
        graph: with initialisers that bear the names of ``state``.
        state: the weights in float32.
        weights: the file that holds them, beside the graph.

    Raises:
        AssertionError: when a weight of the graph is not one of the file's.
    """
    stored, start = _header(weights)
    kept, casts = [], []
    for tensor in graph.graph.initializer:
        if tensor.name not in state:
            assert np.prod(tensor.dims) <= _LARGEST_CONSTANT, tensor.name
            kept.append(tensor)
            continue
        values = numpy_helper.to_array(tensor)
        assert np.array_equal(values, state[tensor.name].numpy()), tensor.name
        entry = stored[tensor.name]
        reference = TensorProto(
            name=tensor.name, data_type=_STORED[entry["dtype"]], dims=tensor.dims
        )
        if reference.data_type != tensor.data_type:
            reference.name = f"{tensor.name}.stored"
            casts.append(
                helper.make_node("Cast", [reference.name], [tensor.name], to=tensor.data_type)
            )
        begin, end = entry["data_offsets"]
        reference.data_location = TensorProto.EXTERNAL
        for key, value in (
            ("location", weights.name),
            ("offset", start + begin),
            ("length", end - begin),
        ):
            reference.external_data.add(key=key, value=str(value))
        kept.append(reference)
    nodes = [*casts, *graph.graph.node]
    del graph.graph.initializer[:], graph.graph.node[:], graph.graph.value_info[:]
    graph.graph.initializer.extend(kept)
    graph.graph.node.extend(nodes)
    # The exporter notes where in its user's folders each node comes from.
    for part in (*graph.graph.node, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    graph.doc_string = graph.graph.doc_string = ""
    del graph.metadata_props[:], graph.graph.metadata_props[:]
    return graph


def _header(weights: Path) -> tuple[dict[str, Any], int]:
    """Return what a safetensors file says of its tensors, and where their bytes begin."""
    with weights.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length)), 8 + length


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of every step, on the terminal and in the log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
