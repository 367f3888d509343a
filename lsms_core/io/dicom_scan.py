"""Finds the CT images of a folder, and counts the other files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.uid import UID

from lsms_core.errors import InputError
from lsms_core.io.dicom_frames import frames_of
from lsms_core.io.dicom_header import (
    DICOM_ERRORS,
    looks_like_dicom,
    number,
    numbers,
    pixel_damage,
    quietly,
    read_header,
    text,
)
from lsms_core.io.dicom_objects import DicomSeries, DicomSlice, PixelCoding, Scan

# A folder with more files is a whole archive, given by mistake.
MAX_FILES = 20_000
# Directions and pixel sizes that differ by less belong to one series: scanners and exporters
# round them to three or four decimals.
_SAME_DIRECTION = 5e-3
_SAME_SPACING = 0.01
_CT = "1.2.840.10008.5.1.4.1.1.2"
_ENHANCED = (f"{_CT}.1", f"{_CT}.2")
_DIRECTORY = "1.2.840.10008.1.3.10"
# Files that operating systems put into folders.
_SYSTEM_FILES = ("thumbs.db", "desktop.ini", "lockfile", "version", "autorun.inf")

NO_PLACE = "image without a place in the patient (dose report, screen shot)"
NO_SIZE = "image without a pixel size"
COLOUR = "colour picture"
PICTURES = "multi-frame picture without places"
SCOUT = "scout"
_REASONS = {
    NO_PLACE: "its CT images do not say where they lie in the patient (no image position or "
    "orientation): export the series again",
    NO_SIZE: "its CT images have no pixel size, so nothing can be measured in them: export the "
    "series again",
    COLOUR: "its CT images are colour pictures: a CT in Hounsfield units is needed",
    PICTURES: "its CT images are multi-frame pictures that do not say where they lie in the "
    "patient: export the series as CT images",
}


def scan(source: Path) -> Scan:
    """Read the headers of a folder with its subfolders, or of one file.

    Symbolic links are followed; a file that can be reached twice counts once.

    Raises:
        InputError: when no CT image is there, with the reason.
    """
    with quietly():
        return _scan(source)


def _scan(source: Path) -> Scan:
    found = Scan()
    groups: dict[tuple[str, str, str, tuple[int, int]], list[DicomSlice]] = defaultdict(list)
    suspects: list[Path] = []
    suffixes: set[str] = set()
    for path in _files(source):
        start = _start(path)
        if start is None or not looks_like_dicom(start):
            found.others += 1
            suspects.append(path)
            continue
        found.files += 1
        suffixes.add(path.suffix.lower())
        for key, item in _images(path, found):
            groups[key].append(item)
    # An interrupted copy is known by its name: it looks like the images beside it.
    found.damaged += [p for p in suspects if _meant_as_image(p, suffixes)]
    found.series = _stacks(groups)
    if not found.series:
        raise _nothing(source, found)
    return found


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    count = 0
    folders, files = set(), set()
    for root, below, names in os.walk(source, followlinks=True):
        real = os.path.realpath(root)
        if real in folders:
            below.clear()  # a link to a folder above
            continue
        folders.add(real)
        below[:] = sorted(b for b in below if not b.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or name.lower() in _SYSTEM_FILES:
                continue
            count += 1
            if count > MAX_FILES:
                raise InputError(
                    f"{source} holds more than {MAX_FILES:,} files: give the folder of one study."
                )
            path = Path(root) / name
            real = os.path.realpath(path)
            if real in files or not Path(real).is_file():
                continue
            files.add(real)
            yield path


def _start(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(140)
    except OSError:
        return None


def _meant_as_image(path: Path, suffixes: set[str]) -> bool:
    """Tell whether a file that is no DICOM was to be one, by its name and its size."""
    suffix = path.suffix.lower()
    if suffix in (".dcm", ".dicom", ".ima"):
        return True
    try:
        size = path.stat().st_size
    except OSError:
        return False
    # Without a usual suffix only an empty or a very short file is one that broke off.
    return size < 132 and suffix in suffixes


def _images(
    path: Path, found: Scan
) -> Iterable[tuple[tuple[str, str, str, tuple[int, int]], DicomSlice]]:
    """Return the CT images of one file, each with the key of its series."""
    try:
        header = read_header(path)
    except DICOM_ERRORS:
        found.damaged.append(path)
        return []
    meta = getattr(header, "file_meta", None)
    sop = text(header, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID")
    if sop == _DIRECTORY or "DirectoryRecordSequence" in header:
        found.left_out["DICOM directory (DICOMDIR)"] += 1
        return []
    modality = text(header, "Modality").upper()
    is_ct = modality == "CT" or (sop.startswith(_CT) and modality in ("", "OT"))
    damage = pixel_damage(path, header)
    if not is_ct:
        if not modality and "missing" in damage:
            found.damaged.append(path)
        else:
            found.left_out[_kind(sop, modality, "missing" not in damage)] += 1
        return []
    if not modality and "missing" in damage:
        found.damaged.append(path)  # a header that broke off
        return []
    image_class = not sop or sop == _CT or sop in _ENHANCED
    if "missing" in damage and not image_class:
        found.left_out[_kind(sop, modality, False)] += 1
        return []
    if "LOCALIZER" in text(header, "ImageType").upper():
        found.left_out[SCOUT] += 1
        return []
    if damage and (not image_class or not numbers(header, "Rows")):
        found.damaged.append(path)
        return []
    if number(header, "SamplesPerPixel", 1) != 1 or _is_colour(header):
        found.left_out[COLOUR] += 1
        return []
    items = list(_slices(path, header, damage, found))
    series = (text(header, "StudyInstanceUID"), text(header, "SeriesInstanceUID"))
    about = "\n".join((text(header, "SeriesNumber"), text(header, "SeriesDescription")))
    return [((*series, about, item.shape), item) for item in items]


def _is_colour(header: Any) -> bool:  # noqa: ANN401
    interpretation = text(header, "PhotometricInterpretation").upper()
    return interpretation.startswith(("RGB", "YBR", "PALETTE", "HSV", "ARGB", "CMYK"))


def _kind(sop: str, modality: str, pixels: bool) -> str:
    """Name what is no CT image: by modality where it has pixels, else by its class."""
    if pixels and modality and modality != "CT":
        return f"{modality} image"
    name = UID(sop).name if sop else ""
    if name and name != sop:
        return f"{name.removesuffix(' Storage')} object"
    return f"{modality or 'unknown'} object without an image"


def _slices(path: Path, header: Any, damage: str, found: Scan) -> Iterator[DicomSlice]:  # noqa: ANN401
    frames = int(number(header, "NumberOfFrames", 1))
    if frames > 1 or "PerFrameFunctionalGroupsSequence" in header:
        items, reason = frames_of(path, header, damage)
        if reason:
            found.left_out[{"place": PICTURES, "size": NO_SIZE, "scout": SCOUT}[reason]] += 1
        yield from items
        return
    position = numbers(header, "ImagePositionPatient")
    orientation = numbers(header, "ImageOrientationPatient")
    spacing = numbers(header, "PixelSpacing")
    if len(position) != 3 or len(orientation) != 6:
        found.left_out[NO_PLACE] += 1
        return
    if len(spacing) != 2 or min(spacing) <= 0:
        found.left_out[NO_SIZE] += 1
        return
    yield DicomSlice(
        path=path,
        position=position,
        orientation=orientation,
        spacing=(spacing[0], spacing[1]),
        shape=(int(number(header, "Rows", 0)), int(number(header, "Columns", 0))),
        tags={
            "acquisition": text(header, "AcquisitionNumber"),
            "time": text(header, "AcquisitionTime") or text(header, "AcquisitionDateTime")[8:],
            "temporal": text(header, "TemporalPositionIdentifier")
            or text(header, "TemporalPositionIndex"),
            "trigger": text(header, "TriggerTime"),
            "kernel": text(header, "ConvolutionKernel"),
            "kvp": text(header, "KVP"),
            "thickness": text(header, "SliceThickness"),
            "number": text(header, "InstanceNumber"),
            "expected": text(header, "ImagesInAcquisition"),
        },
        coding=pixel_coding(header),
        instance=text(header, "SOPInstanceUID"),
        damage=damage,
    )


def pixel_coding(header: Any) -> PixelCoding:  # noqa: ANN401
    """Return how an image's stored values become HU."""
    padding = (*numbers(header, "PixelPaddingValue")[:1],)
    if padding:
        padding += numbers(header, "PixelPaddingRangeLimit")[:1]
    return PixelCoding(
        slope=number(header, "RescaleSlope", 1.0) or 1.0,
        intercept=number(header, "RescaleIntercept", 0.0),
        inverted=text(header, "PhotometricInterpretation").upper() == "MONOCHROME1",
        padding=tuple(int(v) for v in padding),
        bits=int(number(header, "BitsStored", 16)),
        allocated=int(number(header, "BitsAllocated", 16)),
        signed=number(header, "PixelRepresentation", 0) == 1,
        units=text(header, "RescaleType").upper(),
    )


