"""Candidates and answers as messages; see ``docs/worker-protocol.md``.

Needs no torch: a host (3D Slicer, say) makes the candidates again from a message, and answers
texts from them by itself while somebody types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.liver_map import LiverMap
from lsms_core.errors import WorkerError
from lsms_core.inference.answer import Answer
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.texts import clean_texts
from lsms_core.language.chips import chips


def candidates_message(
    found: CandidateSet, slices: Sequence[int] | None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the entries and the arrays of a "candidates" message.

    Args:
        found: the candidates.
        slices: the slices that were asked for, None for all.
    """
    search = found.search
    fields = {
        "axis": search.axis,
        "plane": search.plane,
        "slices": None if slices is None else list(slices),
        "lesions": [one.to_dict(exact=True) for one in found.lesions],
        "places": [one.place for one in found.lesions],
        "elsewhere": found.elsewhere,
        "looks": None if found.looks is None else {str(n): dict(v) for n, v in found.looks.items()},
        "best": found.best,
        "border_mm": None if found.liver is None else found.liver.border_mm,
        "threshold": found.config.mask_threshold,
        "postprocessing": found.config.to_dict(),
        "engine": search.engine,
        "name": search.model,
        "device": search.device,
        "fallback": search.fallback,
        "warnings": list(search.warnings),
    }
    arrays: dict[str, NDArray[Any]] = {"labels": along(found.labels, search.axis, slices)}
    if found.probability is not None:
        arrays["probability"] = along(found.probability, search.axis, slices)
    if found.liver is not None:
        arrays["liver"] = along(found.liver.liver, search.axis, slices).view(np.uint8)
        if found.liver.lobes is not None:
            arrays["lobes"] = along(found.liver.lobes, search.axis, slices)
        if found.liver.heights is not None:
            arrays["heights"] = found.liver.heights
    return fields, arrays


def candidates_from(
    fields: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], volume: CTVolume
) -> CandidateSet:
    """Make the candidates again from a "candidates" message.

    Args:
        fields: the message's entries.
        arrays: its arrays.
        volume: the CT that was searched.

    Raises:
        WorkerError: when the message does not fit the CT.
    """
    axis, slices = int(fields["axis"]), fields["slices"]
    count = volume.shape[axis]
    chosen = tuple(range(count)) if slices is None else tuple(int(i) for i in slices)

    def whole(name: str) -> NDArray[Any] | None:
        part = arrays.get(name)
        if part is None:
            return None
        full = np.zeros(volume.shape, part.dtype)
        place: list[Any] = [slice(None)] * 3
        place[axis] = list(chosen)
        if full[tuple(place)].shape != part.shape:
            raise WorkerError("The worker's candidates do not fit the volume; search again.")
        full[tuple(place)] = part
        return full

    labels, liver = whole("labels"), whole("liver")
    if labels is None:
        raise WorkerError("The worker sent no candidates; search again.")
    known = None
    if liver is not None:
        known = LiverMap(
            liver.view(np.bool_), whole("lobes"), None, float(fields["border_mm"]),
            arrays.get("heights"),
        )  # fmt: skip
    search = Search(
        volume=volume,
        slices=chosen,
        axis=axis,
        plane=SlicePlane.of(volume, axis).plane,
        engine=str(fields["engine"]),
        model=str(fields["name"]),
        device=str(fields["device"]),
        fallback=fields["fallback"],
        warnings=tuple(fields["warnings"]),
    )
    looks = fields.get("looks")
    found = CandidateSet(
        search,
        labels,
        tuple(float(one["score"]) for one in fields["lesions"]),
        known,
        whole("probability"),
        PostprocessingConfig.from_dict(fields["postprocessing"]),
        float(fields["best"]),
        int(fields["elsewhere"]),
        None if looks is None else {int(n): dict(v) for n, v in looks.items()},
    )
    # Measured already; a cached property is filled in by its name.
    found.__dict__["lesions"] = tuple(Lesion.from_dict(dict(one)) for one in fields["lesions"])
    return found


def answers_message(
    found: CandidateSet,
    texts: Sequence[str],
    slices: Sequence[int] | None,
    masks: bool,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the entries and the arrays of an "answers" message.

    Args:
        found: the candidates that are asked about.
        texts: what is asked.
        slices: the slices that were searched, None for all.
        masks: whether masks are wanted.

    Raises:
        InputError: for a text without words.
    """
    axis = found.search.axis
    answers = [found.answer(text) for text in clean_texts(texts)]
    fields = {
        "axis": axis,
        "slices": None if slices is None else list(slices),
        "answers": [answer_fields(one) for one in answers],
    }
    arrays = {
        f"mask{n}": along(one.mask, axis, slices).view(np.uint8)
        for n, one in enumerate(answers)
        if masks
    }
    return fields, arrays


def answer_fields(answer: Answer) -> dict[str, Any]:
    """Return the entries of one answer; the lesions themselves are in the candidates."""
    kept, dropped = answer.lines()
    return {
        "text": answer.text,
        "reading": None if answer.reading is None else answer.reading.to_dict(),
        "chips": [] if answer.reading is None else [one.text for one in chips(answer.reading)],
        "region": answer.region,
        "message": answer.message,
        "present": bool(answer.present),
        "score": float(answer.score),
        "kept": kept,
        "dropped": dropped,
        "verdicts": [
            {"number": v.number, "decision": v.decision, "reasons": list(v.reasons)}
            for v in answer.verdicts
        ],
        "notes": list(answer.notes),
        "threshold": float(answer.threshold),
        "engine": answer.engine,
        "model": answer.model,
        "device": answer.device,
        "fallback": answer.fallback,
        "warnings": list(answer.warnings),
        "postprocessing": answer.postprocessing.to_dict(),
    }


def along(array: NDArray[Any], axis: int, slices: Sequence[int] | None) -> NDArray[Any]:
    """Keep only the slices that were asked for, along the plane's axis."""
    return np.ascontiguousarray(array if slices is None else array.take(list(slices), axis=axis))
