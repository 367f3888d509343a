"""Loads the initial text encoder of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsms_core.errors import InputError
from lsms_core.models.lsms.text_encoder import TextEncoder
from lsms_core.training.packages import PREFIX, package_folder


def text_encoder_folder(source: str) -> Path:
    """Return the folder with the BERT that a configuration names.

    Raises:
        DependencyError: when the package that carries it is not installed.
        InputError: when the folder holds no BERT.
    """
    if source.startswith(PREFIX):
        root = package_folder(source, "the text encoder to start from", "text-init")
        found = sorted(root.rglob("model.safetensors"))
        if found:
            return found[0].parent
    elif (Path(source) / "config.json").is_file():
        return Path(source)
    raise InputError(
        f"No text encoder was found in {source!r}: give a folder with config.json, "
        "model.safetensors and the tokenizer's files."
    )


def tokenize(tokenizer: Any, texts: Sequence[str], max_tokens: int) -> Any:  # noqa: ANN401
    """Return "input_ids" and "attention_mask", (B, T) each, of texts cut at ``max_tokens``."""
    return tokenizer(
        list(texts), padding=True, truncation=True, max_length=max_tokens, return_tensors="pt"
    )


def load_text_encoder(source: str, layers: int) -> tuple[TextEncoder, Any]:
    """Load text encoder and tokenizer; only the first ``layers`` layers are kept."""
    from transformers import AutoTokenizer

    folder = text_encoder_folder(source)
    encoder = TextEncoder.from_folder(str(folder))
    bert: Any = encoder.bert
    if layers < len(bert.encoder.layer):
        bert.encoder.layer = bert.encoder.layer[:layers]
        bert.config.num_hidden_layers = layers
    return encoder, AutoTokenizer.from_pretrained(folder, local_files_only=True)