def _stacks(
    groups: dict[tuple[str, str, str, tuple[int, int]], list[DicomSlice]],
) -> list[DicomSeries]:
    """Part each series by matrix, pixel size and direction, within tolerances."""
    by_series: dict[tuple[str, str], list[tuple[str, list[DicomSlice]]]] = defaultdict(list)
    for (study, uid, about, _), members in groups.items():
        clusters: list[list[DicomSlice]] = []
        for item in members:
            home = next((c for c in clusters if _alike(c[0], item)), None)
            if home is None:
                clusters.append([item])
            else:
                home.append(item)
        by_series[study, uid] += [(about, cluster) for cluster in clusters]
    series = []
    for (_, uid), parts in by_series.items():
        stacks = _merge_about(parts)
        stacks.sort(key=lambda s: (-len(s[1]), str(s[1][0].path)))
        for place, (about, members) in enumerate(stacks, 1):
            series_number, _, description = about.partition("\n")
            stack = place if len(stacks) > 1 else 0
            series.append(DicomSeries(uid, series_number, description, tuple(members), stack))
    return sorted(series, key=lambda s: (_sortable(s.number), s.uid, s.stack))


def _merge_about(
    stacks: Sequence[tuple[str, list[DicomSlice]]],
) -> list[tuple[str, list[DicomSlice]]]:
    """Join stacks of one series that differ only in their description."""
    merged: list[tuple[str, list[DicomSlice]]] = []
    for about, members in stacks:
        home = next(
            (m for _, m in merged if m[0].shape == members[0].shape and _alike(m[0], members[0])),
            None,
        )
        if home is None:
            merged.append((about, list(members)))
        else:
            home += members
    return merged


def _alike(one: DicomSlice, other: DicomSlice) -> bool:
    turned = float(np.abs(np.subtract(one.orientation, other.orientation)).max())
    sized = max(abs(a / b - 1.0) for a, b in zip(one.spacing, other.spacing, strict=True))
    return turned <= _SAME_DIRECTION and sized <= _SAME_SPACING


def _sortable(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("inf")


def _nothing(source: Path, found: Scan) -> InputError:
    if found.damaged:
        return InputError(
            f"{source} holds no CT image that can be read, but {found.damaged_files()}: export or "
            "copy it again. It is damaged or incomplete."
        )
    if not found.files:
        return InputError(
            f"{source} holds no DICOM file: give the folder of a CT series, or a NIfTI, NRRD or "
            "MetaImage file."
        )
    for reason, sentence in _REASONS.items():
        if found.left_out.get(reason):
            return InputError(f"{source} holds no CT that can be read: {sentence}.")
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(found.left_out.items()))
    return InputError(f"{source} holds no CT image (only {kinds}): a CT is needed.")
