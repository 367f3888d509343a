"""Reads the frames of an enhanced (multi-frame) CT as slices (DICOM PS3.3, C.7.6.16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from lsms_core.io.dicom_header import DICOM_ERRORS, number, numbers, quietly, text, value_of
from lsms_core.io.dicom_objects import DicomSlice, PixelCoding

# Frames of one file; more are no CT.
_MOST_FRAMES = 20_000
Reason = Literal["", "place", "size", "scout"]


def frames_of(path: Path, header: Any, damage: str) -> tuple[list[DicomSlice], Reason]:  # noqa: ANN401
    """Return the frames of a multi-frame image that lie somewhere in the patient.

    Returns:
        The frames, and why there is none: they have no "place", no pixel "size", or are a
        "scout"; "" with frames.
    """
    count = int(number(header, "NumberOfFrames", 1))
    shape = (int(number(header, "Rows", 0)), int(number(header, "Columns", 0)))
    shared = _first(value_of(header, "SharedFunctionalGroupsSequence"))
    groups = value_of(header, "PerFrameFunctionalGroupsSequence")
    if groups is None or not 0 < count <= _MOST_FRAMES:
        return [], "place"
    slices: list[DicomSlice] = []
    reason: Reason = "place"
    try:
        with quietly():
            frames = list(groups)
    except DICOM_ERRORS:
        return [], "place"
    if len(frames) < count:
        damage = damage or f"{len(frames)} of {count} frames say where they lie"
    for index, own in enumerate(frames[:count]):

        def group(name: str, own: Any = own) -> Any:  # noqa: ANN401
            return _first(value_of(own, name)) or _first(value_of(shared, name))

        measures = group("PixelMeasuresSequence")
        position = numbers(group("PlanePositionSequence"), "ImagePositionPatient")
        orientation = numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient")
        spacing = numbers(measures, "PixelSpacing") or numbers(header, "PixelSpacing")
        if len(position) != 3 or len(orientation) != 6:
            continue
        if len(spacing) != 2 or min(spacing) <= 0:
            reason = "size"
            continue
        if "LOCALIZER" in text(group("CTImageFrameTypeSequence"), "FrameType").upper():
            reason = "scout"
            continue
        content = group("FrameContentSequence")
        slices.append(
            DicomSlice(
                path=path,
                position=position,
                orientation=orientation,
                spacing=(spacing[0], spacing[1]),
                shape=shape,
                tags={
                    "acquisition": text(content, "FrameAcquisitionNumber"),
                    "time": text(content, "FrameAcquisitionDateTime")[8:],
                    "temporal": text(content, "TemporalPositionIndex"),
                    "stack": text(content, "StackID"),
                    "thickness": text(measures, "SliceThickness"),
                    "number": str(index + 1),
                },
                coding=_coding(header, group("PixelValueTransformationSequence")),
                frame=index,
                instance=text(header, "SOPInstanceUID"),
                damage=damage,
            )
        )
    return slices, "" if slices else reason


def _first(sequence: Any) -> Any:  # noqa: ANN401
    try:
        return sequence[0] if sequence else None
    except DICOM_ERRORS:
        return None


def _coding(header: Any, transformation: Any) -> PixelCoding:  # noqa: ANN401
    padding = tuple(
        int(v)
        for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        for v in numbers(header, name)[:1]
    )
    source = header if transformation is None else transformation
    return PixelCoding(
        slope=number(source, "RescaleSlope", 1.0) or 1.0,
        intercept=number(source, "RescaleIntercept", 0.0),
        inverted=text(header, "PhotometricInterpretation").upper() == "MONOCHROME1",
        padding=padding,
        bits=int(number(header, "BitsStored", 16)),
        allocated=int(number(header, "BitsAllocated", 16)),
        signed=number(header, "PixelRepresentation", 0) == 1,
        units=text(source, "RescaleType").upper(),
    )
