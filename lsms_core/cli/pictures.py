"""From answers to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsms_core.anatomy.findings import Finding
from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.terminology import colours_of
from lsms_core.io.figure import Outline, Panel

if TYPE_CHECKING:
    from lsms_core.inference.result import Prediction


def answer_panels(
    volume: CTVolume,
    predictions: Sequence[Prediction],
    findings: Sequence[Sequence[Finding]],
) -> list[Panel]:
    """One panel a text: the slice in which its mask is largest, or the middle of those run."""
    panels = []
    colours = colours_of([p.text for p in predictions])
    for prediction, found, colour in zip(predictions, findings, colours, strict=True):
        axis = 0 if prediction.axis is None else prediction.axis
        plane = SlicePlane.of(volume, axis)
        index = prediction.slices[len(prediction.slices) // 2]
        if prediction.mask.any():
            others = tuple(a for a in range(3) if a != axis)
            index = int(prediction.mask.sum(axis=others).argmax())
        mask = plane.extract(prediction.mask, index)
        lines = [f"{plane.plane} slice {index}, {prediction.model}, score {prediction.score:.2f}"]
        lines += describe(found) if prediction.present else ["Nothing found."]
        lines.append("Research use only; not a medical device.")
        panels.append(
            Panel(
                image=plane.extract(volume.array, index),
                spacing_mm=plane.spacing_mm,
                plane=plane.plane,
                title=prediction.text,
                lines=lines,
                outlines=[Outline(mask, colour)],
                colour=colour,
            )
        )
    return panels


def describe(findings: Sequence[Finding], limit: int = 3) -> list[str]:
    """Say in words what was measured, the largest lesions first."""
    lines = []
    for number, f in enumerate(findings[:limit], 1):
        name = f"lesion {number}: " if len(findings) > 1 else ""
        first, last = f.slices
        where = f"slice {first}" if first == last else f"slices {first} to {last}"
        lines.append(
            f"{name}{f.longest_mm:.0f} x {f.perpendicular_mm:.0f} mm {f.plane}, "
            f"{f.volume_ml:.1f} mL, mean {f.mean_hu:.0f} HU, {where}"
        )
    if len(findings) > limit:
        rest = sum(f.volume_ml for f in findings[limit:])
        more = len(findings) - limit
        lines.append(f"and {more} smaller one{'s' if more > 1 else ''}, {rest:.1f} mL together")
    return lines
