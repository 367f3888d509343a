"""The commands of an installation that has few of the optional libraries."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lsms_core.cli.main import _EXTRAS, main

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def without_torch(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, in which torch cannot be imported."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from lsms_core.cli.main import main; main(sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=PROJECT.parent,
        check=False,
    )


def test_a_command_that_needs_torch_says_what_to_install():
    ran = without_torch("benchmark")
    assert ran.returncode == 2
    assert ran.stderr == (
        'lsms: This needs torch, which is not installed: pip install "lsms-core[torch]".\n'
    )


def test_a_library_that_no_extra_brings_is_a_defect(monkeypatch):
    monkeypatch.setitem(sys.modules, "lsms_core.cli.info", None)
    with pytest.raises(ModuleNotFoundError):
        main(["info"])


def test_info_needs_no_torch(small_bundle):
    ran = without_torch("info", small_bundle)
    assert ran.returncode == 0, ran.stderr
    assert "every checksum is right" in ran.stdout


def test_every_library_is_in_the_extra_that_is_named():
    text = PROJECT.read_text("utf-8")
    for library, extra in _EXTRAS.items():
        found = re.search(rf"^{extra} = \[(.*?)\]$", text, re.DOTALL | re.MULTILINE)
        assert found, extra
        package = {"PIL": "pillow", "tokenizers": "transformers"}.get(library, library)
        assert f'"{package}>=' in found.group(1), library
