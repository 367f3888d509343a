"""A tokenizer of single letters, for networks with random weights or without text input."""

from __future__ import annotations

import string
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = ("left", "right", "lobe", "lesion", "lesions", "hypodense", "all", "largest", "cyst", "no")


def spelling_tokenizer(size: int = 0) -> Any:  # noqa: ANN401 - transformers' share no public base
    """Return a BERT tokenizer of letters, digits and some words.

    Args:
        size: of its vocabulary, in which unused entries follow; 0 for none of these. A size
            smaller than what it knows cuts that off.
    """
    letters = string.ascii_lowercase + string.digits
    entries = [*_SPECIAL, *_WORDS, *letters, *(f"##{c}" for c in letters)]
    entries += [f"[unused{i}]" for i in range(size - len(entries))]
    return tokenizer_of(entries[: size or None])


def tokenizer_of(vocabulary: Sequence[str]) -> Any:  # noqa: ANN401
    """Return a BERT tokenizer of a vocabulary; every version of transformers takes a file."""
    from transformers import BertTokenizerFast

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "vocab.txt"
        path.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        return BertTokenizerFast(str(path))
