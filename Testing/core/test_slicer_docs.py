"""The troubleshooting page quotes messages that the software really gives."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = ("slicer-tutorial.md", "slicer-troubleshooting.md", "slicer-scripting.md")
ELLIPSIS = "…"


def text_of(node):
    """A string's text with an ellipsis for everything that is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{[^}]*\}", ELLIPSIS, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(v) if isinstance(v, ast.Constant) else ELLIPSIS for v in node.values)
    return ""


@cache
def messages():
    found = []
    for folder in ("LSMSSegmentation", "lsms_core"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            found += [text_of(node) for node in ast.walk(tree)]
    return " \n".join(filter(None, found))


def headings():
    text = (REPOSITORY / "docs" / "slicer-troubleshooting.md").read_text("utf-8")
    return re.findall(r"^### (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("heading", headings())
def test_each_message_exists(heading):
    # What is filled in may be quoted: "…" in the page, '"…"' in the source.
    parts = [re.escape(part.strip(' "')) for part in heading.split(ELLIPSIS)]
    assert max(len(part) for part in parts) > 8
    pattern = r"[^\n]{0,3}?…?[^\n]{0,60}?".join(part for part in parts if part)
    assert re.search(pattern, messages()), f"no message reads like {heading!r}"


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_are_there(page):
    text = (REPOSITORY / "docs" / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        name, _, anchor = target.partition("#")
        linked = REPOSITORY / "docs" / (name or page)
        assert linked.is_file(), f"{page} links to {target}"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", linked.read_text("utf-8"), re.MULTILINE)
            assert anchor in {t.lower().replace(" ", "-") for t in titles}


def test_scripts_are_python():
    text = (REPOSITORY / "docs" / "slicer-scripting.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        ast.parse(block)


def test_the_arguments_in_the_table_are_those_of_the_logic():
    source = (REPOSITORY / "lsms_core" / "session").joinpath
    session = ast.parse(source("session.py").read_text("utf-8"))
    (segment,) = [
        n for n in ast.walk(session) if isinstance(n, ast.FunctionDef) and n.name == "segment"
    ]
    request = ast.parse(source("run_request.py").read_text("utf-8"))
    fields = {n.target.id for n in ast.walk(request) if isinstance(n, ast.AnnAssign)}
    known = {argument.arg for argument in segment.args.args} | fields
    text = (REPOSITORY / "docs" / "slicer-scripting.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(named) > 8
    assert named <= known
