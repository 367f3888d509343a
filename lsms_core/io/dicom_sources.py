"""Prepares the headers of a series for the DICOM results that refer to it.

Headers from hospitals often violate the standard: a birth date of zeros, the sex as a whole word,
texts in a character set that cannot be written again. Only the entries that a result needs are
copied, as Unicode; invalid ones are replaced. The notes name the entries, never their values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.config import RAISE
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pydicom.valuerep import DSfloat, validate_value

from lsms_core.errors import InputError
from lsms_core.io.dicom_header import DICOM_ERRORS, numbers, quietly, text, value_of

UTF_8 = "ISO_IR 192"
# Must be there, and may be empty (type 2).
_REQUIRED = {
    "PatientID": "LO", "PatientName": "PN", "PatientBirthDate": "DA", "PatientSex": "CS",
    "StudyID": "SH", "StudyDate": "DA", "StudyTime": "TM", "AccessionNumber": "SH",
    "ReferringPhysicianName": "PN",
}  # fmt: skip
_OPTIONAL = {
    "StudyDescription": "LO", "PatientAge": "AS", "PatientSize": "DS", "PatientWeight": "DS",
    "IssuerOfPatientID": "LO", "PatientIdentityRemoved": "CS", "DeidentificationMethod": "LO",
    "SeriesDescription": "LO", "SeriesNumber": "IS", "InstanceNumber": "IS", "SeriesDate": "DA",
    "SeriesTime": "TM", "AcquisitionDate": "DA", "AcquisitionTime": "TM", "ContentDate": "DA",
    "ContentTime": "TM", "PatientPosition": "CS", "BodyPartExamined": "CS",
}  # fmt: skip
_IDENTITY = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
_FRAMES = (
    "NumberOfFrames", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence", "DimensionIndexSequence",
)  # fmt: skip
_SEX = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O", "OTHER": "O"}
_SINGLE_LINE = ("LO", "SH", "PN", "CS", "DA", "TM", "AS", "DS", "IS")
_LONGEST = {"LO": 64, "SH": 16, "CS": 16}


def clean_sources(
    files: Sequence[Path], thickness_mm: float | None = None
) -> tuple[list[Any], list[str]]:
    """Read the headers of a series and make them fit for a DICOM result.

    Args:
        files: the images' files, in the order of the slices; a file that comes again, as each
            frame of a multi-frame image does, counts once.
        thickness_mm: the slices' distance, for headers that do not say their thickness.

    Returns:
        A data set for each file without its pixels, texts in UTF-8; and notes for the user.

    Raises:
        InputError: naming what anonymisation removed.
    """
    replaced: dict[str, None] = {}
    sources = []
    for file in dict.fromkeys(files):
        try:
            with quietly():
                header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        except DICOM_ERRORS as error:
            raise InputError(f"{file} cannot be read again: {type(error).__name__}.") from error
        missing = [name for name in _IDENTITY if not text(header, name)]
        if missing:
            raise InputError(
                f"No DICOM SEG can refer to this series: {file.name} lacks {', '.join(missing)}. "
                "Use the series before its UIDs were removed, or write a .seg.nrrd file."
            )
        with quietly():
            sources.append(_clean(header, thickness_mm, replaced))
    _agree(sources, replaced)
    if not replaced:
        return sources, []
    return sources, [
        f"For the DICOM result these entries of the series could not be used as they are and were "
        f"replaced or left empty: {', '.join(replaced)}."
    ]


def _clean(header: Any, thickness_mm: float | None, replaced: dict[str, None]) -> Dataset:  # noqa: ANN401
    clean = Dataset()
    clean.SpecificCharacterSet = UTF_8
    for name in _IDENTITY:
        clean.add_new(name, "UI", UID(text(header, name)))
    clean.Modality = text(header, "Modality") or "CT"
    for name, vr in (_REQUIRED | _OPTIONAL).items():
        value = _usable(header, name, vr)
        if value is None and name in header and text(header, name):
            replaced[name] = None
        if value is not None:
            setattr(clean, name, value)
        elif name in _REQUIRED:
            setattr(clean, name, None)
    frame = text(header, "FrameOfReferenceUID")
    if not UID(frame).is_valid:
        replaced["FrameOfReferenceUID"] = None
        # The same for each result of the series, so that they lie in one space.
        frame = generate_uid(entropy_srcs=[clean.SeriesInstanceUID, "frame of reference"])
    clean.FrameOfReferenceUID = frame
    for name in _GEOMETRY:
        # Written anew: many exporters write more digits than the standard allows.
        if values := numbers(header, name):
            setattr(clean, name, [DSfloat(v, auto_format=True) for v in values])
    for name in ("Rows", "Columns", *_FRAMES):
        if name in header:
            clean[name] = header[name]
    if "PerFrameFunctionalGroupsSequence" in clean:
        return clean
    thickness = _positive(value_of(header, "SliceThickness"))
    if thickness is None:
        replaced["SliceThickness"] = None
        thickness = thickness_mm or 1.0
    clean.SliceThickness = f"{thickness:.10g}"
    return clean


def _usable(header: Any, name: str, vr: str) -> Any:  # noqa: ANN401
    """Return a value that the standard allows, None where there is none."""
    value = text(header, name)
    if not value:
        return None
    if name == "PatientSex":
        return _SEX.get(value.upper())
    if vr in _SINGLE_LINE and vr != "PN":
        value = value.partition("\\")[0].strip()
    if vr == "PN":
        value = value.replace("\\", "/")
        groups = value.split("=")[:3]
        return "=".join(group[:64] for group in groups)
    if vr in _LONGEST and vr != "CS":
        # An identifier keeps its length: a shortened one could be that of another patient.
        return value if name.endswith(("ID", "Number")) else value[: _LONGEST[vr]]
    if vr == "DA" and not _is_date(value):
        return None
    if vr == "IS" and re.fullmatch(r"[+-]?\d+\.0*", value):
        value = value.partition(".")[0]
    try:
        validate_value(vr, value, RAISE)
        if vr in ("DS", "IS"):
            float(value)
    except (ValueError, TypeError):
        return None
    return value


def _is_date(value: str) -> bool:
    match = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", value)
    if match is None:
        return False
    try:
        np.datetime64("-".join(match.groups()))
    except ValueError:
        return False
    return match[1] != "0000"


def _positive(value: Any) -> float | None:  # noqa: ANN401
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _agree(sources: Sequence[Dataset], replaced: dict[str, None]) -> None:
    """Make what must be one value in a series one: the first image's."""
    first = sources[0]
    names = ("FrameOfReferenceUID", "SliceThickness", "PixelSpacing", "ImageOrientationPatient")
    for name in names:
        if name not in first:
            continue
        for source in sources[1:]:
            if name in source and source[name].value != first[name].value:
                if name in ("FrameOfReferenceUID", "SliceThickness"):
                    replaced[name] = None
                source[name] = first[name]
