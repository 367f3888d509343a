"""Corrections in words: one operation, what it is done to, and nothing by a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.language.corrections import Operation, read_correction
from lsms_core.language.query import Query
from lsms_core.language.read import read

TARGETS = (
    "the left one",
    "the one in segment 7",
    "the largest",
    "the two smallest lesions",
    "the cysts",
    "lesions over 1 cm",
    "lesions smaller than 5 mm in the right lobe",
    "the subcapsular nodule",
    "the small one in the left lobe",
    "all but the largest",
    "well-defined hypodense lesions",
)
VERBS = {
    Operation.KEEP: ("only", "just", "keep", "keep only", "nothing but"),
    Operation.DROP: ("drop", "remove", "without", "delete", "exclude", "not", "get rid of"),
    Operation.ADD: ("also", "add", "include", "bring back"),
}


@given(
    st.sampled_from([(o, v) for o, verbs in VERBS.items() for v in verbs]),
    st.sampled_from(TARGETS),
    st.sampled_from(["", "please ", "OK, "]),
)
def test_a_target_is_read_as_any_other_text(verb, target, polite):
    operation, word = verb
    correction = read_correction(f"{polite}{word} {target}")
    assert correction.operation is operation
    assert correction.query == read(target).query
    assert correction.numbers == ()


@given(
    st.sampled_from(["drop", "remove", "keep", "add", "only", "delete"]),
    st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True),
    st.sampled_from(["lesion ", "lesions ", "#", "number ", ""]),
)
def test_lesions_are_named_by_number(verb, numbers, noun):
    correction = read_correction(f"{verb} {noun}{', '.join(map(str, numbers))}")
    assert correction.understood
    assert correction.numbers == tuple(numbers)
    assert correction.query == Query()


@given(st.integers(1, 20), st.sampled_from(["mm", " mm", " millimetres"]))
def test_an_amount_is_in_millimetres(amount, unit):
    grown = read_correction(f"{amount}{unit} larger")
    assert (grown.operation, grown.amount_mm) == (Operation.GROW, amount)
    shrunk = read_correction(f"shrink it by {amount}{unit}")
    assert (shrunk.operation, shrunk.amount_mm) == (Operation.SHRINK, amount)


@pytest.mark.parametrize(
    ("text", "operation", "numbers", "amount"),
    [
        ("grow lesion 2 by 1 mm", Operation.GROW, (2,), 1.0),
        ("lesion 3 bigger by 2 mm", Operation.GROW, (3,), 2.0),
        ("add a 5 mm margin", Operation.GROW, (), 5.0),
        ("expand by half a centimetre", Operation.GROW, (), 5.0),
        ("remove 2 mm", Operation.SHRINK, (), 2.0),
        ("a bit smaller", Operation.SHRINK, (), None),
        ("fill holes in lesion 1", Operation.FILL_HOLES, (1,), None),
        ("fill the holes", Operation.FILL_HOLES, (), None),
        ("smooth the outline", Operation.SMOOTH, (), None),
        ("undo the last correction", Operation.UNDO, (), None),
        ("drop lesions 1-3", Operation.DROP, (1, 2, 3), None),
        ("delete the second one", Operation.DROP, (2,), None),
        ("lesion 4 is not a lesion", Operation.DROP, (4,), None),
        ("remvoe lesion 2", Operation.DROP, (2,), None),
        ("remove all", Operation.DROP, (), None),
    ],
)
def test_operations_amounts_and_numbers(text, operation, numbers, amount):
    correction = read_correction(text)
    assert (correction.operation, correction.numbers, correction.amount_mm) == (
        operation, numbers, amount,
    )  # fmt: skip


def test_what_is_meant_wins_over_what_is_not():
    correction = read_correction("not the left one, the right one")
    assert correction.operation is Operation.KEEP
    assert correction.query.sides == ("right",)


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "asdf", "left lobe lesions", "drop the calcified one", "redo",
        "remove the spleen",
        "fill the holes and smooth", "only the largest and undo", "nicht das rechte", "larger than",
        "not only the largest", "undo the largest",
    ],
)  # fmt: skip
def test_what_is_not_clear_does_nothing(text):
    correction = read_correction(text)
    assert not correction.understood
    assert correction.query == Query()
    assert correction.to_dict()["operation"] is None


def test_words_that_change_nothing_are_told():
    correction = read_correction("drop the calcified lesion in segment 4")
    assert correction.query.segments == ("4",)
    assert correction.unread == ("calcified",)
