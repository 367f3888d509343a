"""Prints the answers of ``lsms segment`` as text or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.lesion_summary import summarise_lesions
from lsms_core.language.chips import describe

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.io.volumes import LoadedVolume

_RESEARCH = "Research use only; not a medical device."


def report(
    loaded: LoadedVolume,
    answers: Sequence[Answer],
    written: Path | None,
    picture: Path | None,
    notes: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    """Return the answers as ``--json`` prints them."""
    first = answers[0]
    return {
        "volume": str(loaded.path),
        "shape": list(loaded.volume.shape),
        "spacing_mm": [round(s, 4) for s in reversed(loaded.volume.spacing_mm)],
        "model": first.model,
        "engine": first.engine,
        "device": first.device,
        "fallback": first.fallback,
        "plane": first.plane,
        "axis": first.axis,
        "slices_run": [first.slices[0], first.slices[-1]],
        "seconds": round(seconds, 2),
        "output": None if written is None else str(written),
        "picture": None if picture is None else str(picture),
        "notes": list(notes),
        "results": [_result(answer) for answer in answers],
        "use": _RESEARCH,
    }


def _result(answer: Answer) -> dict[str, Any]:
    kept = answer.kept if answer.region == "lesions" else ()
    all_of_them = summarise_lesions(kept)
    longest = all_of_them.longest if all_of_them else None
    axial = longest if longest and longest.plane == "axial" else None
    mean = all_of_them.mean_hu if all_of_them and np.isfinite(all_of_them.mean_hu) else None
    told = answer.to_dict()
    return {
        **told,
        "slices": list(answer.found_slices) if answer.found_slices else None,
        "longest_axial_mm": round(axial.longest_mm, 1) if axial else None,
        "perpendicular_mm": round(axial.perpendicular_mm, 1) if axial else None,
        "area_mm2": round(longest.area_mm2 if longest else answer.area_mm2, 1),
        "volume_ml": round(answer.volume_ml or 0.0, 3),
        "mean_hu": None if mean is None else round(mean, 1),
        "voxels": answer.voxels,
        "lesions": told["kept"],
        "warnings": list(answer.warnings),
    }


def print_answers(answers: Sequence[Answer], notes: Sequence[str]) -> None:
    """Print each answer with its lesions, kept and dropped; notes go to the error stream."""
    told = dict.fromkeys([*notes, *(w for a in answers for w in a.candidates.search.warnings)])
    if answers[0].fallback:
        told[answers[0].fallback] = None
    for note in told:
        click.echo(f"Note: {note}", err=True)
    for answer in answers:
        score = f" Score {answer.score:.2f}." if answer.kept else ""
        click.echo(f"{answer.message}{score}")
        if answer.reading is not None and answer.reading.understood:
            click.echo(f"  read: {describe(answer.reading)}")
        for note in answer.notes:
            if note != answer.message and not note.startswith("Not read"):  # said above
                click.echo(f"  {note}")
        for line in told_lesions(answer):
            click.echo(f"  {line}")


def told_lesions(answer: Answer, limit: int = 8) -> list[str]:
    """Return a line for each lesion: its measurements, and why it was kept or dropped."""
    if answer.region == "organ":
        return [f"{answer.volume_ml or 0.0:.0f} mL"]
    if answer.reading is not None and not answer.reading.understood:
        return []
    lines = []
    for lesions, word in ((answer.kept, ""), (answer.dropped, "dropped: ")):
        for one in lesions[:limit]:
            reasons = "; ".join(answer.verdict(one.number).reasons)
            said = f" ({reasons})" if reasons else ""
            lines.append(f"{word}lesion {one.number}: {measured(one)}{said}")
        if len(lesions) > limit:
            lines.append(f"{word}and {len(lesions) - limit} smaller ones")
    return lines


def measured(one: Lesion) -> str:
    """Return the measurements of a lesion in one line."""
    first, last = one.slices
    where = f"slice {first}" if first == last else f"slices {first} to {last}"
    return ", ".join(
        filter(
            None,
            (
                f"{one.longest_mm:.0f} x {one.perpendicular_mm:.0f} mm {one.plane}",
                f"{one.volume_ml:.1f} mL",
                f"mean {one.mean_hu:.0f} HU",
                where,
                one.place,
            ),
        )
    )
