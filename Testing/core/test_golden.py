"""The released weights on a fixed synthetic CT: what each text keeps, and how well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsms_core.cli.demo import _make
from lsms_core.evaluation.scores import overlap
from lsms_core.inference.predictor import Predictor

pytestmark = pytest.mark.slow

RELEASED = Path(__file__).parents[2] / "Resources" / "Models" / "lsms-tiny"

# The slice shows one lesion in each lobe.
SLICE = 25


@pytest.fixture(scope="module")
def phantom():
    return _make(0)


@pytest.fixture(scope="module")
def found(phantom):
    predictor = Predictor.from_pretrained(RELEASED, "cpu", verify=False)
    return predictor.search(phantom.ct, slices=SLICE)


def test_two_lesions_are_found_and_the_liver(phantom, found):
    assert [one.sides for one in found.lesions] == [("left",), ("right",)]
    assert [one.attenuation for one in found.lesions] == ["hypodense", "hypodense"]
    assert overlap(phantom.liver[SLICE], found.liver.liver[SLICE])[0] > 0.9


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("left lobe hypodense lesion", [1]),
        ("right lobe lesion", [2]),
        ("left lobe lesion, right lobe lesion", [1, 2]),
        ("largest lesion", [1]),
        ("smallest lesion", [2]),
        # Drawn 25 and 20 mm long, so the second is kept with a doubt; the truth is 25 and 17.
        ("lesions over 2 cm", [1, 2]),
        ("lesions over 23 mm", [1]),
        ("lesions under 2 cm", [2]),
        ("all but the largest", [2]),
        ("hyperdense lesion", []),
        ("no lesion in the left lobe", []),
        ("gallbladder stone", []),
        ("lorem ipsum dolor sit amet", []),
        ("hypodense Läsion im rechten Leberlappen", []),
    ],
)
def test_what_each_text_keeps(found, text, kept):
    assert [one.number for one in found.answer(text).kept] == kept


@pytest.mark.parametrize(("text", "number", "floor"), [("left lobe lesion", 1, 0.8),
                                                       ("right lobe lesion", 2, 0.5)])  # fmt: skip
def test_how_well_it_is_outlined(phantom, found, text, number, floor):
    truth = phantom.instances[SLICE] == number
    assert overlap(truth, found.answer(text).mask[SLICE])[0] >= floor


def test_left_and_right_share_nothing(found):
    left, right = found.answer("left lobe lesion").mask, found.answer("right lobe lesion").mask
    assert left.any()
    assert right.any()
    assert not (left & right).any()


def test_a_search_is_remembered_by_its_content(phantom):
    predictor = Predictor.from_pretrained(RELEASED, "cpu", verify=False)
    calls = []
    draw = predictor.model.draw
    predictor.model.draw = lambda images: calls.append(len(images)) or draw(images)
    small = phantom.ct.with_array(phantom.ct.array[:, ::2, ::2].copy())
    predictor.search(small, slices=SLICE)
    first = len(calls)
    predictor.segment(small, "left lobe lesion", slices=SLICE)
    assert len(calls) == first
    changed = small.array.copy()
    changed[SLICE, 40, 40] += 1
    again = predictor.search(small.with_array(changed), slices=SLICE)
    assert len(calls) > first
    assert np.isfinite(again.best)
