"""Evaluate a predictor on a referring data set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.dataset.records import Record, load_image, load_slice_label, read_records
from lsms_core.errors import InputError
from lsms_core.evaluation.calibration import reliability
from lsms_core.evaluation.failures import Gallery, summarise_failures
from lsms_core.evaluation.oracle import NOTE, keep_named
from lsms_core.evaluation.outlines import NAME, true_candidates
from lsms_core.evaluation.pictures import draw, save_png
from lsms_core.evaluation.scores import SampleScore, score_sample
from lsms_core.evaluation.summary import summarise
from lsms_core.evaluation.text_tests import (
    SidePair,
    TextAnswer,
    answer,
    make_tests,
    score_sides,
    summarise_sides,
    summarise_tests,
)
from lsms_core.inference.answer import Answer
from lsms_core.inference.candidates import CandidateSet
from lsms_core.inference.predictor import Predictor
from lsms_core.inference.texts import clean_text


def choose_records(folder: Path, only: Collection[str] | None) -> list[Record]:
    """Read the records, all or those of the given cases or patients.

    Raises:
        InputError: when none is left.
    """
    records = read_records(folder)
    if only is not None:
        wanted = set(only)
        records = [r for r in records if {r.patient, str(r.attributes.get("case"))} & wanted]
        if not records:
            raise InputError("None of the chosen cases is in the data set: check their names.")
    return sorted(records, key=_slice_of)


def _slice_of(record: Record) -> tuple[str, str, int, int]:
    return record.image, record.label, record.axis, record.slice


def evaluate(
    folder: str | Path,
    predictor: Predictor | None,
    *,
    only: Collection[str] | None = None,
    text_tests: bool = True,
    oracle: bool = False,
    save_masks: Path | None = None,
    gallery: Gallery | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Answer every record and score the answers.

    Args:
        folder: the data set.
        predictor: the model; None for the true outlines, which score the words alone.
        only: cases or patients to use; default: all.
        text_tests: ask each lesion slice in other words, too.
        oracle: keep of each answer what belongs to the named lesions; texts and sides are not
            tested then.
        save_masks: folder for each answer as ``<id>.png`` (0 or 255, as stored).
        gallery: keeps pictures of the worst answers.
        progress: called with slices done and slices in all.

    Returns:
        The report; see :func:`assemble`.

    Raises:
        InputError: for a data set that cannot be used.
    """
    root = Path(folder)
    records = choose_records(root, only)
    slices = [list(group) for _, group in groupby(records, _slice_of)]
    samples: list[SampleScore] = []
    answers: list[TextAnswer] = []
    sides: list[SidePair] = []
    for number, group in enumerate(slices):
        if progress:
            progress(number, len(slices))
        source = _Source.of(root, group[0], predictor)
        image = source.slab
        labels = {record.id: load_slice_label(root, record) for record in group}
        tests = _tests(group) if text_tests and not oracle else {}
        texts = {r.text for r in group} | {t.text for ts in tests.values() for t in ts}
        given = source.ask(sorted(filter(_askable, texts)))
        for record in group:
            mask, prediction = _mask(given, record.text, labels[record.id])
            if oracle:
                mask = keep_named(mask, labels[record.id], record.instances)
            target = np.isin(labels[record.id], record.instances)
            sample = score_sample(
                record=record.id,
                case=record.patient,
                text=record.text,
                side=record.attributes.get("side"),
                target=target,
                predicted=mask,
                spacing_mm=_pixel(image.volume, record.axis),
                score=prediction.score if prediction else 0.0,
                present=bool(mask.any()) if oracle else bool(prediction and prediction.present),
                style=record.attributes.get("style"),
                others=(labels[record.id] > 0) & ~target,
            )
            samples.append(sample)
            if save_masks:
                save_png(save_masks / f"{record.id}.png", mask.astype(np.uint8) * 255)
            if gallery:
                gallery.offer(sample, _slice_of(record), partial(_draw, image, target, mask))
            right = mask
            for test in tests.get(record.id, []):
                asked, _ = _mask(given, test.text, labels[record.id])
                label = labels[record.id]
                answers.append(answer(test, right, asked, label, record.instances, record.patient))
        pair = None if oracle else _sides(group, labels, given)
        if pair:
            sides.append(pair)
    if progress:
        progress(len(slices), len(slices))
    return assemble(
        samples,
        answers,
        sides,
        {
            **_about(predictor),
            **({"oracle": NOTE} if oracle else {}),
        },
    )


