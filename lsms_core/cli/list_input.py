"""The output of ``lsms info`` for a CT: the series of a folder, or one volume's size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

_BUNDLE = ("manifest.json", "config.json", "model.safetensors", "tokenizer", "MODEL_CARD.md")


def looks_like_ct(path: Path) -> bool:
    """Tell whether a path is an image file, an archive or a folder that holds no model."""
    if path.is_dir():
        return not any((path / name).exists() for name in _BUNDLE)
    return path.is_file()


def describe(path: Path, as_json: bool) -> None:
    """Print what can be read from a path.

    Raises:
        InputError: when nothing can.
    """
    from lsms_core.io.archives import unpacked
    from lsms_core.io.volumes import is_zip

    if is_zip(path):
        inner, keeper, notes = unpacked(path)
        with keeper:
            facts = _facts(inner)
        facts |= {"path": str(path), "notes": [*notes, *facts["notes"]]}
    else:
        facts = _facts(path)
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for note in facts["notes"]:
        click.echo(f"Note: {note}", err=True)
    for item in facts.get("series", []):
        click.echo(item["title"])
        for phase in item["phases"]:
            click.echo(f"  phase {phase}")
    if "shape" in facts:
        size = " x ".join(str(n) for n in reversed(facts["shape"]))
        spacing = " x ".join(f"{s:.4g}" for s in facts["spacing_mm"])
        click.echo(f"{path}: {size} voxels of {spacing} mm, {facts['plane']}")


def _facts(path: Path) -> dict[str, Any]:
    from lsms_core.io.volumes import is_dicom

    return _series(path) if path.is_dir() or is_dicom(path) else _volume(path)


def _series(path: Path) -> dict[str, Any]:
    from lsms_core.io.dicom_phases import list_phases
    from lsms_core.io.dicom_scan import scan

    found = scan(path)
    return {
        "path": str(path),
        "series": [
            {
                "number": s.label,
                "description": s.description,
                "uid": s.uid,
                "images": len(s.slices),
                "rows": s.slices[0].shape[0],
                "columns": s.slices[0].shape[1],
                "phases": [p.title for p in list_phases(s.slices)],
                "title": s.title,
            }
            for s in found.series
        ],
        "notes": found.notes(),
    }


def _volume(path: Path) -> dict[str, Any]:
    from lsms_core.anatomy.geometry import SlicePlane
    from lsms_core.io.volumes import read_volume

    loaded = read_volume(path)
    i, j, k = loaded.volume.spacing_mm
    return {
        "path": str(path),
        "shape": list(loaded.volume.shape),
        "spacing_mm": [round(s, 4) for s in (i, j, k)],
        "plane": SlicePlane.of(loaded.volume, 0).plane,
        "notes": list(loaded.notes),
    }
