"""Writes DICOM structured reports (imaging measurements, TID 1500) with highdicom.

Each lesion of each answer has two measurement groups with one tracking UID: its volume, area and
attenuation (TID 1411), which refer to the answer's segment in the DICOM SEG and to the images that
it lies on, and its diameters with their ends (TID 1501), for which TID 1411 has no place.
"""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core import __version__
from lsms_core.anatomy.lesion import Ends, Lesion
from lsms_core.anatomy.target_lesions import PROPOSAL
from lsms_core.anatomy.terminology import (
    BOTH_SIDES,
    COUINAUD,
    LEFT,
    LIVER,
    RIGHT,
    Code,
    terminology_of,
)
from lsms_core.errors import InputError
from lsms_core.io.atomic import replacing
from lsms_core.io.dicom_seg import read_sources
from lsms_core.io.measurement_report import (
    Algorithm,
    MeasuredAnswer,
    MeasurementReport,
    same_lesion,
)

MANUFACTURER = "LSMS Segmentation"
_LONGEST = Code("103339001", "Long axis")
_PERPENDICULAR = Code("103340004", "Short axis")
_AREA = Code("42798000", "Area")
_VOLUME = Code("118565006", "Volume")
_ATTENUATION = Code("112031", "Attenuation Coefficient", "DCM")
_MEAN = Code("373098007", "Mean")
_DEVIATION = Code("386136009", "Standard Deviation")
_COMMENT = Code("121106", "Comment", "DCM")
_RECIST = Code("126081", "RECIST 1.1", "DCM")
# There is no standard code for this sum; the private one says that it is a proposal.
SUM_OF_TARGETS = Code("sum-of-targets", "Sum of longest diameters of proposed targets", "99LSMS")
_MILLIMETRE = Code("mm", "mm", "UCUM")
_SQUARE_MM = Code("mm2", "square millimeter", "UCUM")
_CUBIC_CM = Code("cm3", "cubic centimeter", "UCUM")
_HOUNSFIELD = Code("[hnsf'U]", "Hounsfield unit", "UCUM")
_INTELLIGENCE = Code("123110", "Artificial Intelligence", "DCM")
_CT_ABDOMEN = Code("41806-1", "CT Abdomen Report", "LN")
SEGMENTS = COUINAUD
_LATERALITY: dict[tuple[str, ...], Code] = {("left",): LEFT, ("right",): RIGHT}


def write_dicom_sr(
    path: str | Path,
    slice_files: Sequence[Path],
    seg_file: Path,
    measurements: MeasurementReport,
) -> Path:
    """Write a measurement report that refers to a DICOM series and to its DICOM SEG.

    Args:
        path: ends in ``.dcm``.
        slice_files: the series' files, in the order of the CT's slices.
        seg_file: the DICOM SEG; the answers' segment numbers are its own.
        measurements: at least one lesion.

    Raises:
        DependencyError: without highdicom.
        InputError: without a lesion or a DICOM series, or when it lacks what the standard
            demands.
        OutputError: when the file cannot be written.
    """
    if not any(answer.lesions for answer in measurements.answers):
        raise InputError("A DICOM measurement report needs a lesion; nothing was found.")
    sources = read_sources(slice_files)
    import highdicom
    import pydicom

    segmentation = pydicom.dcmread(seg_file)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*unlikely to represent.*person name")
            report = highdicom.sr.Comprehensive3DSR(
                evidence=[*sources, segmentation],
                content=_content(sources, segmentation, measurements)[0],
                series_instance_uid=highdicom.UID(),
                series_number=_series_number(sources[0]),
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer=MANUFACTURER,
                is_complete=True,
                is_final=False,
                is_verified=False,
                series_description="Measurements of text-prompted lesions (research use)",
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"No DICOM report can refer to this series ({error}): write an .html report instead."
        ) from error
    report.ManufacturerModelName = "lsms-core"
    report.SoftwareVersions = __version__
    with replacing(path) as partial, partial.open("wb") as file:
        report.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
    return Path(path)


def _content(sources: Sequence[Any], segmentation: Any, measurements: MeasurementReport) -> Any:  # noqa: ANN401
    import highdicom
    from highdicom import sr

    algorithm = measurements.algorithm
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=_device_uid(algorithm),
        name=f"{algorithm.name} {algorithm.version}".strip()[:64],
        manufacturer_name=MANUFACTURER,
        model_name="lsms-core",
        serial_number=algorithm.sha256[:64] or None,
    )
    observer = sr.ObserverContext(_coded(Code("121007", "Device", "DCM")), device)
    tracked: dict[tuple[object, ...], Any] = {}
    groups: list[Any] = []
    for answer in measurements.answers:
        for number, lesion in enumerate(answer.lesions, 1):
            # A lesion that two texts name is tracked as one.
            uid = tracked.setdefault(same_lesion(lesion), highdicom.UID())
            name = f"Lesion {number}: {answer.text}"[:64]
            tracking = sr.TrackingIdentifier(uid, name)
            groups.append(_roi(sources, segmentation, algorithm, answer, lesion, tracking))
            groups.append(_diameters(sources, algorithm, answer, lesion, tracking))
    if measurements.targets.lesions:
        groups.append(_targets(sources, measurements))
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_coded(_CT_ABDOMEN),
        imaging_measurements=groups,
        referenced_images=list(sources),
    )


