"""Writes answers in the format that the file's suffix names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lsms_core.errors import InputError
from lsms_core.io.atomic import check_writable
from lsms_core.io.dicom_seg import (
    SegGrid,
    check_dicom_seg,
    check_dicom_sources,
    write_dicom_seg,
)
from lsms_core.io.named_masks import Segment, check_shapes, label_map
from lsms_core.io.nifti import check_nifti_grid, write_nifti
from lsms_core.io.nrrd import write_nrrd
from lsms_core.io.seg_nrrd import write_seg_nrrd
from lsms_core.io.volumes import LoadedVolume

SUFFIXES = (".seg.nrrd", ".nrrd", ".nii.gz", ".nii", ".dcm")


def output_format(path: str | Path) -> str:
    """Return which of ``SUFFIXES`` a file's name has.

    Raises:
        InputError: for another name.
    """
    name = Path(path).name.lower()
    for suffix in SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return suffix
    raise InputError(
        f"{path} has no known output format: use .seg.nrrd (3D Slicer), .nii.gz, .nrrd or .dcm "
        "(DICOM SEG)."
    )


def check_target(path: Path, source: Path) -> None:
    """Refuse an output by its name alone, before the CT is read.

    Raises:
        InputError: for an unknown format.
        OutputError: where nothing can be written.
        DependencyError: when DICOM SEG is asked for without highdicom.
    """
    suffix = output_format(path)
    if path.resolve() == source.resolve():
        raise InputError(f"{path} is the CT itself: choose another name for the output.")
    check_writable(path)
    if suffix == ".dcm":
        check_dicom_seg()


def check_output(path: Path, loaded: LoadedVolume) -> list[str]:
    """Refuse an output early that could not be written, before a model has run.

    Returns:
        Notes on what had to be replaced in the CT's header for this output.

    Raises:
        InputError: for an unknown format, or one that does not fit the CT.
        OutputError: where nothing can be written.
        DependencyError: when DICOM SEG is asked for without highdicom.
    """
    suffix = output_format(path)
    check_writable(path)
    files = {f.resolve() for f in (*loaded.slice_files, *loaded.source_files)}
    if path.resolve() == loaded.path.resolve() or path.resolve() in files:
        raise InputError(f"{path} is the CT itself: choose another name for the output.")
    if suffix == ".dcm":
        return check_dicom_sources(loaded.source_files or loaded.slice_files, _seg_grid(loaded))
    if suffix in (".nii", ".nii.gz"):
        return check_nifti_grid(loaded.volume.affine, loaded.volume.shape)
    return []


def _seg_grid(loaded: LoadedVolume) -> SegGrid:
    """Return how the masks on the CT's grid correspond to its DICOM files."""
    thickness = loaded.volume.spacing_mm[2]
    if loaded.slice_files and not loaded.slice_frames:
        return SegGrid(thickness_mm=thickness)
    return SegGrid(
        frames=loaded.slice_frames if len(set(loaded.slice_files)) == 1 else (),
        affine=loaded.volume.affine,
        shape=loaded.volume.shape,
        thickness_mm=thickness,
    )


def write_masks(
    path: str | Path,
    loaded: LoadedVolume,
    segments: Sequence[Segment],
    *,
    model: str = "",
    model_version: str = "",
    about: Mapping[str, str] | None = None,
) -> tuple[Path | None, list[str]]:
    """Write masks on the CT's own grid.

    ``.seg.nrrd`` and DICOM SEG keep overlapping masks and their names; the others are label
    maps, in which segment n is n (from 1). Without any segment a file with an empty grid is
    written, but no DICOM SEG, which cannot be empty.

    Args:
        path: where to; its suffix says the format.
        loaded: the CT.
        segments: what was found.
        model: the model's name.
        model_version: its version.
        about: further header entries of a ``.seg.nrrd``.

    Returns:
        The file, None where none was written, and notes for the user.

    Raises:
        InputError: for a format that does not exist or does not fit.
        OutputError: when it cannot be written; an existing file stays as it was.
    """
    target, volume = Path(path), loaded.volume
    suffix = output_format(target)
    check_shapes(segments, volume.shape)
    if suffix == ".seg.nrrd":
        write_seg_nrrd(target, volume, segments, about)
        return target, []
    if suffix == ".dcm":
        if not segments:
            return None, ["No DICOM SEG was written: nothing was found, and it cannot be empty."]
        write_dicom_seg(
            target,
            loaded.source_files or loaded.slice_files,
            segments,
            model=model,
            model_version=model_version,
            grid=_seg_grid(loaded),
        )
        return target, []
    labels, shared = label_map(segments, volume.shape)
    array = labels if len(segments) > 255 else labels.astype(np.uint8)
    if suffix == ".nrrd":
        write_nrrd(target, array, volume.affine)
    else:
        write_nifti(target, array, volume.affine, f"lsms-core {model} {model_version}".strip())
    notes = []
    if shared:
        notes.append(
            f"{shared} voxels belong to several texts; a label map keeps the first one. Write a "
            ".seg.nrrd file to keep them all."
        )
    return target, notes
