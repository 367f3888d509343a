"""One of the two studies of a follow-up: a segmentation, a CT, or a cohort's study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from lsms_core.anatomy.follow_up import Study
from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.anatomy.named_outlines import recognise
from lsms_core.cohort.answering import SEGMENTATION
from lsms_core.cohort.store import ANSWER
from lsms_core.errors import InputError
from lsms_core.inference.answer_report import slice_distance_mm
from lsms_core.inference.candidates import CandidateSet
from lsms_core.inference.outlined_candidates import candidates_of
from lsms_core.io.segmentations import read_segmentation
from lsms_core.io.text_files import read_json
from lsms_core.io.volumes import read_volume

if TYPE_CHECKING:
    from lsms_core.inference.predictor import Predictor


@dataclass(frozen=True)
class StudyFiles:
    """Where a study's parts lie.

    Attributes:
        path: a segmentation with the lesions, the CT itself (its lesions are searched), or the
            folder of a study in a cohort's results.
        ct: the CT of a segmentation; None where it is not at hand.
        liver: a segmentation of the liver, where that of the lesions has none.
    """

    path: Path
    ct: Path | None = None
    liver: Path | None = None


@dataclass(frozen=True)
class LoadedStudy:
    """A study that can be compared.

    Attributes:
        study: its lesions.
        volume: the CT; None without one.
        liver: the liver on the lesions' grid; None where it is not known.
        notes: for the user.
    """

    study: Study
    volume: CTVolume | None
    liver: CTVolume | None
    notes: tuple[str, ...] = ()


def load_study(files: StudyFiles, predictor: Callable[[], Predictor], text: str) -> LoadedStudy:
    """Read a study, and search what is not outlined.

    Args:
        files: where it lies.
        predictor: loads the model; called only where a liver or the lesions must be searched.
        text: which lesions count, such as "right lobe lesion"; "" for all.

    Raises:
        InputError: when a file cannot be used.
    """
    files = _of_cohort(files)
    if files.ct is None and (volume := _as_ct(files.path)) is not None:
        return _loaded(predictor().search(volume), volume, text, ())
    if files.ct is None:
        return _without_ct(files, text)
    loaded = read_volume(files.ct)
    masks, notes = read_segmentation(files.path, loaded.volume)
    liver = None
    if files.liver is not None:
        liver, more = read_segmentation(files.liver, loaded.volume)
        notes += more
    found = candidates_of(loaded.volume, masks, liver)
    if found.liver is None:
        known = predictor().search(loaded.volume).liver
        found = candidates_of(loaded.volume, masks, known)
        notes.append(f"{files.path.name} outlines no liver: the network's was used.")
    return _loaded(found, loaded.volume, text, notes)


def _of_cohort(files: StudyFiles) -> StudyFiles:
    if not (files.path / ANSWER).is_file():
        return files
    told = read_json(files.path / ANSWER)
    ct = files.ct or Path(told["path"])
    return StudyFiles(files.path / SEGMENTATION, ct if ct.exists() else None, files.liver)


def _as_ct(path: Path) -> CTVolume | None:
    """Return a CT; None for what is readable but no CT, such as a segmentation."""
    if path.name.lower().endswith(".seg.nrrd") or (
        path.is_file() and path.suffix.lower() in (".dcm", ".dicom")
    ):
        return None
    try:
        return read_volume(path).volume
    except InputError:
        if path.is_dir() or not path.exists():
            raise
        return None


def _loaded(
    found: CandidateSet, volume: CTVolume | None, text: str, notes: tuple[str, ...] | list[str]
) -> LoadedStudy:
    lesions = found.lesions
    if text:
        answer = found.answer(text)
        if answer.reading is not None and not answer.reading.understood:
            raise InputError(answer.message)
        lesions, notes = answer.kept, [*notes, *answer.notes]
    grid = found.search.volume
    numbers = [lesion.number for lesion in lesions]
    labels = np.where(np.isin(found.labels, numbers), found.labels, 0)
    liver = None if found.liver is None else grid.with_array(found.liver.liver)
    study = Study(grid.with_array(labels), lesions, slice_distance_mm(grid))
    return LoadedStudy(study, volume, liver, tuple(notes))


def _without_ct(files: StudyFiles, text: str) -> LoadedStudy:
    """Measure outlines alone: sizes and volumes, nothing in Hounsfield units."""
    if text:
        raise InputError("--text needs the CT of both studies: give --before-ct and --after-ct.")
    grid = _grid_of(files.path)
    masks, notes = read_segmentation(files.path, grid)
    voxel_ml = abs(float(np.linalg.det(grid.affine[:3, :3]))) / 1000.0
    found = recognise(masks, voxel_ml, expected="lesions")
    known = found.liver
    if files.liver is not None:
        outlines, more = read_segmentation(files.liver, grid)
        known, notes = recognise(outlines, voxel_ml, expected="liver").liver, [*notes, *more]
    if found.lesions is None and found.liver is None:
        raise InputError(f"{files.path} holds no outline of a lesion.")
    labels = np.zeros(grid.shape, np.int32) if found.lesions is None else found.lesions
    lesions = tuple(measure_lesions(grid, labels))
    study = Study(grid.with_array(labels), lesions, slice_distance_mm(grid))
    liver = None if known is None else grid.with_array(known.liver)
    return LoadedStudy(study, None, liver, tuple(notes))


def _grid_of(path: Path) -> CTVolume:
    """Return a segmentation's own grid, without values."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(
            f"{path} cannot be read by itself: give the CT that it belongs to (--before-ct, "
            "--after-ct)."
        ) from error
    if image.GetDimension() == 4:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise InputError(f"{path} is no volume: give a segmentation in three dimensions.")
    if image.GetNumberOfComponentsPerPixel() > 1:
        image = sitk.VectorIndexSelectionCast(image, 0)
    grid = CTVolume.from_sitk(image)
    return grid.with_array(np.full(grid.shape, np.nan, np.float32))
