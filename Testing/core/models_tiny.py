"""Models of a few thousand weights, as they are and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import BertTokenizerFast

from lsms_core.inference.lsms_engine import LsmsEngine
from lsms_core.models.architectures import drawing_config
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from lsms_core.models.bundle import save_bundle
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.models.lsms.text_encoder import NoText, TextEncoder
from lsms_core.models.runtime.torch_runtime import TorchRuntime
from lsms_core.models.spelling_tokenizer import spelling_tokenizer
from Testing.core.training_tiny import BERT

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "left", "right", "lobe", "lesion"]

# Of an outline, and of LSMS.
DIMS = (8, 8, 8, 16, 16, 8)
SHAPE = {"dims": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "decoder_width": 32, "text_width": 16}


def tiny_lsms(**changes) -> LSMSModel:
    return LSMSModel(LSMSConfig(**{**SHAPE, **changes}), TextEncoder.from_config(BERT)).eval()


def tiny_drawing(seed: int = 0, **changes) -> LSMSModel:
    """An LSMS that only draws, as after training: its maps differ from place to place."""
    torch.manual_seed(seed)
    shape = {name: value for name, value in SHAPE.items() if name != "text_width"}
    config = drawing_config("tiny", **{**shape, "detail": (4, 8), **changes})
    model = LSMSModel(config, NoText())
    with torch.no_grad():
        model.lsms.detail.classify.weight.mul_(20)
        model.lsms.detail.classify.bias.zero_()
    return model.eval()


def saved_drawing(folder: Path, seed: int = 0, network: Any = None, **changes) -> Path:
    """Save one of them with a small grid, in half precision."""
    grid = {"spacing_mm": 3.0, "height": 64, "width": 96}
    model = tiny_drawing(seed, **(network or {}))
    return saved(folder, model, spelling_tokenizer(), preprocessing=grid, **changes)


def engine_of(model, folder: Path | None = None, precision: str = "auto") -> LsmsEngine:
    """The engine of a model in memory, in torch; ``folder`` holds the tokenizer."""
    return LsmsEngine(
        lambda device: TorchRuntime(model, device, precision=precision), "cpu", folder=folder
    )


def tiny_unet(seed: int = 0, **changes) -> UNetModel:
    torch.manual_seed(seed)
    return UNetModel(UNetConfig(**{"dims": DIMS, **changes})).eval()


def random_bundle(path: Path, **changes) -> tuple[LSMSModel, Path]:
    """Save an LSMS of random weights that knows a few words, and return it, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    vocabulary = path.parent / f"{path.name}.txt"
    vocabulary.write_text("\n".join(WORDS), "utf-8")
    torch.manual_seed(0)
    bert = {**BERT, "vocab_size": len(WORDS), "num_hidden_layers": 1}
    model = LSMSModel(LSMSConfig(**SHAPE), TextEncoder.from_config(bert)).eval()
    tokenizer = BertTokenizerFast(str(vocabulary))
    return model, saved(path, model, tokenizer, **{"dtype": "float32", **changes})


def saved(folder: Path, model: Any, tokenizer: Any, **changes) -> Path:
    """Save a model under the name of its folder."""
    settings = {"preprocessing": {}, "postprocessing": {}, "card": "# Test\n", "version": "1"}
    return save_bundle(folder, model, tokenizer, **{**settings, "name": folder.name, **changes})
