"""Maps image numbers, as viewers and reports use them, to slice indices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsms_core.io.volumes import LoadedVolume


def numbers_of(loaded: LoadedVolume) -> tuple[dict[int, int], int | None, str]:
    """Return image number -> slice index, the series' number, and a note.

    A DICOM series has its own numbers (InstanceNumber). A file has none: its slices are counted
    from 1 in the order in which they are stored, and the note says so.
    """
    return image_numbers(loaded.slice_files, loaded.volume.shape[0])


def image_numbers(
    files: Sequence[Path] | None, count: int
) -> tuple[dict[int, int], int | None, str]:
    """Return what :func:`numbers_of` does, from the DICOM files of the slices.

    Args:
        files: in the order of the slices; None or empty for a volume without DICOM files.
        count: how many slices there are.
    """
    if not files:
        note = (
            "The CT's file has no image numbers: its slices were counted from 1, as they are "
            "stored."
        )
        return {number: number - 1 for number in range(1, count + 1)}, None, note
    import pydicom

    numbers: dict[int, int] = {}
    series = None
    for index, file in enumerate(files):
        header = pydicom.dcmread(
            file, stop_before_pixels=True, specific_tags=["InstanceNumber", "SeriesNumber"]
        )
        if header.get("InstanceNumber") is not None:
            numbers.setdefault(int(header.InstanceNumber), index)
        if header.get("SeriesNumber") is not None:
            series = int(header.SeriesNumber)
    note = "" if numbers else "The series has no image numbers: all lesions were looked at."
    return numbers, series, note
