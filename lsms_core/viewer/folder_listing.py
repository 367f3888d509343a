"""Lists the CTs of a folder, and the segmentations whose lesions can be asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lsms_core.errors import InputError
from lsms_core.io.volumes import SUFFIXES, is_dicom

# A folder of studies, each with its series; an archive is no place to look through.
_DEEPEST = 3
_MOST_ENTRIES = 500


@dataclass(frozen=True)
class Study:
    """A CT that can be opened.

    Attributes:
        title: for the list; a path below the folder.
        path: a file, or the folder of a DICOM series.
        dicom: whether it is DICOM, which may hold several series.
    """

    title: str
    path: Path
    dicom: bool = False


def is_outlines(path: Path) -> bool:
    """Whether a file's name says that it holds outlines, not a CT."""
    name = path.name.lower()
    return name.endswith((".seg.nrrd", "_seg.nii.gz", "_seg.nii", "_seg.nrrd", "-seg.nrrd"))


def studies_in(folder: Path) -> list[Study]:
    """List the CTs of a folder, or the one that a file is.

    Raises:
        InputError: when it is not there, or holds none.
    """
    if not folder.exists():
        raise InputError(f"{folder} does not exist: give a folder with CTs, or a CT.")
    if folder.is_file():
        return [Study(folder.name, folder, is_dicom(folder))]
    found = []
    for path, dicom in _entries(folder):
        if not dicom and is_outlines(path):
            continue
        title = path.relative_to(folder).as_posix()
        found.append(Study(f"{folder.name} (DICOM)" if title == "." else title, path, dicom))
    if not found:
        raise InputError(
            f"{folder} holds no CT: give a folder with {', '.join(SUFFIXES)} or DICOM files."
        )
    return found


def outlines_in(folder: Path) -> list[Path]:
    """List the files of a folder that may hold outlines, such as somebody's lesions."""
    if not folder.is_dir():
        return []
    return [path for path, dicom in _entries(folder) if not dicom and is_outlines(path)]


def _entries(folder: Path, depth: int = 0) -> Iterator[tuple[Path, bool]]:
    """Yield image files, and folders whose own files are DICOM, in the order of their names."""
    seen = 0
    files: list[Path] = []
    folders: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda p: p.name.casefold()):
        seen += 1
        if path.name.startswith(".") or seen > _MOST_ENTRIES:
            continue
        (folders if path.is_dir() else files).append(path)
    images = [p for p in files if p.name.lower().endswith(SUFFIXES)]
    for path in images:
        yield path, False
    # A series has one kind of file: a few of them tell.
    others = [p for p in files if p not in images][:3]
    if any(is_dicom(p) for p in others):
        yield folder, True
    if depth < _DEEPEST:
        for path in folders:
            yield from _entries(path, depth + 1)
