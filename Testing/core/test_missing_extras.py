"""The commands of an installation that has few of the optional libraries."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from lsms_core.cli.main import _EXTRAS, main

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_a_command_that_needs_torch_says_what_to_install(lsms, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "lsms_core.benchmarking.measure_models", raising=False)
    for name in [n for n in sys.modules if n.startswith("lsms_core.benchmarking")]:
        monkeypatch.delitem(sys.modules, name)
    ran = lsms("benchmark")
    assert ran.status == 2
    assert ran.err == (
        'lsms: This needs torch, which is not installed: pip install "lsms-core[torch]".\n'
    )


def test_a_library_that_no_extra_brings_is_a_defect(monkeypatch):
    monkeypatch.setitem(sys.modules, "lsms_core.cli.info", None)
    with pytest.raises(ModuleNotFoundError):
        main(["info"])


def test_info_needs_no_torch(lsms, monkeypatch, small_bundle):
    for name in [n for n in sys.modules if n.startswith("lsms_core.models")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    ran = lsms("info", small_bundle)
    assert ran.status == 0, ran.err
    assert "every checksum is right" in ran.out


def test_every_library_is_in_the_extra_that_is_named():
    text = PROJECT.read_text("utf-8")
    for library, extra in _EXTRAS.items():
        found = re.search(rf"^{extra} = \[(.*?)\]$", text, re.DOTALL | re.MULTILINE)
        assert found, extra
        package = {"PIL": "pillow", "tokenizers": "transformers"}.get(library, library)
        assert f'"{package}>=' in found.group(1), library
