"""Makes the panels of a picture from answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.lesion import Lesion, total_volume_ml
from lsms_core.anatomy.terminology import colours_of
from lsms_core.cli.answers import measured
from lsms_core.io.figure import Outline, Panel

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer


def answer_panels(volume: CTVolume, answers: Sequence[Answer]) -> list[Panel]:
    """One panel a text: the slice in which its mask is largest, or the middle of those run."""
    panels = []
    colours = colours_of([a.text for a in answers])
    for answer, colour in zip(answers, colours, strict=True):
        axis = 0 if answer.axis is None else answer.axis
        plane = SlicePlane.of(volume, axis)
        index = answer.slices[len(answer.slices) // 2]
        if answer.mask.any():
            others = tuple(a for a in range(3) if a != axis)
            index = int(answer.mask.sum(axis=others).argmax())
        mask = plane.extract(answer.mask, index)
        lines = [f"{plane.plane} slice {index}, {answer.model}, score {answer.score:.2f}"]
        lines += describe(answer.kept) if answer.present else [answer.message]
        lines.append("Research use only; not a medical device.")
        panels.append(
            Panel(
                image=plane.extract(volume.array, index),
                spacing_mm=plane.spacing_mm,
                plane=plane.plane,
                title=answer.text,
                lines=lines,
                outlines=[Outline(mask, colour)],
                colour=colour,
            )
        )
    return panels


def describe(lesions: Sequence[Lesion], limit: int = 3) -> list[str]:
    """Describe the measurements in words, the largest lesions first."""
    lines = []
    for one in lesions[:limit]:
        name = f"lesion {one.number}: " if len(lesions) > 1 else ""
        lines.append(f"{name}{measured(one)}")
    if len(lesions) > limit:
        more = len(lesions) - limit
        rest = total_volume_ml(lesions[limit:])
        lines.append(f"and {more} smaller one{'s' if more > 1 else ''}, {rest:.1f} mL together")
    return lines
