"""``lsms info``: show and verify a model bundle, or list what can be read of a CT."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import click


@click.command("info")
@click.argument("bundle", default="lsms-tiny")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--card", is_flag=True, help="Print the whole model card.")
def command(bundle: str, as_json: bool, card: bool) -> None:
    """Show what BUNDLE (a name or a folder) says of itself, after comparing its checksums.

    Of a CT (a file, a DICOM folder or a zip) it lists what can be read: series, phases, sizes.
    """
    from lsms_core.cli.list_input import describe, looks_like_ct

    if looks_like_ct(Path(bundle)):
        describe(Path(bundle), as_json)
        return
    from lsms_core.models.installed import inspect_bundle

    info = inspect_bundle(bundle)
    if card:
        click.echo(info.card.rstrip())
        return
    files = [file for file in info.folder.rglob("*") if file.is_file()]
    facts: dict[str, Any] = {
        "name": info.name,
        "version": info.version,
        "engine": info.engine,
        "folder": str(info.folder),
        "verified": True,
        "files": len(files),
        "megabytes": round(sum(f.stat().st_size for f in files) / 1e6, 1),
        "parameters": _parameters(info.folder),
        "preprocessing": info.preprocessing,
        "postprocessing": info.postprocessing,
    }
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(f"{info.name} {info.version} ({info.engine})")
    click.echo(f"Folder: {info.folder}")
    click.echo(f"Size: {facts['megabytes']} MB in {facts['files']} files, every checksum is right")
    if facts["parameters"]:
        click.echo(f"Weights: {facts['parameters']:,} numbers")
    for title in ("preprocessing", "postprocessing"):
        values = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in facts[title].items())
        click.echo(f"{title.capitalize()}: {values or 'as the software has it'}")
    summary = _first_paragraph(info.card)
    if summary:
        click.echo(f"\n{summary}\n\nThe whole model card: lsms info {bundle} --card")


def _parameters(folder: Path) -> int | None:
    """Count the stored numbers from the safetensors header, without loading them."""
    path = folder / "model.safetensors"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(math.prod(v["shape"]) for k, v in header.items() if k != "__metadata__")


def _first_paragraph(card: str) -> str:
    body = card.split("---", 2)[-1] if card.startswith("---") else card
    for block in body.split("\n\n"):
        text = " ".join(block.split())
        if text and not text.startswith("#"):
            return text
    return ""
