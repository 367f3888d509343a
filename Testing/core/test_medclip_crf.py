"""The dense CRF against a sum over all pairs of pixels, and the rest of the clean-up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.models.medclip_sam.cleanup import (
    coarse_mask,
    largest_components,
    resize,
    two_means_threshold,
)
from lsms_core.models.medclip_sam.crf import refine, unary
from lsms_core.models.medclip_sam.medclip_config import CrfConfig, MedClipSamConfig


def normalise(kernel):
    kernel = kernel * (1 - np.eye(len(kernel)))
    n = np.maximum(kernel.sum(axis=1), 1e-8)
    return kernel / np.sqrt(n[:, None] * n)


def brute_force(grey, saliency, config):
    """Krähenbühl and Koltun's mean field, pair by pair, on colours of three equal channels."""
    rows, columns = np.indices(grey.shape).reshape(2, -1)
    colour = np.repeat(np.rint(grey * 255).reshape(-1, 1), 3, axis=1)
    space2 = (rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2
    colour2 = ((colour[:, None] - colour) ** 2).sum(axis=-1)
    kernels = [
        (config.gaussian_compat, np.exp(-0.5 * space2 / config.gaussian_sxy**2)),
        (
            config.bilateral_compat,
            np.exp(
                -0.5 * space2 / config.bilateral_sxy**2 - 0.5 * colour2 / config.bilateral_srgb**2
            ),
        ),
    ]
    kernels = [(weight, normalise(k)) for weight, k in kernels]
    p = np.stack([1 - saliency.astype(np.float64), saliency]).reshape(2, -1)
    cost = -np.log(p + 1e-8) / (config.tau / (1 + np.exp(-p)))
    q = np.exp(-cost) / np.exp(-cost).sum(axis=0)
    for _ in range(config.iterations):
        pay = np.zeros_like(q)
        for weight, k in kernels:
            for label in (0, 1):
                pay[label] += weight * (k @ q[1 - label])
        logit = -cost - pay
        q = np.exp(logit - logit.max(axis=0))
        q /= q.sum(axis=0)
    return q[1].reshape(grey.shape)


@pytest.mark.parametrize("iterations", [0, 1, 3])
@pytest.mark.parametrize("shape", [(9, 13), (16, 16)])
def test_mean_field_is_the_sum_over_all_pairs(iterations, shape):
    rng = np.random.default_rng(0)
    grey = rng.random(shape).astype(np.float32)
    grey[: shape[0] // 2] *= 0.3
    saliency = rng.random(shape).astype(np.float32)
    config = CrfConfig(iterations=iterations, bilateral_sxy=6.0, bilateral_srgb=40.0)
    expected = brute_force(grey, saliency, config)
    np.testing.assert_allclose(refine(grey, saliency, config), expected, atol=1e-9)


def test_the_papers_kernels_are_exact_too():
    rng = np.random.default_rng(1)
    grey, saliency = rng.random((2, 12, 20)).astype(np.float32)
    expected = brute_force(grey, saliency, CrfConfig())
    np.testing.assert_allclose(refine(grey, saliency, CrfConfig()), expected, atol=1e-9)


def test_appearance_pulls_the_mask_to_the_edge():
    """Saliency is a blurred square, off by three pixels; the picture's square is sharp."""
    grey = np.full((64, 64), 0.2, np.float32)
    grey[20:44, 20:44] = 0.8
    rows, columns = np.indices(grey.shape)
    far = np.maximum(abs(rows - 34.5), abs(columns - 34.5))
    saliency = (1 / (1 + np.exp((far - 12.0) / 3.0))).astype(np.float32)
    target = grey > 0.5

    def wrong(mask):
        return int((mask != target).sum())

    refined = refine(grey, saliency, CrfConfig(bilateral_compat=20.0)) > 0.5
    assert wrong(refined) < 0.5 * wrong(saliency > 0.5)


def test_unary_has_the_papers_form():
    cost = unary(np.array([[0.9]]), 1.05)
    sigmoid = 1 / (1 + np.exp(-0.9))
    assert cost[1, 0, 0] == pytest.approx(-np.log(0.9 + 1e-8) / (1.05 * sigmoid))
    assert cost[0, 0, 0] > cost[1, 0, 0]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30))
def test_two_means_is_optimal(values):
    numbers = np.array(values, np.float64)
    if len(set(values)) == 1:
        assert two_means_threshold(numbers) == numbers[0]
        return

    def within(threshold):
        low, high = numbers[numbers <= threshold], numbers[numbers > threshold]
        return ((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum()

    best = min(within(t) for t in sorted(set(values))[:-1])
    assert within(two_means_threshold(numbers)) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("cleanup", ["crf", "kmeans"])
def test_a_flat_map_gives_an_empty_mask_and_a_blob_its_place(cleanup):
    config = MedClipSamConfig(cleanup=cleanup)
    grey = np.full((50, 70), 0.3, np.float32)
    assert not coarse_mask(grey, np.zeros((14, 14), np.float32), config).any()
    grey[10:25, 40:60] = 0.9
    saliency = resize((grey > 0.5).astype(np.float32), (28, 28))
    mask = coarse_mask(grey, saliency, config)
    target = grey > 0.5
    assert mask.shape == grey.shape
    assert 2 * (mask & target).sum() / (mask.sum() + target.sum()) > 0.85


def test_largest_components():
    mask = np.zeros((20, 20), bool)
    mask[1:3, 1:3] = mask[8:12, 8:12] = mask[15:18, 15:18] = True
    assert largest_components(mask, 1).sum() == 16
    assert largest_components(mask, 2).sum() == 25
    assert largest_components(mask, 0).sum() == 29
