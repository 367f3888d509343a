"""Answers one study of a cohort, and makes the files of its results."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.anatomy.terminology import colours_of
from lsms_core.cohort.doubt import doubt_of
from lsms_core.cohort.store import ANSWER
from lsms_core.cohort.work import Answering, Task
from lsms_core.inference.answer_report import report_of
from lsms_core.inference.answer_segments import reading_text, segments_of
from lsms_core.io.volumes import LoadedVolume, read_volume

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer

SEGMENTATION = "segmentation.seg.nrrd"
THUMBNAIL = "thumbnail.jpg"
DICOM_SEG = "segmentation.dcm"
DICOM_SR = "measurements.dcm"
FACTORY = "lsms_core.cohort.answering:make_answering"
_THUMBNAIL_PIXELS = 360


def make_answering(
    *,
    weights: str,
    engine: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    threshold: float | None = None,
    sha256: str = "",
    dicom: bool = False,
) -> Answering:
    """Load the model and return what answers a study.

    Args:
        weights: a bundle's name or folder.
        engine: default: the one that the bundle names.
        device: as for ``Predictor.from_pretrained``.
        threads: CPU threads of this worker.
        threshold: to cut at; default: the model's own.
        sha256: of the bundle's manifest, for the reports.
        dicom: also write DICOM SEG and a DICOM report where the study is a DICOM series.
    """
    from lsms_core.inference.predictor import Predictor

    predictor = Predictor.from_pretrained(weights, device, engine, threads=threads)

    def answering(task: Task) -> Mapping[str, bytes]:
        started = time.monotonic()
        loaded = read_volume(task.study.path, task.study.series or None)
        answers = predictor.segment(
            loaded.volume, list(task.prompts), threshold=threshold, keep_probability=False
        )
        return _files(task, loaded, answers, sha256, dicom, started)

    return answering


def _files(
    task: Task,
    loaded: LoadedVolume,
    answers: Sequence[Answer],
    sha256: str,
    dicom: bool,
    started: float,
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    notes = [*loaded.notes]
    with tempfile.TemporaryDirectory(prefix="lsms-") as scratch:
        folder = Path(scratch)
        notes += _write_segmentations(folder, task, loaded, answers, sha256, dicom)
        for path in sorted(folder.iterdir()):
            files[path.name] = path.read_bytes()
    picture = thumbnail(loaded, answers)
    if picture is not None:
        files[THUMBNAIL] = picture
    told = _told(task, loaded, answers, notes, picture is not None, sorted([ANSWER, *files]))
    told["seconds"] = round(time.monotonic() - started, 2)
    files[ANSWER] = json.dumps(told, indent=1, ensure_ascii=False).encode()
    return files


def _write_segmentations(
    folder: Path,
    task: Task,
    loaded: LoadedVolume,
    answers: Sequence[Answer],
    sha256: str,
    dicom: bool,
) -> list[str]:
    from lsms_core.io.output import write_masks

    segments = segments_of(answers)
    model, _, version = answers[0].model.rpartition(" ")
    _, notes = write_masks(folder / SEGMENTATION, loaded, segments)
    if dicom and loaded.slice_files and segments:
        from lsms_core.errors import InputError
        from lsms_core.io.dicom_sr import write_dicom_sr

        seg = folder / DICOM_SEG
        try:
            _, more = write_masks(seg, loaded, segments, model=model, model_version=version)
            notes += more
            report = report_of(answers, task.study.name, sha256=sha256)
            if any(answer.lesions for answer in report.answers):
                write_dicom_sr(folder / DICOM_SR, loaded.slice_files, seg, report)
        except InputError as error:
            # A series without UIDs, say: its answers are of use all the same.
            notes.append(f"Without DICOM results: {error}")
    return notes


def _told(
    task: Task,
    loaded: LoadedVolume,
    answers: Sequence[Answer],
    notes: Sequence[str],
    pictured: bool,
    files: Sequence[str],
) -> dict[str, Any]:
    name, _, version = answers[0].model.rpartition(" ")
    results = []
    for answer in answers:
        told = answer.to_dict()
        results.append({**told, "reading_words": reading_text(answer), "doubt": doubt_of(told)})
    return {
        "study": task.study.name,
        "path": str(task.study.path),
        "series": task.study.series,
        "prompts": list(task.prompts),
        "model": {"name": name, "version": version, "engine": answers[0].engine},
        "shape": list(loaded.volume.shape),
        "spacing_mm": [round(s, 4) for s in reversed(loaded.volume.spacing_mm)],
        "notes": list(dict.fromkeys([*notes, *answers[0].candidates.search.warnings])),
        "thumbnail": THUMBNAIL if pictured else None,
        "files": list(files),
        "answers": results,
    }


def thumbnail(loaded: LoadedVolume, answers: Sequence[Answer]) -> bytes | None:
    """Draw the axial slice with the largest finding, every answer's outline in its colour.

    Returns:
        A JPEG, None without Pillow.
    """
    from lsms_core.errors import DependencyError
    from lsms_core.io.figure import Outline, Panel, check_drawing, draw_slice, jpeg

    try:
        check_drawing()
    except DependencyError:
        return None
    seen = SlicePlane.of(loaded.volume, "axial")
    others = tuple(a for a in range(3) if a != seen.axis)
    sizes = [np.count_nonzero(answer.volume_mask, axis=others) for answer in answers]
    total = np.sum(
        [s for s, a in zip(sizes, answers, strict=True) if a.region == "lesions"], axis=0
    )
    if not np.any(total):
        total = np.sum(sizes, axis=0)
    index = int(np.argmax(total)) if np.any(total) else loaded.volume.shape[seen.axis] // 2
    colours = colours_of([answer.text for answer in answers])
    panel = Panel(
        image=seen.extract(loaded.volume.array, index),
        spacing_mm=seen.spacing_mm,
        plane=seen.plane,
        title="",
        outlines=[
            Outline(seen.extract(answer.volume_mask, index), colour)
            for answer, colour in zip(answers, colours, strict=True)
        ],
    )
    stream = BytesIO(jpeg(draw_slice(panel, _THUMBNAIL_PIXELS)))
    return stream.getvalue()
