"""A model on disk, complete: weights, configuration, tokenizer, card and checksums.

::

    <name>/model.safetensors   weights
           config.json         format, engine, network, text encoder, pre- and post-processing
           tokenizer/          the tokenizer's files
           MODEL_CARD.md       data, terms, figures
           manifest.json       SHA-256 and size of every other file

Nothing is unpickled and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lsms_core.errors import BundleError, OutputError
from lsms_core.models.lsms.config import LSMSConfig
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.models.lsms.text_encoder import TextEncoder

FORMAT_VERSION = 1
_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
_REINSTALL = "install the model again."


@dataclass(frozen=True)
class BundleInfo:
    """What a bundle says of itself.

    Attributes:
        name: the model's name.
        version: its version.
        engine: which engine runs it.
        folder: where it is.
        config: config.json.
        card: the model card, Markdown.
    """

    name: str
    version: str
    engine: str
    folder: Path
    config: Mapping[str, Any]
    card: str

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Entries of the preprocessing configuration."""
        return dict(self.config["preprocessing"])

    @property
    def postprocessing(self) -> dict[str, Any]:
        """Entries of the post-processing configuration."""
        return dict(self.config["postprocessing"])


@dataclass(frozen=True)
class Bundle(BundleInfo):
    """A loaded bundle.

    Attributes:
        model: the model in evaluation mode, float32, on the CPU.
        tokenizer: its tokenizer (transformers).
    """

    model: Any = None
    tokenizer: Any = None


def find_bundle(path_or_name: str | Path) -> Path:
    """Return a bundle's folder.

    Args:
        path_or_name: a folder, or a name looked up in ``$LSMS_MODELS``, in the user's data
            folder, and among the models that came with the software.

    Raises:
        BundleError: when there is none.
    """
    path = Path(path_or_name).expanduser()
    if (path / "manifest.json").is_file():
        return path
    if path.name == str(path_or_name):
        for root in _search_path():
            if (root / path.name / "manifest.json").is_file():
                return root / path.name
    raise BundleError(
        f"No model {str(path_or_name)!r} was found: give the folder that holds its manifest.json, "
        "or put the model's folder into the folder that the variable LSMS_MODELS names."
    )


def _search_path() -> list[Path]:
    package = Path(__file__).resolve().parents[1]
    data_home = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
    user = Path(data_home) if data_home else Path.home() / ".local" / "share"
    roots = [user / "lsms" / "models", package.parent / "Resources" / "Models"]
    roots.append(package / "resources" / "Models")
    if os.environ.get("LSMS_MODELS"):
        roots.insert(0, Path(os.environ["LSMS_MODELS"]))
    return roots


def verify_bundle(folder: Path) -> None:
    """Compare every file with the manifest.

    Raises:
        BundleError: for a missing, added or altered file.
    """
    manifest = _read_json(folder / "manifest.json")
    try:
        expected = {str(name): str(entry["sha256"]) for name, entry in manifest["files"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"The manifest of {folder} is not readable; {_REINSTALL}") from error
    present = {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file != folder / "manifest.json"
    }
    if missing := sorted(set(expected) - present):
        raise BundleError(f"The model {folder.name} lacks {missing[0]}; {_REINSTALL}")
    if added := sorted(present - set(expected)):
        raise BundleError(
            f"The model {folder.name} holds {added[0]}, which does not belong to it; {_REINSTALL}"
        )
    for name, digest in expected.items():
        if _sha256(folder / name) != digest:
            raise BundleError(f"The model file {name} was altered or damaged; {_REINSTALL}")


def inspect_bundle(path_or_name: str | Path, *, verify: bool = True) -> BundleInfo:
    """Read what a bundle says of itself, without its weights."""
    folder = find_bundle(path_or_name)
    if verify:
        verify_bundle(folder)
    config = _read_json(folder / "config.json")
    if config.get("format") != FORMAT_VERSION:
        raise BundleError(
            f"The model {folder.name} has format {config.get('format')!r}, this software reads "
            f"{FORMAT_VERSION}: use a matching version of both."
        )
    try:
        return BundleInfo(
            name=str(config["name"]),
            version=str(config["version"]),
            engine=str(config["engine"]),
            folder=folder,
            config=config,
            card=(folder / "MODEL_CARD.md").read_text(encoding="utf-8"),
        )
    except (KeyError, OSError) as error:
        raise BundleError(f"The model {folder.name} is incomplete; {_REINSTALL}") from error


def load_bundle(path_or_name: str | Path, verify: bool = True) -> Bundle:
    """Load a bundle, on the CPU in float32.

    Raises:
        BundleError: when it is missing, incomplete, altered or of another format.
    """
    from transformers import AutoTokenizer

    info = inspect_bundle(path_or_name, verify=verify)
    if info.engine != "lsms":
        raise BundleError(f"The model {info.name} is for the engine {info.engine!r}, not 'lsms'.")
    model = LSMSModel(
        LSMSConfig.from_dict(info.config["model"]),
        TextEncoder.from_config(info.config["text_encoder"]),
    )
    try:
        state = load_file(info.folder / "model.safetensors")
        model.load_state_dict({key: value.float() for key, value in state.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"The weights of {info.name} do not fit its configuration; {_REINSTALL}"
        ) from error
    tokenizer = AutoTokenizer.from_pretrained(info.folder / "tokenizer", local_files_only=True)
    return Bundle(
        name=info.name,
        version=info.version,
        engine=info.engine,
        folder=info.folder,
        config=info.config,
        card=info.card,
        model=model.eval(),
        tokenizer=tokenizer,
    )


def save_bundle(
    folder: str | Path,
    model: LSMSModel,
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
        "name": name,
        "version": version,
        "model": model.config.to_dict(),
        "text_encoder": model.text_encoder.bert.config.to_diff_dict(),  # type: ignore[union-attr,operator]
        "preprocessing": dict(preprocessing),
        "postprocessing": dict(postprocessing),
    }
    state = {
        key: value.detach().cpu().to(_DTYPES[dtype] if value.is_floating_point() else value.dtype)
        for key, value in model.state_dict().items()
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"Cannot write to {target.parent}: {error.strerror}.") from error
    try:
        save_file({k: v.contiguous() for k, v in state.items()}, temporary / "model.safetensors")
        (temporary / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        (temporary / "MODEL_CARD.md").write_text(card, "utf-8")
        tokenizer.save_pretrained(temporary / "tokenizer")
        _write_manifest(temporary)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"The model could not be written to {target}: {error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _write_manifest(folder: Path) -> None:
    files = {
        file.relative_to(folder).as_posix(): {
            "sha256": _sha256(file),
            "bytes": file.stat().st_size,
        }
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    (folder / "manifest.json").write_text(json.dumps({"files": files}, indent=2) + "\n", "utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{path.name} of the model is missing or damaged; {_REINSTALL}"
        ) from error
    if not isinstance(content, dict):
        raise BundleError(f"{path.name} of the model is damaged; {_REINSTALL}")
    return content


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
