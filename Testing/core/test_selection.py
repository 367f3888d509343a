"""Sizes and ranks: read from the words, measured on what an answer consists of."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import BundleError
from lsms_core.inference.engine import EncodedText
from lsms_core.inference.explain import explain
from lsms_core.inference.postprocess import PostprocessingConfig, postprocess, recut
from lsms_core.inference.predictor import Predictor
from lsms_core.language.expression import Expression, asked_of
from lsms_core.language.selection import Selection
from lsms_core.language.sizes import stated_limit, stated_size
from lsms_core.language.vocabulary import WORDS
from lsms_core.models.lsms.asked import ASKED, RANKS, read_selection

CONFIG = PostprocessingConfig(min_area_mm2=4.0, min_depth_mm=0.0)
# Two lesions in front of each other, 30 mm and 12 mm long.
LARGE, SMALL = np.s_[10:20, 10:40], np.s_[40:46, 20:32]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 cm lesion", (20.0, 20.0)),
        ("15mm nodule", (15.0, 15.0)),
        ("lesion <2,5cm", (25.0, 25.0)),
        ("a 2-cm lesion", (20.0, 20.0)),
        ("1.5 x 2.0 cm, left lobe", (20.0, 20.0)),
        ("20 mm by 30 mm by 8 mm", (30.0, 30.0)),
        ("8 mm to 1 cm", (8.0, 10.0)),
        ("between 10 and 20 mm", (10.0, 20.0)),
        ("1-2 cm", (10.0, 20.0)),
        ("below one centimetre", (10.0, 10.0)),
        ("half a cm", (5.0, 5.0)),
        ("two to three centimeters", (20.0, 30.0)),
        ("subcentimetre cyst", (0.0, 10.0)),
        ("subcm focus", (0.0, 10.0)),
        ("sub-5 mm focus", (0.0, 5.0)),
        ("lesion of 30mm, 2 cm before", (30.0, 30.0)),
        ("S4 5 mm", (5.0, 5.0)),
        ("segment 4 lesion", None),
        ("3 lesions", None),
        ("a few mm", None),
        ("commission 2", None),
        ("", None),
    ],
)
def test_the_sizes_that_people_type(text, expected):
    assert stated_size(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lesion smaller than 2 cm", "smaller"),
        ("lesions <2cm", "smaller"),
        ("≤ 1.5 cm, right lobe", "smaller"),
        ("<= 15mm", "smaller"),
        ("Up to 3 cm", "smaller"),
        ("no larger than 20 mm", "smaller"),
        ("not more than 20 mm", "smaller"),
        ("less than or equal to 20 mm", "smaller"),
        ("smaller in diameter than 2 cm", "smaller"),
        ("2 cm or less", "smaller"),
        ("cyst, 2 cm and below", "smaller"),
        ("below one centimetre", "smaller"),
        ("max. 2 cm", "smaller"),
        ("lesion larger than 2 cm", "larger"),
        ("nodule >15mm", "larger"),
        (">= 1 cm", "larger"),
        ("at least 3 cm", "larger"),
        ("not smaller than 20 mm", "larger"),
        ("no less than 20 mm", "larger"),
        ("exceeding 4 cm", "larger"),
        ("2 cm or more", "larger"),
        ("2 cm+ lesion", "larger"),
        ("5 mm and larger", "larger"),
        ("minimum of 1 cm", "larger"),
        ("2 cm lesion", None),
        ("lesion of about 2 cm", None),
        ("smaller lesion of 2 cm", None),
        ("2 cm lesion over the gallbladder", None),
        ("the mets blow 1 cm", None),
        ("less", None),
    ],
)
def test_the_limits_that_people_type(text, expected):
    assert stated_limit(text) == expected


@pytest.mark.parametrize("limit", ["smaller", "larger"])
def test_the_usual_words_of_the_training_texts_are_read_from_the_text(limit):
    usual, _ = WORDS[f"{limit} than"]
    unread = [w for w in usual if stated_limit(f"lesion {w} 20 mm") != limit]
    assert not unread


def test_what_the_words_say_of_a_limit_counts_more_than_what_the_head_takes_them_for():
    assert read_selection("under 2 cm", logits("larger")) == Selection(smaller_than_mm=20.0)
    assert read_selection("over 2 cm", logits()) == Selection(larger_than_mm=20.0)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_sizes(text):
    limit = stated_limit(text)
    assert limit in (None, "smaller", "larger")
    assert limit is None or stated_size(text) is not None
    found = stated_size(text)
    assert found is None or 0 <= found[0] <= found[1] < 1e6


@given(
    tenths=st.integers(1, 9999),
    unit=st.sampled_from([("mm", 1.0), ("cm", 10.0), ("millimetres", 1.0), ("CM", 10.0)]),
    comma=st.booleans(),
    space=st.sampled_from(["", " "]),
)
def test_a_number_and_its_unit_come_back_as_millimetres(tenths, unit, comma, space):
    number = f"{tenths / 10:g}"
    text = f"lesion {number.replace('.', ',') if comma else number}{space}{unit[0]} left"
    value = tenths / 10 * unit[1]
    assert stated_size(text) == (pytest.approx(value), pytest.approx(value))


def logits(*names):
    return torch.tensor([4.0 if name in names else -4.0 for name in ASKED])


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("lesion", (), None),
        ("lesion under 2 cm", ("smaller",), Selection(smaller_than_mm=20.0)),
        ("lesion over 2 cm", ("larger",), Selection(larger_than_mm=20.0)),
        ("2 cm lesion", ("about",), Selection(about_mm=20.0)),
        ("lesion of 1 to 2 cm", ("about",), Selection(smaller_than_mm=20.0, larger_than_mm=10.0)),
        ("subcm lesion", (), Selection(smaller_than_mm=10.0)),
        ("smaller lesion", ("smaller",), None),  # no millimetres, no limit
        ("segment 4 lesion 2 cm", (), None),  # a size that limits nothing
        ("largest lesion", ("largest",), Selection(rank="largest")),
        ("2nd largest lesion", ("largest",), Selection(rank="largest", place=2)),
        (
            "third-most posterior one",
            ("most posterior",),
            Selection(rank="most posterior", place=3),
        ),
        ("second lesion", (), None),
        (
            "smallest lesion over 2 cm",
            ("smallest", "larger"),
            Selection(larger_than_mm=20.0, rank="smallest"),
        ),
    ],
)
def test_the_head_and_the_text_together_say_what_is_asked(text, said, expected):
    assert read_selection(text, logits(*said)) == expected


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        ("generic", {}, ()),
        ("negated", {}, ("nothing",)),
        ("attribute", {"smaller_than_mm": 10.0, "side": "left"}, ("smaller",)),
        ("no-target", {"larger_than_mm": 30.0}, ("larger",)),
        ("rank", {"rank": "most anterior", "about_mm": 12.0}, ("about", "most anterior")),
    ],
)
def test_what_the_training_texts_ask(kind, attributes, expected):
    asked = asked_of(Expression("text", (), kind, attributes))
    assert asked == tuple(float(name in expected) for name in ASKED)


def test_texts_about_something_else_teach_nothing_about_sizes():
    assert asked_of(Expression("gallstones", (), "elsewhere")) == (-1.0,) * len(ASKED)


def two_lesions():
    probability = np.zeros((60, 60), np.float16)
    probability[LARGE] = 0.8
    probability[SMALL] = 0.9
    return probability


def found(selection, **changes):
    cut = postprocess(two_lesions(), (1.0, 1.0), CONFIG, selection=selection, **changes)
    names = (n for n, w in (("large", LARGE), ("small", SMALL)) if cut.mask[w].all())
    return cut, tuple(names)


FRONT = (-1.0, 0.0)  # rows run from front to back


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (None, ("large", "small")),
        (Selection(rank="largest"), ("large",)),
        (Selection(rank="smallest"), ("small",)),
        (Selection(rank="most anterior", anterior=FRONT), ("large",)),
        (Selection(rank="most posterior", anterior=FRONT), ("small",)),
        (Selection(rank="most posterior"), ("large", "small")),  # nobody knows where front is
        (Selection(smaller_than_mm=20.0), ("small",)),
        (Selection(larger_than_mm=20.0), ("large",)),
        (Selection(about_mm=28.0), ("large",)),
        (Selection(about_mm=14.0), ("small",)),
        (Selection(larger_than_mm=10.0, rank="smallest"), ("small",)),
        (Selection(rank="largest", place=2), ("small",)),
        (Selection(rank="most posterior", place=2, anterior=FRONT), ("large",)),
        (Selection(larger_than_mm=10.0, smaller_than_mm=50.0), ("large", "small")),
    ],
)
def test_the_answer_keeps_what_the_words_ask_for(selection, expected):
    cut, names = found(selection)
    assert names == expected
    assert cut.present
    assert cut.notes == ()
    assert cut.score == pytest.approx(0.9 if "small" in expected else 0.8, abs=1e-3)


def test_nothing_of_the_size_is_nothing_found_and_says_what_there_is():
    cut, names = found(Selection(larger_than_mm=60.0))
    assert names == ()
    assert not cut.present
    assert cut.score == 0.0
    (note,) = cut.notes
    assert "13, 32 mm" in note
    assert "larger than 60 mm" in note


def test_a_place_that_nothing_takes_is_nothing_found_and_says_how_many_there_are():
    cut, names = found(Selection(rank="largest", place=3))
    assert names == ()
    assert not cut.present
    assert cut.notes == ("The text asks for number 3 by rank, of 2 that fit.",)


@given(
    limit=st.floats(5, 45),
    rank=st.sampled_from([None, *RANKS]),
    threshold=st.floats(0.1, 0.85),
)
def test_a_selection_only_ever_takes_away(limit, rank, threshold):
    assume(abs(limit - 13.4) > 0.5)
    assume(abs(limit - 31.6) > 0.5)
    selection = Selection(smaller_than_mm=limit, rank=rank, anterior=FRONT)
    everything = recut(two_lesions(), threshold, (1.0, 1.0), CONFIG)
    some = recut(two_lesions(), threshold, (1.0, 1.0), CONFIG, selection=selection)
    assert not (some.mask & ~everything.mask).any()
    assert some.present == bool(some.mask.any())
    assert some.score <= everything.score


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("rank", RANKS)
def test_in_a_volume_one_lesion_leads_whatever_the_axis_of_the_slices(axis, rank):
    # Stored as (k, j, i): the front is where j is low.
    probability = np.zeros((30, 30, 30), np.float16)
    probability[4:8, 3:8, 3:20] = 0.8
    probability[20:25, 20:27, 5:12] = 0.9
    selection = Selection(rank=rank, anterior=(0.0, -1.0, 0.0))
    mask = postprocess(probability, (1.0,) * 3, CONFIG, axis=axis, selection=selection).mask
    first = rank in ("largest", "most anterior")
    # Seen from the left, the long one is the shorter one.
    if axis == 2 and rank in ("largest", "smallest"):
        first = not first
    assert mask[5, 5, 5] == first
    assert mask[22, 22, 8] != first


class Asking:
    """An engine that finds the same two lesions whatever it is asked."""

    name = "lsms"
    device = torch.device("cpu")

    def encode(self, text):
        rank = next((r for r in RANKS if r in text), None)
        limit = stated_size(text)
        return EncodedText(
            text,
            torch.zeros(1, 4),
            Selection(larger_than_mm=limit and limit[1], rank=rank) if rank or limit else None,
        )

    def probabilities(self, images, texts, drawn):
        result = np.zeros((len(texts), *images.shape[2:]), np.float32)
        result[:, 60:70, 90:120] = 0.8
        result[:, 100:106, 100:112] = 0.9
        return result

    def draw(self, images):
        return None


@pytest.mark.parametrize("flipped", [False, True])
def test_the_predictor_knows_where_the_front_is_and_the_answer_can_be_cut_again(flipped):
    array = np.full((1, 120, 120), 40, np.int16)
    # LPS as DICOM stores it, or with the rows from back to front.
    affine = np.diag([-1.5, 1.5 if flipped else -1.5, 3.0, 1.0])
    predictor = Predictor(Asking())
    texts = ["most anterior lesion", "most posterior lesion", "lesion over 30 cm", "lesion"]
    front, back, none, both = predictor.segment(CTVolume(array, affine), texts)
    rows = [np.nonzero(p.mask[0])[0] for p in (front, back)]
    assert (rows[0].mean() > rows[1].mean()) == flipped
    assert none.mask.sum() == 0
    assert any("larger than 300 mm" in note for note in none.warnings)
    assert both.mask.sum() == front.mask.sum() + back.mask.sum()
    again = front.recut(front.threshold)
    np.testing.assert_array_equal(again.mask, front.mask)
    assert Selection.from_dict(json.loads(json.dumps(front.selection.to_dict()))) == replace(
        front.selection, anterior=tuple(front.selection.anterior)
    )


def test_a_single_picture_has_its_front_on_top():
    picture = np.full((120, 120), 40, np.int16)
    front, back = Predictor(Asking()).segment(
        picture, ["most anterior lesion", "most posterior lesion"], spacing_mm=(1.5, 1.5)
    )
    assert np.nonzero(front.mask)[0].mean() < np.nonzero(back.mask)[0].mean()


def test_why_nothing_is_here_names_the_size():
    picture = np.full((120, 120), 40, np.int16)
    told = explain(Predictor(Asking()), picture, "lesion over 30 cm", spacing_mm=(1.5, 1.5))
    assert "larger than 300 mm" in told.verdict


def test_a_selection_of_a_newer_version_is_refused():
    with pytest.raises(BundleError, match="selection"):
        Selection.from_dict({"colour": "red"})
