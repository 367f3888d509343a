"""Candidates answer texts: whole, with reasons, the same from a message, corrected in words."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.liver_map import LEFT, RIGHT, LiverMap
from lsms_core.anatomy.named_outlines import NamedMask, role_of
from lsms_core.errors import InputError
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.correct import corrected, corrected_in_order
from lsms_core.inference.outlined_candidates import candidates_of
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.language.query import Query
from lsms_core.worker.messages import answer_fields, candidates_from, candidates_message

SHAPE = (8, 80, 120)
CONFIG = PostprocessingConfig(mask_threshold=0.5, presence_threshold=0.4, min_depth_mm=0.0)
# Number, middle, half size and probability; 2 mm pixels in the plane of the slices, 5 mm across.
LESIONS = ((40, 30, 9, 0.9), (40, 95, 6, 0.8), (40, 60, 5, 0.7), (20, 40, 3, 0.6))


@pytest.fixture(scope="module")
def found() -> CandidateSet:
    liver = np.zeros(SHAPE, bool)
    liver[:, 8:72, 8:112] = True
    lobes = np.where(np.arange(120) < 60, RIGHT, LEFT) * liver
    array = np.where(liver, 100, -60).astype(np.float32)
    array += np.random.default_rng(0).normal(0, 3, SHAPE).astype(np.float32)
    probability = np.full(SHAPE, 0.3, np.float16) * liver
    for row, column, half, value in LESIONS:
        place = np.s_[2:6, row - half : row + half, column - half : column + half]
        array[place] -= 45
        probability[place] = value
    probability[2:6, 74:79, 40:60] = 0.95  # outside the liver
    ct = CTVolume(array, np.diag([-1.0, -1.0, 5.0, 1.0]))
    known = LiverMap(liver, lobes.astype(np.uint8))
    search = Search(ct, tuple(range(SHAPE[0])), engine="lsms", model="test 1")
    return CandidateSet.from_map(search, probability, known, CONFIG)


def test_candidates_are_numbered_by_size_and_lie_in_the_liver(found):
    assert [round(one.longest_mm) for one in found.lesions] == [25, 17, 14, 8]
    assert found.elsewhere == 1
    assert [one.sides for one in found.lesions] == [
        ("right",), ("left",), ("left", "right"), ("right",),
    ]  # fmt: skip


def test_left_and_right_share_nothing_but_what_is_said_to_lie_in_both(found):
    left, right = found.answer("left lobe lesion"), found.answer("right lobe lesion")
    shared = left.mask & right.mask
    assert shared.any()
    assert not (shared & ~found.mask_of([3])).any()
    for answer in (left, right):
        assert answer.verdict(3).decision == "doubtful"
        assert "may lie in both" in answer.verdict(3).reasons[0]
    assert ("lesion 1: 25 mm, right lobe: dropped, the text asks for the left lobe"
            in left.lines()[1])  # fmt: skip


def test_a_lesion_is_in_an_answer_whole_or_not_at_all(found):
    for text in ("left lobe lesion", "lesions under 2 cm", "largest lesion", "two lesions"):
        mask = found.answer(text).mask
        for number in range(1, 5):
            inside = mask[found.labels == number]
            assert inside.all() or not inside.any()


def test_gibberish_denials_and_other_organs_give_no_mask(found):
    for text, said in (
        ("lorem ipsum dolor sit amet", "Not understood"),
        ("no lesion in the left lobe", "The text says there is nothing; the search found 2"),
        ("renal cyst in the left kidney", "another organ"),
    ):
        answer = found.answer(text)
        assert not answer.present
        assert not answer.mask.any()
        assert said in answer.message


def test_an_organ_is_its_outline(found):
    liver, left = found.answer("whole liver"), found.answer("whole left lobe")
    np.testing.assert_array_equal(liver.mask, found.liver.liver)
    assert left.region == "organ"
    assert not left.mask[:, :, :55].any()
    assert left.volume_ml == pytest.approx(liver.volume_ml / 2, rel=0.02)


def test_a_text_takes_a_few_milliseconds(found):
    found.answer("left lobe lesion")
    times = []
    for text in ("right lobe lesion", "largest lesion", "lesions under 1 cm"):
        started = time.perf_counter()
        assert found.answer(text).mask.any()
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05


def test_another_threshold_needs_no_model(found):
    wider = found.at_threshold(0.85)
    assert [one.score for one in wider.lesions] == [pytest.approx(0.9, abs=0.01)]
    assert found.answer("largest lesion").recut(0.85).present
    assert not found.answer("left lobe lesion").recut(0.85).present
    assert found.at_threshold(None) is found
    with pytest.raises(InputError, match="keep_probability"):
        found.without_map().at_threshold(0.85)


def test_a_message_makes_the_same_candidates_in_another_process(found):
    fields, arrays = candidates_message(found, None)
    again = candidates_from(json.loads(json.dumps(fields)), arrays, found.search.volume)
    for text in ("left lobe lesion", "lesions under 15 mm", "second largest lesion"):
        one, other = found.answer(text), again.answer(text)
        np.testing.assert_array_equal(one.mask, other.mask)
        assert answer_fields(one)["verdicts"] == answer_fields(other)["verdicts"]
    assert again.at_threshold(0.85).lesions == found.at_threshold(0.85).lesions


def test_somebodys_outlines_are_candidates_as_they_are(found):
    ct = found.search.volume
    masks = [
        NamedMask("liver_lesions", found.labels > 0),
        NamedMask("liver", found.liver.liver),
        NamedMask("kidney_cyst_left", np.zeros(SHAPE, bool)),
    ]
    given = candidates_of(ct, masks)
    assert len(given.lesions) == 4
    np.testing.assert_array_equal(given.answer(Query()).mask, found.labels > 0)
    assert given.lesions[0].attenuation == "hypodense"
    with pytest.raises(InputError, match="holds no lesion, only spleen"):
        candidates_of(ct, [NamedMask("spleen", found.labels > 0), NamedMask("aorta", ct.array > 0)])


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("liver", "liver"), ("Liver", "liver"), ("liver_lesions", "lesion"),
        ("liver_tumor", "lesion"), ("Lesion 3", "lesion"), ("HCC", "lesion"),
        ("liver_segment_4", "4"), ("Couinaud segment VIII", "8"), ("Segment VII", "7"),
        ("Segment_1", None), ("right lobe", "right lobe"), ("left liver lobe", "left lobe"),
        ("kidney_cyst_left", None), ("lung_nodules", None), ("liver_vessels", None),
        ("spleen", None), ("lung_upper_lobe_left", None), ("colon_cancer_primaries", None),
    ],
)  # fmt: skip
def test_names_say_what_an_outline_is(name, role):
    assert role_of(name) == role


def test_codes_count_more_than_names():
    assert role_of("A", code="4147007", region="10200004") == "lesion"
    assert role_of("A", code="4147007", region="64033007") is None
    assert role_of("A", code="10200004") == "liver"


def test_a_label_map_without_names_is_taken_as_lits_has_it(found):
    ct = found.search.volume
    lits = [
        NamedMask("", np.pad(found.liver.liver[:, :, 8:112], ((0, 0), (0, 0), (8, 8))), value=1),
        NamedMask("", found.labels > 0, value=2),
    ]
    lits[0] = NamedMask("", lits[0].mask & ~lits[1].mask, value=1)
    small = candidates_of(ct, lits)  # a liver of 266 mL: too small to be one
    assert small.liver is None
    large = CTVolume(ct.array, ct.affine @ np.diag([1.5, 1.5, 1.0, 1.0]))
    assert len(candidates_of(large, lits).lesions) == 4


def kept(answer):
    return [one.number for one in answer.kept]


def test_corrections_change_the_answer_and_undo_takes_one_back(found):
    first = found.answer("all lesions")
    fewer = corrected([first], "remove lesion 3")
    assert kept(fewer) == [1, 2, 4]
    assert fewer.message == "Dropped lesion 3."
    assert fewer.verdict(3).reasons == ('"remove lesion 3"',)
    only = corrected([first, fewer], "only the largest")
    assert kept(only) == [1]
    back = corrected([first, fewer, only], "undo")
    assert kept(back) == [1, 2, 4]
    more = corrected([only], "also the one in the left lobe")
    assert 2 in kept(more)
    same = corrected([first], "qwertz asdf")
    assert kept(same) == [1, 2, 3, 4]
    assert "Nothing was changed" in same.message


def test_an_outline_grows_and_shrinks_within_the_search(found):
    first = found.answer("largest lesion")
    larger = corrected([first], "2 mm larger")
    smaller = corrected([first], "2 mm smaller")
    assert (larger.mask & first.mask).sum() == first.mask.sum() < larger.mask.sum()
    assert smaller.mask.sum() < first.mask.sum()
    assert not (larger.mask & (found.labels > 1)).any()
    ended = corrected_in_order(first, ["2 mm larger", "undo", "nonsense words"])
    np.testing.assert_array_equal(ended.mask, first.mask)
    assert len(ended.notes) == 3


def test_nothing_here_needs_torch():
    code = (
        "import sys; import lsms_core.inference.correct, lsms_core.inference.outlined_candidates, "
        "lsms_core.worker.messages, lsms_core.worker.client; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
