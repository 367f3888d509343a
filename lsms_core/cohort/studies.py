"""Lists the studies of a cohort: files, folders of DICOM series, or the rows of a table."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsms_core.errors import InputError
from lsms_core.io.volumes import SUFFIXES

# Files beside a CT that are masks: `label.nii.gz`, `liver_mask.nrrd`, `ct.seg.nrrd`.
_NO_CT = re.compile(
    r"(?:^|[._ -])(?:labels?|labelmap|masks?|segs?|segmentations?|truth|gt|annotations?)"
    r"(?=[._ -]|\d*$)",
    re.IGNORECASE,
)
# `case_7/image.nii.gz` is the study `case_7`.
_PLAIN_NAMES = {"image", "ct", "volume", "scan", "img", "imaging"}
_LONGEST_NAME = 80
_COLUMNS = ("path", "study", "series", "prompt")


@dataclass(frozen=True)
class CohortStudy:
    """One study.

    Attributes:
        name: unique in the cohort and fit for a folder's name.
        path: a volume's file, or the folder of a DICOM series.
        series: which series of a folder with several; "" for the only one.
        prompts: its own prompts, beside those of the whole cohort.
    """

    name: str
    path: Path
    series: str = ""
    prompts: tuple[str, ...] = ()


def find_studies(source: Path) -> list[CohortStudy]:
    """List the studies of a file, a folder with any depth, or a CSV table.

    In a folder each NIfTI, NRRD or MetaImage file whose name does not say that it is a mask is a
    study, and so is each folder that holds DICOM files. A table has the columns ``path``
    (relative to the table) and, if need be, ``study``, ``series`` and ``prompt``; rows with the
    same study and path add their prompts.

    Raises:
        InputError: when there is no study, or the table cannot be used.
    """
    if source.is_file() and source.suffix.lower() in (".csv", ".tsv"):
        return _from_table(source)
    if source.is_file():
        return [CohortStudy(_safe(_stem(source.name)), source)]
    if not source.is_dir():
        raise InputError(f"{source} does not exist: give a folder, a volume or a CSV table.")
    found = list(_in_folder(source))
    if not found:
        raise InputError(
            f"{source} holds no study: a NIfTI, NRRD or MetaImage volume, or a folder with DICOM "
            "files, at any depth."
        )
    wanted = [_name_in(source, path) for path in found]
    return [CohortStudy(name, path) for name, path in zip(_distinct(wanted), found, strict=True)]


def volume_suffix(name: str) -> str | None:
    """Return a volume file's suffix, None for another file."""
    lower = name.lower()
    fitting = [s for s in SUFFIXES if lower.endswith(s) and lower != s]
    return max(fitting, key=len, default=None)


def _from_table(table: Path) -> list[CohortStudy]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
            reader = csv.DictReader(file, delimiter=delimiter)
            names = [n.strip().lower() for n in reader.fieldnames or []]
            reader.fieldnames = names
            rows = [
                {k: (v or "").strip() for k, v in row.items() if k in _COLUMNS} for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} cannot be read as a table: {error}") from error
    if "path" not in names:
        raise InputError(f'{table} has no column "path": name the columns in the first line.')
    merged: dict[tuple[str, Path, str], list[str]] = {}
    for number, row in enumerate(rows, start=2):
        if not row.get("path"):
            raise InputError(f"{table} has no path in line {number}.")
        path = Path(row["path"])
        path = path if path.is_absolute() else table.parent / path
        prompts = merged.setdefault((row.get("study", ""), path, row.get("series", "")), [])
        if row.get("prompt"):
            prompts.append(row["prompt"])
    if not merged:
        raise InputError(f"{table} has no rows: list one study a line.")
    wanted = [_safe(study) if study else _name_in(table.parent, path) for study, path, _ in merged]
    return [
        CohortStudy(name, path, series, tuple(dict.fromkeys(prompts)))
        for name, ((_, path, series), prompts) in zip(
            _distinct(wanted), merged.items(), strict=True
        )
    ]


def _in_folder(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        here = Path(root)
        others = []
        for name in sorted(names):
            if name.startswith("."):
                continue
            suffix = volume_suffix(name)
            if suffix is None:
                others.append(name)
            elif not _NO_CT.search(name[: -len(suffix)]):
                yield here / name
        if any(_is_dicom(here / name) for name in others[:8]):
            yield here


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _stem(name: str) -> str:
    suffix = volume_suffix(name)
    return name[: -len(suffix)] if suffix else name


def _name_in(root: Path, path: Path) -> str:
    try:
        relative = path.relative_to(root)
    except ValueError:
        relative = Path(path.name)
    parts = [*relative.parts[:-1], _stem(relative.parts[-1])] if relative.parts else [root.name]
    if len(parts) > 1 and parts[-1].lower() in _PLAIN_NAMES:
        parts = parts[:-1]
    return _safe("__".join(parts))


def _safe(name: str) -> str:
    """Make a name that every file system takes and no other study's name becomes by chance."""
    tidy = re.sub(r"[^A-Za-z0-9._+-]+", "_", name).strip("._ ") or "study"
    if tidy == name and len(tidy) <= _LONGEST_NAME:
        return tidy
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{tidy[:_LONGEST_NAME]}-{mark}"


def _distinct(names: Sequence[str]) -> list[str]:
    # Some file systems do not tell A from a.
    counts = Counter(name.casefold() for name in names)
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        key = name.casefold()
        seen[key] += 1
        result.append(f"{name}-{seen[key]}" if counts[key] > 1 else name)
    if len({name.casefold() for name in result}) != len(result):
        raise InputError("Two studies have the same name: name them in the column study.")
    return result
