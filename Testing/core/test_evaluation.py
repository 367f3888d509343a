"""Scores, tables, thresholds and text tests, on masks whose answers are known by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.errors import InputError
from lsms_core.evaluation.calibration import choose_threshold, reliability
from lsms_core.evaluation.contrast import contrast_of_largest
from lsms_core.evaluation.scores import SampleScore, longest_extent_mm, overlap, score_sample
from lsms_core.evaluation.summary import summarise
from lsms_core.evaluation.text_tests import (
    answer,
    make_tests,
    score_sides,
    summarise_sides,
    summarise_tests,
)


def box(top: int, left: int, height: int, width: int, shape: tuple[int, int] = (20, 30)):
    mask = np.zeros(shape, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def sample(
    target: np.ndarray,
    predicted: np.ndarray,
    case: str = "a",
    score: float = 0.9,
    style: str | None = None,
    others: np.ndarray | None = None,
) -> SampleScore:
    return score_sample(
        record=f"{case}-{target.sum()}-{predicted.sum()}",
        case=case,
        text="left lobe lesion",
        side="left",
        target=target,
        predicted=predicted,
        spacing_mm=(2.0, 1.0),
        score=score,
        present=bool(predicted.any()),
        style=style,
        others=others,
    )


EMPTY = box(0, 0, 0, 0)


def test_overlap_by_hand() -> None:
    a, b = box(0, 0, 2, 2), box(0, 1, 2, 2)
    assert overlap(a, b) == (0.5, pytest.approx(2 / 6))
    assert overlap(EMPTY, EMPTY) == (1.0, 1.0)
    assert overlap(a, EMPTY) == (0.0, 0.0)
    with pytest.raises(InputError, match="do not compare"):
        overlap(a, np.zeros((3, 3), bool))


@given(st.integers(0, 2**32 - 1))
def test_dice_and_iou_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 9, 11)) < 0.4
    dice, iou = overlap(a, b)
    assert dice == pytest.approx(2 * iou / (1 + iou))
    assert overlap(b, a) == (dice, iou)


def test_areas_and_diameters_are_in_millimetres() -> None:
    scored = sample(box(2, 3, 4, 10), EMPTY)
    assert scored.target_area_mm2 == 80.0
    assert scored.predicted_area_mm2 == 0.0
    assert scored.target_diameter_mm == pytest.approx(math.hypot(3 * 2, 9) + 1.5, rel=1e-3)
    assert longest_extent_mm(EMPTY, (1.0, 1.0)) == 0.0


def test_empty_answers_are_right_where_nothing_is_named_and_counted_apart() -> None:
    lesion = box(2, 3, 6, 12)
    table = summarise(
        [
            sample(lesion, lesion, "a"),
            sample(lesion, EMPTY, "b"),
            sample(EMPTY, EMPTY, "a"),
            sample(EMPTY, lesion, "b"),
            sample(EMPTY, EMPTY, "b"),
        ]
    )
    assert table["dice"]["value"] == 0.5
    assert table["named"] == 2
    assert table["no_target_accuracy"]["value"] == pytest.approx(2 / 3)
    assert table["target_recall"]["value"] == 0.5
    assert table["oiou"]["value"] == 0.5
    assert table["precision_at_0.9"]["value"] == 0.5
    assert table["by_size"]["10 mm and more"]["dice"]["count"] == 2
    assert table["by_size"]["under 10 mm"]["dice"]["value"] is None


def test_contrast_is_that_of_the_largest_named_lesion_to_the_liver_free_of_lesions() -> None:
    shape = (60, 60)
    liver = np.zeros(shape, bool)
    liver[:, :50] = True
    hu = np.where(liver, 100.0, -900.0)
    large, small, other = (box(*b, shape) for b in ((20, 20, 8, 8), (5, 5, 3, 3), (20, 30, 8, 8)))
    hu[large], hu[small], hu[other] = 60.0, 180.0, 10.0
    lesions = large | small | other
    found = contrast_of_largest(hu, large | small, lesions, liver, (1.0, 1.0))
    assert found == pytest.approx(-40.0)
    assert contrast_of_largest(hu, small, lesions, liver, (1.0, 1.0)) == pytest.approx(80.0)
    assert contrast_of_largest(hu, np.zeros(shape, bool), lesions, liver, (1.0, 1.0)) is None
    assert contrast_of_largest(hu, large, lesions, large, (1.0, 1.0)) is None, "no liver is around"
    hu[22, 22] = np.nan
    assert contrast_of_largest(hu, large, lesions, liver, (1.0, 1.0)) is None


def test_lesions_are_counted_by_their_contrast() -> None:
    lesion = box(2, 3, 6, 12)
    faint = replace(sample(lesion, EMPTY, "a"), target_contrast_hu=-9.9)
    dark = replace(sample(lesion, lesion, "b"), target_contrast_hu=-40.1)
    bright = replace(sample(lesion, lesion, "c"), target_contrast_hu=10.0)
    groups = summarise([faint, dark, bright, sample(lesion, EMPTY, "d")])["by_contrast"]
    counts = {name: (row["dice"]["count"], row["recall"]["value"]) for name, row in groups.items()}
    assert counts == {
        "darker by 40 HU and more": (1, 1.0),
        "darker by 20 to 40 HU": (0, None),
        "darker by 10 to 20 HU": (0, None),
        "within 10 HU": (1, 0.0),
        "brighter by 10 HU and more": (1, 1.0),
        "darker by 20 HU and more": (1, 1.0),
    }


def test_means_over_samples_and_over_cases_differ_as_they_should() -> None:
    lesion = box(2, 3, 6, 12)
    many = [sample(lesion, lesion, "a")] * 9 + [sample(lesion, EMPTY, "b")]
    table = summarise(many)
    assert table["dice"]["value"] == pytest.approx(0.9)
    assert table["dice_over_cases"]["value"] == pytest.approx(0.5)
    assert table["dice_over_cases"]["low"] == 0.0
    assert table["dice_over_cases"]["count"] == 2
    assert table["dice"]["low"] == 0.0
    assert table["dice"]["high"] == 1.0
    assert summarise(many) == table


def test_one_patient_gives_no_interval() -> None:
    lesion = box(2, 3, 6, 12)
    assert summarise([sample(lesion, lesion)] * 5)["dice"]["low"] is None


def test_the_threshold_separates_what_can_be_separated() -> None:
    lesion = box(2, 3, 6, 12)
    good = [sample(lesion, lesion, score=s) for s in (0.7, 0.8, 0.95)]
    bad = [sample(EMPTY, lesion, score=s) for s in (0.1, 0.3, 0.4)]
    point = choose_threshold(good + bad)
    assert 0.4 < point.threshold <= 0.7
    assert (point.recall, point.no_target_accuracy) == (1.0, 1.0)
    with pytest.raises(InputError, match="no-target"):
        choose_threshold(good)


def test_reliability_finds_overconfidence() -> None:
    lesion = box(2, 3, 6, 12)
    sure = [sample(lesion, lesion, score=0.95)] * 5 + [sample(EMPTY, lesion, score=0.95)] * 5
    result = reliability(sure)
    assert result["ece"] == pytest.approx(0.45)
    assert result["bins"][9]["share"] == 0.5
    assert sum(row["count"] for row in result["bins"]) == 10
    assert result["bins"][9]["interval"] == [None, None]
    two = sure + [sample(lesion, lesion, "b", score=0.95)] * 10
    assert reliability(two)["bins"][9]["interval"] == [0.5, 1.0]


def test_text_tests_ask_the_same_slice_in_other_words() -> None:
    others = [("right lobe lesion", (2,)), ("all lesions", (1, 2))]
    tests = {t.kind: t for t in make_tests("r1", "left lobe lesion", (1,), others)}
    assert tests["right"].names == (1,)
    assert tests["other"].text == "right lobe lesion"
    assert tests["swapped"].text == "right lobe lesion"
    assert tests["swapped"].names == (2,)
    assert "right" in tests["contradictory"].text
    assert tests["empty"].text == ""
    assert make_tests("r1", "left lobe lesion", (1,), others) == list(tests.values())
    unknown = make_tests("r1", "left lobe lesion", (1,), [])
    assert next(t for t in unknown if t.kind == "swapped").names is None
    across = make_tests("r1", "left lobe lesion", (1,), [], across=(3,))
    assert next(t for t in across if t.kind == "swapped").names == (3,)
    plain = {t.kind for t in make_tests("r2", "largest lesion", (1,), [])}
    assert plain == {"right", "gibberish", "empty"}


def test_a_model_blind_to_text_is_caught() -> None:
    left, right = box(2, 20, 5, 5), box(2, 3, 5, 5)
    label = np.where(left, 1, np.where(right, 2, 0))
    tests = make_tests("r1", "left lobe lesion", (1,), [("right lobe lesion", (2,))])
    everything = left | right
    blind = summarise_tests([answer(t, everything, everything, label, (1,)) for t in tests])
    assert blind["swapped"]["changed"] == 0.0
    assert blind["gibberish"]["answered"] == 1.0
    seeing = {"right": left, "other": right, "swapped": right}
    good = summarise_tests([answer(t, left, seeing.get(t.kind, EMPTY), label, (1,)) for t in tests])
    assert good["swapped"]["dice_to_own_lesion"] == 1.0
    assert good["swapped"]["dice_to_right_lesion"] == 0.0
    assert good["gibberish"]["dice_to_own_lesion"] == 1.0


def test_sides_need_both_answers_to_be_right() -> None:
    left, right = box(2, 20, 5, 5), box(2, 3, 5, 5)
    assert score_sides("a", (left, right), (left, right)).both_right
    assert not score_sides("a", (right, left), (left, right)).both_right
    assert not score_sides("a", (left | right, left | right), (left, right)).both_right
    assert not score_sides("a", (left, EMPTY), (left, right)).both_right
    rates = summarise_sides(
        [
            score_sides("a", (left, right), (left, right)),
            score_sides("b", (left, EMPTY), (left, right)),
        ]
    )
    assert rates["both_right"] == 0.5
    assert rates["right_side_chosen"] == 0.75
    assert (rates["left_chosen"], rates["right_chosen"]) == (1.0, 0.5)
    assert rates["right_side_of_answered"] == 1.0
    assert rates["intervals"]["right_side_chosen"] == [0.5, 1.0]
    assert rates["intervals"]["both_right"] == [0.0, 1.0]


def test_wordings_are_told_apart():
    lesion = box(2, 3, 6, 12)
    table = summarise(
        [
            sample(lesion, lesion, "a", style="terse"),
            sample(lesion, EMPTY, "b", style="terse"),
            sample(EMPTY, lesion, "b", style="negation"),
            sample(lesion, lesion, "b"),
        ]
    )["by_style"]
    assert list(table) == ["negation", "terse"]
    assert table["terse"]["dice"] == {"value": 0.5, "low": 0.0, "high": 1.0, "count": 2}
    assert table["terse"]["recall"]["value"] == 0.5
    assert table["negation"]["no_target_accuracy"]["value"] == 0.0
    assert table["negation"]["dice"]["value"] is None
    assert table["negation"]["count"] == 1
