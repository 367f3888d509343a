"""Reads small text files with clear error messages, and writes them completely or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lsms_core.errors import InputError
from lsms_core.io.atomic import replacing


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
    with replacing(target) as partial:
        partial.write_text(text, encoding="utf-8")
    return target
