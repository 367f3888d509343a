"""BiomedCLIP's published folder: open_clip's configuration and weights, and a tokenizer.

::

    open_clip_config.json
    open_clip_model.safetensors       weights
    tokenizer.json, vocab.txt, ...    the tokenizer's files

The weights were published as ``open_clip_pytorch_model.bin``, which is a pickle. It is never
read on the way to a model; :func:`convert_pickle` turns it into safetensors when the user asks.
The text tower's sizes are in no file of the folder; they follow from the weights' shapes.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lsms_core.errors import BundleError, InputError, OutputError
from lsms_core.models.medclip_sam.clip import ClipConfig, ClipModel, TextShape
from lsms_core.models.medclip_sam.vision import VisionShape

CONFIG_NAME = "open_clip_config.json"
WEIGHTS_NAME = "open_clip_model.safetensors"
PICKLE_NAME = "open_clip_pytorch_model.bin"
# Buffers that older versions of transformers saved.
_IGNORED = ("text.transformer.embeddings.position_ids",)
_BERT = "text.transformer"


def load_clip(folder: str | Path) -> tuple[ClipModel, Any]:
    """Load model and tokenizer, on the CPU in float32.

    Raises:
        BundleError: when the folder is not complete, or the weights do not fit.
    """
    root = Path(folder)
    weights = root / WEIGHTS_NAME
    if not weights.is_file():
        raise BundleError(_absent(root))
    try:
        state = {k: v.float() for k, v in load_file(weights).items() if k not in _IGNORED}
    except (OSError, SafetensorError) as error:
        raise BundleError(f"The weights {weights} are damaged; fetch them again.") from error
    model = ClipModel(read_config(root, state))
    state["logit_scale"] = state.get("logit_scale", model.logit_scale.detach()).reshape(())
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise BundleError(
            f"The weights {weights} are not those of a ViT with a BERT, such as BiomedCLIP's: "
            f"{str(error).splitlines()[-1].strip()}"
        ) from error
    return model.eval(), load_tokenizer(root)


def load_tokenizer(folder: str | Path) -> Any:  # noqa: ANN401
    """Load the tokenizer beside the weights.

    Raises:
        BundleError: when there is none.
    """
    from transformers import BertTokenizerFast

    root = Path(folder)
    if not ((root / "tokenizer.json").is_file() or (root / "vocab.txt").is_file()):
        raise BundleError(f"{root} lacks the tokenizer: copy vocab.txt or tokenizer.json there.")
    return BertTokenizerFast.from_pretrained(root, local_files_only=True)


def read_config(folder: Path, state: Mapping[str, Tensor]) -> ClipConfig:
    """Read the configuration; sizes come from the weights.

    Raises:
        BundleError: for another architecture, or weights with parts missing.
    """
    try:
        values = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        model, pixels = values["model_cfg"], values.get("preprocess_cfg", {})
        text_cfg = model["text_cfg"]
        name = str(model["vision_cfg"]["timm_model_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{folder / CONFIG_NAME} is missing, damaged, or not of a model with a timm image "
            "tower and a text tower from transformers, such as BiomedCLIP."
        ) from error
    pooling = text_cfg.get("hf_pooler_type", "cls_last_hidden_state_pooler")
    if not name.startswith("vit_") or pooling != "cls_last_hidden_state_pooler":
        raise BundleError(
            f"The architecture {name} with {pooling} is not supported: use BiomedCLIP, "
            "vit_base_patch16_224 with cls_last_hidden_state_pooler."
        )
    try:
        patch = state["visual.trunk.patch_embed.proj.weight"].shape
        positions = state["visual.trunk.pos_embed"].shape[1] - 1
        words = state[f"{_BERT}.embeddings.word_embeddings.weight"].shape
        vision = VisionShape(
            image_size=round(positions**0.5) * patch[-1],
            patch_size=patch[-1],
            width=patch[0],
            depth=_count(state, "visual.trunk.blocks."),
            embed_dim=state["visual.head.proj.weight"].shape[0],
        )
        text = TextShape(
            vocabulary=words[0],
            width=words[1],
            depth=_count(state, f"{_BERT}.encoder.layer."),
            intermediate=state[f"{_BERT}.encoder.layer.0.intermediate.dense.weight"].shape[0],
            positions=state[f"{_BERT}.embeddings.position_embeddings.weight"].shape[0],
            context_length=int(text_cfg.get("context_length", 77)),
            projection=str(text_cfg.get("hf_proj_type", "linear")),
        )
    except KeyError as error:
        raise BundleError(f"The weights in {folder} lack {error.args[0]}.") from error
    default = ClipConfig()
    return ClipConfig(
        vision,
        text,
        mean=tuple(pixels.get("mean", default.mean)),
        std=tuple(pixels.get("std", default.std)),
    )


def save_clip(folder: str | Path, model: ClipModel, tokenizer: Any) -> Path:  # noqa: ANN401
    """Write a model in the published layout.

    Raises:
        OutputError: when it cannot be written.
    """
    root = Path(folder)
    vision, text = model.config.vision, model.config.text
    size = {192: "tiny", 384: "small", 768: "base"}.get(vision.width, f"w{vision.width}")
    config = {
        "model_cfg": {
            "embed_dim": vision.embed_dim,
            "vision_cfg": {
                "timm_model_name": f"vit_{size}_patch{vision.patch_size}_{vision.image_size}",
                "timm_model_pretrained": False,
                "timm_pool": "",
                "timm_proj": "linear",
                "image_size": vision.image_size,
            },
            "text_cfg": {
                "hf_model_name": "bert",
                "hf_proj_type": text.projection,
                "hf_pooler_type": "cls_last_hidden_state_pooler",
                "context_length": text.context_length,
            },
        },
        "preprocess_cfg": {"mean": list(model.config.mean), "std": list(model.config.std)},
    }
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    try:
        root.mkdir(parents=True, exist_ok=True)
        partial = root / f".{WEIGHTS_NAME}.partial"
        save_file(state, partial)
        partial.replace(root / WEIGHTS_NAME)
        (root / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        tokenizer.save_pretrained(root)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"The model could not be written to {root}: {error}.") from error
    return root


def convert_pickle(source: str | Path, target: str | Path) -> Path:
    """Turn a published ``.bin`` into safetensors; only plain tensors are unpickled.

    Args:
        source: the ``.bin`` (torch.load with ``weights_only``: no code in it is run).
        target: the ``.safetensors`` file to write.

    Raises:
        InputError: when it cannot be read, or holds anything but tensors.
        OutputError: when the result cannot be written.
    """
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{source} cannot be read as plain weights ({type(error).__name__}): it is damaged, "
            "or holds more than tensors and is not to be trusted."
        ) from error
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise InputError(f"{source} does not hold a table of tensors by name.")
    state = {
        str(k).removeprefix("module."): v.detach().clone().contiguous() for k, v in content.items()
    }
    path = Path(target)
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(state, partial)
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path} could not be written: {error}.") from error
    return path


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    return 1 + max(
        (int(k.removeprefix(prefix).split(".")[0]) for k in state if k.startswith(prefix)),
        default=-1,
    )


def _absent(folder: Path) -> str:
    if (folder / PICKLE_NAME).is_file():
        return (
            f"{folder} holds {PICKLE_NAME}, a pickle, which is not loaded: run lsms medclip-sam "
            f"convert {folder / PICKLE_NAME} once to get {WEIGHTS_NAME}."
        )
    return f"{folder} lacks {WEIGHTS_NAME}: put BiomedCLIP's published files there."
