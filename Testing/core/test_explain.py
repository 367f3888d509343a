"""Why here, of an engine without stages: its map, and each word left out in turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lsms_core.errors import CancelledError, InputError
from lsms_core.inference.explain import MOST_WORDS, explain, word_change
from lsms_core.inference.predictor import Predictor
from Testing.core.conftest import block_ct

pytestmark = pytest.mark.slow

UNIT = st.floats(0, 1, width=32)


@pytest.fixture
def predictor(tiny_bundle, bright_engine):
    """Finds what is bright, whatever else is asked; see ``bright_engine``."""
    return Predictor.from_pretrained(tiny_bundle, "cpu")


def test_the_word_that_matters_is_found_and_the_others_are_not(predictor):
    shown = explain(predictor, block_ct(), "a bright  lesion", index=3)
    assert [one.word for one in shown.words] == ["a", "bright", "lesion"]
    change = {one.word: one.change for one in shown.words}
    assert change["bright"] == pytest.approx(0.9, abs=0.05)
    assert change["a"] == change["lesion"] == 0
    assert "highest probability on this slice is 0.90" in shown.verdict


def test_pictures_are_as_radiologists_see_them_and_maps_as_stored(predictor):
    ct = block_ct()
    # The same patient, stored with its columns to the right instead of to the left.
    affine = ct.affine @ np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (ct.affine @ [ct.shape[2] - 1, 0, 0, 1])[:3]
    turned = type(ct)(np.ascontiguousarray(ct.array[:, :, ::-1]), affine)
    one, other = (explain(predictor, volume, "bright", index=3) for volume in (ct, turned))
    for a, b in zip(one.pictures, other.pictures, strict=True):
        assert np.array_equal(a.picture, b.picture)
    assert np.array_equal(one.maps["probability"], other.maps["probability"][:, ::-1])
    found = one.maps["probability"] >= 0.5
    true = ct.array[3] == 200
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.85
    finding = one.pictures[2].picture.astype(int)
    orange = finding[..., 0] - finding[..., 2] > 60
    assert orange.any()
    # The patient's left is on the right of the picture.
    assert np.nonzero(orange)[1].min() > finding.shape[1] // 2


def test_nothing_found_is_said_and_not_drawn(predictor):
    shown = explain(predictor, block_ct(), "kidney stone", index=3)
    assert "below the 0.50" in shown.verdict
    assert "nothing is marked" in shown.pictures[2].caption
    assert np.array_equal(shown.pictures[0].picture, shown.pictures[2].picture)
    assert not np.array_equal(shown.pictures[0].picture, shown.pictures[1].picture)
    row = shown.draw()
    height, width, _ = shown.pictures[0].picture.shape
    assert row.shape == (height, 3 * width + 8, 3)


def test_the_threshold_of_the_slider_is_used(predictor):
    shown = explain(predictor, block_ct(), "bright", index=3, threshold=0.95)
    assert "below the 0.95" in shown.verdict
    with pytest.raises(InputError, match="between"):
        explain(predictor, block_ct(), "bright", index=3, threshold=2.0)


def test_it_tells_how_far_it_is_and_can_be_cancelled(predictor):
    steps = []
    explain(predictor, block_ct(), "bright big lesion", progress=lambda *step: steps.append(step))
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(CancelledError):
        explain(predictor, block_ct(), "bright lesion", cancelled=lambda: len(steps) > 0)


def test_long_texts_and_single_words(predictor):
    long = explain(predictor, block_ct(), "bright " * 40, index=3)
    assert len(long.words) == MOST_WORDS
    assert all(one.change == 0 for one in long.words)  # the word is there 39 times without it
    assert explain(predictor, block_ct(), "bright", index=3).words == ()
    with pytest.raises(InputError, match="empty"):
        explain(predictor, block_ct(), " ")
    with pytest.raises(InputError, match="Slice 99 is outside"):
        explain(predictor, block_ct(), "bright", index=99)


def test_the_answer_is_the_one_that_segment_gives(small_bundle, small_ct):
    predictor, ct = Predictor.from_pretrained(small_bundle, "cpu"), small_ct()
    (found,) = predictor.segment(ct, "left lobe lesion", slices=2)
    shown = explain(predictor, ct, "left lobe lesion", index=2)
    np.testing.assert_allclose(
        shown.maps["probability"], found.probability[2].astype(np.float32), atol=2e-3
    )


@given(arrays(np.float32, (4, 5), elements=UNIT), arrays(np.float32, (4, 5), elements=UNIT))
def test_the_change_of_a_word_is_a_distance(whole, without):
    change = word_change(whole, without, 0.5)
    assert 0 <= change <= 1
    assert change == word_change(without, whole, 0.5)
    assert word_change(whole, whole, 0.5) == 0
    # What stays below both, far from any finding, does not dilute it.
    wide = [np.pad(m, ((0, 50), (0, 0))) for m in (whole, without)]
    if max(whole.max(), without.max()) > 0:
        assert word_change(*wide, 0.5) == pytest.approx(change, abs=1e-6)
