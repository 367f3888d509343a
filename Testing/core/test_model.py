"""What must hold of LSMS, for every variant and mixer."""

from __future__ import annotations

import pytest
import torch

from lsms_core.errors import BundleError
from lsms_core.models.lsms.losses import LossConfig, LSMSLoss, contrastive_loss, dice_loss
from lsms_core.models.lsms.lsms_config import VARIANTS, LSMSConfig
from lsms_core.models.lsms.mixers import NMFMixer
from lsms_core.models.lsms.model import LSMS, LSMSModel
from lsms_core.models.lsms.text_encoder import TextEncoder

BERT = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
# Millions of parameters: vision, decoder, language at D_text 384 and 768.
TABLE = {
    "tiny": (3.90, 0.33, 2.33, 3.56),
    "small": (13.45, 0.46, 5.97, 8.04),
    "base": (26.28, 1.32, 12.90, 17.47),
    "large": (44.64, 4.20, 23.08, 31.53),
}


def small_config(mixer: str = "nmf") -> LSMSConfig:
    return LSMSConfig(
        dims=(8, 8, 16, 16), depths=(1, 1, 1, 1), decoder_width=32, text_width=16, mixer=mixer
    )


@pytest.fixture(params=["nmf", "mhsa"])
def network(request) -> LSMS:
    torch.manual_seed(0)
    return LSMS(small_config(request.param)).eval()


def inputs(batch: int = 2, size: tuple[int, int] = (64, 96), tokens: int = 5):
    generator = torch.Generator().manual_seed(1)
    image = torch.randn((batch, 3, *size), generator=generator)
    text = torch.randn((batch, tokens, 16), generator=generator)
    return image, text, torch.ones((batch, tokens), dtype=torch.bool)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("width", [384, 768])
def test_parameter_counts_match_the_table(name, width):
    with torch.device("meta"):
        network = LSMS(LSMSConfig.variant(name, text_width=width))
    language = sum(p.numel() for n, p in network.named_parameters() if ".language." in n)
    decoder = sum(p.numel() for p in network.decoder.parameters())
    vision = sum(p.numel() for p in network.parameters()) - language - decoder
    expected = TABLE[name]
    assert vision / 1e6 == pytest.approx(expected[0], rel=0.03)
    assert decoder / 1e6 == pytest.approx(expected[1], rel=0.03)
    assert language / 1e6 == pytest.approx(expected[2 if width == 384 else 3], rel=0.03)


@torch.inference_mode()
def test_padding_tokens_change_nothing(network):
    image, text, mask = inputs()
    padded = torch.cat([text, torch.full((2, 7, 16), 50.0)], dim=1)
    longer = torch.cat([mask, torch.zeros((2, 7), dtype=torch.bool)], dim=1)
    # Another length sums in another order; padding that leaked would be off by far more.
    torch.testing.assert_close(
        network(image, text, mask), network(image, padded, longer), atol=1e-4, rtol=1e-4
    )


@torch.inference_mode()
def test_the_text_changes_the_answer(network):
    image, text, mask = inputs()
    for block in (m for m in network.modules() if hasattr(m, "scale1")):
        block.scale1.fill_(1.0)
    assert not torch.allclose(network(image, text, mask), network(image, -text, mask), atol=1e-4)


@torch.inference_mode()
def test_permuting_the_batch_permutes_the_output(network):
    image, text, mask = inputs(batch=3)
    order = torch.tensor([2, 0, 1])
    straight = network(image, text, mask)[order]
    torch.testing.assert_close(
        network(image[order], text[order], mask[order]), straight, atol=1e-5, rtol=1e-4
    )


@torch.inference_mode()
def test_evaluation_is_deterministic(network):
    assert torch.equal(network(*inputs()), network(*inputs()))


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (224, 160), (1024, 64)])
@torch.inference_mode()
def test_any_size_works(network, size):
    logits = network(*inputs(batch=1, size=size))
    assert logits.shape == (1, 1, *size)
    assert logits.isfinite().all()


@torch.inference_mode()
def test_bfloat16_agrees_with_float32(network):
    full = network(*inputs()).sigmoid()
    with torch.autocast("cpu", torch.bfloat16):
        half = network(*inputs()).float().sigmoid()
    torch.testing.assert_close(full, half, atol=0.01, rtol=0.0)


@torch.inference_mode()
def test_a_silent_language_branch_leaves_plain_mscan(network):
    for name, parameter in network.named_parameters():
        if ".language.gate." in name:
            parameter.zero_()
    image, text, mask = inputs()
    features = network.encoder(image, text, mask)
    for other in (text * 0, -3 * text):
        for a, b in zip(features, network.encoder(image, other, mask), strict=True):
            assert torch.equal(a, b)