def assemble(
    samples: Sequence[SampleScore],
    answers: Sequence[TextAnswer],
    sides: Sequence[SidePair],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Make the report: summary, sides, text tests, reliability, and every single answer."""
    return {
        "about": dict(about),
        "summary": summarise(samples),
        "sides": summarise_sides(sides),
        "text_tests": summarise_tests(answers),
        "reliability": reliability(samples),
        "failures": summarise_failures(samples),
        "samples": [asdict(s) for s in samples],
        "text_answers": [asdict(a) for a in answers],
        "side_pairs": [asdict(p) for p in sides],
    }


def pool(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Pool the reports of the folds of a cross-validation into one.

    Raises:
        InputError: when two of them hold the same record.
    """
    samples = [SampleScore(**s) for r in reports for s in r["samples"]]
    if len({s.id for s in samples}) != len(samples):
        raise InputError("Two of the reports hold the same record: each belongs to one fold only.")
    return assemble(
        samples,
        [TextAnswer(**a) for r in reports for a in r["text_answers"]],
        [SidePair(**p) for r in reports for p in r["side_pairs"]],
        {"folds": [r["about"] for r in reports]},
    )


class _Slab:
    """The part of a volume that the model sees for one slice."""

    def __init__(self, volume: CTVolume, index: int, plane: SlicePlane) -> None:
        self.volume = volume
        self.index = index
        self.plane = plane


@dataclass(frozen=True)
class _Source:
    """Answers about one slice, from a model or from true outlines."""

    slab: _Slab
    axis: int
    predictor: Predictor | None
    candidates: CandidateSet | None

    @classmethod
    def of(cls, root: Path, record: Record, predictor: Predictor | None) -> _Source:
        """Cut out what is looked at."""
        if predictor is not None:
            slab = _slab(load_image(root, record), record, predictor.preprocessing.reach_mm)
            return cls(slab, record.axis, predictor, None)
        found = true_candidates(root, record)
        volume = found.search.volume
        slab = _Slab(volume, 0, SlicePlane.of(volume, record.axis))
        return cls(slab, record.axis, None, found)

    def ask(self, texts: Sequence[str]) -> dict[str, tuple[NDArray[np.bool_], Answer]]:
        """Return mask and answer of each text."""
        if not texts:
            return {}
        if self.candidates is not None:
            found = [self.candidates.answer(text) for text in texts]
        else:
            assert self.predictor is not None
            found = self.predictor.segment(
                self.slab.volume, list(texts), plane=self.axis, slices=self.slab.index,
                keep_probability=False,
            )  # fmt: skip
        return {
            text: (np.take(one.mask, self.slab.index, axis=self.axis), one)
            for text, one in zip(texts, found, strict=True)
        }


def _about(predictor: Predictor | None) -> dict[str, Any]:
    if predictor is None:
        return {"model": NAME, "engine": "labels", "postprocessing": {}}
    return {
        "model": f"{predictor.name} {predictor.version}",
        "engine": predictor.engine,
        "postprocessing": predictor.postprocessing.to_dict(),
    }


def _slab(volume: CTVolume, record: Record, reach_mm: float) -> _Slab:
    plane = SlicePlane.of(volume, record.axis)
    count = plane.count(volume.shape)
    if record.slice >= count:
        raise InputError(f"Record {record.id}: slice {record.slice} of {count} does not exist.")
    # Both of the distances are rounded to whole slices.
    margin = int(np.ceil(reach_mm / plane.thickness_mm)) + 1
    low, high = max(record.slice - margin, 0), min(record.slice + margin + 1, count)
    affine = volume.affine.copy()
    affine[:3, 3] += low * affine[:3, 2 - record.axis]
    array = volume.array.take(np.arange(low, high), axis=record.axis)
    return _Slab(CTVolume(array, affine), record.slice - low, plane)


def _askable(text: str) -> bool:
    """Whether a text gets as far as the model; one that is refused is answered with nothing."""
    try:
        clean_text(text)
    except InputError:
        return False
    return True


def _mask(
    given: Mapping[str, tuple[NDArray[np.bool_], Answer]], text: str, label: NDArray[Any]
) -> tuple[NDArray[np.bool_], Answer | None]:
    """Return the answer to a text; an empty text is refused, which is an empty answer."""
    if text in given:
        return given[text]
    return np.zeros(label.shape, bool), None


def _pixel(volume: CTVolume, axis: int) -> tuple[float, float]:
    i, j, k = volume.spacing_mm
    spacing = [k, j, i]
    del spacing[axis]
    return spacing[0], spacing[1]


def _tests(group: Sequence[Record]) -> dict[str, list[Any]]:
    """Tests of the slice's first record that names a side, else of its first with a target."""
    named = [r for r in group if r.instances]
    pair = [r for r in named if r.attributes.get("pair")]
    named.sort(key=lambda r: (r not in pair, r.attributes.get("side") is None))
    if not named:
        return {}
    first = named[0]
    others = [(r.text, r.instances) for r in group if r is not first]
    across = next((r.instances for r in pair if first in pair and r is not first), None)
    return {first.id: make_tests(first.id, first.text, first.instances, others, across=across)}


def _sides(
    group: Sequence[Record],
    labels: Mapping[str, NDArray[np.int32]],
    given: Mapping[str, tuple[NDArray[np.bool_], Answer]],
) -> SidePair | None:
    by_side: dict[str, Record] = {}
    # Texts that name all lesions of a lobe come first: of one that names the largest, say, it is
    # not known on which side another of its lesions lies.
    for record in sorted(group, key=lambda r: not r.attributes.get("pair")):
        side = record.attributes.get("side")
        if side in ("left", "right") and record.instances:
            by_side.setdefault(side, record)
    if len(by_side) < 2:
        return None
    left, right = by_side["left"], by_side["right"]
    masks = [_mask(given, r.text, labels[r.id])[0] for r in (left, right)]
    targets = [np.isin(labels[r.id], r.instances) for r in (left, right)]
    return score_sides(left.patient, (masks[0], masks[1]), (targets[0], targets[1]))


def _draw(image: _Slab, target: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    plane = image.plane
    return draw(
        plane.extract(image.volume.array, image.index),
        plane.to_canonical(target),
        plane.to_canonical(mask),
    )
