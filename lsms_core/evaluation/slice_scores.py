"""Answers all texts about one slice of a data set, and scores the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.dataset.records import Record, load_image, load_slice_label, load_volume
from lsms_core.errors import InputError
from lsms_core.evaluation.contrast import contrast_of_largest
from lsms_core.evaluation.failures import failure_of
from lsms_core.evaluation.mistake_pictures import draw, save_png
from lsms_core.evaluation.oracle import keep_named
from lsms_core.evaluation.scores import SampleScore, score_sample
from lsms_core.evaluation.text_tests import SidePair, TextAnswer, answer, make_tests, score_sides
from lsms_core.evaluation.true_outlines import NAME, true_candidates
from lsms_core.inference.answer import Answer
from lsms_core.inference.candidates import CandidateSet
from lsms_core.inference.predictor import Predictor
from lsms_core.inference.texts import clean_text


@dataclass(frozen=True)
class Scoring:
    """What is done with each slice.

    Attributes:
        text_tests: ask each lesion slice in other words, too.
        oracle: keep of each answer what belongs to the named lesions; texts and sides are not
            tested then.
        save_masks: folder for each answer as ``<id>.png``; None for none.
        pictures: draw the answers that are mistakes.
    """

    text_tests: bool = True
    oracle: bool = False
    save_masks: Path | None = None
    pictures: bool = False


@dataclass(frozen=True)
class Mistake:
    """A mistake with its picture, for a gallery.

    Attributes:
        sample: its score.
        where: names its slice.
        picture: (rows, columns, 3).
    """

    sample: SampleScore
    where: tuple[Any, ...]
    picture: NDArray[np.uint8]


@dataclass(frozen=True)
class SliceScores:
    """The scores of one slice.

    Attributes:
        samples: one a record.
        answers: one a text test.
        sides: the pair of its two lobes, at most one.
        mistakes: with pictures, where they were asked for.
    """

    samples: tuple[SampleScore, ...]
    answers: tuple[TextAnswer, ...] = ()
    sides: tuple[SidePair, ...] = ()
    mistakes: tuple[Mistake, ...] = ()


def slice_of(record: Record) -> tuple[str, str, int, int]:
    """Return the key of a record's slice."""
    return record.image, record.label, record.axis, record.slice


def score_slice(
    root: Path, group: Sequence[Record], predictor: Predictor | None, scoring: Scoring
) -> SliceScores:
    """Answer all records of a slice and score the answers.

    Outlines, maps, candidates and their measurements are made once, whatever the number of texts.

    Args:
        root: the data set.
        group: the records of one slice.
        predictor: the model; None for the true outlines.
        scoring: what is done.

    Raises:
        InputError: for a slice that cannot be used.
        OutputError: when a mask cannot be written.
    """
    source = _Source.of(root, group[0], predictor)
    image = source.asked
    label = load_slice_label(root, *group)
    tests = _tests(group) if scoring.text_tests and not scoring.oracle else {}
    texts = {r.text for r in group} | {t.text for ts in tests.values() for t in ts}
    given = source.ask(sorted(filter(_askable, texts)))
    samples: list[SampleScore] = []
    answers: list[TextAnswer] = []
    mistakes: list[Mistake] = []
    for record in group:
        mask, prediction = _mask(given, record.text, label)
        if scoring.oracle:
            mask = keep_named(mask, label, record.instances)
        target = np.isin(label, record.instances)
        sample = score_sample(
            record=record.id,
            case=record.patient,
            text=record.text,
            side=record.attributes.get("side"),
            target=target,
            predicted=mask,
            spacing_mm=_pixel(image.volume, record.axis),
            score=prediction.score if prediction else 0.0,
            present=(
                bool(mask.any()) if scoring.oracle else bool(prediction and prediction.present)
            ),
            style=record.attributes.get("style"),
            others=(label > 0) & ~target,
            contrast_hu=source.contrast_hu(target, label > 0),
        )
        samples.append(sample)
        if scoring.save_masks:
            save_png(scoring.save_masks / f"{record.id}.png", mask.astype(np.uint8) * 255)
        if scoring.pictures and failure_of(sample) is not None:
            mistakes.append(Mistake(sample, slice_of(record), _draw(image, target, mask)))
        for test in tests.get(record.id, []):
            asked, _ = _mask(given, test.text, label)
            answers.append(answer(test, mask, asked, label, record.instances, record.patient))
    pair = None if scoring.oracle else _sides(group, label, given)
    return SliceScores(tuple(samples), tuple(answers), (pair,) if pair else (), tuple(mistakes))


