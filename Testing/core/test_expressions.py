"""An expression holds for exactly the lesions it names."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.measurements import SliceFindings
from lsms_core.errors import InputError
from lsms_core.language.expression import (
    RANKS,
    Expression,
    asked_of,
    lobes_ruled_out,
    named_by,
    sections_ruled_out,
)
from lsms_core.language.generator import ExpressionGenerator, organ_expression
from lsms_core.language.nothing import elsewhere, unrelated
from lsms_core.language.other_words import ELSEWHERE, UNRELATED
from lsms_core.language.query import Query
from lsms_core.language.typing_noise import add_noise, swap_laterality
from lsms_core.language.vocabulary import WORDS
from lsms_core.language.writer import Writer
from Testing.core.measured import lesion

lesions = st.builds(
    lesion,
    number=st.just(0),
    side=st.sampled_from(["left", "right", None]),
    mm=st.floats(3, 90),
    attenuation=st.sampled_from(["hypodense", "hyperdense", "isodense", "cystic", None]),
    location=st.sampled_from(["subcapsular", "central", None]),
)
slices = st.lists(lesions, max_size=4).map(
    lambda found: SliceFindings(
        tuple(replace(m, number=i + 1) for i, m in enumerate(found)),
        20000.0,
    )
)


@given(findings=slices, seed=st.integers(0, 10_000), split=st.sampled_from(["train", "held-out"]))
def test_an_expression_names_exactly_its_instances(findings, seed, split):
    rng = np.random.default_rng(seed)
    expression = ExpressionGenerator(split).sample(findings, rng)
    assert expression.text.strip()
    if expression.kind in ("elsewhere", "unrelated", "contradictory"):
        assert expression.instances == ()
        assert expression.query == Query()
    else:
        assert named_by(findings.lesions, expression.query) == expression.instances
        assert expression.query.nothing == (expression.kind == "negated")
    if not findings.lesions:
        assert expression.instances == ()


# What names nothing whatever there is.
NAMELESS = ("elsewhere", "unrelated", "negated", "contradictory")
# Words that rule out the side that is written.
EXCLUDING = {
    *("not", "outside", "except", "excluding", "apart", "sparing", "disregarding", "ignoring"),
    *("without", "aside", "beyond", "besides", "none", "skipping", "omitting", "exception"),
    *("save", "minus", "spare", "never", "forget", "but", "away", "nothing", "opposite"),
}


@given(findings=slices, seed=st.integers(0, 10_000))
def test_the_words_for_the_side_are_in_the_text(findings, seed):
    generator = ExpressionGenerator(noise=0.0)
    expression = generator.sample(findings, np.random.default_rng(seed), no_target_share=0.5)
    side = expression.attributes.get("side")
    words = re.findall("[a-z]+", expression.text.lower())
    named = {"left": {"left", "lt", "l", "lhl"}, "right": {"right", "rt", "r", "rhl"}}
    found = set(words) & (named["left"] | named["right"])
    if expression.kind in NAMELESS:
        assert expression.instances == ()
    elif found & named["left"] and found & named["right"]:
        first = min(words.index(w) for w in found)
        assert words[first] in named[side]
        assert {"not", "rather"} & set(words)
    elif found and EXCLUDING & set(words):
        assert found <= named["left" if side == "right" else "right"]
    elif side is not None:
        assert found
        assert found <= named[side]
    elif not expression.query.segments:
        assert not found


def test_ruling_out_a_side_names_the_lesions_of_the_other():
    findings = SliceFindings((lesion(1, "left"), lesion(2, "right")), 1.0)
    generator = ExpressionGenerator(noise=0.0)
    rng = np.random.default_rng(0)
    drawn = [generator.sample(findings, rng, no_target_share=0.0) for _ in range(2000)]
    excluding = [e for e in drawn if EXCLUDING & set(e.text.lower().replace(",", "").split())]
    # "Left, not right" says both.
    excluding = [e for e in excluding if len(set(re.findall("left|right", e.text.lower()))) == 1]
    assert len(excluding) > 60
    assert any("lesion" not in e.text for e in excluding)
    for expression in excluding:
        excluded = set(re.findall("left|right", expression.text.lower()))
        assert excluded == {"right" if expression.instances == (1,) else "left"}, expression


@given(seed=st.integers(0, 10_000))
def test_texts_about_nothing_never_speak_of_the_liver_and_hardly_repeat(seed):
    rng = np.random.default_rng(seed)
    for write in (elsewhere, unrelated):
        texts = [write(rng) for _ in range(60)]
        assert len(set(texts)) > 30
        assert all(t == t.strip() and "  " not in t for t in texts)
        made = [t for t in texts if t not in (*ELSEWHERE, *UNRELATED)]
        assert not [t for t in made if "liver" in t or "hepat" in t]


def test_a_lesion_on_the_border_makes_the_side_unusable():
    findings = SliceFindings((lesion(1, "left"), lesion(2, None)), 1.0)
    assert named_by(findings.lesions, Query(sides=("left",))) is None
    assert named_by(findings.lesions, Query()) == (1, 2)


def test_one_clear_no_settles_an_unclear_lesion():
    findings = SliceFindings((lesion(1), lesion(2, None, attenuation="hyperdense")), 1.0)
    assert named_by(findings.lesions, Query(sides=("left",), attenuation="hypodense")) == (1,)


@pytest.mark.parametrize(
    ("query", "instances"),
    [
        (Query(rank="largest"), (3,)),
        (Query(rank="smallest"), None),
        (Query(sides=("left",), rank="largest"), (1,)),
        (Query(size_min_mm=30), (3,)),
        (Query(size_max_mm=30), (1, 2)),
        (Query(size_max_mm=20), None),
        (Query(size_min_mm=80), ()),
        (Query(attenuation="hypodense"), (1, 2)),
        (Query(attenuation="cystic"), (2,)),
        (Query(sides=("right",), attenuation="cystic"), (2,)),
        (Query(sides=("left",), attenuation="cystic"), ()),
    ],
)
def test_queries(query, instances):
    findings = SliceFindings(
        (
            lesion(1, "left", 20),
            lesion(2, "right", 19, "cystic"),
            lesion(3, "right", 45, "hyperdense"),
        ),
        1.0,
    )
    assert named_by(findings.lesions, query) == instances


def test_texts_vary_and_some_name_nothing():
    findings = SliceFindings((lesion(1, "left", 20), lesion(2, "right", 45)), 1.0)
    rng, generator = np.random.default_rng(0), ExpressionGenerator()
    found = [generator.sample(findings, rng) for _ in range(200)]
    assert len({e.text for e in found}) > 180
    empty = sum(e.instances == () for e in found)
    assert 20 <= empty <= 100
    named = {e.instances for e in found}
    assert named == {(), (1,), (2,), (1, 2)}


def test_held_out_words_are_in_no_training_text():
    for training, held_out in WORDS.values():
        assert training
        assert held_out
        assert not set(training) & set(held_out)


@given(
    text=st.sampled_from(
        ["left lobe", "RT lobe lesion", "Right-sided mass, not left", "lt", "LHL cyst", "l lobe"]
    )
)
def test_swapping_sides_twice_changes_nothing(text):
    swapped = swap_laterality(text)
    assert swapped is not None
    assert swapped != text
    assert swap_laterality(swapped) == text


@pytest.mark.parametrize("text", ["largest bright lesion", "lesion, l", "R2 resection"])
def test_a_text_without_a_side_cannot_be_swapped(text):
    assert swap_laterality(text) is None


def test_the_letter_before_a_lobe_is_a_side():
    assert (
        swap_laterality("L lobe lesion, not r hepatic lobe") == "R lobe lesion, not l hepatic lobe"
    )


@pytest.mark.parametrize(
    ("query", "instances"),
    [
        (Query(magnitude="large"), (3,)),
        (Query(magnitude="small"), (1,)),
        (Query(magnitude="small", sides=("right",)), ()),
    ],
)
def test_large_and_small_are_clear_words_only(query, instances):
    findings = SliceFindings(
        (lesion(1, "left", 9), lesion(2, "right", 26), lesion(3, "right", 45)), 1.0
    )
    wanted = None if query == Query(magnitude="large") else instances
    assert named_by(findings.lesions, query) == wanted


def test_denials_speak_of_lesions_or_of_a_healthy_lobe():
    writer = Writer("train", 0.0)
    rng = np.random.default_rng(0)
    query = Query(sides=("left",), nothing=True)
    texts = [writer.write(query, False, rng) for _ in range(2000)]
    assert all(re.search(r"\b(left|lt|L|LHL)\b|-sided", t) for t in texts), texts
    healthy = [t for t in texts if re.search("normal|unremarkable|spared|clean|healthy", t)]
    assert 200 < len(healthy) < 700
    assert "left lobe is normal" in texts


@given(seed=st.integers(0, 5000))
def test_typing_mistakes_never_change_what_is_meant(seed):
    rng = np.random.default_rng(seed)
    words = add_noise("left hypodense metastasis", rng, rate=1.0).lower().rstrip(".").split()
    # A slip in "hypo" could make it "hyper"; in "left" it is a slip, and never "right".
    assert words[1] == "hypodense"
    assert set(words[0]) <= set("left")
    assert 3 <= len(words[0]) <= 5


def test_the_liver_has_several_names():
    rng = np.random.default_rng(0)
    assert len({organ_expression(rng) for _ in range(50)}) > 3


def test_no_text_is_written_about_other_organs():
    for query in (Query(organ="other"), Query(whole_organ=True)):
        with pytest.raises(InputError, match="lesions of the liver"):
            Writer("train", 0.0).write(query, False, np.random.default_rng(0))


def test_a_rank_that_counts_more_lesions_than_there_are_is_not_used():
    two = (lesion(1, mm=20), lesion(2, mm=45))
    assert named_by(two, Query(rank="largest", count=2)) == (1, 2)
    assert named_by(two[:1], Query(rank="largest", count=2)) is None
    assert named_by(two, Query(rank="largest", place=2)) == (1,)
    assert named_by(two, Query(rank="largest", excluded=True)) == (1,)


@pytest.mark.parametrize(
    ("kind", "query", "expected"),
    [
        ("attribute", Query(sides=("left",)), (1, 0)),
        ("attribute", Query(sides=("left", "right")), (0, 0)),
        ("no-target", Query(sides=("right",), attenuation="cystic"), (0, 1)),
        ("attribute", Query(segments=("4",)), (1, 0)),
        ("attribute", Query(segments=("6", "7")), (0, 1)),
        ("attribute", Query(segments=("4", "5")), (0, 0)),
        ("no-target", Query(segments=("7",)), (0, 1)),
        ("rank", Query(rank="largest"), (0, 0)),
        ("contradictory", Query(), (1, 1)),
        ("negated", Query(sides=("left",), nothing=True), (-1, -1)),
        ("unrelated", Query(), (-1, -1)),
    ],
)
def test_the_lobes_that_words_rule_out(kind, query, expected):
    assert lobes_ruled_out(Expression("text", (), kind, query)) == expected


@pytest.mark.parametrize(
    ("kind", "query", "expected"),
    [
        ("attribute", Query(segments=("6", "7")), (1, 0, 1, 1)),
        ("attribute", Query(segments=("4",)), (1, 1, 0, 1)),
        ("attribute", Query(sides=("left",)), (0, 0, 0, 0)),
        ("negated", Query(segments=("4",), nothing=True), (-1, -1, -1, -1)),
    ],
)
def test_the_sections_that_words_rule_out(kind, query, expected):
    assert sections_ruled_out(Expression("text", (), kind, query)) == expected


def test_what_words_ask_has_the_order_that_weights_were_learnt_with():
    assert RANKS == ("largest", "smallest", "most anterior", "most posterior")
    ranked = Query(rank="smallest", size_max_mm=10.0)
    assert asked_of(Expression("text", (1,), "rank", ranked)) == (0, 1, 0, 0, 0, 1, 0, 0)
    sized = Query(size_min_mm=10.0, size_about_mm=20.0)
    assert asked_of(Expression("text", (1,), "attribute", sized)) == (0, 0, 1, 1, 0, 0, 0, 0)
    assert asked_of(Expression("text", (), "negated", Query(nothing=True))) == (1, *(0,) * 7)
    assert asked_of(Expression("text", (), "elsewhere")) == (-1,) * 8


def test_a_record_holds_what_the_text_says():
    one = Expression("text", (1,), "attribute", Query(sides=("left",)), {"pair": True})
    assert one.attributes == {"sides": ["left"], "side": "left", "pair": True}
    denial = Expression("text", (), "negated", Query(sides=("left",), nothing=True))
    assert denial.attributes == {"sides": ["left"], "nothing": True}
