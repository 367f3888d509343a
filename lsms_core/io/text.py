"""Small text files, read with a clear message and written all or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lsms_core.errors import InputError, OutputError


def read_json(path: str | Path) -> Any:  # noqa: ANN401
    """Read a JSON file.

    Raises:
        InputError: when it is missing or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file under a temporary name, then rename it.

    Raises:
        OutputError: when it cannot be written.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{target} cannot be written: {error}") from error
    return target
