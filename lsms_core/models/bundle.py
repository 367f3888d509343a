"""A model on disk, complete: weights, configuration, tokenizer, card and checksums.

::

    <name>/model.safetensors   weights
           config.json         format, engine, architecture ("lsms" where it is not named),
                               network, text encoder, pre- and post-processing
           tokenizer/          the tokenizer's files
           MODEL_CARD.md       data, terms, figures
           manifest.json       SHA-256 and size of every other file

Nothing is unpickled and nothing is downloaded.
"""

from __future__ import annotations

import importlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lsms_core.errors import BundleError, OutputError
from lsms_core.models import architectures
from lsms_core.models.installed import FORMAT_VERSION, BundleInfo, find_bundle, inspect_bundle
from lsms_core.models.manifest import REINSTALL, verify_bundle, write_manifest

__all__ = [
    "Bundle",
    "BundleInfo",
    "find_bundle",
    "inspect_bundle",
    "load_bundle",
    "load_model",
    "new_bundle",
    "save_bundle",
    "verify_bundle",
]

# engine -> "module:function"; the function gets a BundleInfo and returns model and tokenizer.
LOADERS = {
    "lsms": "lsms_core.models.bundle:_load_lsms",
    "medclip-sam": "lsms_core.models.medclip_sam.files:load",
}
_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True)
class Bundle(BundleInfo):
    """A loaded bundle.

    Attributes:
        model: the model in evaluation mode, float32, on the CPU.
        tokenizer: its tokenizer (transformers).
    """

    model: Any = None
    tokenizer: Any = None


def load_bundle(path_or_name: str | Path, verify: bool = True) -> Bundle:
    """Load a bundle, on the CPU in float32.

    Raises:
        BundleError: when it is missing, incomplete, altered or of another format.
    """
    info = inspect_bundle(path_or_name, verify=verify)
    if info.engine not in LOADERS:
        raise BundleError(
            f"The model {info.name} is for the engine {info.engine!r}, which this software does "
            f"not have: use one for {' or '.join(sorted(LOADERS))}."
        )
    module, _, function = LOADERS[info.engine].partition(":")
    model, tokenizer = getattr(importlib.import_module(module), function)(info)
    return Bundle(
        name=info.name,
        version=info.version,
        engine=info.engine,
        folder=info.folder,
        config=info.config,
        card=info.card,
        model=model,
        tokenizer=tokenizer,
    )


def _load_lsms(info: BundleInfo) -> tuple[Any, Any]:
    from transformers import AutoTokenizer

    model = load_model(info)
    tokenizer = AutoTokenizer.from_pretrained(info.folder / "tokenizer", local_files_only=True)
    return model, tokenizer


def load_model(info: BundleInfo) -> architectures.Model:
    """Load the network of an LSMS bundle, in evaluation mode, on the CPU in float32.

    Raises:
        BundleError: when the weights do not fit the configuration.
    """
    model = architectures.restore_model(
        info.config.get("architecture", architectures.DEFAULT),
        info.config["model"],
        info.config["text_encoder"],
    )
    try:
        state = load_file(info.folder / "model.safetensors")
        model.load_state_dict({key: value.float() for key, value in state.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"The weights of {info.name} do not fit its configuration; {REINSTALL}"
        ) from error
    return model.eval()


def _text_config(model: architectures.Model) -> dict[str, Any]:
    bert: Any = getattr(model.text_encoder, "bert", None)
    return {} if bert is None else dict(bert.config.to_diff_dict())


@contextmanager
def new_bundle(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder to fill; once whole, it gets its manifest and its name.

    Args:
        folder: where the bundle goes; one that is there is replaced at the end.

    Raises:
        OutputError: when it cannot be written; nothing is left behind.
    """
    target = Path(folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"Cannot write to {target.parent}: {error.strerror}.") from error
    try:
        yield temporary
        write_manifest(temporary)
        # Temporary folders are for their owner alone; a model is for everybody on the machine.
        temporary.chmod(0o755)
        for path in temporary.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"The model could not be written to {target}: {error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def save_bundle(
    folder: str | Path,
    model: architectures.Model,
    tokenizer: Any,  # noqa: ANN401 - transformers' tokenizers share no public base
    *,
    preprocessing: Mapping[str, Any],
    postprocessing: Mapping[str, Any],
    card: str,
    name: str,
    version: str,
    dtype: str = "float16",
) -> Path:
    """Write a bundle; an existing one is replaced only once the new one is whole.

    Args:
        folder: where the bundle goes.
        model: the model.
        tokenizer: its tokenizer.
        preprocessing: entries of the preprocessing configuration.
        postprocessing: entries of the post-processing configuration.
        card: the model card, Markdown.
        name: the model's name.
        version: its version.
        dtype: how weights are stored: "float16", "bfloat16" or "float32".

    Raises:
        OutputError: when it cannot be written; nothing is left behind.
    """
    target = Path(folder)
    config = {
        "format": FORMAT_VERSION,
        "engine": "lsms",
        "architecture": model.architecture,
        "name": name,
        "version": version,
        "model": model.config.to_dict(),
        "text_encoder": _text_config(model),
        "preprocessing": dict(preprocessing),
        "postprocessing": dict(postprocessing),
    }
    state = {
        key: value.detach().cpu().to(_DTYPES[dtype] if value.is_floating_point() else value.dtype)
        for key, value in model.state_dict().items()
    }
    with new_bundle(target) as temporary:
        save_file({k: v.contiguous() for k, v in state.items()}, temporary / "model.safetensors")
        (temporary / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        (temporary / "MODEL_CARD.md").write_text(card, "utf-8")
        tokenizer.save_pretrained(temporary / "tokenizer")
    return target
