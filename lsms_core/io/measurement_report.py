"""The contents of a measurement report, independent of its format (DICOM, HTML, plain text)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.target_lesions import TargetLesions, target_lesions

RESEARCH = "Research use only; not a medical device."


@dataclass(frozen=True)
class Algorithm:
    """The algorithm that made the measurements.

    Attributes:
        name: the model's name.
        version: its version.
        sha256: of the bundle's manifest, which lists the SHA-256 of each of its files.
        engine: the engine that ran it.
    """

    name: str
    version: str
    sha256: str = ""
    engine: str = ""


@dataclass(frozen=True)
class MeasuredAnswer:
    """The answer to one text.

    Attributes:
        text: the prompt.
        reading: how it was understood, in words; "" where nothing is known of that.
        lesions: those that it names, whole.
        segment: the number of their segment in the segmentation object, from 1; None for none.
        notes: doubts and other things to know, in sentences.
    """

    text: str
    reading: str
    lesions: tuple[Lesion, ...]
    segment: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasurementReport:
    """A measurement report.

    Attributes:
        answers: one a text.
        algorithm: what measured.
        slice_distance_mm: from one axial slice to the next.
        study: the name of the file or folder that was measured.
        date: when, ISO 8601.
    """

    answers: tuple[MeasuredAnswer, ...]
    algorithm: Algorithm
    slice_distance_mm: float
    study: str = ""
    date: str = ""

    @property
    def targets(self) -> TargetLesions:
        """The proposed target lesions among all answers', each lesion counted once."""
        every = [lesion for answer in self.answers for lesion in answer.lesions]
        return target_lesions(_each_once(every), self.slice_distance_mm)


def same_lesion(lesion: Lesion) -> tuple[object, ...]:
    """Return a key that is the same for a lesion in the answers to different texts."""
    centre = tuple(round(v, 1) for v in lesion.centroid_ras)
    return (*centre, round(lesion.volume_ml, 4), round(lesion.longest_mm, 2))


def _each_once(lesions: Iterable[Lesion]) -> list[Lesion]:
    return list({same_lesion(lesion): lesion for lesion in lesions}.values())
