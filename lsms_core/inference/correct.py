"""Applies corrections to an answer: "not the one in segment 7", "2 mm larger", "undo"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.regions import bounding_box, signed_distance_mm
from lsms_core.inference.answer import Answer
from lsms_core.inference.answer_wording import outcome
from lsms_core.inference.candidates import CandidateSet
from lsms_core.language.corrections import Correction, Operation, read_correction
from lsms_core.language.query import Query
from lsms_core.language.select import Verdict, select

# Where no amount is said, mm.
_STEP_MM = 1.0
_SMOOTHING_MM = 2.0
_UNDONE = "Undone."


def corrected(answers: Sequence[Answer], text: str) -> Answer:
    """Return the last answer as a correction changes it.

    What is kept, dropped, grown or smoothed is chosen among the lesions of the answer; what is
    added, among those that it had dropped: what is probably no lesion only by its number, or
    where nothing else fits.

    Args:
        answers: an answer and what corrections have made of it, in order; "undo" goes back by
            one.
        text: the correction.

    Returns:
        The new answer; its message says what was done. A correction that is not understood, or
        that fits no lesion, changes nothing and says so.
    """
    last, said = answers[-1], read_correction(text)
    if said.operation is None:
        return replace(last, message=f'Not understood: "{text}". Nothing was changed.')
    if said.operation is Operation.UNDO:
        if len(answers) < 2:
            return replace(last, message="There is no correction to undo.")
        return replace(answers[-2], message=_UNDONE)
    if last.region == "organ":
        return replace(last, message="Only answers about lesions can be corrected in words.")
    pool = _pool(last, said.operation)
    meant, reasons, problem = _meant(last, said, pool)
    if problem:
        return replace(last, message=f"{problem} Nothing was changed.")
    if said.operation in (Operation.KEEP, Operation.DROP, Operation.ADD):
        return _chosen(last, said, text, meant, pool, reasons)
    return _shaped(last, said, meant)


def corrected_in_order(answer: Answer, texts: Sequence[str]) -> Answer:
    """Return an answer after several corrections; the notes say what each did.

    Args:
        answer: the first answer.
        texts: corrections, in their order.
    """
    history, notes = [answer], list(answer.notes)
    for text in texts:
        changed = corrected(history, text)
        notes.append(f'"{text}": {changed.message}')
        last = history[-1]
        if changed.message == _UNDONE:
            del history[-2:]
        elif changed.verdicts is last.verdicts and changed.edits is last.edits:
            del history[-1:]  # nothing to undo
        history.append(changed)
    return replace(history[-1], message=outcome(history[-1]), notes=tuple(notes))


def _pool(last: Answer, operation: Operation) -> list[int]:
    kept = [v.number for v in last.verdicts if v.kept]
    if operation is Operation.ADD:
        return [v.number for v in last.verdicts if not v.kept]
    return kept


def _meant(
    last: Answer, said: Correction, pool: Sequence[int]
) -> tuple[list[int], dict[int, str], str]:
    """The lesions that a correction speaks of, doubts about them, and what stands against it."""
    if said.numbers:
        wrong = [n for n in said.numbers if not 1 <= n <= len(last.candidates.scores)]
        if wrong:
            count = len(last.candidates.scores)
            return [], {}, f"There is no lesion {wrong[0]} among {count}."
        meant = [n for n in said.numbers if n in pool]
        return meant, {}, "" if meant else "The answer is so already."
    lesions = [one for one in last.lesions if one.number in pool]
    if not lesions:
        return [], {}, "There is no lesion that this could be done to."
    query = replace(said.query, nothing=False)
    found = select(lesions, query)
    if said.operation is Operation.ADD:
        # Who adds "the one on the right" means a lesion.
        unlikely = last.candidates.unlikely
        likely = select([one for one in lesions if one.number not in unlikely], query)
        found = likely if likely.kept else found
    kept = list(found.kept)
    if not kept:
        return [], {}, f'No lesion fits "{said.text}".'
    doubts = {v.number: "; ".join(v.reasons) for v in found.verdicts if v.decision == "doubtful"}
    # To drop what may not be meant would hide a lesion; a clear one is dropped alone.
    if said.operation is Operation.DROP and said.query != Query():
        sure = [n for n in kept if n not in doubts]
        if sure:
            return sure, {}, ""
    return kept, doubts, ""


def _chosen(
    last: Answer,
    said: Correction,
    text: str,
    meant: Sequence[int],
    pool: Sequence[int],
    doubts: dict[int, str],
) -> Answer:
    by_hand = f'"{text}"'
    verdicts = []
    changed: list[int] = []
    for verdict in last.verdicts:
        number, keep = verdict.number, verdict.kept
        if said.operation is Operation.KEEP and number in pool:
            keep = number in meant
        elif said.operation is Operation.DROP and number in meant:
            keep = False
        elif said.operation is Operation.ADD and number in meant:
            keep = True
        if keep == verdict.kept:
            verdicts.append(verdict)
            continue
        changed.append(number)
        doubt = doubts.get(number)
        reasons = (by_hand, doubt) if doubt else (by_hand,)
        verdicts.append(Verdict(number, "kept" if keep else "dropped", reasons))
    if not changed:
        return replace(last, message="The answer is so already.")
    listed = ", ".join(str(n) for n in changed)
    name = f"lesion{'s' if len(changed) > 1 else ''} {listed}"
    added = said.operation is Operation.ADD
    message = f"{'Added' if added else 'Dropped'} {name}."
    return replace(last, verdicts=tuple(verdicts), message=message)


def _shaped(last: Answer, said: Correction, meant: Sequence[int]) -> Answer:
    """Change the outlines of lesions; other lesions and what lies outside the search stay."""
    edits = dict(last.edits)
    candidates = last.candidates
    for number in meant:
        before = edits.get(number)
        mask = candidates.mask_of([number]) if before is None else before
        after = _edit(mask, said, candidates)
        if not after.any():
            message = f"Lesion {number} would vanish. Nothing was changed."
            return replace(last, message=message)
        others = (candidates.labels > 0) & (candidates.labels != number)
        edits[number] = after & ~others | mask
        if said.operation is Operation.SHRINK or said.operation is Operation.SMOOTH:
            edits[number] = after & ~others
    done = {
        Operation.GROW: "Grown by {:g} mm",
        Operation.SHRINK: "Shrunk by {:g} mm",
        Operation.FILL_HOLES: "Holes filled",
        Operation.SMOOTH: "Smoothed",
    }
    assert said.operation is not None
    what = done[said.operation].format(said.amount_mm or _STEP_MM)
    listed = ", ".join(str(n) for n in meant)
    return replace(last, edits=edits, message=f"{what}: lesion{'s' * (len(meant) > 1)} {listed}.")


def _edit(mask: NDArray[np.bool_], said: Correction, candidates: CandidateSet) -> NDArray[np.bool_]:
    search = candidates.search
    spacing = search.spacing_mm
    amount = said.amount_mm or _STEP_MM
    box = _box(mask, amount + _SMOOTHING_MM, spacing)
    part = mask[box]
    if said.operation is Operation.FILL_HOLES:
        part = _filled(part, search.axis)
    elif said.operation is Operation.SMOOTH:
        part = _smoothed(part, spacing, len(search.slices) == 1, search.axis)
    else:
        by = amount if said.operation is Operation.GROW else -amount
        part = _moved(part, spacing, by, len(search.slices) == 1, search.axis)
    after = np.zeros_like(mask)
    after[box] = part
    run = np.zeros(mask.shape[search.axis], bool)
    run[list(search.slices)] = True
    shape = [1, 1, 1]
    shape[search.axis] = -1
    return np.asarray(after & run.reshape(shape))


def _box(mask: NDArray[np.bool_], margin_mm: float, spacing: Sequence[float]) -> tuple[slice, ...]:
    return bounding_box(mask, [int(np.ceil(margin_mm / mm)) + 1 for mm in spacing])


def _moved(
    part: NDArray[np.bool_], spacing: Sequence[float], by_mm: float, flat: bool, axis: int
) -> NDArray[np.bool_]:
    """Move the outline out, or in: of one slice in its plane, else in all directions."""
    if flat:
        stack = np.moveaxis(part, axis, 0)
        plane = [mm for a, mm in enumerate(spacing) if a != axis]
        moved = [signed_distance_mm(one, plane) <= by_mm if one.any() else one for one in stack]
        return np.moveaxis(np.stack(moved), 0, axis)
    return np.asarray(signed_distance_mm(part, spacing) <= by_mm)


def _filled(part: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    stack = np.moveaxis(part, axis, 0)
    filled = []
    for one in stack:
        image = sitk.GetImageFromArray(one.astype(np.uint8))
        filled.append(sitk.GetArrayFromImage(sitk.BinaryFillhole(image, True)) > 0)
    return np.moveaxis(np.stack(filled), 0, axis)


def _smoothed(
    part: NDArray[np.bool_], spacing: Sequence[float], flat: bool, axis: int
) -> NDArray[np.bool_]:
    image = sitk.GetImageFromArray(part.astype(np.float32))
    image.SetSpacing([float(mm) for mm in reversed(spacing)])
    widths = [_SMOOTHING_MM / 2] * 3
    if flat:
        widths[2 - axis] = 0.01
    soft = sitk.DiscreteGaussian(image, [w * w for w in widths])
    return np.asarray(sitk.GetArrayFromImage(soft) >= 0.5)
