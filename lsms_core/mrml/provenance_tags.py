"""Provenance tags of a segment: prompt, model, score and other facts about its run."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import unquote

import vtk
from slicer import vtkSegment

from lsms_core.anatomy.terminology import terminology_of

TAG_PREFIX = "LSMS."
_UNSAFE = re.compile(r"[%|\x00-\x1f\x7f]")


@dataclass(frozen=True)
class SegmentMeta:
    """The provenance of a segment.

    Attributes:
        prompt: the text that was asked for.
        model: the model's name and version.
        engine: the engine's name.
        score: the answer's score, 0 to 1.
        threshold: the probability that was cut at.
        plane: "axial", "coronal" or "sagittal".
        slices: the slices that were run, as text ("41" or "38-45"), 0-based.
        date: when, ISO 8601.
        laterality: the patient's side that the text names ("Left", "Right", ...).
        finding: what it is, as coded ("Mass", "Cyst", ...).
        region: the organ that it lies in.
        reading: what was read from the prompt, in short phrases.
        lesion: its number among the lesions of one answer, 0 for all of them together.
    """

    prompt: str
    model: str = ""
    engine: str = ""
    score: float | None = None
    threshold: float | None = None
    plane: str = ""
    slices: str = ""
    date: str = ""
    laterality: str = ""
    finding: str = ""
    region: str = ""
    reading: str = ""
    lesion: int = 0

    def completed(self) -> SegmentMeta:
        """Return this with laterality, finding and region read from the prompt where missing."""
        entry = terminology_of(self.prompt)
        return replace(
            self,
            laterality=self.laterality or (entry.laterality.meaning if entry.laterality else ""),
            finding=self.finding or entry.type.meaning,
            region=self.region or (entry.region.meaning if entry.region else ""),
        )


TAG_NAMES = tuple(TAG_PREFIX + field.name for field in fields(SegmentMeta))


def write_tags(segment: vtkSegment, meta: SegmentMeta) -> None:
    """Keep ``meta`` in a vtkSegment's tags, one tag an attribute."""
    for field in fields(SegmentMeta):
        value = getattr(meta, field.name)
        tag = TAG_PREFIX + field.name
        if value is None or value == "" or (field.name == "lesion" and value == 0):
            segment.RemoveTag(tag)
        else:
            segment.SetTag(tag, _encode(str(value)))


def read_tags(segment: vtkSegment) -> SegmentMeta | None:
    """Return the provenance tags, None for a segment without them."""
    found: dict[str, Any] = {}
    for field in fields(SegmentMeta):
        text = tag_of(segment, TAG_PREFIX + field.name)
        if text is not None:
            found[field.name] = unquote(text)
    if "prompt" not in found:
        return None
    for name in ("score", "threshold", "lesion"):
        number = _number(found.pop(name, ""))
        if number is not None:
            found[name] = int(number) if name == "lesion" else number
    return SegmentMeta(**found)


def tag_of(segment: vtkSegment, name: str) -> str | None:
    """Return a vtkSegment's tag, None where it has none."""
    value = vtk.reference("")
    return str(value.get()) if segment.GetTag(name, value) else None


def _encode(text: str) -> str:
    # A .seg.nrrd keeps all tags in one line, parted by "|" and with no way to escape it.
    return _UNSAFE.sub(lambda m: f"%{ord(m.group()):02X}", text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
