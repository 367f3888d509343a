"""Cutting probability maps: what is kept, how it is scored, when the answer is no."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.errors import BundleError, InputError
from lsms_core.inference.postprocess import PostprocessingConfig, find_components

CONFIG = PostprocessingConfig(min_area_mm2=4.0, min_depth_mm=3.0)


@dataclass(frozen=True)
class Found:
    """The components as one mask."""

    mask: np.ndarray
    score: float
    present: bool


def postprocess(probability, spacing_mm, config=None, **options) -> Found:
    found = find_components(probability, spacing_mm, config, **options)
    best = max(found.scores, default=found.best)
    return Found(found.labels > 0, best, bool(found.scores))


def blob(shape, where, value=0.9):
    probability = np.zeros(shape, np.float16)
    probability[where] = value
    return probability


def test_score_is_the_geometric_mean_of_mean_and_peak():
    probability = blob((20, 20), np.s_[4:8, 4:8], 0.6)
    probability[5, 5] = 0.96
    cut = postprocess(probability, (1.0, 1.0), CONFIG)
    values = probability[4:8, 4:8].astype(float)
    assert cut.score == pytest.approx(np.sqrt(values.mean() * values.max()), abs=1e-9)
    assert cut.present
    np.testing.assert_array_equal(cut.mask, probability > 0.5)


def test_nothing_above_the_threshold_is_not_present_and_the_peak_remains():
    cut = postprocess(blob((20, 20), np.s_[4:8, 4:8], 0.25), (1.0, 1.0), CONFIG)
    assert not cut.present
    assert not cut.mask.any()
    assert cut.score == 0.25


def test_a_large_but_doubtful_component_is_refused_and_a_sure_one_kept():
    probability = blob((40, 40), np.s_[2:20, 2:20], 0.55)
    probability[30:34, 30:34] = 0.95
    config = PostprocessingConfig(presence_threshold=0.8, min_area_mm2=4.0)
    cut = postprocess(probability, (1.0, 1.0), config)
    assert cut.present
    np.testing.assert_array_equal(cut.mask, probability > 0.9)


def test_specks_below_the_smallest_area_are_dropped_in_square_millimetres():
    probability = blob((20, 20), np.s_[3:5, 3:5])
    assert postprocess(probability, (1.0, 1.0), CONFIG).present  # 4 mm2
    small = postprocess(probability, (0.9, 1.0), CONFIG)
    assert not small.present
    assert small.score < CONFIG.presence_threshold


def test_diagonal_pixels_are_one_component_in_a_slice():
    probability = np.zeros((20, 20), np.float16)
    probability[range(4, 8), range(4, 8)] = 0.9
    assert postprocess(probability, (1.0, 1.0), CONFIG).mask.sum() == 4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_single_thin_slice_specks_go_and_deep_lesions_stay(axis):
    probability = np.zeros((9, 30, 30), np.float16)
    probability[4, 3:8, 3:8] = 0.9  # one slice of 1 mm
    probability[3:7, 15:20, 15:20] = 0.9  # four slices
    spacing = [1.0, 0.8, 0.8]
    moved = np.moveaxis(probability, 0, axis)
    spacing.insert(axis, spacing.pop(0))
    mask = np.moveaxis(postprocess(moved, spacing, CONFIG, axis=axis).mask, axis, 0)
    assert not mask[:, 3:8, 3:8].any()
    assert mask[3:7, 15:20, 15:20].all()


def test_a_speck_of_one_thick_slice_and_one_at_the_ends_of_the_run_stay():
    probability = np.zeros((9, 30, 30), np.float16)
    probability[4, 3:8, 3:8] = 0.9
    assert postprocess(probability, (5.0, 1.0, 1.0), CONFIG).present
    assert not postprocess(probability, (1.0, 1.0, 1.0), CONFIG).present
    assert postprocess(probability, (1.0, 1.0, 1.0), CONFIG, slices=range(4, 9)).present
    assert postprocess(probability, (1.0, 1.0, 1.0), CONFIG, slices=[4]).present
    # Slices 0 and 4 are not neighbours, so neither is judged by the other.
    assert postprocess(probability, (1.0, 1.0, 1.0), CONFIG, slices=[0, 4]).present


def test_a_weak_end_of_a_lesion_is_carried_by_its_sure_middle():
    probability = np.zeros((6, 20, 20), np.float16)
    probability[1:5, 5:10, 5:10] = np.array([0.55, 0.95, 0.95, 0.55])[:, None, None]
    config = PostprocessingConfig(presence_threshold=0.7, min_area_mm2=4.0)
    assert postprocess(probability, (1.0, 1.0, 1.0), config).mask.sum() == 100
    flat = PostprocessingConfig(presence_threshold=0.7, min_area_mm2=4.0, volumetric=False)
    assert postprocess(probability, (1.0, 1.0, 1.0), flat).mask.sum() == 50


@given(
    seed=st.integers(0, 1000),
    low=st.floats(0.1, 0.85),
    step=st.floats(0.0, 0.1),
)
def test_a_lower_threshold_never_shows_less(seed, low, step):
    rng = np.random.default_rng(seed)
    probability = np.kron(rng.random((5, 5)), np.ones((4, 4))).astype(np.float16)
    config = PostprocessingConfig(mask_threshold=0.5, presence_threshold=0.6, min_area_mm2=1.0)
    above = postprocess(probability, (1.0, 1.0), config.at_threshold(low + step))
    below = postprocess(probability, (1.0, 1.0), config.at_threshold(low))
    if low + step <= 0.5:  # beyond the model's threshold larger components can fall apart
        assert below.mask.sum() >= above.mask.sum() or above.score < 0.6


@given(seed=st.integers(0, 1000), threshold=st.floats(0.05, 0.95))
def test_masks_hold_only_what_exceeds_the_threshold(seed, threshold):
    rng = np.random.default_rng(seed)
    probability = np.kron(rng.random((3, 4, 4)), np.ones((1, 5, 5))).astype(np.float16)
    cut = postprocess(probability, (2.0, 1.0, 1.0), CONFIG.at_threshold(threshold))
    assert (probability[cut.mask] >= threshold - 1e-3).all()
    assert 0.0 <= cut.score <= 1.0


def test_recut_at_the_models_own_threshold_changes_nothing():
    rng = np.random.default_rng(3)
    probability = np.kron(rng.random((8, 8)), np.ones((4, 4))).astype(np.float16)
    config = PostprocessingConfig(mask_threshold=0.6, presence_threshold=0.75, min_area_mm2=1.0)
    first = postprocess(probability, (1.0, 1.0), config)
    again = postprocess(probability, (1.0, 1.0), config.at_threshold(0.6))
    np.testing.assert_array_equal(first.mask, again.mask)
    assert first.score == again.score


def test_components_are_numbered_by_size_and_need_a_seed():
    probability = blob((30, 30), np.s_[2:10, 2:10], 0.6)
    probability[20:24, 20:24] = 0.99
    found = find_components(probability, (1.0, 1.0), CONFIG)
    assert (found.labels[5, 5], found.labels[21, 21]) == (1, 2)
    assert found.scores[1] > found.scores[0]
    seeded = replace(CONFIG, seed_threshold=0.8)
    found = find_components(probability, (1.0, 1.0), seeded)
    assert (found.labels[5, 5], found.labels[21, 21]) == (0, 1)
    assert seeded.at_threshold(0.25).seed_threshold == pytest.approx(0.4)


def test_the_input_is_left_alone():
    probability = blob((20, 20), np.s_[4:8, 4:8])
    before = probability.copy()
    postprocess(probability, (1.0, 1.0), CONFIG)
    np.testing.assert_array_equal(probability, before)


def test_configurations_survive_json_and_refuse_strangers():
    assert PostprocessingConfig.from_dict(CONFIG.to_dict()) == CONFIG
    with pytest.raises(BundleError, match="newer version"):
        PostprocessingConfig.from_dict({"magic": 1})
    with pytest.raises(InputError, match="between 0 and 1"):
        PostprocessingConfig(mask_threshold=1.0)
    with pytest.raises(InputError, match="0 or more"):
        PostprocessingConfig(min_area_mm2=-1)
    with pytest.raises(InputError, match="between 0 and 1"):
        CONFIG.at_threshold(0.0)
    with pytest.raises(InputError, match="one spacing an axis"):
        postprocess(np.zeros((4, 4)), (1.0, 1.0, 1.0))


def test_cutting_needs_no_torch():
    code = (
        "import sys, lsms_core.inference.postprocess, lsms_core.inference.outlined_candidates; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
