"""Air, fat and soft tissue tell whether values are Hounsfield units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.plausibility import (
    LIVER_ON_THE_LEFT,
    LUNGS_BELOW,
    SPINE_IN_FRONT,
    liver_notes,
    place_notes,
)
from lsms_core.errors import InputError
from lsms_core.io.hounsfield import ValueHint, check_values

CT = Path("ct.nii")


def body(noise: float = 12.0, seed: int = 0) -> np.ndarray:
    """A body with fat, liver, stomach, lungs above and a spine behind; rows run to the back."""
    rng = np.random.default_rng(seed)
    array = np.full((16, 80, 100), -1000.0)
    rows, columns = np.mgrid[:80, :100]
    ellipse = ((rows - 40) / 32) ** 2 + ((columns - 50) / 44) ** 2
    for n, image in enumerate(array):
        image[ellipse < 1] = -100  # fat
        image[ellipse < 0.8] = 55
        # Columns run from the patient's right to the left.
        right, left = ((rows - 38) / 22) ** 2 + ((columns - 30) / 18) ** 2 < 1, columns > 55
        image[right] = 100
        image[left & (ellipse < 0.7)] = -60
        if n >= 12:
            image[ellipse < 0.7] = -850
        image[58:68, 43:57] = 400
    return np.rint(array + rng.normal(0, noise, array.shape)).astype(np.int16)


def ct(array: np.ndarray, *signs: int) -> CTVolume:
    return CTVolume(array, np.diag([*np.multiply((-3.0, -3.0, 5.0), signs or (1, 1, 1)), 1.0]))


def test_a_ct_is_left_alone():
    array = body()
    checked, notes = check_values(array, CT)
    assert checked is array
    assert notes == []


@pytest.mark.parametrize("padding", [None, -3024, -2000, -1500, -1])
@pytest.mark.parametrize(
    "shift", [1024, 1000, 32768, 31744, -1024, -1000], ids=lambda s: f"shift {s}"
)
def test_a_shift_is_undone(shift, padding):
    moved = body().astype(np.int32) + shift
    if padding is not None:
        moved[:, :8] = padding
    checked, notes = check_values(moved, CT)
    assert f"{abs(shift)} was {'subtracted' if shift > 0 else 'added'}" in notes[0]
    np.testing.assert_array_equal(checked[:, 8:], body()[:, 8:])
    assert checked.dtype == np.int16


@pytest.mark.parametrize("padding", [-3024, -2000, -1024])
def test_padding_alone_is_no_shift(padding):
    array = body()
    array[:, :8] = padding
    assert check_values(array, CT)[1] == []


@pytest.mark.parametrize("total", [0, -1, 2047, 4095])
@pytest.mark.parametrize("known", [True, False])
def test_a_negative_is_turned_over(total, known):
    turned = (total - body().astype(np.int32)).astype(np.int16)
    hint = ValueHint(True, float(total)) if known else None
    checked, notes = check_values(turned, CT, hint)
    assert "turned over" in notes[0]
    np.testing.assert_allclose(checked, body(), atol=1)


def test_what_cannot_be_mended_is_told():
    array = body()
    assert "above 600" in check_values(array[:12, 30:50, 20:40] + np.int16(1024), CT)[1][0]
    assert "below -1150" in check_values(array.astype(np.int32) * 10, CT)[1][0]
    cut = np.clip(array, -160, 240)
    assert check_values(cut, CT)[1] == []
    assert "borders are brighter" in check_values(-cut, CT)[1][0]


def test_mr_is_told_and_labels_are_refused():
    rng = np.random.default_rng(0)
    mr = np.maximum(rng.normal(400, 100, (8, 60, 60)), -10).astype(np.int16)
    mr[0, 0, 0] = -10
    assert "fat and air" in check_values(mr, CT)[1][0]
    with pytest.raises(InputError, match="not a label map"):
        check_values(rng.integers(0, 5, (8, 60, 60)), CT)


@settings(max_examples=30, deadline=None)
@given(
    noise=st.floats(0, 40), seed=st.integers(0, 99), shift=st.sampled_from([0, 1024, 1000, -1024])
)
def test_any_noise(noise, seed, shift):
    true = body(noise, seed)
    checked, _ = check_values(true + np.int16(shift), CT)
    # 24 HU lie between the two usual offsets; noise may hide which it was, never more.
    assert np.abs(checked.astype(int) - true).max() <= 24


class TestPlace:
    def test_nothing_is_said_of_a_right_header(self):
        assert place_notes(ct(body())) == []
        assert place_notes(ct(body()[:1])) == []

    def test_stored_the_other_way_round_is_no_contradiction(self):
        array = body()
        assert place_notes(ct(array[::-1], 1, 1, -1)) == []
        assert place_notes(ct(array[:, ::-1], 1, -1, 1)) == []
        assert place_notes(ct(array[:, :, ::-1], -1, 1, 1)) == []

    def test_each_contradiction_is_told(self):
        assert place_notes(ct(body(), 1, -1, 1)) == [SPINE_IN_FRONT]
        assert place_notes(ct(body(), -1, 1, 1)) == [LIVER_ON_THE_LEFT]
        assert place_notes(ct(body(), 1, 1, -1)) == [LUNGS_BELOW]

    def test_a_liver_map_tells_more(self):
        liver = body() > 85
        liver[:, 56:] = False
        liver[:, :, 45:] = False
        assert liver_notes(ct(body()), liver) == []
        assert liver_notes(ct(body(), -1, 1, 1), liver) == [LIVER_ON_THE_LEFT]
        assert liver_notes(ct(body()), np.zeros_like(liver)) == []

    def test_pictures_without_a_body_say_nothing(self):
        assert place_notes(ct(np.full((4, 30, 30), -1000, np.int16))) == []