def model(mixer: str = "nmf") -> LSMSModel:
    torch.manual_seed(0)
    return LSMSModel(small_config(mixer), TextEncoder.from_config(BERT))


def training_batch():
    generator = torch.Generator().manual_seed(2)
    image = torch.randn((3, 3, 64, 64), generator=generator)
    ids = torch.randint(1, 40, (3, 6), generator=generator)
    target = torch.zeros((3, 1, 64, 64))
    target[0, :, 8:24, 8:24] = 1
    target[1, :, 32:56, 32:56] = 1
    lesions = torch.zeros((3, 64, 64), dtype=torch.long)
    lesions[0, 8:24, 8:24] = 1
    lesions[0, 40:60, 40:60] = 2
    lesions[1, 32:56, 32:56] = 1
    return image, ids, torch.ones_like(ids), target, lesions


@pytest.mark.parametrize("mixer", ["nmf", "mhsa"])
def test_every_parameter_gets_a_gradient(mixer):
    network = model(mixer).train()
    image, ids, mask, target, lesions = training_batch()
    losses = LSMSLoss()(network(image, ids, mask), target, lesions)
    losses["loss"].backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None]
    assert missing == []
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_embeddings_come_in_training_only():
    image, ids, mask, *_ = training_batch()
    with torch.inference_mode():
        assert model().eval()(image, ids, mask).pixel_embedding is None


def test_a_batch_with_no_target_has_a_finite_loss_that_asks_for_nothing():
    network = model().train()
    image, ids, mask, target, _ = training_batch()
    output = network(image, ids, mask)
    losses = LSMSLoss()(output, target * 0, None)
    assert 0 < losses["dice"] < 1
    assert losses["contrastive"] == 0
    (gradient,) = torch.autograd.grad(losses["loss"], output.logits)
    assert (gradient > 0).all()


def test_dice_is_zero_for_a_perfect_mask_and_near_one_for_a_wrong_one():
    _, _, _, target, _ = training_batch()
    assert dice_loss(40 * (target - 0.5), target) < 1e-3
    assert dice_loss(-40 * (target - 0.5), target) > 0.95


def test_an_invented_lesion_costs_about_as_much_as_a_missed_one():
    nothing = torch.zeros((1, 1, 64, 64))
    lesion = nothing.clone()
    lesion[..., 20:32, 20:32] = 1
    invented, missed = dice_loss(40 * (lesion - 0.5), nothing), dice_loss(nothing - 20, lesion)
    assert invented > 0.5 * missed
    assert dice_loss(nothing - 20, nothing) < 1e-3


def test_contrast_pulls_the_named_region_and_pushes_the_other_lesion():
    _, _, _, target, lesions = training_batch()
    torch.manual_seed(3)
    pixels = torch.randn((3, 8, 16, 16), requires_grad=True)
    text = torch.nn.functional.normalize(torch.randn((3, 8)), dim=1)
    (gradient,) = torch.autograd.grad(
        contrastive_loss(pixels, text, target, lesions, LossConfig()), pixels
    )
    stepped = (pixels - 5.0 * gradient).detach()

    def similarity(values, rows, columns):
        region = torch.nn.functional.normalize(values[0], dim=0)[:, rows, columns].mean((1, 2))
        return float(torch.nn.functional.normalize(region, dim=0) @ text[0])

    inside, other = slice(2, 6), slice(10, 15)
    assert similarity(stepped, inside, inside) > similarity(pixels.detach(), inside, inside)
    assert similarity(stepped, other, other) < similarity(pixels.detach(), other, other)
    assert torch.equal(gradient[2], torch.zeros_like(gradient[2]))


def test_nmf_reconstructs_a_low_rank_image():
    torch.manual_seed(0)
    mixer = NMFMixer(16, rank=8).eval()
    x = (torch.rand(1, 16, 2) @ torch.rand(1, 2, 64)).view(1, 16, 8, 8)
    error = (mixer(x) - x).norm() / x.norm()
    assert error < 0.2


@pytest.mark.parametrize("values", [{"mixer": "x"}, {"align_stride": 7}, {"colour": 1}])
def test_unusable_configurations_are_refused(values):
    with pytest.raises(BundleError):
        LSMSConfig.from_dict(values)
    with pytest.raises(BundleError, match="tiny"):
        LSMSConfig.variant("huge")
