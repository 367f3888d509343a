"""Mistakes have kinds, the worst are shown, and the report's page says so."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.evaluation import intervals
from lsms_core.evaluation.calibration import reliability
from lsms_core.evaluation.evaluate_records import assemble, pool
from lsms_core.evaluation.failures import KINDS, Gallery, caption, failure_of, summarise_failures
from lsms_core.evaluation.reliability_picture import draw_reliability
from lsms_core.evaluation.report import markdown
from lsms_core.evaluation.scores import SampleScore, score_sample
from lsms_core.evaluation.text_tests import SidePair, TextAnswer

LESION = np.zeros((20, 30), bool)
LESION[4:10, 4:10] = True
OTHER = np.roll(LESION, 15, axis=1)
EMPTY = np.zeros_like(LESION)


def answered(
    target, predicted, case="a", score=0.7, name="r", others=EMPTY, text="lesion", style=None
) -> SampleScore:
    return score_sample(
        record=f"{case}_{name}",
        case=case,
        text=text,
        side=None,
        target=target,
        predicted=predicted,
        spacing_mm=(1.0, 1.0),
        score=score,
        present=bool(predicted.any()),
        style=style,
        others=others,
    )


@pytest.mark.parametrize(
    ("target", "predicted", "kind"),
    [
        (LESION, LESION, None),
        (EMPTY, EMPTY, None),
        (LESION, EMPTY, "missed"),
        (EMPTY, LESION, "invented"),
        (LESION, OTHER, "wrong place"),
        (LESION, np.roll(LESION, (8, 8), (0, 1)), "wrong place"),
        (LESION, LESION | OTHER, None),
        (LESION, OTHER | (LESION & (np.arange(20) < 5)[:, None]), "wrong place"),
        (LESION, LESION & (np.arange(20) < 5)[:, None], "poor outline"),
    ],
)
def test_kinds(target, predicted, kind):
    others = OTHER if target.any() else EMPTY
    assert failure_of(answered(target, predicted, others=others)) == kind


def test_shares_are_of_the_texts_that_can_fail_so():
    samples = [
        answered(LESION, EMPTY, "a"),
        answered(LESION, LESION, "b"),
        answered(EMPTY, LESION, "b"),
    ]
    table = summarise_failures(samples)
    assert list(table) == list(KINDS)
    assert table["missed"] == {"value": 0.5, "low": 0.0, "high": 1.0, "count": 2}
    assert table["invented"]["value"] == 1.0
    assert table["invented"]["count"] == 1
    assert table["poor outline"]["value"] == 0.0


def test_the_gallery_keeps_the_worst_of_different_slices_and_patients(tmp_path):
    drawn = []

    def draw(name):
        def make():
            drawn.append(name)
            return np.zeros((20, 30, 3), np.uint8)

        return make

    gallery = Gallery(per_kind=3, per_patient=2)
    # case, slice, score
    offers = [
        ("a", 1, 0.50), ("a", 1, 0.90), ("a", 1, 0.60), ("a", 2, 0.70), ("a", 3, 0.80),
        ("b", 1, 0.10), ("c", 1, 0.40), ("d", 1, 0.20),
    ]  # fmt: skip
    for n, (case, index, score) in enumerate(offers):
        sample = answered(EMPTY, LESION, case, score, name=str(n))
        gallery.offer(sample, (case, index), draw(sample.id))
    gallery.offer(answered(LESION, LESION, "z"), ("z", 1), draw("good"))
    entries = gallery.write(tmp_path / "pictures")
    assert [e["id"] for e in entries] == ["a_1", "a_4", "c_6"]
    assert {e["kind"] for e in entries} == {"invented"}
    assert sorted(p.stem for p in (tmp_path / "pictures").iterdir()) == ["a_1", "a_4", "c_6"]
    # A good answer, and one better than those shown, are not even drawn.
    assert "good" not in drawn
    assert "a_2" not in drawn
    assert "d_7" not in drawn


def test_captions_say_what_was_wrong():
    text = caption(answered(LESION, EMPTY, "p7", score=0.12, text="left lesion"))
    assert "left lesion" in text
    assert "p7" in text
    assert "Dice 0.00" in text
    assert "score 0.12" in text
    assert "nothing is named" in caption(answered(EMPTY, LESION))


values = st.lists(
    st.tuples(st.sampled_from("abcd"), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20
)


@given(values)
def test_intervals_hold_their_figure(rows):
    cases, tops, bottoms = zip(*rows, strict=True)
    figure = intervals.mean(cases, tops)
    assert figure["value"] == pytest.approx(np.mean(tops))
    assert intervals.mean(cases, tops) == figure
    if len(set(cases)) < 2:
        assert figure["low"] is None
    else:
        assert figure["low"] <= figure["high"]
        by_case = [
            np.mean([t for c, t in zip(cases, tops, strict=True) if c == k])
            for k in "abcd"
            if k in cases
        ]
        assert min(by_case) - 1e-9 <= figure["low"]
        assert figure["high"] <= max(by_case) + 1e-9
        assert intervals.mean_over_cases(cases, tops)["value"] == pytest.approx(np.mean(by_case))
    whole = intervals.ratio(cases, tops, bottoms)
    assert (whole["value"] is None) == (sum(bottoms) == 0)


def report(*samples: SampleScore):
    answers = [
        TextAnswer("right", 0.9, 0.9, True, False, samples[0].case),
        TextAnswer("empty", 0.0, 1.0, False, True, samples[0].case),
    ]
    pairs = [SidePair(samples[0].case, 1.0, 0.2, True)]
    about = {"postprocessing": {"presence_threshold": 0.5}}
    return assemble(list(samples), answers, pairs, about)


def test_pooled_folds_have_every_table_with_intervals():
    folds = [
        report(
            answered(LESION, LESION, "a", name="1", style="terse"),
            answered(EMPTY, LESION, "a", name="2", style="report"),
        ),
        report(
            answered(LESION, EMPTY, "b", name="1", style="terse"),
            answered(EMPTY, EMPTY, "b", name="2", style="report"),
        ),
    ]
    pooled = pool(json.loads(json.dumps(folds)))
    assert pooled["summary"]["by_style"]["terse"]["dice"]["low"] == 0.0
    assert pooled["failures"]["invented"]["value"] == 0.5
    page = markdown(pooled, reliability="report_reliability.png")
    rows = [line for line in page.splitlines() if line.startswith("|") and " 0.50 " in line]
    assert rows
    for heading in ("By size", "By wording", "Left and right", "Text tests", "Mistakes"):
        assert f"## {heading}" in page
    for row in (
        "| terse | 2 | 0.50 (0.00 to 1.00) | 50 % (0 % to 100 %) | 0 | - |",
        "| report | 0 | - | - | 2 | 50 % (0 % to 100 %) |",
        "| oIoU | 0.50 (0.00 to 1.00) |",
        "| Dice, mean over patients | 0.50 (0.00 to 1.00) |",
        "| right text | 2 | 0.90 (0.90 to 0.90) |",
        "| missed | 2 texts that name a lesion | 50 % (0 % to 100 %) |",
        "| invented | 2 texts that name nothing | 50 % (0 % to 100 %) |",
    ):
        assert row in page
    assert "for 50 % (50 % to 50 %) of the texts" in page
    assert "(report_reliability.png)" in page


def test_reports_of_older_versions_can_be_pooled_and_shown():
    old = json.loads(json.dumps(report(answered(LESION, LESION, "a"))))
    for sample in old["samples"]:
        del sample["style"], sample["on_others"]
    for text in old["text_answers"]:
        del text["case"]
    assert pool([old])["summary"]["dice"]["value"] == 1.0
    for name in ("by_style",):
        del old["summary"][name]
    for name in ("dice_over_cases", "iou_over_cases", "oiou"):
        old["summary"][name] = old["summary"][name]["value"]
    del old["failures"], old["sides"]["intervals"]
    for row in old["text_tests"].values():
        del row["intervals"]
    for row in old["reliability"]["bins"]:
        del row["interval"]
    page = markdown(old)
    assert "| oIoU | 1.00 |" in page
    assert "By wording" not in page


def test_what_people_typed_is_no_markup():
    shown = report(answered(LESION, EMPTY))
    shown["gallery"] = [{"kind": "missed", "id": "x", "caption": "*bold* [link](y) <b>"}]
    page = markdown(shown, pictures="pictures")
    assert "### Missed" in page
    assert "![x](pictures/x.png)" in page
    assert r"\*bold\* \[link\](y) \<b\>" in page


def test_the_reliability_picture_shows_where_the_points_lie(tmp_path):
    def picture(share: float) -> np.ndarray:
        some = [answered(LESION, LESION, c, 0.75) for c in "ab"]
        none = [answered(EMPTY, LESION, c, 0.75) for c in "ab"]
        count = round(share * 4)
        samples = (some * 4)[:count] + (none * 4)[: 4 - count]
        draw_reliability(tmp_path / "r.png", reliability(samples))
        return sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "r.png")))

    def point_row(pixels: np.ndarray) -> float:
        blue = (pixels[..., 2].astype(int) - pixels[..., 0]) > 100
        return float(np.nonzero(blue)[0].mean())

    sure, never = picture(1.0), picture(0.0)
    assert sure.shape == never.shape
    # The share rises upwards; the whole axis lies between never and always.
    assert point_row(never) - point_row(sure) == pytest.approx(420, abs=2)
