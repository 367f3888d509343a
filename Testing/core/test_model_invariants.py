"""What must hold of LSMS, against independent references and in every number format."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lsms_core.benchmarking.random_bundle import random_model
from lsms_core.models.bundle import load_bundle, save_bundle
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import LSMS

pytestmark = pytest.mark.slow

MIXERS = ("nmf", "mhsa")


def lively(network: LSMS) -> LSMS:
    """Weights as after training: every branch counts, and norms have seen data."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("scale1", "scale2")):
                parameter.copy_(0.1 + 0.4 * torch.rand(parameter.shape, generator=generator))
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                shape = module.running_mean.shape
                module.running_mean.copy_(0.3 * torch.randn(shape, generator=generator))
                module.running_var.copy_(0.5 + torch.rand(shape, generator=generator))
                module.weight.copy_(0.5 + torch.rand(shape, generator=generator))
                module.bias.copy_(0.2 * torch.randn(shape, generator=generator))
        network.decoder.classify.bias.zero_()
        network.decoder.classify.weight.mul_(4)
    return network.eval()


def make(mixer: str = "nmf", **changes) -> LSMS:
    shape = {"dims": (8, 16, 24, 32), "depths": (1, 2, 2, 1), "decoder_width": 32}
    torch.manual_seed(0)
    return lively(LSMS(LSMSConfig(**{**shape, "text_width": 16, "mixer": mixer, **changes})))


def inputs(size: tuple[int, int] = (64, 96), batch: int = 2, width: int = 16, tokens: int = 5):
    generator = torch.Generator().manual_seed(1)
    image = torch.rand((batch, 3, *size), generator=generator) * 2 - 1
    text = torch.randn((batch, tokens, width), generator=generator)
    return image, text, torch.ones((batch, tokens), dtype=torch.bool)


