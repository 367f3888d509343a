"""Lists the models on this computer, with their descriptions and without their weights.

Free of torch, so that the process that shows the list never loads it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsms_core.errors import BundleError
from lsms_core.models.manifest import MANIFEST, REINSTALL, read_json, verify_bundle
from lsms_core.models.medclip_sam import layout as medclip_sam_layout

FORMAT_VERSION = 1
DEFAULT_WEIGHTS = {"lsms": "lsms-tiny", "medclip-sam": "medclip-sam"}


@dataclass(frozen=True)
class BundleInfo:
    """The description of a bundle.

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


def user_models_folder() -> Path:
    """Return where a user's own models are kept unless told otherwise."""
    data_home = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
    user = Path(data_home) if data_home else Path.home() / ".local" / "share"
    return user / "lsms" / "models"


def search_path() -> list[Path]:
    """Return the folders where models are looked up by name, in this order.

    ``$LSMS_MODELS``, the user's data folder, and those that came with the software.
    """
    package = Path(__file__).resolve().parents[1]
    roots = [user_models_folder(), package.parent / "Resources" / "Models"]
    roots.append(package / "resources" / "Models")
    if os.environ.get("LSMS_MODELS"):
        roots.insert(0, Path(os.environ["LSMS_MODELS"]))
    return roots


def find_bundle(path_or_name: str | Path) -> Path:
    """Return a bundle's folder.

    Args:
        path_or_name: a folder, or a name looked up along :func:`search_path`.

    Raises:
        BundleError: when there is none.
    """
    path = Path(path_or_name).expanduser()
    if (path / MANIFEST).is_file():
        return path
    if path.name == str(path_or_name):
        for root in search_path():
            if (root / path.name / MANIFEST).is_file():
                return root / path.name
    if path.name.startswith(medclip_sam_layout.ENGINE) and path.name == str(path_or_name):
        raise BundleError(medclip_sam_layout.ABSENT)
    raise BundleError(
        f"No model {str(path_or_name)!r} was found: give the folder that holds its manifest.json, "
        "or put the model's folder into the folder that the variable LSMS_MODELS names."
    )


def default_weights(path_or_name: str | Path, engine: str | None) -> str | Path:
    """Return the weights to use: another engine's default gives way to the engine's own.

    So ``--engine medclip-sam`` alone is enough where its weights are installed.
    """
    own = DEFAULT_WEIGHTS.get(engine or "")
    if own is not None and str(path_or_name) in set(DEFAULT_WEIGHTS.values()) - {own}:
        return own
    return path_or_name


def inspect_bundle(path_or_name: str | Path, *, verify: bool = True) -> BundleInfo:
    """Read the description of a bundle, without its weights.

    Raises:
        BundleError: when it is missing, incomplete, altered or of another format.
    """
    folder = find_bundle(path_or_name)
    if verify:
        verify_bundle(folder)
    config = read_json(folder / "config.json")
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
        raise BundleError(f"The model {folder.name} is incomplete; {REINSTALL}") from error
