"""Training cases with an image and a label, resampled once to the model's grid."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.laterality import midline_column
from lsms_core.anatomy.regions import LESION_LABEL
from lsms_core.dataset.preprocessing import PreprocessingConfig, SliceTransform, plan_slice
from lsms_core.errors import InputError
from lsms_core.io.text_files import read_json


@dataclass(frozen=True)
class Case:
    """The files of a case, and its patient.

    Attributes:
        name: its name.
        group: the patient; folds never split a group.
        image: CT in HU.
        label: 0 background, 1 liver, 2 lesion.
        lesions_labelled: False where lesions exist, or may exist, that nobody outlined.
        certified: False where no lesion was seen and nobody certified that there is none.
        spacing_known: False where the pixel size is assumed: sizes mean nothing there.
    """

    name: str
    group: str
    image: Path
    label: Path
    lesions_labelled: bool = True
    certified: bool = True
    spacing_known: bool = True

    def lesion_certainty(self, uncertified: float) -> float:
        """Return how surely liver that is not marked as a lesion is none, 0 to 1.

        Args:
            uncertified: where no lesion was seen and nobody certified it.
        """
        if not self.lesions_labelled:
            return 0.0
        return 1.0 if self.certified else uncertified


@dataclass(frozen=True)
class Neighbourhood:
    """A slice of a case with the neighbours that the model sees, each of them once.

    Attributes:
        levels: rising indices of the slices.
        centre: the slice itself, as an index into ``levels``.
        seen: each of the slices that the model sees, likewise. Neighbours that do not exist are
            the slice at the end, and lie in its plane.
        spacing_mm: (slice, row, column) of a stack of these slices.
    """

    levels: list[int]
    centre: int
    seen: list[int]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True)
class CaseArrays:
    """A case on the model's grid; slices run from inferior to superior.

    Attributes:
        case: where it came from.
        hu: (n, H, W) int16.
        liver: (n, H, W), with its lesions.
        lesions: (n, H, W).
        spacing_mm: (slice, row, column).
        certainty: (n, H, W), how surely a pixel that is not marked as a lesion is none, 0 to 1;
            None where the case says it of the whole liver.
    """

    case: Case
    hu: NDArray[np.int16]
    liver: NDArray[np.bool_]
    lesions: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    certainty: NDArray[np.float32] | None = None

    @cached_property
    def liver_areas(self) -> NDArray[np.int64]:
        """Pixels of liver in each slice."""
        return np.count_nonzero(self.liver, axis=(1, 2))

    @cached_property
    def midlines(self) -> list[float]:
        """Column of the patient's midline in each slice."""
        return [self.midline(level) for level in range(len(self.hu))]

    def around(self, level: int, offsets_mm: Sequence[float]) -> Neighbourhood:
        """Return a slice and the ones nearest to some offsets from it, clamped to the case."""
        thickness, *plane = self.spacing_mm
        steps = np.array([round(mm / thickness) for mm in offsets_mm])
        wanted = np.clip(level + steps, 0, len(self.hu) - 1).tolist()
        levels = sorted(set(wanted))
        apart = thickness * int(np.diff(levels).max(initial=1))
        return Neighbourhood(
            levels,
            levels.index(level),
            [levels.index(one) for one in wanted],
            (apart, plane[0], plane[1]),
        )

    def midline(self, level: int) -> float:
        """Column of the patient's midline in one slice."""
        return midline_column(self.hu[level], self.spacing_mm[1:])


def by_patient(cases: Iterable[CaseArrays]) -> list[list[CaseArrays]]:
    """Return the cases of each patient, in the order of the patients' names."""
    patients: dict[str, list[CaseArrays]] = {}
    for arrays in cases:
        patients.setdefault(arrays.case.group, []).append(arrays)
    return [patients[group] for group in sorted(patients)]


def list_cases(folder: str | Path) -> list[Case]:
    """List the cases of a folder: ``<case>/image.nii.gz`` and ``<case>/label.nii.gz``.

    A ``manifest.csv`` in the folder or beside it gives ``patient_group``; without one every
    case is a patient of its own. Its ``kind`` may be "lesion", "liver_only" (lesions are not
    told apart from the liver) or "liver_no_lesion_seen" (not certified), and ``spacing_known``
    "yes" or "assumed".

    Raises:
        InputError: when there is no case.
    """
    root = Path(folder)
    groups: dict[str, dict[str, str]] = {}
    for manifest in (root / "manifest.csv", root.parent / "manifest.csv"):
        if manifest.is_file():
            with manifest.open(newline="", encoding="utf-8") as file:
                groups = {row["case"]: row for row in csv.DictReader(file)}
            break
    cases = []
    for path in sorted(p for p in root.glob("*") if (p / "image.nii.gz").is_file()):
        row = groups.get(path.name, {})
        if not (path / "label.nii.gz").is_file():
            raise InputError(
                f"The case {path.name} has no label.nii.gz: add it or remove the case."
            )
        cases.append(
            Case(
                path.name,
                row.get("patient_group", path.name),
                path / "image.nii.gz",
                path / "label.nii.gz",
                lesions_labelled="LIVER MASK ONLY" not in row.get("note", "")
                and row.get("kind") != "liver_only",
                certified=row.get("kind") != "liver_no_lesion_seen",
                spacing_known=row.get("spacing_known") != "assumed",
            )
        )
    if not cases:
        raise InputError(f"No <case>/image.nii.gz was found in {root}: give the folder of cases.")
    return cases


