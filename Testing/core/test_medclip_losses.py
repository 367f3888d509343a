"""DHN-NCE is its formula, and its gradient has the signs that its purpose asks for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from lsms_core.errors import InputError
from lsms_core.models.medclip_sam.contrastive_losses import dhn_nce, info_nce, one_way


def embeddings(pairs, seed, width=8):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(
        torch.randn((2, pairs, width), generator=generator, dtype=torch.float64), dim=-1
    )


def formula(images, texts, tau, beta1, beta2):
    """The printed formula, term by term."""
    pairs = len(images)

    def one_way(a, b, beta):
        total = 0.0
        for i in range(pairs):
            total -= a[i] @ b[i] / tau
            others = [j for j in range(pairs) if j != i]
            norm = sum(np.exp(beta * a[i] @ b[k] / tau) for k in others)
            total += np.log(
                sum(
                    np.exp(a[i] @ b[j] / tau)
                    * (pairs - 1)
                    * np.exp(beta * a[i] @ b[j] / tau)
                    / norm
                    for j in others
                )
            )
        return total

    return one_way(images, texts, beta1) + one_way(texts, images, beta2)


@given(st.integers(2, 7), st.integers(0, 10_000), st.sampled_from([0.07, 0.6]))
def test_the_value_is_the_formulas(pairs, seed, tau):
    images, texts = embeddings(pairs, seed)
    expected = formula(images.numpy(), texts.numpy(), tau, 0.15, 0.3)
    options = {"tau": tau, "beta1": 0.15, "beta2": 0.3}
    assert float(dhn_nce(images, texts, **options)) == pytest.approx(expected, abs=1e-9)
    constant = dhn_nce(images, texts, **options, constant_weights=True)
    assert float(constant) == pytest.approx(expected, abs=1e-9)
    mean = dhn_nce(images, texts, **options, reduction="mean")
    assert float(mean) == pytest.approx(expected / pairs, abs=1e-9)


def gradient_of_similarities(similarity, **options):
    """Gradient by each cosine I_i.T_j; the loss sees nothing else of the embeddings."""
    matrix = similarity.clone().requires_grad_(True)
    # Identity texts make the cosines free: images @ texts.T is the matrix itself.
    dhn_nce(matrix, torch.eye(len(matrix), dtype=matrix.dtype), **options).backward()
    return matrix.grad


@given(st.integers(3, 8), st.integers(0, 10_000))
def test_positives_are_pulled_and_hard_negatives_pushed_harder(pairs, seed):
    images, texts = embeddings(pairs, seed)
    similarity = images @ texts.T
    gradient = gradient_of_similarities(similarity)
    # A step goes against the gradient: negative means pulled together.
    assert (gradient.diagonal() < 0).all()
    # One way only (beta2's part has its own order, by columns).
    matrix = similarity.clone().requires_grad_(True)
    others = ~torch.eye(pairs, dtype=torch.bool)
    one_way(matrix / 0.6, 0.15).backward()
    push = matrix.grad[others].reshape(pairs, -1)
    order = similarity[others].reshape(pairs, -1).argsort(dim=1)
    assert (push.gather(1, order).diff(dim=1) > -1e-12).all()
    assert (push.gather(1, order[:, -1:]) > 0).all()


@given(st.integers(3, 8), st.integers(0, 10_000))
def test_the_hardest_negative_of_all_is_pushed_by_the_whole_loss(pairs, seed):
    images, texts = embeddings(pairs, seed)
    similarity = images @ texts.T
    gradient = gradient_of_similarities(similarity)
    off = similarity.clone().fill_diagonal_(-2.0)
    hardest = np.unravel_index(int(off.argmax()), off.shape)
    assert float(gradient[hardest]) > 0


@given(st.integers(3, 8), st.integers(0, 10_000))
def test_with_constant_weights_every_negative_is_pushed(pairs, seed):
    images, texts = embeddings(pairs, seed)
    gradient = gradient_of_similarities(images @ texts.T, constant_weights=True)
    others = ~torch.eye(pairs, dtype=torch.bool)
    assert (gradient[others] > 0).all()


def test_the_formula_pulls_a_hopelessly_easy_negative_a_little():
    """Why ``constant_weights`` exists."""
    similarity = torch.full((3, 3), 1.0, dtype=torch.float64)
    similarity[0, 2] = similarity[2, 0] = -1.0
    similarity[1, 2] = similarity[2, 1] = -1.0
    matrix = similarity.clone().requires_grad_(True)
    one_way(matrix / 0.6, 0.15).backward()
    assert float(matrix.grad[0, 1]) > 0
    assert float(matrix.grad[0, 2]) < 0


def test_harder_weights_push_the_hardest_negative_harder():
    similarity = torch.tensor(
        [[0.9, 0.6, -0.2], [0.1, 0.8, 0.0], [-0.3, 0.2, 0.7]], dtype=torch.float64
    )
    soft = gradient_of_similarities(similarity, beta1=0.0, beta2=0.0)
    hard = gradient_of_similarities(similarity, beta1=1.0, beta2=1.0)
    assert float(hard[0, 1]) > float(soft[0, 1])


def test_far_apart_similarities_do_not_overflow():
    images, texts = embeddings(4, 0)
    loss = dhn_nce(images.float(), texts.float(), tau=1e-3)
    assert torch.isfinite(loss)


def test_infonce_is_lowest_for_matched_pairs():
    images, _ = embeddings(6, 1)
    assert info_nce(images, images) < info_nce(images, images.roll(1, 0))
    assert dhn_nce(images, images) < dhn_nce(images, images.roll(1, 0))


def test_a_single_pair_has_no_negative():
    images, texts = embeddings(1, 0)
    with pytest.raises(InputError, match="two pairs"):
        dhn_nce(images, texts)