def _roi(
    sources: Sequence[Any],
    segmentation: Any,  # noqa: ANN401
    algorithm: Algorithm,
    answer: MeasuredAnswer,
    lesion: Lesion,
    tracking: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Return the measurements of a lesion's region."""
    from highdicom import sr

    on = _images_of(lesion, sources)
    segment = answer.segment or 1
    measurements = [
        _measurement(_AREA, lesion.area_mm2, _SQUARE_MM),
        _measurement(_VOLUME, lesion.volume_ml, _CUBIC_CM),
    ]
    for value, derivation in ((lesion.mean_hu, _MEAN), (lesion.sd_hu, _DEVIATION)):
        if np.isfinite(value):
            measurements.append(_measurement(_ATTENUATION, value, _HOUNSFIELD, derivation))
    group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        referenced_segment=sr.ReferencedSegment(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            segment,
            frame_numbers=_frames_of(segmentation, segment, on) or None,
            source_images=[
                sr.SourceImageForSegmentation(s.SOPClassUID, s.SOPInstanceUID) for s in on
            ],
        ),
        **_about(algorithm, answer, lesion),
        measurements=measurements,
    )
    return _commented(group, _said(answer, lesion))


def _diameters(
    sources: Sequence[Any],
    algorithm: Algorithm,
    answer: MeasuredAnswer,
    lesion: Lesion,
    tracking: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """The longest diameter and its perpendicular, with their ends."""
    from highdicom import sr

    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        **_about(algorithm, answer, lesion),
        measurements=[
            _measurement(name, value, _MILLIMETRE, ends=_line(ends, sources))
            for name, value, ends in (
                (_LONGEST, lesion.longest_mm, lesion.longest_ends),
                (_PERPENDICULAR, lesion.perpendicular_mm, lesion.perpendicular_ends),
            )
        ],
    )


def _about(algorithm: Algorithm, answer: MeasuredAnswer, lesion: Lesion) -> dict[str, Any]:
    terms = terminology_of(answer.text)
    return {
        "finding_category": _coded(terms.category),
        "finding_type": _coded(terms.type),
        "finding_sites": _sites(lesion),
        "algorithm_id": _algorithm(algorithm, answer),
    }


def _measurement(
    name: Code,
    value: float,
    unit: Code,
    derivation: Code | None = None,
    *,
    ends: Any = None,  # noqa: ANN401
    method: Code | None = None,
) -> Any:  # noqa: ANN401
    from highdicom import sr

    return sr.Measurement(
        name=_coded(name),
        value=float(f"{value:.6g}"),
        unit=_coded(unit),
        derivation=_coded(derivation) if derivation else None,
        method=_coded(method) if method else None,
        referenced_coordinates=None if ends is None else [ends],
    )


def _commented(group: Any, comment: str) -> Any:  # noqa: ANN401
    from highdicom.sr import TextContentItem

    item = TextContentItem(name=_coded(_COMMENT), value=comment, relationship_type="CONTAINS")
    group[0].ContentSequence.append(item)
    return group


def _line(ends: Ends, sources: Sequence[Any]) -> Any:  # noqa: ANN401
    """Return a diameter's ends: on the image that holds both, else in the patient's space."""
    from highdicom import sr

    lps = np.asarray(ends, dtype=np.float64) * (-1.0, -1.0, 1.0)
    source, pixels = _nearest_image(lps, sources)
    if source is None:
        return sr.CoordinatesForMeasurement3D(
            "POLYLINE", lps, frame_of_reference_uid=sources[0].FrameOfReferenceUID
        )
    return sr.CoordinatesForMeasurement(
        "POLYLINE",
        pixels,
        source_image=sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID),
    )


