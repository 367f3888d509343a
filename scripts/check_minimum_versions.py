"""Run the tests with the oldest versions of the dependencies that pyproject.toml allows.

Run by `make test-minimum`. Each requirement of the package and of the extras that the tests need is
pinned to its lower bound, in an environment of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# Tools check the code and do not run with it.
TOOLS = {"pytest", "pytest-cov", "hypothesis", "ruff", "mypy", "import-linter"}
EXTRAS = ("pictures", "dicom", "torch", "train")
# The rooms that work without Slicer's libraries, whose own versions are Slicer's.
TESTS = ("Testing/core", "-m", "not slow")


def lower_bounds() -> list[str]:
    """Return the requirements, each pinned to its lower bound."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    requirements: list[str] = []
    for name in ("dependencies", *EXTRAS):
        found = re.search(rf"^{name} = \[(.*?)\]", text, re.DOTALL | re.MULTILINE)
        requirements += re.findall(r'"([^"]+)"', found.group(1)) if found else []
    pinned = {}
    for requirement in requirements:
        match = re.match(r"([A-Za-z0-9_.-]+)\s*>=\s*([0-9][0-9.]*)", requirement)
        if match:
            pinned[match.group(1).lower()] = f"{match.group(1)}=={match.group(2)}"
    return sorted(pinned.values())


def main() -> None:
    """Install the lower bounds and run the tests with them."""
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=True)
        python = Path(name) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        bounds = lower_bounds()
        print("\n".join(bounds), flush=True)
        subprocess.run([*pip, *bounds, *sorted(TOOLS)], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", str(REPOSITORY)], check=True)
        subprocess.run([str(python), "-m", "pytest", "-q", *TESTS], cwd=REPOSITORY, check=True)


if __name__ == "__main__":
    main()
