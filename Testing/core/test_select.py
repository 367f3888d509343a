"""What a query keeps of lesions, and what it says of those that it drops."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.language.query import Query
from lsms_core.language.select import Selection, select
from Testing.core.made_lesions import lesion

LEFT = {"sides": ("left",), "left_share": 1.0, "centroid_ras": (40.0, 0.0, 0.0)}
BOTH = {"sides": ("left", "right"), "left_share": 0.5}


def decisions(selection: Selection) -> list[str]:
    return [v.decision for v in selection.verdicts]


def only(candidate, query: Query) -> tuple[str, str]:
    (verdict,) = select([candidate], query).verdicts
    return verdict.decision, "; ".join(verdict.reasons)


def test_a_side_keeps_whole_lesions_and_says_why_others_go():
    found = select([lesion(1), lesion(2, **LEFT), lesion(3, **BOTH)], Query(sides=("left",)))
    assert decisions(found) == ["dropped", "kept", "doubtful"]
    assert found.verdicts[0].reasons == ("the text asks for the left lobe",)
    assert "may lie in both" in found.verdicts[2].reasons[0]
    assert found.kept == (2, 3)


@pytest.mark.parametrize(
    ("size", "query", "decision"),
    [
        (8.0, Query(size_max_mm=10.0), "kept"),
        (10.2, Query(size_max_mm=10.0), "doubtful"),
        (14.0, Query(size_max_mm=10.0), "dropped"),
        (35.0, Query(size_min_mm=30.0), "kept"),
        (29.0, Query(size_min_mm=30.0), "doubtful"),
        (20.0, Query(size_min_mm=30.0), "dropped"),
        (22.0, Query(size_about_mm=20.0), "kept"),
        (26.0, Query(size_about_mm=20.0), "doubtful"),
        (30.0, Query(size_about_mm=20.0), "dropped"),
        (50.0, Query(magnitude="large"), "kept"),
        (30.0, Query(magnitude="large"), "doubtful"),
        (10.0, Query(magnitude="large"), "dropped"),
        (10.0, Query(magnitude="small"), "kept"),
        (30.0, Query(magnitude="small"), "dropped"),
    ],
)
def test_sizes(size, query, decision):
    assert only(lesion(size=size), query)[0] == decision


def test_a_doubt_is_said_in_numbers():
    assert only(lesion(size=10.0), Query(size_max_mm=10.0)) == (
        "doubtful",
        "size 9 to 11 mm, asked for under 10 mm",
    )
    assert only(lesion(size=18.0), Query(size_max_mm=10.0)) == (
        "dropped",
        "18 mm, the text asks for under 10 mm",
    )


@pytest.mark.parametrize(
    ("contrast", "mean", "word", "decision"),
    [
        (-40.0, 60.0, "hypodense", "kept"),
        (-40.0, 60.0, "hyperdense", "dropped"),
        (-40.0, 60.0, "cystic", "dropped"),
        (-90.0, 10.0, "cystic", "kept"),
        (-90.0, 10.0, "hypodense", "kept"),
        (-80.0, 23.0, "cystic", "doubtful"),
        (-10.0, 90.0, "hypodense", "doubtful"),
        (-10.0, 90.0, "isodense", "doubtful"),
        (2.0, 102.0, "isodense", "kept"),
        (2.0, 102.0, "hypodense", "dropped"),
        (30.0, 130.0, "hyperdense", "kept"),
        (None, 60.0, "hypodense", "doubtful"),
    ],
)
def test_attenuation(contrast, mean, word, decision):
    candidate = lesion(contrast_hu=contrast, mean_hu=mean)
    assert only(candidate, Query(attenuation=word))[0] == decision


@pytest.mark.parametrize(
    ("changes", "query", "decision"),
    [
        ({"capsule_mm": 1.0}, Query(location="subcapsular"), "kept"),
        ({"capsule_mm": 8.0}, Query(location="subcapsular"), "doubtful"),
        ({"capsule_mm": 20.0}, Query(location="subcapsular"), "dropped"),
        ({"capsule_mm": 22.0}, Query(location="central"), "kept"),
        ({"capsule_mm": 2.0}, Query(location="central"), "dropped"),
        ({"capsule_mm": None}, Query(location="central"), "doubtful"),
        ({"shape": "round"}, Query(shape="round"), "kept"),
        ({"shape": "oval"}, Query(shape="round"), "dropped"),
        ({"shape": "irregular"}, Query(shape="lobulated"), "doubtful"),
        ({"shape": "irregular"}, Query(shape="round"), "dropped"),
        ({}, Query(shape="round"), "doubtful"),
        ({"margin": "ill-defined"}, Query(margin="well-defined"), "dropped"),
        ({"texture": "homogeneous"}, Query(texture="homogeneous"), "kept"),
        ({"segments": ("7",)}, Query(segments=("7",)), "kept"),
        ({"segments": ("6", "7")}, Query(segments=("7",)), "doubtful"),
        ({"segments": ("6",)}, Query(segments=("6", "7")), "kept"),
        ({"segments": ("5",)}, Query(segments=("7",)), "dropped"),
        ({}, Query(segments=("7",)), "doubtful"),
    ],
)
def test_words_and_segments(changes, query, decision):
    found, reason = only(lesion(**changes), query)
    assert found == decision
    assert (reason == "") == (decision == "kept")


def test_ranks_work_over_those_that_are_left():
    lesions = [lesion(1, 60.0, **LEFT), lesion(2, 40.0), lesion(3, 20.0), lesion(4, 12.0)]

    def kept(**query) -> tuple[int, ...]:
        return select(lesions, Query(**query)).kept

    assert kept(rank="largest") == (1,)
    assert kept(rank="largest", sides=("right",)) == (2,)
    assert kept(rank="largest", place=2) == (2,)
    assert kept(rank="largest", count=2) == (1, 2)
    assert kept(rank="largest", count=2, excluded=True) == (3, 4)
    assert kept(rank="smallest") == (4,)
    assert kept(rank="smallest", size_min_mm=15.0) == (3,)
    assert kept(rank="most superior") == (4,)
    assert kept(rank="most inferior") == (1,)
    found = select(lesions, Query(rank="largest", place=6))
    assert found.kept == ()
    assert found.notes == ("The text asks for number 6 by rank, of 4 lesions that fit.",)


def test_a_rank_without_a_clear_lead_is_said():
    found = select([lesion(1, 20.0), lesion(2, 19.5), lesion(3, 5.0)], Query(rank="largest"))
    assert decisions(found) == ["doubtful", "dropped", "dropped"]
    assert "nearly the same size" in found.verdicts[0].reasons[0]
    assert found.verdicts[2].reasons == ("not the largest",)


def test_a_rank_that_counts_a_doubtful_lesion_is_in_doubt():
    lesions = [lesion(1, 60.0, **BOTH), lesion(2, 30.0, **LEFT)]
    found = select(lesions, Query(sides=("left",), rank="largest", place=2))
    assert decisions(found) == ["dropped", "doubtful"]
    sure = select(lesions, Query(sides=("left",), rank="smallest"))
    assert decisions(sure) == ["dropped", "kept"]


def test_a_count_that_does_not_fit_is_said():
    found = select([lesion(1), lesion(2), lesion(3)], Query(count=2))
    assert found.kept == (1, 2, 3)
    assert found.doubtful
    assert found.notes == ("The text says 2 lesions, 3 fit.",)
    assert not select([lesion(1), lesion(2)], Query(count=2)).doubtful


def test_a_contradiction_keeps_nothing_and_says_so():
    found = select([lesion(1), lesion(2, **LEFT)], Query(contradictory=True))
    assert found.kept == ()
    assert {v.reasons for v in found.verdicts} == {("the text contradicts itself",)}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (Query(rank="largest", per_lobe=True), (1, 3)),
        (Query(rank="smallest", per_lobe=True), (2, 4)),
        (Query(rank="largest", per_lobe=True, excluded=True), (2, 4)),
        (Query(rank="largest", per_lobe=True, count=2), (1, 2, 3, 4)),
        (Query(rank="largest"), (1,)),
    ],
)
def test_a_rank_in_each_lobe(query, kept):
    found = [lesion(1, size=40.0), lesion(2, size=10.0), lesion(3, size=20.0, **LEFT)]
    found.append(lesion(4, size=8.0, **LEFT))
    assert select(found, query).kept == kept


def test_a_lesion_on_the_border_may_be_the_largest_of_either_lobe():
    found = [lesion(1, size=40.0, **BOTH), lesion(2, size=10.0), lesion(3, size=20.0, **LEFT)]
    assert select(found, Query(rank="largest", per_lobe=True)).kept == (1,)


def test_a_denial_keeps_nothing_and_names_what_contradicts_it():
    lesions = [lesion(1, 18.0), lesion(2, 9.0, **LEFT)]
    found = select(lesions, Query(nothing=True, sides=("left",)))
    assert found.kept == ()
    assert found.contradicting == (2,)
    assert found.notes == (
        "The text says there is nothing; the search found 1 lesion: 9 mm, left lobe.",
    )
    assert select([lesions[0]], Query(nothing=True, sides=("left",))).notes == ()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(organ="other"), "another organ"),
        (Query(whole_organ=True), "the liver itself"),
        (Query(whole_organ=True, sides=("left",)), "the left lobe itself"),
    ],
)
def test_what_is_no_lesion_keeps_none(query, said):
    decision, reason = only(lesion(), query)
    assert decision == "dropped"
    assert said in reason


LESIONS = st.builds(
    lambda number, size, sides, contrast, capsule, z: lesion(
        number, size, sides=sides, contrast_hu=contrast, capsule_mm=capsule,
        centroid_ras=(0.0, -z, z),
    ),
    st.just(1),
    st.floats(2.0, 120.0),
    st.sampled_from([("left",), ("right",), ("left", "right"), ()]),
    st.floats(-120.0, 60.0),
    st.floats(0.0, 25.0),
    st.floats(-100.0, 100.0),
)  # fmt: skip
SETS = st.lists(LESIONS, max_size=6).map(
    lambda many: [replace(one, number=n) for n, one in enumerate(many, 1)]
)
QUERIES = st.builds(
    Query,
    sides=st.sampled_from([(), ("left",), ("right",), ("left", "right")]),
    attenuation=st.sampled_from([None, "hypodense", "hyperdense", "isodense", "cystic"]),
    size_min_mm=st.none() | st.floats(1.0, 100.0),
    size_max_mm=st.none() | st.floats(1.0, 100.0),
    location=st.sampled_from([None, "subcapsular", "central"]),
    rank=st.sampled_from([None, "largest", "smallest", "most anterior", "most inferior"]),
    place=st.integers(1, 3),
    count=st.none() | st.integers(1, 3),
    excluded=st.booleans(),
    nothing=st.booleans(),
)


@given(SETS, QUERIES, st.randoms())
def test_the_order_of_the_lesions_changes_nothing(lesions, query, shuffler: random.Random):
    before = {v.number: v for v in select(lesions, query).verdicts}
    mixed = list(lesions)
    shuffler.shuffle(mixed)
    assert {v.number: v for v in select(mixed, query).verdicts} == before


@given(SETS, QUERIES)
def test_every_lesion_gets_a_verdict_and_every_drop_and_doubt_a_reason(lesions, query):
    found = select(lesions, query)
    assert [v.number for v in found.verdicts] == [one.number for one in lesions]
    assert all(v.reasons for v in found.verdicts if v.decision != "kept")


@given(SETS, QUERIES)
def test_left_and_right_part_the_lesions(lesions, query):
    plain = replace(query, rank=None, count=None, nothing=False)
    left = set(select(lesions, replace(plain, sides=("left",))).kept)
    right = set(select(lesions, replace(plain, sides=("right",))).kept)
    both = set(select(lesions, replace(plain, sides=())).kept)
    assert left | right == both
    shared = {one.number for one in lesions if len(one.sides) != 1}
    assert left & right <= shared


@given(SETS, QUERIES, st.floats(1.0, 100.0), st.floats(0.0, 50.0))
def test_wider_limits_keep_more(lesions, query, limit, more):
    plain = replace(query, rank=None, count=None, nothing=False)
    narrow = select(lesions, replace(plain, size_max_mm=limit)).kept
    assert set(narrow) <= set(select(lesions, replace(plain, size_max_mm=limit + more)).kept)


@given(SETS, QUERIES)
def test_a_rank_keeps_at_most_its_count(lesions, query):
    ranked = replace(query, rank="largest", excluded=False)
    assert len(select(lesions, ranked).kept) <= (query.count or 1)
    assert set(select(lesions, ranked).kept) <= set(
        select(lesions, replace(ranked, rank=None, count=None)).kept
    )
