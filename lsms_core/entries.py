"""The entries of a configuration, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from lsms_core.errors import BundleError, InputError


def written_entries(
    kind: type, values: object, what: str, guide: str = "docs/training.md"
) -> dict[str, Any]:
    """Return the entries for a dataclass that somebody wrote, lists as tuples.

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
    unknown = _unknown(kind, entries)
    if unknown:
        raise InputError(f"Unknown {what} entries {unknown}: see {guide} for the names.")
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    missing = needed - set(entries)
    if missing:
        raise InputError(f"The {what} configuration lacks {sorted(missing)}: see {guide}.")
    return _with_tuples(entries)


def saved_entries(kind: type, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the entries for a dataclass that a model was saved with, lists as tuples.

    Args:
        kind: the dataclass that they are for.
        values: a JSON object.
        what: what they configure, in the message.

    Raises:
        BundleError: for unknown entries.
    """
    unknown = _unknown(kind, values)
    if unknown:
        raise BundleError(
            f"Unknown {what} entries {unknown}: the model needs a newer version of this software."
        )
    return _with_tuples(values)


def _unknown(kind: type, values: Mapping[str, Any]) -> list[str]:
    return sorted(set(values) - {f.name for f in fields(kind)})


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
