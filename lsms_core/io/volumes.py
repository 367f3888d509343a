"""A CT from a file or a DICOM folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError
from lsms_core.io.headers import check_header, check_size, damaged, nifti_gaps

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_ITK_IO = {
    ".nii": "NiftiImageIO", ".nii.gz": "NiftiImageIO", ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO",
}  # fmt: skip
# A CT spans hundreds of HU; label maps and images scaled to 0..1 do not.
_SMALLEST_RANGE_HU = 32.0
# Fat and air reach further below zero than this share of the highest value, even in a CT that
# was cut to a window; resampled MR does not.
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class LoadedVolume:
    """A CT and where it came from.

    Attributes:
        volume: the CT, HU.
        path: the file or folder.
        notes: what the user should know, in sentences.
        slice_files: for DICOM, the files in the order of the array's slices.
    """

    volume: CTVolume
    path: Path
    notes: tuple[str, ...] = ()
    slice_files: tuple[Path, ...] = ()


def read_volume(path: str | Path, series: str | None = None) -> LoadedVolume:
    """Read a CT: NIfTI, NRRD, MetaImage, or a folder with a DICOM series.

    Nothing is resampled; the array is the stored one. Oblique, left-handed and sheared (gantry
    tilt) grids are kept as they are.

    Args:
        path: a file or a folder.
        series: for a folder with several series, which one: its number in the list, its UID,
            or a part of its description.

    Raises:
        InputError: when there is no usable CT, with what to do.
    """
    source = Path(path)
    if source.is_dir():
        from lsms_core.io.dicom import read_dicom

        volume, notes, files = read_dicom(source, series)
        notes += check_values(volume.array, source)
        return LoadedVolume(volume, source, tuple(notes), tuple(files))
    if not source.exists():
        raise InputError(f"{source} does not exist: check the path of the CT.")
    if series is not None:
        raise InputError("--series chooses in a DICOM folder; a file has only one series.")
    volume, notes = _read_file(source)
    notes += check_values(volume.array, source)
    return LoadedVolume(volume, source, tuple(notes))


def check_values(array: NDArray[Any], path: Path) -> list[str]:
    """Refuse what cannot be a CT in Hounsfield units; return a note where that is only likely.

    Raises:
        InputError: for values that are missing, all equal, or far too close together.
    """
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        if not finite.any():
            raise InputError(f"{path} holds no numbers (only NaN): export the CT again.")
        low, high = float(array[finite].min()), float(array[finite].max())
    else:
        low, high = float(array.min()), float(array.max())
    if low == high:
        raise InputError(
            f"{path} is empty: every voxel has the value {low:g}. Export the CT again."
        )
    if high - low <= _SMALLEST_RANGE_HU:
        raise InputError(
            f"{path} is not a CT in Hounsfield units: its values lie between {low:g} and "
            f"{high:g}. Give the CT itself, not a label map or a rescaled image."
        )
    # Without any negative value the predictor itself says so.
    if low < 0 and -low < _LEAST_SHARE * high:
        return [
            f"The image's values lie between {low:g} and {high:g}, though a CT holds fat and air, "
            "so it is probably not in Hounsfield units; the result means little."
        ]
    return []


def _read_file(path: Path) -> tuple[CTVolume, list[str]]:
    name = path.name.lower()
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(s)), None)
    if suffix is None:
        raise InputError(
            f"{path} has no known format: use NIfTI (.nii, .nii.gz), NRRD (.nrrd), "
            "MetaImage (.mha, .mhd), or the folder of a DICOM series."
        )
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
    extra = [n for n in size[3:] if n > 1]
    if len(size) < 3 or extra:
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
    volume = CTVolume.from_sitk(image)
    if suffix.startswith(".nii") and volume.array.dtype.kind == "f":
        gaps = nifti_gaps(path)
        if gaps is not None and len(gaps):
            volume.array.reshape(-1)[gaps[gaps < volume.array.size]] = np.nan
    return volume, notes


def _reason(error: RuntimeError) -> str:
    """Return the last line of ITK's message, which says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].split("ITK ERROR:")[-1][:160] if lines else "unknown reason"
