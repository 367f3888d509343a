"""DICOM Segmentation objects (PS3.3 A.51), by highdicom."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lsms_core import __version__
from lsms_core.anatomy.terminology import Code, Terminology
from lsms_core.errors import DependencyError, InputError
from lsms_core.io.atomic import replacing
from lsms_core.io.segments import Segment, check_shapes

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
) -> None:
    """Write segments that refer to the DICOM series they were found in.

    Args:
        path: ends in ``.dcm``.
        slice_files: the series' files, in the order of the masks' slices.
        segments: at least one, none of them empty.
        model: the model's name.
        model_version: its version.

    Raises:
        DependencyError: without highdicom.
        InputError: without a DICOM series, or when it lacks what the standard demands.
        OutputError: when the file cannot be written.
    """
    sources = read_sources(slice_files)
    import highdicom

    if not segments:
        raise InputError("A DICOM SEG needs at least one segment; nothing was found.")
    shape = (len(sources), int(sources[0].Rows), int(sources[0].Columns))
    check_shapes(segments, shape)
    pixels = np.stack([s.mask for s in segments], axis=-1).astype(np.uint8)
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=model[:_LABEL_LENGTH],
        family=_coded(Code("123110", "Artificial Intelligence", "DCM")),
        version=model_version[:_LABEL_LENGTH],
    )
    try:
        with warnings.catch_warnings():
            # The patient's name is copied as it is, even one that highdicom finds unusual.
            warnings.filterwarnings("ignore", ".*unlikely to represent.*person name")
            dataset = highdicom.seg.Segmentation(
                source_images=sources,
                pixel_array=pixels,
                segmentation_type="BINARY",
                segment_descriptions=[
                    _description(n, s, algorithm) for n, s in enumerate(segments, 1)
                ],
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
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"No DICOM SEG can refer to this series ({error}): write a .seg.nrrd file instead."
        ) from error
    for item, segment in zip(dataset.SegmentSequence, segments, strict=True):
        item.SegmentDescription = segment.name[:_DESCRIPTION_LENGTH]
    with replacing(path) as partial, partial.open("wb") as file:
        dataset.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())


def read_sources(files: Sequence[Path]) -> list[Any]:
    """Read the headers of a series that a DICOM SEG shall refer to.

    Raises:
        DependencyError: without highdicom.
        InputError: without a DICOM series, or naming what anonymisation removed.
    """
    check_dicom_seg()
    import pydicom

    if not files:
        raise InputError(
            "A DICOM SEG refers to a DICOM series: segment the DICOM folder, or write a .seg.nrrd "
            "or .nii.gz file."
        )
    sources = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    needed = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
    for source, file in zip(sources, files, strict=True):
        missing = [name for name in needed if not source.get(name)]
        if missing:
            raise InputError(
                f"No DICOM SEG can refer to this series: {file.name} lacks {', '.join(missing)}. "
                "Use the series before its UIDs were removed, or write a .seg.nrrd file."
            )
    for source in sources:
        if "SpecificCharacterSet" in source and not source.SpecificCharacterSet:
            del source.SpecificCharacterSet  # empty means the default one, as absent does
        for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID",
                     "StudyDate", "StudyTime", "AccessionNumber"):  # fmt: skip
            # Type 2: must be there, and may be empty.
            if name not in source:
                setattr(source, name, None)
    return sources


def _description(number: int, segment: Segment, algorithm: Any) -> Any:  # noqa: ANN401
    import highdicom
    from highdicom.color import CIELabColor

    terms: Terminology = segment.terminology
    region = [_coded(terms.region)] if terms.region else None
    description = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name[:_LABEL_LENGTH],
        segmented_property_category=_coded(terms.category),
        segmented_property_type=_coded(terms.type),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=highdicom.UID(),
        tracking_id=segment.name[:_LABEL_LENGTH],
        anatomic_regions=region,
        display_color=CIELabColor.from_rgb(*segment.colour),
    )
    if terms.region_modifier and region:
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
