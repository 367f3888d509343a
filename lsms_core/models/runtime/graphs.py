"""The graphs in a model's folder; they refer to the file of the weights.

::

    <model>/model.safetensors   the weights, once, as they are stored (float16)
            draw.onnx           image (P, C, H, W) -> drawn (P, 3, H, W), logits
            text.onnx           input_ids (B, T) -> tokens (B, T, D)
            evidence.onnx       image (1, C, H, W), drawn (1, 3, H, W), tokens (B, T, D),
                                mask (B, T) -> logits (B, 1, H, W)

A graph names the bytes of the weights' file where each of its initialisers begins and ends (ONNX
calls that external data). So the graphs must be exported again when the weights' file changes; the
manifest covers both. A part that a network does not have has no graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from lsms_core.models.runtime.interface import Part

WEIGHTS = "model.safetensors"
PARTS: tuple[Part, ...] = get_args(Part)


def graph_file(folder: Path, part: Part) -> Path:
    """Return where a part's graph is, or would be."""
    return folder / f"{part}.onnx"


def graphs_of(folder: Path) -> frozenset[Part]:
    """Return the parts of which a model's folder holds a graph."""
    return frozenset(part for part in PARTS if graph_file(folder, part).is_file())