def load_case(case: Case, config: PreprocessingConfig) -> CaseArrays:
    """Read a case and bring all its slices to one grid.

    Raises:
        InputError: when image and label do not lie on the same grid.
    """
    image = CTVolume.from_sitk(sitk.ReadImage(str(case.image)))
    label = sitk.GetArrayFromImage(sitk.ReadImage(str(case.label)))
    if label.shape != image.shape:
        raise InputError(
            f"The label of {case.name} has shape {label.shape}, its image {image.shape}: "
            "export both on the same grid."
        )
    plane = SlicePlane.of(image, "axial")
    hu, labels = plane.stack(image.array), plane.stack(label)
    if plane.reverse_stack:
        hu, labels = hu[::-1], labels[::-1]
    low, high = config.window_hu
    transform = case_grid(hu, plane, config)
    shape = (len(hu), config.height, config.width)
    grid: NDArray[np.int16] = np.empty(shape, np.int16)
    liver, lesions = np.empty(shape, bool), np.empty(shape, bool)
    for index in range(len(hu)):
        slice_hu = np.clip(hu[index], low, high).astype(np.float32)
        grid[index] = np.rint(transform.to_grid(slice_hu, fill=low))
        on_grid: NDArray[Any] = transform.to_grid(
            labels[index].astype(np.int16), fill=0, nearest=True
        )
        liver[index], lesions[index] = on_grid > 0, on_grid == LESION_LABEL
    pixel = transform.grid_spacing_mm
    return CaseArrays(case, grid, liver, lesions, (plane.thickness_mm, pixel, pixel))


def case_grid(hu: NDArray[Any], plane: SlicePlane, config: PreprocessingConfig) -> SliceTransform:
    """Return where the slices of a case lie: one grid, so that neighbours stay aligned.

    Args:
        hu: (n, rows, columns), the canonical slices.
        plane: how they are seen.
        config: the grid.
    """
    return plan_slice(np.asarray(hu.max(axis=0)), plane.spacing_mm, config)


def cases_of(folders: Iterable[str | Path], patients: Collection[str] | None = None) -> list[Case]:
    """List the cases of several folders, of some patients or of all.

    Args:
        folders: see :func:`list_cases`.
        patients: whose cases; None for everybody's.

    Raises:
        InputError: when a folder has no case, or a patient none in any of them.
    """
    found = [case for folder in folders for case in list_cases(folder)]
    if patients is None:
        return found
    found = [case for case in found if case.group in patients]
    missing = sorted(set(patients) - {case.group for case in found})
    if missing:
        raise InputError(f"No case is of the patients {', '.join(missing)}: see manifest.csv.")
    return found


def held_out(split: str | Path) -> list[str]:
    """Return the names of the cases that a training run was kept from.

    Args:
        split: ``split.json`` of the run, or a list of names.

    Raises:
        InputError: when it is neither.
    """
    entries = read_json(split)
    names = entries.get("held_out") if isinstance(entries, dict) else entries
    if not isinstance(names, list):
        raise InputError(f"{split} is no split of a training run: give its split.json.")
    return [str(name) for name in names]


def split_folds(cases: list[Case], weights: dict[str, int], folds: int) -> list[set[str]]:
    """Divide the patients into folds of about equal weight; the same every time.

    Args:
        cases: all cases.
        weights: lesion slices by case name.
        folds: how many.

    Returns:
        The patient groups of each fold.
    """
    total: dict[str, int] = {}
    for case in cases:
        total[case.group] = total.get(case.group, 0) + weights.get(case.name, 0)
    parts: list[set[str]] = [set() for _ in range(folds)]
    load = [0] * folds
    for group in sorted(total, key=lambda g: (-total[g], g)):
        lightest = min(range(folds), key=lambda i: (load[i], len(parts[i]), i))
        parts[lightest].add(group)
        load[lightest] += total[group]
    return parts
