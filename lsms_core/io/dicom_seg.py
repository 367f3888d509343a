"""Writes DICOM Segmentation objects (PS3.3 A.51) with highdicom."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core import __version__
from lsms_core.anatomy.terminology import Code, Terminology, terminology_of
from lsms_core.errors import DependencyError, InputError
from lsms_core.io.atomic import replacing
from lsms_core.io.dicom_header import quietly
from lsms_core.io.dicom_sources import UTF_8, clean_sources
from lsms_core.io.named_masks import Segment, check_shapes


@dataclass(frozen=True)
class SegGrid:
    """Where masks lie against the images that they refer to.

    Attributes:
        frames: for one multi-frame file, the frame (from 0) of each slice of the masks.
        affine: (4, 4) IJK to RAS mm of the masks where they are not one on each source image, or
            some frames of a file only.
        shape: (slices, rows, columns) of that grid.
        thickness_mm: the slices' distance.
    """

    frames: tuple[int, ...] = ()
    affine: NDArray[np.float64] | None = None
    shape: tuple[int, int, int] = (0, 0, 0)
    thickness_mm: float | None = None


# Value representations LO and ST end here.
_LABEL_LENGTH = 64
_DESCRIPTION_LENGTH = 1024


def check_dicom_seg() -> None:
    """Find out whether DICOM SEG can be written.

    Raises:
        DependencyError: saying what to install.
    """
    try:
        import highdicom  # noqa: F401
        import pydicom  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            "DICOM SEG needs pydicom and highdicom: pip install 'lsms-core[dicom]', or write a "
            ".seg.nrrd file."
        ) from error


def write_dicom_seg(
    path: str | Path,
    slice_files: Sequence[Path],
    segments: Sequence[Segment],
    *,
    model: str,
    model_version: str,
    grid: SegGrid | None = None,
) -> list[str]:
    """Write segments that refer to the DICOM series they were found in.

    Args:
        path: ends in ``.dcm``.
        slice_files: the series' files, in the order of the masks' slices.
        segments: at least one, none of them empty.
        model: the model's name.
        model_version: its version.
        grid: where the masks lie if not slice by slice on the files: on the frames of a
            multi-frame file, or on a resampled grid.

    Returns:
        Notes for the user.

    Raises:
        DependencyError: without highdicom.
        InputError: without a DICOM series, or when it lacks what the standard demands.
        OutputError: when the file cannot be written.
    """
    check_dicom_seg()
    grid = grid or SegGrid()
    sources, notes = _sources(slice_files, grid)
    if not segments:
        raise InputError("A DICOM SEG needs at least one segment; nothing was found.")
    dataset = _build(sources, segments, grid, model, model_version)
    with quietly(), replacing(path) as partial, partial.open("wb") as file:
        dataset.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
    return notes


def check_dicom_sources(slice_files: Sequence[Path], grid: SegGrid | None = None) -> list[str]:
    """Find out before the work whether a DICOM SEG can refer to a series, by making one.

    Returns:
        Notes on entries of the header that are replaced.

    Raises:
        As :func:`write_dicom_seg`.
    """
    check_dicom_seg()
    grid = grid or SegGrid()
    sources, notes = _sources(slice_files, grid)
    first = sources[0]
    if grid.affine is not None:
        shape = grid.shape
    else:
        # Two slices show what highdicom would refuse.
        sources = sources[:2]
        shape = (len(sources), int(first.Rows), int(first.Columns))
    mask = np.zeros(shape, np.bool_)
    mask[0, 0, 0] = True
    trial = Segment("trial", mask, terminology_of("lesion"), (255, 0, 0))
    _build(sources, [trial], grid, "trial", "1")
    return notes


def read_sources(files: Sequence[Path]) -> list[Any]:
    """Read the headers of a series that a DICOM result shall refer to, mended where needed.

    Raises:
        DependencyError: without highdicom.
        InputError: without a DICOM series, or naming what anonymisation removed.
    """
    check_dicom_seg()
    return _sources(files, SegGrid())[0]


def _sources(files: Sequence[Path], grid: SegGrid) -> tuple[list[Any], list[str]]:
    if not files:
        raise InputError(
            "A DICOM SEG refers to a DICOM series: segment the DICOM folder, or write a .seg.nrrd "
            "or .nii.gz file."
        )
    return clean_sources(files, grid.thickness_mm)


def _build(
    sources: list[Any], segments: Sequence[Segment], grid: SegGrid, model: str, version: str
) -> Any:  # noqa: ANN401
    import highdicom

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=_one_line(model)[:_LABEL_LENGTH] or "unknown",
        family=_coded(Code("123110", "Artificial Intelligence", "DCM")),
        version=_one_line(version)[:_LABEL_LENGTH] or "unknown",
    )
    labels = unique_labels([s.name for s in segments])
    descriptions = [
        _description(n, s, label, algorithm)
        for n, (s, label) in enumerate(zip(segments, labels, strict=True), 1)
    ]
    further = None
    if "PerFrameFunctionalGroupsSequence" in sources[0]:
        sources, further = sources[:1], sources[1:] or None
    try:
        with quietly():
            dataset = highdicom.seg.Segmentation(
                source_images=sources,
                pixel_array=_pixels(sources, segments, grid),
                segmentation_type="BINARY",
                segment_descriptions=descriptions,
                series_instance_uid=highdicom.UID(),
                series_number=_series_number(sources[0]),
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer="LSMS Segmentation",
                manufacturer_model_name="lsms-core",
                software_versions=__version__,
                device_serial_number="0",
                content_label="LESIONS",
                series_description="Text-prompted lesions (research use)",
                further_source_images=further,
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"No DICOM SEG can refer to this series ({_cause(error)}): write a .seg.nrrd file "
            "instead."
        ) from error
    dataset.SpecificCharacterSet = UTF_8
    for item, segment in zip(dataset.SegmentSequence, segments, strict=True):
        item.SegmentDescription = _without_controls(segment.name)[:_DESCRIPTION_LENGTH]
    return dataset


def _pixels(sources: Sequence[Any], segments: Sequence[Segment], grid: SegGrid) -> Any:  # noqa: ANN401
    import highdicom

    stacked = np.stack([s.mask for s in segments], axis=-1).astype(np.uint8)
    first = sources[0]
    every = sorted(grid.frames) == list(range(int(first.get("NumberOfFrames") or 1)))
    if grid.affine is not None and not (grid.frames and every):
        check_shapes(segments, grid.shape)
        # highdicom's indices run along the array's axes, and its space is LPS.
        lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
        return highdicom.Volume(
            stacked,
            lps[:, [2, 1, 0, 3]],
            "PATIENT",
            frame_of_reference_uid=first.FrameOfReferenceUID,
            channels={"SegmentNumber": list(range(1, len(segments) + 1))},
        )
    if grid.frames:
        check_shapes(segments, (len(grid.frames), int(first.Rows), int(first.Columns)))
        frames = np.zeros_like(stacked)
        frames[list(grid.frames)] = stacked
        return frames
    check_shapes(segments, (len(sources), int(first.Rows), int(first.Columns)))
    return stacked


def unique_labels(names: Sequence[str]) -> list[str]:
    """Return a label for each name: one line of at most 64 characters, all different.

    A backslash, which would part a DICOM text into two values, becomes a slash.

    Example:
        >>> unique_labels(["cyst", "cyst"])
        ['cyst', 'cyst (2)']
    """
    labels: list[str] = []
    for name in names:
        plain = _one_line(name).replace("\\", "/") or "lesion"
        if len(plain) > _LABEL_LENGTH:
            # What tells long texts apart often stands at their end.
            plain = f"{plain[:40].strip()} ... {plain[-19:].strip()}"
        label, count = plain, 1
        while label in labels:
            count += 1
            end = f" ({count})"
            label = plain[: _LABEL_LENGTH - len(end)].strip() + end
        labels.append(label)
    return labels


def _one_line(name: str) -> str:
    return " ".join(_without_controls(name).split())


def _without_controls(name: str) -> str:
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", name)
    return clean.encode("utf-8", "replace").decode("utf-8")


def _cause(error: Exception) -> str:
    """Name what is wrong without a value of the header."""
    names = re.findall(r"'([A-Z][A-Za-z]+)'", str(error))
    return f"{type(error).__name__}: {names[-1]}" if names else str(error)[:160]


def _description(number: int, segment: Segment, label: str, algorithm: Any) -> Any:  # noqa: ANN401
    import highdicom
    from highdicom.color import CIELabColor

    terms: Terminology = segment.terminology
    region = [_coded(c) for c in (terms.region, *terms.segments) if c] or None
    description = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=_coded(terms.category),
        segmented_property_type=_coded(terms.type),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=highdicom.UID(),
        tracking_id=label,
        anatomic_regions=region,
        display_color=CIELabColor.from_rgb(*segment.colour),
    )
    if terms.region_modifier and terms.region:
        description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [
            _coded(terms.region_modifier)
        ]
    if terms.type_modifier:
        description.SegmentedPropertyTypeCodeSequence[
            0
        ].SegmentedPropertyTypeModifierCodeSequence = [_coded(terms.type_modifier)]
    return description


def _coded(code: Code) -> Any:  # noqa: ANN401
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)


def _series_number(source: Any) -> int:  # noqa: ANN401
    try:
        return int(source.SeriesNumber) * 100 + 1
    except (AttributeError, TypeError, ValueError):
        return 1
