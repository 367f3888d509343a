"""The entries of a configuration file, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from lsms_core.errors import InputError


def checked_entries(
    kind: type, values: object, what: str, guide: str = "docs/training.md"
) -> dict[str, Any]:
    """Return the entries for a dataclass, lists as tuples.

    Args:
        kind: the dataclass that they are for.
        values: a JSON object; its ``kind``, which says what is configured, is no entry.
        what: what the configuration is for, in messages.
        guide: where the names are explained.

    Raises:
        InputError: when it is no object, for unknown entries and for missing ones.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"The {what} configuration is no JSON object: see {guide}.")
    entries = {k: v for k, v in values.items() if k != "kind"}
    unknown = set(entries) - {f.name for f in fields(kind)}
    if unknown:
        raise InputError(f"Unknown {what} entries {sorted(unknown)}: see {guide} for the names.")
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    missing = needed - set(entries)
    if missing:
        raise InputError(f"The {what} configuration lacks {sorted(missing)}: see {guide}.")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}
