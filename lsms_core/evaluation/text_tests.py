"""Tests whether the answer depends on the text, with six kinds of texts about one lesion.

A model that outlines every lesion, independently of the text, has a high Dice on slices
with a single lesion. These tests use the right text, another lesion's text, left and
right swapped, a contradiction, gibberish and an empty text for the same slice, and
measure the overlap with the lesion that the *right* text names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.evaluation import intervals
from lsms_core.evaluation.intervals import Figure
from lsms_core.evaluation.scores import overlap
from lsms_core.language.typing_noise import swap_laterality

KINDS = ("right", "other", "swapped", "contradictory", "gibberish", "empty")
_GIBBERISH = ("asdf", "qwrt zxcv", "lorem ipsum dolor", "xkcd 1234")


@dataclass(frozen=True)
class TextTest:
    """One way of asking about a slice.

    Attributes:
        record: id of the record that names the lesion.
        kind: one of KINDS.
        text: what is asked; "" for nothing.
        names: instances that the text means, None where that is not known.
    """

    record: str
    kind: str
    text: str
    names: tuple[int, ...] | None


@dataclass(frozen=True)
class TextAnswer:
    """The answer to one test.

    Attributes:
        kind: one of KINDS.
        dice: to the lesion that the right text names.
        dice_named: to what this text names; None where that is not known.
        present: whether anything was answered.
        changed: whether the mask differs from the right text's (Dice under 0.5).
        case: whose slice it is.
    """

    kind: str
    dice: float
    dice_named: float | None
    present: bool
    changed: bool
    case: str = ""


def make_tests(
    record: str,
    text: str,
    instances: Sequence[int],
    others: Sequence[tuple[str, tuple[int, ...]]],
    seed: int = 0,
    across: tuple[int, ...] | None = None,
) -> list[TextTest]:
    """Make the tests of one record with a target.

    Args:
        record: its id.
        text: its text.
        instances: the lesions that it names.
        others: (text, instances) of the slice's other records.
        seed: picks among equals.
        across: what the text names with left and right swapped, where that is known.
    """
    rng = np.random.default_rng([seed, *record.encode()])
    named = tuple(instances)
    tests = [TextTest(record, "right", text, named)]
    disjoint = [(t, i) for t, i in others if i and not set(i) & set(named)]
    if disjoint:
        other, meant = disjoint[int(rng.integers(len(disjoint)))]
        tests.append(TextTest(record, "other", other, meant))
    swapped = swap_laterality(text)
    if swapped is not None and swapped != text:
        meant_by = next((i for t, i in others if t == swapped), across)
        tests.append(TextTest(record, "swapped", swapped, meant_by))
        tests.append(TextTest(record, "contradictory", f"{text} {_opposite(text)}", ()))
    gibberish = _GIBBERISH[int(rng.integers(len(_GIBBERISH)))]
    tests.append(TextTest(record, "gibberish", gibberish, ()))
    tests.append(TextTest(record, "empty", "", ()))
    return tests


def _opposite(text: str) -> str:
    """Words that deny the side a text names."""
    words = text.lower().split()
    left = any(w.startswith(("left", "lt")) for w in words)
    return "in the right lobe" if left else "in the left lobe"


def answer(
    test: TextTest,
    right: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    label: NDArray[Any],
    named: Sequence[int],
    case: str = "",
) -> TextAnswer:
    """Score the answer to a test.

    Args:
        test: the test.
        right: the answer to the right text.
        predicted: the answer to this one.
        label: lesion instances of the slice.
        named: the instances of the right text.
        case: whose slice it is.
    """
    target = np.isin(label, list(named))
    meant = None if test.names is None else np.isin(label, list(test.names))
    return TextAnswer(
        kind=test.kind,
        dice=overlap(target, predicted)[0],
        dice_named=None if meant is None else overlap(meant, predicted)[0],
        present=bool(predicted.any()),
        changed=overlap(right, predicted)[0] < 0.5,
        case=case,
    )


def summarise_tests(answers: Sequence[TextAnswer]) -> dict[str, dict[str, Any]]:
    """Mean by kind: Dice to the right text's lesion and to the text's own, share answered.

    Each row's ``intervals`` hold the 95 % limits of its figures over cases.
    """
    groups: dict[str, list[TextAnswer]] = defaultdict(list)
    for item in answers:
        groups[item.kind].append(item)
    table: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        chosen = groups.get(kind, [])
        own = [(a.case, a.dice_named) for a in chosen if a.dice_named is not None]
        figures = {
            "dice_to_right_lesion": _mean([(a.case, a.dice) for a in chosen]),
            "dice_to_own_lesion": _mean(own),
            "answered": _mean([(a.case, float(a.present)) for a in chosen]),
            "changed": _mean([(a.case, float(a.changed)) for a in chosen]),
        }
        table[kind] = {"count": len(chosen), **_split(figures)}
    return table


@dataclass(frozen=True)
class SidePair:
    """A slice with lesions on both sides, asked for each side.

    Attributes:
        case: where it is from.
        left: share of the left text's answer that overlaps left lesions rather than right
            ones; None when it touches no lesion.
        right: likewise for the right text's answer.
        different: whether the two answers differ (Dice under 0.5).
    """

    case: str
    left: float | None
    right: float | None
    different: bool

    @property
    def both_right(self) -> bool:
        """Whether each text got its own side."""
        sides = (self.left, self.right)
        return self.different and all(s is not None and s > 0.5 for s in sides)


def score_sides(
    case: str,
    answers: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    targets: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> SidePair:
    """Score the (left, right) answers of a slice against its (left, right) lesions."""
    left, right = (_own_share(answers[i], targets[i], targets[1 - i]) for i in (0, 1))
    both_empty = not answers[0].any() and not answers[1].any()
    different = not both_empty and overlap(*answers)[0] < 0.5
    return SidePair(case, left, right, different)


def _own_share(
    mask: NDArray[np.bool_], own: NDArray[np.bool_], other: NDArray[np.bool_]
) -> float | None:
    mine, theirs = int((mask & own).sum()), int((mask & other).sum())
    return mine / (mine + theirs) if mine + theirs else None


def summarise_sides(pairs: Sequence[SidePair]) -> dict[str, Any]:
    """Rates over slices with lesions on both sides; ``intervals`` hold their 95 % limits.

    "left_chosen" and "right_chosen" are "right_side_chosen" for the texts about one lobe: a model
    that is blind for one of them does not show in the mean of both.
    """
    single = [(p.case, s) for p in pairs for s in (p.left, p.right)]
    rates = {
        "right_side_chosen": _mean([(c, float(s is not None and s > 0.5)) for c, s in single]),
        "left_chosen": _mean([(p.case, float((p.left or 0.0) > 0.5)) for p in pairs]),
        "right_chosen": _mean([(p.case, float((p.right or 0.0) > 0.5)) for p in pairs]),
        "right_side_of_answered": _mean([(c, float(s > 0.5)) for c, s in single if s is not None]),
        "both_right": _mean([(p.case, float(p.both_right)) for p in pairs]),
        "different": _mean([(p.case, float(p.different)) for p in pairs]),
    }
    return {"slices": len(pairs), "cases": len({p.case for p in pairs}), **_split(rates)}


def _mean(values: Sequence[tuple[str, float]]) -> Figure:
    return intervals.mean([case for case, _ in values], [value for _, value in values])


def _split(figures: dict[str, Figure]) -> dict[str, Any]:
    """Return the values by name, and their limits under "intervals"."""
    limits = {name: [f["low"], f["high"]] for name, f in figures.items()}
    return {**{name: f["value"] for name, f in figures.items()}, "intervals": limits}
