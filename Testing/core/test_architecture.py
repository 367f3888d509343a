"""The rooms of the house: who may import whom, and how large a file may be."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# A file holds one concept that a reader can hold in mind.
LONGEST_FILE = 400
# Former import paths, which lead to the modules of the same name.
FORMER_PATHS = "lsms_core/data"


def test_rooms_import_only_rooms_below_them(monkeypatch, capsys):
    cli = pytest.importorskip("importlinter.cli", reason="import-linter is a development package")
    monkeypatch.chdir(REPOSITORY)
    status = cli.lint_imports(config_filename=".importlinter", no_cache=True)
    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("folder", ["lsms_core", "LSMSSegmentation", "Testing"])
def test_files_are_short(folder):
    lengths = {
        path.relative_to(REPOSITORY).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in (REPOSITORY / folder).rglob("*.py")
    }
    assert lengths, f"no file in {folder}"
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_two_modules_share_a_name():
    homes = defaultdict(list)
    for folder in ("lsms_core", "LSMSSegmentation", "Testing"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            place = path.relative_to(REPOSITORY)
            if (
                path.name not in ("__init__.py", "conftest.py")
                and place.parent.as_posix() != FORMER_PATHS
            ):
                homes[path.stem].append(place.as_posix())
    shared = {name: sorted(found) for name, found in homes.items() if len(found) > 1}
    assert shared == {}