@dataclass(frozen=True)
class _AskedSlice:
    """A slice in its volume."""

    volume: CTVolume
    index: int
    plane: SlicePlane


@dataclass(frozen=True)
class _Source:
    """Answers about one slice, from a model or from true outlines."""

    asked: _AskedSlice
    axis: int
    predictor: Predictor | None
    candidates: CandidateSet | None
    liver: NDArray[np.bool_] | None

    @classmethod
    def of(cls, root: Path, record: Record, predictor: Predictor | None) -> _Source:
        """Take a slice of its volume, or its true outlines alone."""
        if predictor is not None:
            asked = _asked(load_image(root, record), record)
            return cls(asked, record.axis, predictor, None, _liver(root, record))
        found = true_candidates(root, record)
        volume = found.search.volume
        asked = _AskedSlice(volume, 0, SlicePlane.of(volume, record.axis))
        return cls(asked, record.axis, None, found, _liver(root, record))

    def contrast_hu(self, named: NDArray[np.bool_], lesions: NDArray[np.bool_]) -> float | None:
        """Return the contrast of the largest named lesion; None without a liver."""
        if self.liver is None:
            return None
        hu = np.take(self.asked.volume.array, self.asked.index, axis=self.axis)
        pixel = _pixel(self.asked.volume, self.axis)
        return contrast_of_largest(hu, named, lesions, self.liver, pixel)

    def ask(self, texts: Sequence[str]) -> dict[str, tuple[NDArray[np.bool_], Answer]]:
        """Return mask and answer of each text."""
        if not texts:
            return {}
        if self.candidates is not None:
            found = [self.candidates.answer(text) for text in texts]
        else:
            assert self.predictor is not None
            found = self.predictor.segment(
                self.asked.volume, list(texts), plane=self.axis, slices=self.asked.index,
                keep_probability=False,
            )  # fmt: skip
        return {
            text: (np.take(one.mask, self.asked.index, axis=self.axis), one)
            for text, one in zip(texts, found, strict=True)
        }


def about_of(predictor: Predictor | None) -> dict[str, Any]:
    """Say which model answered, for the report."""
    if predictor is None:
        return {"model": NAME, "engine": "labels", "postprocessing": {}}
    return {
        "model": f"{predictor.name} {predictor.version}",
        "engine": predictor.engine,
        "postprocessing": predictor.postprocessing.to_dict(),
    }


def _asked(volume: CTVolume, record: Record) -> _AskedSlice:
    # The whole volume, so that the answer is the one that a user gets: where the model looks
    # depends on slices up to its reach away, counted from the volume's end.
    plane = SlicePlane.of(volume, record.axis)
    count = plane.count(volume.shape)
    if record.slice >= count:
        raise InputError(f"Record {record.id}: slice {record.slice} of {count} does not exist.")
    return _AskedSlice(volume, record.slice, plane)


def _liver(root: Path, record: Record) -> NDArray[np.bool_] | None:
    if record.liver is None:
        return None
    return np.take(load_volume(root, record.liver).array, record.slice, axis=record.axis) > 0


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
    label: NDArray[np.int32],
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
    masks = [_mask(given, r.text, label)[0] for r in (left, right)]
    targets = [np.isin(label, r.instances) for r in (left, right)]
    return score_sides(left.patient, (masks[0], masks[1]), (targets[0], targets[1]))


def _draw(
    image: _AskedSlice, target: NDArray[np.bool_], mask: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    plane = image.plane
    return draw(
        plane.extract(image.volume.array, image.index),
        plane.to_canonical(target),
        plane.to_canonical(mask),
    )