@torch.inference_mode()
def mscan(weights: dict[str, torch.Tensor], depths, image: torch.Tensor) -> list[torch.Tensor]:
    """Plain MSCAN (Guo et al., 2022), written from its formulas on the network's weights."""

    def conv(x, name, **options):
        weight = weights[f"encoder.{name}.weight"]
        bias = weights[f"encoder.{name}.bias"]
        groups = 1 if weight.shape[1] > 1 or x.shape[1] == 1 else x.shape[1]
        padding = tuple(k // 2 for k in weight.shape[2:])
        return F.conv2d(x, weight, bias, padding=padding, groups=groups, **options)

    def norm(x, name):
        mean, variance, scale, shift = (
            weights[f"encoder.{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift

    features, x = [], image
    for i, depth in enumerate(depths):
        down = f"downsample.{i}"
        x = norm(conv(x, f"{down}.0", stride=2), f"{down}.1")
        if i == 0:
            x = norm(conv(F.gelu(x), f"{down}.3", stride=2), f"{down}.4")
        for j in range(depth):
            block = f"stages.{i}.{j}"
            z = norm(x, f"{block}.norm1")
            u = F.gelu(conv(z, f"{block}.attention.w1"))
            svla = f"{block}.attention.svla"
            local = conv(u, f"{svla}.local")
            scales = local
            for k in range(3):
                strip = f"{svla}.strips.{k}"
                scales = scales + conv(conv(local, f"{strip}.0"), f"{strip}.1")
            attended = z + conv(u * conv(scales, f"{svla}.mix"), f"{block}.attention.w2")
            x = x + weights[f"encoder.{block}.scale1"] * attended
            hidden = conv(norm(x, f"{block}.norm2"), f"{block}.feed_forward.0")
            hidden = F.gelu(conv(hidden, f"{block}.feed_forward.1"))
            x = x + weights[f"encoder.{block}.scale2"] * conv(hidden, f"{block}.feed_forward.3")
        mean = x.mean(1, keepdim=True)
        spread = torch.sqrt(x.var(1, keepdim=True, correction=0) + 1e-5)
        scale = weights[f"encoder.norms.{i}.weight"][:, None, None]
        x = (x - mean) / spread * scale + weights[f"encoder.norms.{i}.bias"][:, None, None]
        features.append(x)
    return features


@torch.inference_mode()
def test_with_the_language_branch_zeroed_the_encoder_is_plain_mscan():
    network = make()
    for name, parameter in network.named_parameters():
        if ".language." in name:
            parameter.zero_()
    image, text, mask = inputs((72, 104))
    expected = mscan(network.state_dict(), network.config.depths, image)
    found = network.encoder(image, text, mask)
    assert [f.shape[-2:] for f in found] == [(18, 26), (9, 13), (5, 7), (3, 4)]
    for mine, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_with_its_language_the_encoder_is_not_plain_mscan():
    network = make()
    image, text, mask = inputs()
    plain = mscan(network.state_dict(), network.config.depths, image)
    assert (network.encoder(image, text, mask)[-1] - plain[-1]).abs().max() > 0.01


# The largest and the mean change of a probability, of 0 to 1, that each format may bring:
# bfloat16 keeps eight bits of a number, float16 eleven.
@pytest.mark.parametrize(
    ("dtype", "largest", "mean"), [(torch.bfloat16, 0.1, 0.02), (torch.float16, 0.0125, 0.0025)]
)
@pytest.mark.parametrize("mixer", MIXERS)
@torch.inference_mode()
def test_half_precision_agrees_with_float32(mixer, dtype, largest, mean):
    network = make(mixer)
    full = network(*inputs()).sigmoid()
    assert full.std() > 0.01
    with torch.autocast("cpu", dtype):
        half = network(*inputs()).float().sigmoid()
    change = (half - full).abs()
    assert change.max() <= largest
    assert change.mean() <= mean


@torch.inference_mode()
def test_weights_stored_as_float16_answer_alike(small_bundle, tmp_path):
    bundle = load_bundle(small_bundle)
    stored = save_bundle(
        tmp_path / "half",
        bundle.model,
        bundle.tokenizer,
        preprocessing=bundle.preprocessing,
        postprocessing=bundle.postprocessing,
        card="",
        name="half",
        version="0",
        dtype="float16",
    )
    image, text, mask = inputs()
    full = bundle.model.lsms(image, text, mask).sigmoid()
    half = load_bundle(stored).model.lsms(image, text, mask).sigmoid()
    assert full.std() > 0.01
    torch.testing.assert_close(half, full, atol=0.01, rtol=0.0)


@settings(max_examples=10)
@given(
    short=st.integers(64, 200),
    long=st.integers(64, 1024),
    turned=st.booleans(),
    mixer=st.sampled_from(MIXERS),
    stride=st.sampled_from([4, 8]),
)
def test_any_size_from_64_to_1024_works(short, long, turned, mixer, stride):
    size = (long, short) if turned else (short, long)
    if mixer == "mhsa":
        size = (min(size[0], 256), min(size[1], 256))  # attention grows with the square
    network = make(mixer, depths=(1, 1, 1, 1), align_stride=stride)
    with torch.inference_mode():
        logits = network(*inputs(size, batch=1))
    assert logits.shape == (1, 1, *size)
    assert logits.isfinite().all()


@torch.inference_mode()
def test_the_largest_size_works():
    logits = make(depths=(1, 1, 1, 1))(*inputs((1024, 1024), batch=1))
    assert logits.shape == (1, 1, 1024, 1024)
    assert logits.isfinite().all()


@pytest.mark.parametrize("mixer", MIXERS)
@torch.inference_mode()
def test_nothing_is_drawn_in_evaluation(mixer):
    network = make(mixer)
    torch.manual_seed(1)
    first, state = network(*inputs()), torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(network(*inputs()), first)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_two_networks_start_from_the_same_bases():
    assert torch.equal(make().decoder.mixer.bases, LSMS(make().config).decoder.mixer.bases)


@pytest.mark.parametrize("mixer", MIXERS)
@torch.inference_mode()
def test_one_sample_of_a_batch_knows_nothing_of_the_others(mixer):
    network = make(mixer)
    image, text, mask = inputs(batch=3)
    together = network(image, text, mask)
    alone = torch.cat([network(image[i : i + 1], text[i : i + 1], mask[:1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mixer", MIXERS)
@torch.inference_mode()
def test_saved_and_loaded_it_answers_the_same(mixer, tmp_path):
    network = make(mixer)
    torch.save(network.state_dict(), tmp_path / "weights")
    torch.manual_seed(9)
    other = LSMS(network.config).eval()
    other.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    assert torch.equal(network(*inputs()), other(*inputs()))


@pytest.mark.parametrize("mixer", MIXERS)
@torch.inference_mode()
def test_it_compiles_as_one_graph(mixer):
    network = make(mixer, depths=(1, 1, 1, 1))
    # The tracer alone: no C++ compiler is needed, and none is tested here.
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*inputs()), network(*inputs()), atol=1e-3, rtol=1e-3)
    torch.compiler.reset()


@pytest.mark.parametrize("mixer", MIXERS)
def test_it_exports(mixer):
    network = make(mixer, depths=(1, 1, 1, 1))
    with torch.no_grad():
        exported = torch.export.export(network, inputs(), strict=False).module()
        torch.testing.assert_close(exported(*inputs()), network(*inputs()), atol=1e-3, rtol=1e-3)


def test_a_random_model_leaves_the_callers_random_numbers_alone():
    config = make().config
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    bert = {
        "vocab_size": 20,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    one, other = (random_model(config, bert, seed=4) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
