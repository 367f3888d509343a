"""A CT from a folder of DICOM files, with nothing but SimpleITK."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError
from lsms_core.io.dicom_geometry import order_slices, volume_affine
from lsms_core.io.headers import check_size, damaged

# A folder with more files is a whole archive, given by mistake.
MAX_FILES = 20_000
_LISTED = 12
# Modality "CT" in the explicit or the implicit notation.
_CT_MODALITY = re.compile(rb"\x08\x00\x60\x00(?:CS\x02\x00|\x02\x00\x00\x00)CT")


@dataclass(frozen=True)
class DicomSlice:
    """One image file of a series.

    Attributes:
        path: the file.
        position: (3,) centre of the first pixel, LPS mm.
        orientation: (6,) direction of growing columns, then of growing rows, LPS.
        spacing: (row, column) mm.
        shape: (rows, columns).
        tags: other entries, by name.
    """

    path: Path
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    shape: tuple[int, int]
    tags: dict[str, str]


@dataclass(frozen=True)
class DicomSeries:
    """The images of one series that share orientation, pixel size and matrix.

    Attributes:
        uid: SeriesInstanceUID; "" where it was removed.
        number: SeriesNumber.
        description: SeriesDescription.
        slices: the images, in no order.
    """

    uid: str
    number: str
    description: str
    slices: tuple[DicomSlice, ...]

    @property
    def title(self) -> str:
        """Description, number of images and UID, for a list."""
        name = self.description or f"series {self.number or '?'}"
        count = len(self.slices)
        uid = f", UID {self.uid}" if self.uid else ""
        return f'"{name}", {count} image{"s" if count > 1 else ""}{uid}'


_TAGS = {
    "series": "0020|000e", "number": "0020|0011", "description": "0008|103e",
    "modality": "0008|0060", "position": "0020|0032", "orientation": "0020|0037",
    "spacing": "0028|0030", "rows": "0028|0010", "columns": "0028|0011",
    "frames": "0028|0008", "acquisition": "0020|0012", "type": "0008|0008",
    "thickness": "0018|0050", "samples": "0028|0002",
    "bits": "0028|0100",
}  # fmt: skip


def read_dicom(folder: Path, series: str | None = None) -> tuple[CTVolume, list[str], list[Path]]:
    """Read the CT series of a folder and its subfolders.

    Returns:
        The volume in HU, slices in the order of the patient; notes for the user; the files in
        that order.

    Raises:
        InputError: for a folder without CT, with several series and no choice, or with slices
            that form no regular stack.
    """
    found = list_series(folder)
    notes: list[str] = []
    chosen = choose_series(folder, found, series)
    if len(found) > 1 and series is None:
        notes.append(f"Read the only CT stack of the folder: {chosen.title}.")
    ordered = order_slices(chosen.slices, chosen.title)
    affine, geometry_notes = volume_affine(ordered, chosen.title)
    check_size(folder, [ordered[0].shape[1], ordered[0].shape[0], len(ordered)])
    array = _read_pixels(ordered)
    return CTVolume(array, affine), notes + geometry_notes, [s.path for s in ordered]


def list_series(folder: Path) -> list[DicomSeries]:
    """List the CT series of a folder: by series, and within one by orientation and matrix.

    Scouts (LOCALIZER) and other modalities are left out.

    Raises:
        InputError: when no CT image is there, or one is damaged.
    """
    groups: dict[tuple[Any, ...], list[DicomSlice]] = {}
    files = 0
    others: dict[str, int] = {}
    for path in _files(folder):
        if not _is_dicom(path):
            continue
        files += 1
        try:
            tags = _read_tags(path)
        except RuntimeError as error:
            if _CT_MODALITY.search(path.read_bytes()):
                raise damaged(path, "its header or its pixels end too early") from error
            # Reports, presentation states and other objects without pixels.
            others["without an image"] = others.get("without an image", 0) + 1
            continue
        modality = tags["modality"] or "no modality"
        if modality != "CT":
            others[modality] = others.get(modality, 0) + 1
            continue
        if "LOCALIZER" in tags["type"].upper():
            continue
        item = _slice(path, tags)
        key = (
            tags["series"], item.shape, tuple(round(v, 3) for v in item.spacing),
            tuple(round(v, 3) for v in item.orientation),
        )  # fmt: skip
        groups.setdefault(key, []).append(item)
    if not files:
        raise InputError(
            f"{folder} holds no DICOM file: give the folder of a CT series, or a NIfTI, NRRD or "
            "MetaImage file."
        )
    if not groups:
        kinds = ", ".join(f"{n} {name}" for name, n in sorted(others.items())) or "scouts"
        raise InputError(f"{folder} holds no CT image (only {kinds}): a CT is needed.")
    series = [
        DicomSeries(key[0], m[0].tags["number"], m[0].tags["description"], tuple(m))
        for key, m in groups.items()
    ]
    return sorted(series, key=lambda s: (_as_number(s.number), s.uid, -len(s.slices)))


def choose_series(folder: Path, found: Sequence[DicomSeries], wanted: str | None) -> DicomSeries:
    """Pick a series.

    Args:
        folder: for the message.
        found: what there is.
        wanted: its number in the list (from 1), its UID, or a part of its description; None
            takes the only stack, ignoring single images.

    Raises:
        InputError: listing the series, when none or several fit.
    """
    if wanted is None:
        stacks = [s for s in found if len(s.slices) > 1] or list(found)
        if len(stacks) == 1:
            return stacks[0]
        raise InputError(
            f"{folder} holds {len(found)} CT series: choose one with --series NUMBER (or its UID, "
            f"or a part of its name): {_listing(found)}."
        )
    fitting = [s for s in found if s.uid and s.uid == wanted]
    if not fitting and wanted.isdecimal() and 1 <= int(wanted) <= len(found):
        fitting = [found[int(wanted) - 1]]
    if not fitting:
        fitting = [s for s in found if wanted.casefold() in s.description.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    many = f"{len(fitting)} series fit" if fitting else "no series fits"
    raise InputError(f"For --series {wanted!r} {many} in {folder}: use one of {_listing(found)}.")


def _listing(found: Sequence[DicomSeries]) -> str:
    shown = [f"{n}: {s.title}" for n, s in enumerate(found[:_LISTED], 1)]
    if len(found) > _LISTED:
        shown.append(f"and {len(found) - _LISTED} more")
    return "; ".join(shown)


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                raise InputError(
                    f"{folder} holds more than {MAX_FILES:,} files: give the folder of one study."
                )
            yield Path(root) / name


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(128)
            return file.read(4) == b"DICM"
    except OSError:
        return False


def _read_tags(path: Path) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    reader.ReadImageInformation()

    def get(key: str) -> str:
        if not reader.HasMetaDataKey(key):
            return ""
        value = str(reader.GetMetaData(key)).encode("utf-8", "replace").decode("utf-8", "replace")
        return value.replace("\x00", "").strip()

    return {name: get(key) for name, key in _TAGS.items()}


def _slice(path: Path, tags: dict[str, str]) -> DicomSlice:
    if _as_number(tags["frames"] or "1") > 1:
        raise InputError(
            f"{path} is a multi-frame (enhanced) DICOM file, which is not read here: convert the "
            "series to NIfTI or to single-frame DICOM."
        )
    if tags["samples"] not in ("", "1"):
        raise InputError(f"{path} is a colour picture: a CT in Hounsfield units is needed.")
    position, orientation = _numbers(tags["position"]), _numbers(tags["orientation"])
    if len(position) != 3 or len(orientation) != 6:
        raise InputError(
            f"{path} does not say where it lies in the patient (no image position or "
            "orientation): export the series again."
        )
    spacing = _numbers(tags["spacing"])
    if len(spacing) != 2 or min(spacing) <= 0:
        raise InputError(
            f"{path} has no pixel size, so nothing can be measured in it: export the series again."
        )
    shape = (int(_as_number(tags["rows"])), int(_as_number(tags["columns"])))
    return DicomSlice(path, position, orientation, (spacing[0], spacing[1]), shape, tags)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(v) for v in text.split("\\"))
    except ValueError:
        return ()
    return values if all(np.isfinite(values)) else ()


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


def _check_complete(item: DicomSlice) -> None:
    """Refuse a file that ends inside its pixels; the reader would fill them up in silence."""
    content = item.path.read_bytes()
    expected = item.shape[0] * item.shape[1] * int(_as_number(item.tags["bits"] or "16")) // 8
    # The pixels' element, with its length in the explicit or in the implicit notation.
    for match in re.finditer(rb"\xe0\x7f\x10\x00(?:O[WB]\x00\x00)?(.{4})", content, re.DOTALL):
        length = int.from_bytes(match[1], "little")
        if expected <= length <= expected + 1 and len(content) - match.end() < length:
            raise damaged(item.path, f"{len(content) - match.end()} of {length} bytes are there")


def _read_pixels(ordered: Sequence[DicomSlice]) -> NDArray[Any]:
    """Read slice by slice: each may have its own rescale slope, and an error names its file."""
    rows, columns = ordered[0].shape
    array: NDArray[Any] = np.empty((len(ordered), rows, columns), np.int16)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    for index, item in enumerate(ordered):
        reader.SetFileName(str(item.path))
        _check_complete(item)
        try:
            values = sitk.GetArrayFromImage(reader.Execute())
        except RuntimeError as error:
            raise damaged(item.path, str(error).strip().splitlines()[-1][:160]) from error
        values = values.reshape(rows, columns)
        if not np.can_cast(values.dtype, array.dtype):
            fits = values.dtype.kind in "iu" and values.min() >= -32768 and values.max() <= 32767
            if not fits and array.dtype == np.int16:
                array = array.astype(np.float32)
        array[index] = values
    return array
