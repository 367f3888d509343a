"""Reads a CT from a file, a DICOM folder or a zip archive."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.plausibility import place_notes
from lsms_core.errors import InputError
from lsms_core.io.headers import check_header, check_size, damaged
from lsms_core.io.hounsfield import check_values
from lsms_core.io.nifti_reading import read_nifti
from lsms_core.io.resampling import is_sheared, upright

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_ITK_IO = {
    ".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO",
}  # fmt: skip


@dataclass(frozen=True)
class LoadedVolume:
    """A CT and its source.

    Attributes:
        volume: the CT, HU.
        path: the file or folder.
        notes: what the user should know, in sentences.
        slice_files: for DICOM, the files in the order of the array's slices; several slices are
            of one file where it is multi-frame. () for other files and after resampling.
        slice_frames: for multi-frame files, which frame (from 0) each slice is; else ().
        read: what was read, in a few words.
        source_files: the DICOM files that the volume was made of, () for other files.
        keeper: keeps files alive that were unpacked for this volume.
    """

    volume: CTVolume
    path: Path
    notes: tuple[str, ...] = ()
    slice_files: tuple[Path, ...] = ()
    slice_frames: tuple[int, ...] = ()
    read: str = ""
    source_files: tuple[Path, ...] = ()
    keeper: Any = field(default=None, repr=False, compare=False)


def read_volume(
    path: str | Path,
    series: str | None = None,
    *,
    phase: str | None = None,
    resample: bool = False,
) -> LoadedVolume:
    """Read a CT: NIfTI, NRRD, MetaImage, a DICOM file, a folder with a DICOM series, or a zip.

    Unless asked for, nothing is resampled: the array is the stored one. Oblique, left-handed and
    sheared (gantry tilt) grids are kept as they are.

    Args:
        path: a file or a folder.
        series: of several DICOM series, which one: its SeriesNumber, its UID, a part of its
            description, or "#2" for the second in the list.
        phase: of several phases in one series, which one: a time, an acquisition number, or its
            position in the list.
        resample: interpolate uneven or tilted slices to an even, upright stack.

    Raises:
        InputError: when there is no usable CT, with what to do.
    """
    source = Path(path)
    if not source.exists():
        raise InputError(f"{source} does not exist: check the path of the CT.")
    if is_zip(source):
        from lsms_core.io.archives import unpacked

        inner, keeper, notes = unpacked(source)
        loaded = read_volume(inner, series, phase=phase, resample=resample)
        return replace(loaded, path=source, keeper=keeper, notes=(*notes, *loaded.notes))
    if source.is_dir() or is_dicom(source):
        return _read_dicom(source, series, phase, resample)
    for name, choice in (("series", series), ("phase", phase)):
        if choice is not None:
            raise InputError(f"--{name} chooses in a DICOM folder; a file has only one {name}.")
    volume, notes = _read_file(source)
    if resample and is_sheared(volume.affine):
        volume = upright(volume)
        notes.append(
            "Resampled on request to a grid with right angles; the masks lie on the new grid."
        )
    array, value_notes = check_values(volume.array, source)
    notes += value_notes
    volume = volume.with_array(array)
    return LoadedVolume(volume, source, (*notes, *place_notes(volume)))


def is_zip(path: Path) -> bool:
    """Tell whether a file is a zip archive, by its first bytes."""
    return _start(path)[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, by its first bytes; a known image format's name goes first."""
    if _suffix(path) is not None:
        return False
    start = _start(path)
    if start[128:132] != b"DICM" and path.suffix.lower() not in ("", ".dcm", ".ima", ".dicom"):
        return False
    from lsms_core.io.dicom_header import looks_like_dicom

    return looks_like_dicom(start)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(140)
    except OSError:
        return b""


def _read_dicom(
    source: Path, series: str | None, phase: str | None, resample: bool
) -> LoadedVolume:
    from lsms_core.io.dicom import read_dicom

    # A directory file is an index of the folder it lies in.
    folder = source.parent if source.name.upper() == "DICOMDIR" else source
    found = read_dicom(folder, series, phase, resample=resample)
    array, notes = check_values(found.volume.array, source, found.hint)
    volume = found.volume.with_array(array)
    frames = tuple(s.frame for s in found.slices if s.frame is not None)
    return LoadedVolume(
        volume,
        source,
        (*found.notes, *notes, *place_notes(volume)),
        tuple(s.path for s in found.slices),
        frames,
        found.read,
        found.files,
    )


def _suffix(path: Path) -> str | None:
    name = path.name.lower()
    return next((s for s in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(s)), None)


def _read_file(path: Path) -> tuple[CTVolume, list[str]]:
    suffix = _suffix(path)
    if suffix is None:
        raise InputError(
            f"{path} has no known format: use NIfTI (.nii, .nii.gz), NRRD (.nrrd), "
            "MetaImage (.mha, .mhd), a DICOM file, the folder of a DICOM series, or a .zip of it."
        )
    if suffix.startswith(".nii"):
        try:
            return read_nifti(path)
        except (OSError, EOFError, zlib.error) as error:
            raise damaged(path, str(error) or "its end is missing") from error
    notes = check_header(path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_ITK_IO[suffix])
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise damaged(path, _reason(error)) from error
    size = [int(n) for n in reader.GetSize()]
    check_size(path, size)
    if reader.GetNumberOfComponents() > 1:
        raise InputError(
            f"{path} has {reader.GetNumberOfComponents()} values a voxel (a colour or vector "
            "image): a CT has one. Give the original CT."
        )
    if len(size) < 3 or any(n > 1 for n in size[3:]):
        what = f"{len(size)}-D, {' x '.join(map(str, size))}"
        raise InputError(
            f"{path} is no single volume ({what}): pass one 3-D CT, not a picture or a time series."
        )
    if len(size) > 3:
        reader.SetExtractSize([*size[:3], *([0] * (len(size) - 3))])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise damaged(path, _reason(error)) from error
    if image.GetPixelID() in (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64):
        raise InputError(f"{path} holds complex numbers: a CT in Hounsfield units is needed.")
    return CTVolume.from_sitk(image), notes


def _reason(error: RuntimeError) -> str:
    """Return the last line of ITK's message, which says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].split("ITK ERROR:")[-1][:160] if lines else "unknown reason"
