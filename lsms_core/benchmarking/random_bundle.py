"""Complete bundles with random weights; speed and memory do not depend on the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.models.bundle import save_bundle
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.models.lsms.text_encoder import TextEncoder
from lsms_core.models.spelling_tokenizer import spelling_tokenizer

# A compact text encoder: 6 layers, 384 wide.
COMPACT_BERT: dict[str, int] = {
    "vocab_size": 30_522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}


def random_model(
    config: LSMSConfig, bert: Mapping[str, Any] | None = None, *, seed: int = 0
) -> LSMSModel:
    """Return a model with random weights, in evaluation mode; the caller's seed is not touched.

    Args:
        config: the network; ``text_width`` is taken from ``bert``.
        bert: entries of the text encoder's configuration; default: ``COMPACT_BERT``.
        seed: of the weights.
    """
    entries = dict(bert or COMPACT_BERT)
    shape = {**config.to_dict(), "text_width": entries["hidden_size"]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LSMSModel(LSMSConfig(**shape), TextEncoder.from_config(entries)).eval()


def save_random_bundle(
    folder: str | Path,
    model: LSMSModel,
    preprocessing: PreprocessingConfig | None = None,
    *,
    dtype: str = "float16",
) -> Path:
    """Write a model of random weights as a complete bundle, with a tokenizer that spells.

    Args:
        folder: where the bundle goes; its last part is the bundle's name.
        model: the model.
        preprocessing: the model's grid and window.
        dtype: how weights are stored.
    """
    target = Path(folder)
    size: int = model.text_encoder.bert.config.vocab_size  # type: ignore[union-attr,assignment]
    return save_bundle(
        target,
        model,
        spelling_tokenizer(size),
        preprocessing=asdict(preprocessing or PreprocessingConfig()),
        postprocessing={},
        card="# Random weights\n\nFor measurements; its masks mean nothing.\n",
        name=target.name,
        version="0",
        dtype=dtype,
    )
