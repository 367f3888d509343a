"""The checksums of a model on disk: written once, compared before the model is used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from lsms_core.errors import BundleError

MANIFEST = "manifest.json"
REINSTALL = "install the model again."


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(folder: Path) -> None:
    """Record SHA-256 and size of every file in ``folder``."""
    files = {
        file.relative_to(folder).as_posix(): {"sha256": sha256(file), "bytes": file.stat().st_size}
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    (folder / MANIFEST).write_text(json.dumps({"files": files}, indent=2) + "\n", "utf-8")


def verify_bundle(folder: Path) -> None:
    """Compare every file with the manifest.

    Raises:
        BundleError: for a missing, added or altered file.
    """
    manifest = read_json(folder / MANIFEST)
    try:
        expected = {str(name): str(entry["sha256"]) for name, entry in manifest["files"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"The manifest of {folder} is not readable; {REINSTALL}") from error
    present = {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file != folder / MANIFEST
    }
    if missing := sorted(set(expected) - present):
        raise BundleError(f"The model {folder.name} lacks {missing[0]}; {REINSTALL}")
    if added := sorted(present - set(expected)):
        raise BundleError(
            f"The model {folder.name} holds {added[0]}, which does not belong to it; {REINSTALL}"
        )
    for name, digest in expected.items():
        if sha256(folder / name) != digest:
            raise BundleError(f"The model file {name} was altered or damaged; {REINSTALL}")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that belongs to a model.

    Raises:
        BundleError: when it is missing or is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path.name} of the model is missing or damaged; {REINSTALL}") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path.name} of the model is damaged; {REINSTALL}")
    return content
