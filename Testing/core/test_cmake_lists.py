"""Slicer installs what the CMakeLists.txt name: every file is named, and nothing else.

``python Testing/core/test_cmake_lists.py --write`` brings the lists up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LISTED_FOLDERS = ("LSMSSegmentation", "lsms_core")
VARIABLES = {"MODULE_PYTHON_SCRIPTS": True, "MODULE_PYTHON_RESOURCES": False}
IGNORED = {"CMakeLists.txt"}


def cmake_list(text, variable):
    """Return the entries of ``set(variable ...)``."""
    found = re.search(rf"^set\({variable}\s(.*?)\)$", text, re.DOTALL | re.MULTILINE)
    assert found, f"there is no set({variable} ...)"
    return found.group(1).split()


def files_in(folder, scripts):
    """Return what the list of a folder must hold, sorted, with forward slashes."""
    root = REPOSITORY / folder
    paths = [p.relative_to(root) for p in root.rglob("*") if p.is_file()]
    wanted = [
        p.as_posix()
        for p in paths
        if p.name not in IGNORED
        and not any(part.startswith(".") or part == "__pycache__" for part in p.parts)
        and (p.suffix == ".py") is scripts
    ]
    return sorted(wanted, key=lambda name: (name.count("/"), name))


@pytest.mark.parametrize("folder", LISTED_FOLDERS)
@pytest.mark.parametrize("variable", VARIABLES)
def test_every_file_is_listed_and_every_listed_file_is_there(folder, variable):
    listed = cmake_list((REPOSITORY / folder / "CMakeLists.txt").read_text("utf-8"), variable)
    there = files_in(folder, VARIABLES[variable])
    advice = "run: python Testing/core/test_cmake_lists.py --write"
    assert sorted(set(there) - set(listed)) == [], f"not listed; {advice}"
    assert sorted(set(listed) - set(there)) == [], f"listed but not there; {advice}"
    assert len(listed) == len(set(listed)), f"listed twice; {advice}"


def test_the_tests_that_slicer_runs_are_listed():
    text = (REPOSITORY / "Testing" / "slicer" / "CMakeLists.txt").read_text("utf-8")
    listed = re.findall(r"^slicer_add_python_unittest\(SCRIPT (\S+)\)$", text, re.MULTILINE)
    there = [p.name for p in (REPOSITORY / "Testing" / "slicer").glob("*Test.py")]
    assert sorted(listed) == sorted(there)


def test_the_extension_file_follows_slicers_order():
    text = (REPOSITORY / "CMakeLists.txt").read_text("utf-8")
    steps = [
        "project(LSMSSegmentation)",
        "set(EXTENSION_HOMEPAGE",
        'set(EXTENSION_DEPENDS "NA")',
        "find_package(Slicer REQUIRED)",
        "include(${Slicer_USE_FILE})",
        "add_subdirectory(lsms_core)",
        "add_subdirectory(LSMSSegmentation)",
        "if(BUILD_TESTING)",
        "include(${Slicer_EXTENSION_GENERATE_CONFIG})",
        "include(${Slicer_EXTENSION_CPACK})",
    ]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    for field in ("CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS"):
        assert f"set(EXTENSION_{field} " in text


def test_files_that_the_extension_shows_are_there():
    text = (REPOSITORY / "CMakeLists.txt").read_text("utf-8")
    shown = re.findall(r'"\$\{LSMS_RAW_FILES\}/([^"]+)"', text)
    assert len(shown) == 2
    assert [name for name in shown if not (REPOSITORY / name).is_file()] == []


def test_the_engine_looks_where_cmake_puts_the_models():
    from lsms_core.models.installed import search_path

    text = (REPOSITORY / "lsms_core" / "CMakeLists.txt").read_text("utf-8")
    assert "${MODULE_NAME}/resources/Models" in text
    assert REPOSITORY / "lsms_core" / "resources" / "Models" in search_path()


def write():
    """Write the lists as they must be."""
    for folder in LISTED_FOLDERS:
        path = REPOSITORY / folder / "CMakeLists.txt"
        text = path.read_text("utf-8")
        for variable, scripts in VARIABLES.items():
            lines = "".join(f"  {name}\n" for name in files_in(folder, scripts))
            text, count = re.subn(
                rf"^set\({variable}\s.*?\)$",
                f"set({variable}\n{lines}  )",
                text,
                flags=re.DOTALL | re.MULTILINE,
            )
            assert count == 1, f"there is no set({variable} ...) in {path}"
        path.write_text(text, "utf-8")


if __name__ == "__main__" and "--write" in sys.argv:
    write()
