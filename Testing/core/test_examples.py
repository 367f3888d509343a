"""The examples in docstrings run, and those in the documentation name what exists."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from lsms_core.cli.main import cli

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = (REPOSITORY / "lsms_core").rglob("*.py")
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    for path in SOURCES
    if re.search(r"^ *>>> ", path.read_text("utf-8"), re.MULTILINE)
)
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"]
PAGES += sorted((REPOSITORY / "docs").glob("*.md"))
PYTHON_PATHS = (REPOSITORY, REPOSITORY / "LSMSSegmentation")


def blocks(language: str) -> list[tuple[str, str]]:
    """Return (page, content) of the code blocks of a language, "" for those without one."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        found += [(page.name, block) for kind, block in fenced if kind == language]
    return found


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    parts = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert parts
    runner = doctest.DocTestRunner()
    for part in parts:
        runner.run(part)
    assert runner.summarize(verbose=False).failed == 0


def names_of(module: str) -> set[str] | None:
    """Return the names that a module of the project defines; None for a module of others."""
    for root in PYTHON_PATHS:
        base = root.joinpath(*module.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                tree = ast.parse(path.read_text("utf-8"))
                found = {getattr(node, "name", "") for node in tree.body}
                for node in tree.body:
                    if isinstance(node, ast.ImportFrom):
                        found |= {alias.asname or alias.name for alias in node.names}
                return found
    return None


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_in_the_documentation_imports_what_exists(page, code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith(("lsms_core", "LSMS")):
            defined = names_of(node.module)
            assert defined is not None, f"{page}: {node.module}"
            assert {alias.name for alias in node.names} <= defined, f"{page}: {node.module}"


def command_lines() -> list[tuple[str, str]]:
    """Return (page, command) of each ``lsms`` command in the documentation's blocks."""
    found = []
    for language in ("", "console", "bash"):
        for page, code in blocks(language):
            joined = re.sub(r"\s*\\\n\s*", " ", code)
            for line in joined.splitlines():
                match = re.match(r"\s*(?:\$ )?(lsms .*)", line)
                if match:
                    found.append((page, match.group(1)))
    return found


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_commands_in_the_documentation_have_these_options(page, line):
    words = shlex.split(line.replace("…", ""), comments=True)[1:]
    words = words[: words.index(";")] if ";" in words else words
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0].isupper():
            return
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"{page}: lsms {words[0]} does not exist"
        command, words = found, words[1:]
    options = {"--help", "--version"}
    for parameter in command.params:
        options |= {*parameter.opts, *parameter.secondary_opts}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= options, f"{page}: {line}"
