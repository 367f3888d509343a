"""What newcomers meet first agrees with the rest of the project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import lsms_core

REPOSITORY = Path(__file__).resolve().parents[2]
# The account that hosts the repository is filled in by whoever publishes it.
PLACEHOLDER = "OWNER"
PLACE_OF_THE_ACCOUNT = "Resources/LSMSSegmentation.json"
ABOUT_THE_PLACEHOLDER = {
    "docs/releasing.md",
    "scripts/check_release.py",
    "Testing/core/test_project_files.py",
}
TEXTS = {".md", ".txt", ".json", ".py", ".toml", ".cff", ".yml", ".yaml"}


def text_files():
    """Return the project's own text files, by path from the root."""
    folders = (
        "LSMSSegmentation",
        "Resources",
        "Testing",
        "docs",
        "lsms_core",
        "scripts",
        ".github",
    )
    paths = [p for folder in folders for p in (REPOSITORY / folder).rglob("*")]
    paths += list(REPOSITORY.iterdir())
    return {
        p.relative_to(REPOSITORY).as_posix(): p
        for p in paths
        if p.is_file() and p.suffix in TEXTS and "tokenizer" not in p.parts
    }


def test_the_account_is_a_placeholder_in_one_place_only():
    named = {
        name
        for name, path in text_files().items()
        if re.search(rf"\b{PLACEHOLDER}\b", path.read_text("utf-8"))
    }
    assert named - ABOUT_THE_PLACEHOLDER <= {PLACE_OF_THE_ACCOUNT}


def test_the_release_check_names_what_is_left():
    ran = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "check_release.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    placeholder = PLACEHOLDER in (REPOSITORY / PLACE_OF_THE_ACCOUNT).read_text("utf-8")
    assert (f"replace {PLACEHOLDER}" in ran.stdout) == placeholder
    assert bool(ran.returncode) == ("Nothing stands against a release" not in ran.stdout)


def test_the_citation_has_the_codes_version():
    citation = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [lsms_core.__version__]


def test_every_page_is_in_the_documentations_contents():
    index = (REPOSITORY / "docs" / "index.md").read_text("utf-8")
    contents = "\n".join(re.findall(r"```\{toctree\}(.*?)```", index, re.DOTALL))
    listed = {line.strip() for line in contents.splitlines()}
    pages = {
        p.relative_to(REPOSITORY / "docs").with_suffix("").as_posix()
        for p in (REPOSITORY / "docs").rglob("*.md")
    }
    assert pages - {"index"} <= listed


def test_hosted_checks_call_targets_that_exist():
    workflow = (REPOSITORY / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    called = set(re.findall(r"\bmake ([\w-]+)", workflow))
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert called
    assert called <= targets