def _nearest_image(
    lps: NDArray[np.float64], sources: Sequence[Any]
) -> tuple[Any | None, NDArray[np.float64]]:
    """Return the image that points lie in, and their (column, row) from its corner, in pixels.

    In a structured report 0, 0 is the corner of the first pixel and 0.5, 0.5 its centre
    (PS3.3 C.18.6.1).
    """
    row, column = np.asarray(sources[0].ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(row, column)
    places = np.array([np.dot(normal, np.asarray(s.ImagePositionPatient, float)) for s in sources])
    depths = lps @ normal
    index = int(np.abs(places - depths.mean()).argmin())
    if np.abs(depths - places[index]).max() > 0.1:
        return None, np.empty((0, 2))
    source = sources[index]
    offset = lps - np.asarray(source.ImagePositionPatient, float)
    row_mm, column_mm = (float(v) for v in source.PixelSpacing)
    pixels = np.stack([offset @ row / column_mm + 0.5, offset @ column / row_mm + 0.5], axis=1)
    return source, np.clip(pixels, 0.0, (float(source.Columns), float(source.Rows)))


def _images_of(lesion: Lesion, sources: Sequence[Any]) -> list[Any]:
    first, last = lesion.slices
    return list(sources[first : last + 1])


def _frames_of(segmentation: Any, segment: int | None, sources: Sequence[Any]) -> list[int]:  # noqa: ANN401
    """Return the numbers of a segment's frames that show these images."""
    wanted = {source.SOPInstanceUID for source in sources}
    frames = []
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    for number, frame in enumerate(segmentation.PerFrameFunctionalGroupsSequence, 1):
        # An attribute that all frames share, such as the only segment, stands in the shared groups.
        segments = frame.get("SegmentIdentificationSequence") or shared.get(
            "SegmentIdentificationSequence"
        )
        identified = segments[0].ReferencedSegmentNumber if segments else 1
        shown = {
            image.ReferencedSOPInstanceUID
            for derivation in (
                frame.get("DerivationImageSequence") or shared.get("DerivationImageSequence", ())
            )
            for image in derivation.SourceImageSequence
        }
        if identified == (segment or 1) and shown & wanted:
            frames.append(number)
    return frames


def _sites(lesion: Lesion) -> list[Any]:
    """The liver with the side, and the segment where there is no doubt about it."""
    from highdicom import sr

    side = _LATERALITY.get(tuple(lesion.sides))
    if len(lesion.sides) == 2 and lesion.left_share is not None and 0.1 < lesion.left_share < 0.9:
        side = BOTH_SIDES
    sites = [sr.FindingSite(_coded(LIVER), laterality=_coded(side) if side else None)]
    if len(lesion.segments) == 1:
        sites.append(sr.FindingSite(_coded(SEGMENTS[lesion.segments[0]])))
    return sites


def _algorithm(algorithm: Algorithm, answer: MeasuredAnswer) -> Any:  # noqa: ANN401
    from highdicom import sr

    told = [f"prompt: {answer.text}"]
    if answer.reading:
        told.append(f"reading: {answer.reading}")
    if algorithm.sha256:
        told.append(f"bundle SHA-256: {algorithm.sha256}")
    if algorithm.engine:
        told.append(f"engine: {algorithm.engine}")
    return sr.AlgorithmIdentification(
        name=algorithm.name,
        version=algorithm.version or "unknown",
        parameters=told,
        family=_coded(_INTELLIGENCE),
        manufacturer=MANUFACTURER,
    )


def _said(answer: MeasuredAnswer, lesion: Lesion) -> str:
    parts = [f'Prompt "{answer.text}"']
    if answer.reading:
        parts.append(f"Read as: {answer.reading}")
    if len(lesion.segments) > 1:
        parts.append(f"Segment {' or '.join(lesion.segments)}")
    return ". ".join([*parts, *(note.rstrip(".") for note in answer.notes)]) + "."


def _targets(sources: Sequence[Any], measurements: MeasurementReport) -> Any:  # noqa: ANN401
    """The sum of the proposed target lesions, which belongs to no single one (TID 1501)."""
    import highdicom
    from highdicom import sr

    targets = measurements.targets
    on = {s.SOPInstanceUID: s for x in targets.lesions for s in _images_of(x, sources)}
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(highdicom.UID(), "Proposed target lesions"),
        finding_sites=[sr.FindingSite(_coded(LIVER))],
        measurements=[_measurement(SUM_OF_TARGETS, targets.sum_mm, _MILLIMETRE, method=_RECIST)],
        source_images=[
            sr.SourceImageForMeasurementGroup(s.SOPClassUID, s.SOPInstanceUID) for s in on.values()
        ],
    )
    listed = " + ".join(f"{lesion.longest_mm:.1f} mm" for lesion in targets.lesions)
    return _commented(group, f"{listed}: {PROPOSAL}.")


def _device_uid(algorithm: Algorithm) -> str:
    """The same weights are the same device, on whichever machine."""
    from highdicom import UID

    name = f"lsms-core {algorithm.name} {algorithm.version} {algorithm.sha256}"
    return str(UID.from_uuid(str(uuid.uuid5(uuid.NAMESPACE_OID, name))))


def _coded(code: Code) -> Any:  # noqa: ANN401
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)


def _series_number(source: Any) -> int:  # noqa: ANN401
    try:
        return int(source.SeriesNumber) * 100 + 2
    except (AttributeError, TypeError, ValueError):
        return 2
