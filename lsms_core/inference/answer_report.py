"""Makes a measurement report from answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.lesion import Lesion
from lsms_core.inference.answer_segments import reading_text
from lsms_core.io.measurement_report import Algorithm, MeasuredAnswer, MeasurementReport

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer


def report_of(
    answers: Sequence[Answer], study: str, *, sha256: str = "", date: str | None = None
) -> MeasurementReport:
    """Return what the answers measured.

    Segment numbers are those that ``write_masks`` gives: answers with a mask count from 1.

    Args:
        answers: at least one, all of one CT.
        study: what was measured, for people.
        sha256: of the model's manifest.
        date: ISO 8601; default: now.
    """
    first = answers[0]
    name, version = model_of(first)
    algorithm = Algorithm(name, version, sha256, first.engine)
    number, measured = 0, []
    for answer in answers:
        number += answer.present
        lesions = tuple(_along_stack(answer, lesion) for lesion in _lesions(answer))
        measured.append(
            MeasuredAnswer(
                answer.text,
                reading_text(answer),
                lesions,
                number if answer.present else None,
                _notes(answer),
            )
        )
    when = date or datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    volume = first.candidates.search.volume
    return MeasurementReport(tuple(measured), algorithm, slice_distance_mm(volume), study, when)


def model_of(answer: Answer) -> tuple[str, str]:
    """Return name and version of what found an answer's lesions; outlines of a file have none."""
    name, _, version = answer.model.rpartition(" ")
    if answer.engine == "labels" or not name:
        return answer.model, ""
    return name, version


def slice_distance_mm(volume: CTVolume) -> float:
    """Return how far apart the axial slices of a CT lie."""
    return SlicePlane.of(volume, "axial").thickness_mm


def _lesions(answer: Answer) -> tuple[Lesion, ...]:
    return answer.kept if answer.region == "lesions" else ()


def _along_stack(answer: Answer, lesion: Lesion) -> Lesion:
    """Count a lesion's slices along the array's first axis, as the files of a series do."""
    if answer.candidates.search.axis == 0:
        return lesion
    there = (answer.candidates.labels == lesion.number).any(axis=(1, 2))
    hits = np.flatnonzero(there)
    return replace(lesion, slices=(int(hits[0]), int(hits[-1])))


def _notes(answer: Answer) -> tuple[str, ...]:
    notes = [note for note in answer.notes if note != answer.message]
    for lesion in _lesions(answer):
        reasons = "; ".join(answer.verdict(lesion.number).reasons)
        if reasons:
            notes.append(f"Lesion {lesion.number} ({lesion.describe()}): {reasons}.")
    if answer.region == "organ" or not answer.present:
        notes.append(answer.message)
    return tuple(notes)
