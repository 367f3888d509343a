"""Answers the sentences of a radiology report, each on the images that it refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lsms_core.inference.answer import answer
from lsms_core.language.report_text import Statement
from lsms_core.language.select import Verdict, select

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.inference.candidates import CandidateSet

# Readers give the image on which a lesion is seen best, which may lie beside its outline.
_TOLERANCE = 1


@dataclass(frozen=True)
class ImageNumbers:
    """How the images of a CT are numbered.

    Attributes:
        slices: image number -> index along the array's first axis.
        series: the series' number; None where it is not known.
        note: where the numbers come from, if that should be said.
    """

    slices: Mapping[int, int]
    series: int | None = None
    note: str = ""


def answer_statements(
    candidates: CandidateSet, statements: Sequence[Statement], images: ImageNumbers
) -> list[Answer]:
    """Answer the statements that are about focal liver lesions, in their order.

    A statement that names images is answered from the lesions that lie on them, the others are
    dropped with that reason; where none lies there, all of them are looked at and a note says
    so.
    """
    return [_answer(candidates, one, images) for one in statements if not one.skipped]


def _answer(candidates: CandidateSet, statement: Statement, images: ImageNumbers) -> Answer:
    where, notes = statement.where, []
    if where.series is not None and images.series is not None and where.series != images.series:
        notes.append(
            f"It refers to series {where.series}, this is series {images.series}: its image "
            "numbers were not used."
        )
    elif where.images:
        wanted = [images.slices[n] for n in where.images if n in images.slices]
        if not wanted:
            named = _images(where.images)
            notes.append(f"There is no {named} here: all lesions were looked at.")
        else:
            near = _lesions_near(candidates, wanted)
            if near:
                found = _from_some(candidates, near, statement, _images(where.images))
                more = (images.note,) if images.note else ()
                return replace(found, notes=(*found.notes, *more))
            notes.append(f"No lesion lies on {_images(where.images)}: all were looked at.")
    found = answer(candidates, statement.reading)
    return replace(found, notes=(*found.notes, *notes))


def _lesions_near(candidates: CandidateSet, slices: Sequence[int]) -> set[int]:
    low, high = min(slices) - _TOLERANCE, max(slices) + _TOLERANCE + 1
    part = candidates.labels[max(low, 0) : max(high, 0)]
    return {int(n) for n in np.unique(part) if n}


def _from_some(
    candidates: CandidateSet, numbers: set[int], statement: Statement, where: str
) -> Answer:
    """Answer from some of the candidates, so that ranks and counts are among them."""
    found = answer(candidates, statement.reading)
    if found.region == "organ" or not statement.reading.understood:
        return found
    some = [lesion for lesion in candidates.lesions if lesion.number in numbers]
    chosen = select(some, statement.reading.query)
    known = {verdict.number: verdict for verdict in chosen.verdicts}
    verdicts = tuple(
        known.get(lesion.number, Verdict(lesion.number, "dropped", (f"not on {where}",)))
        for lesion in candidates.lesions
    )
    narrowed = replace(found, verdicts=verdicts)
    count = len(narrowed.kept)
    said = f"{count} lesion{'' if count == 1 else 's'}" if count else "nothing"
    unread = statement.reading.unread
    more = (f"Not read: {', '.join(unread)}.",) if unread else ()
    message = f'Found "{found.text}" on {where}: {said}.'
    return replace(narrowed, message=message, notes=(*chosen.notes, *more))


def _images(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"image {numbers[0]}"
    return f"images {', '.join(map(str, numbers))}"
