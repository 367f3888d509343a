"""Name what keeps this checkout from being released; run by `make check-release`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CATALOG_ENTRY = REPOSITORY / "Resources" / "LSMSSegmentation.json"
LARGEST_WEIGHTS = 64 << 20


def problems() -> list[str]:
    """Return what has to be done, in sentences."""
    found = []
    if "github.com/OWNER/" in CATALOG_ENTRY.read_text("utf-8"):
        name = CATALOG_ENTRY.relative_to(REPOSITORY)
        found.append(f"{name}: replace OWNER by the account that hosts the repository.")
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    latest = re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0]
    version = re.findall(
        r'^__version__ = "(.+)"$',
        (REPOSITORY / "lsms_core" / "__init__.py").read_text("utf-8"),
        re.MULTILINE,
    )[0]
    if latest != version:
        found.append(f"CHANGELOG.md begins with {latest}, the version is {version}.")
    weights = (REPOSITORY / "Resources" / "Models").rglob("*.safetensors")
    large = [path for path in weights if path.stat().st_size > LARGEST_WEIGHTS]
    return [*found, *(f"{path.relative_to(REPOSITORY)} is larger than 64 MB." for path in large)]


def main() -> None:
    """Print what is left to do; exit with 1 where there is anything."""
    found = problems()
    print("\n".join(found) or "Nothing stands against a release.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
