"""LSMS draws without words: its own maps, alone and beside U-Nets and what a text says."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch

from lsms_core.errors import BundleError, InputError
from lsms_core.evaluation.calibration import OperatingPoint
from lsms_core.models.architectures import (
    new_model,
    reads_text,
    restore_model,
    with_lesion_logit,
    with_members,
    with_outline,
    with_reading,
    with_slices,
    with_words,
)
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from lsms_core.models.bundle import load_bundle
from lsms_core.models.installed import inspect_bundle
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import LSMS, LSMSModel
from lsms_core.models.lsms.outline import KINDS, LESIONS
from lsms_core.models.lsms.text_encoder import TextEncoder
from Testing.core.models_tiny import random_bundle, saved_drawing, tiny_drawing

pytestmark = pytest.mark.slow

SHAPE = {"dims": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "decoder_width": 32, "detail": (4, 8)}
BERT = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
OUTLINE = (4, 4, 8, 8, 8, 4)


def drawing(seed: int = 0, **changes) -> LSMSModel:
    return tiny_drawing(seed, **{**SHAPE, **changes})


def reader(outlines: int = 0) -> LSMSModel:
    torch.manual_seed(7)
    shape = {k: v for k, v in SHAPE.items() if k != "detail"}
    model = LSMSModel(LSMSConfig(**shape, text_width=16), TextEncoder.from_config(BERT))
    unets = [UNetModel(UNetConfig(OUTLINE)) for _ in range(outlines)]
    if not unets:
        return model.eval()
    return with_words(with_outline(model, *unets), (-160.0, 240.0), 0.1).eval()


def images(count: int = 2, size: tuple[int, int] = (64, 96)) -> torch.Tensor:
    return torch.rand((count, 3, *size), generator=torch.Generator().manual_seed(1)) * 2 - 1


def texts(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(1, 40, (count, 5), generator=torch.Generator().manual_seed(2))
    return ids, torch.ones_like(ids)


def test_weights_of_before_are_read_as_they_were():
    before = {"dims": [32, 64, 160, 256], "outline": list(OUTLINE), "outlines": 2, "lobes": True}
    config = LSMSConfig.from_dict(before)
    assert (config.draws, config.words, config.detail) == (False, True, ())
    assert (config.norm, config.layer_scale) == ("batch", 1e-2)
    assert LSMSConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    "changes",
    [
        {"draws": True},
        {"detail": (16, 32)},
        {"words": False},
        {"norm": "layer"},
        {"draws": True, "detail": (16, 32), "words": False, "lobes": True},
    ],
)
def test_configurations_that_mean_nothing_are_refused(changes):
    with pytest.raises(BundleError):
        LSMSConfig(**changes)


def test_a_network_that_only_draws_has_no_part_that_reads():
    model = new_model("lsms", "tiny", None, align_stride=4)
    names = [n for n, _ in model.named_parameters()]
    assert not [n for n in names if "language" in n or "text" in n or ".decoder.classify" in n]
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(4.33, rel=0.01)
    assert not reads_text(model)


def test_nothing_but_a_network_that_draws_does_without_a_text_encoder():
    assert isinstance(new_model("unet", "tiny", None, align_stride=4), UNetModel)
    with pytest.raises(BundleError, match="without a text"):
        new_model("lavt", "tiny", None, align_stride=4)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 64), (65, 97), (33, 130), (96, 31)])
def test_any_size_is_drawn(size):
    drawn = drawing().lsms.draw(images(1, size))
    assert drawn.shape == (1, len(KINDS), *size)
    assert drawn.isfinite().all()


@torch.inference_mode()
def test_what_is_drawn_depends_on_the_image_alone():
    model, pictures = drawing(), images(3)
    drawn = model.lsms.draw(pictures)
    assert drawn.std() > 0.1
    assert torch.equal(drawn, model.lsms.draw(pictures))
    alone = torch.cat([model.lsms.draw(p[None]) for p in pictures])
    torch.testing.assert_close(drawn, alone, atol=1e-4, rtol=1e-4)
    order = [2, 0, 1]
    torch.testing.assert_close(model.lsms.draw(pictures[order]), drawn[order], atol=1e-4, rtol=1e-4)
    ids, mask = texts(6)
    answers = model(pictures, ids, mask).logits
    assert torch.equal(answers[0], answers[1]), "two texts about one picture"
    torch.testing.assert_close(answers[::2], drawn[:, 2:], atol=1e-5, rtol=1e-5)


def test_every_part_learns_and_maps_come_at_three_strides():
    model = drawing().train()
    maps = model.lsms.learning_maps(images())
    assert [tuple(m.shape[-2:]) for m in maps] == [(64, 96), (32, 48), (16, 24)]
    sum(m.square().mean() for m in maps).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    still = [n for n, p in model.named_parameters() if not p.grad.any()]
    assert still == [], "parts that nothing reaches"


@torch.inference_mode()
def test_half_precision_moves_what_is_drawn_by_hundredths():
    model = drawing()
    exact = model.lsms.draw(images()).sigmoid()
    with torch.autocast("cpu", torch.bfloat16):
        half = model.lsms.draw(images()).float().sigmoid()
    assert (exact - half).abs().mean() < 0.02


@torch.inference_mode()
@pytest.mark.parametrize("outlines", [0, 1, 2])
def test_it_draws_as_before_beside_the_unets_and_the_words_of_another(outlines):
    draws, reads = drawing(), reader(outlines)
    joined = with_reading(draws, reads).eval()
    assert reads_text(joined)
    members = [draws.lsms.draw(images()).sigmoid()]
    if outlines:
        mean = reads.lsms.draw(images()).sigmoid()
        members += [mean] * outlines
    expected = torch.stack(members).mean(0)
    torch.testing.assert_close(joined.lsms.draw(images()).sigmoid(), expected, atol=1e-4, rtol=1e-4)
    ids, mask = texts()
    tokens = joined.text_encoder(ids, mask)
    assert torch.equal(tokens, reads.text_encoder(ids, mask))
    if outlines:
        assert torch.equal(
            joined.lsms.lobes(tokens, mask.bool()), reads.lsms.lobes(tokens, mask.bool())
        )


@torch.inference_mode()
def test_a_choice_that_does_not_count_is_not_computed():
    joined = with_reading(drawing(), reader(1)).eval()
    ids, mask = texts()
    drawn = joined.lsms.draw(images())
    tokens = joined.text_encoder(ids, mask)
    calls: list[object] = []
    joined.lsms.encoder.register_forward_hook(lambda *_: calls.append(1))
    logits = joined.lsms(images(), tokens, mask.bool(), drawn)
    assert logits.shape == (2, 1, 64, 96)
    assert not calls
    joined.lsms.config = replace(joined.lsms.config, trust=0.5)
    assert not torch.equal(joined.lsms(images(), tokens, mask.bool(), drawn), logits)
    assert len(calls) == 1


def test_the_language_branches_of_a_joined_network_learn():
    joined = with_reading(drawing(), reader(1), trust=0.1).train()
    ids, mask = texts()
    joined(images(), ids, mask).logits.mean().backward()
    language = [p for n, p in joined.named_parameters() if ".language." in n]
    assert language
    assert all(p.grad is not None for p in language)


@torch.inference_mode()
def test_lesions_that_are_drawn_too_surely_are_taken_back_by_a_constant():
    model = drawing()
    shifted = with_lesion_logit(model, -2.0)
    before, after = model.lsms.draw(images()), shifted.lsms.draw(images())
    torch.testing.assert_close(after[:, LESIONS], before[:, LESIONS] - 2.0)
    assert torch.equal(after[:, :LESIONS], before[:, :LESIONS])
    with pytest.raises(BundleError, match="draws by itself"):
        with_lesion_logit(reader(), -2.0)


def test_several_networks_draw_their_mean():
    networks = [drawing(seed) for seed in (0, 1, 2)]
    both = with_members(with_members(*networks[:2]), networks[2])
    image = images()
    with torch.no_grad():
        each = [network.lsms.draw(image).sigmoid() for network in networks]
        drawn = both.lsms.draw(image).sigmoid()
    assert not torch.allclose(each[0], each[1], atol=1e-3)
    torch.testing.assert_close(drawn, sum(each) / 3, rtol=1e-4, atol=1e-5)
    shifted = with_lesion_logit(both, -2.0)
    alone = [with_lesion_logit(network, -2.0) for network in networks]
    with torch.no_grad():
        expected = sum(network.lsms.draw(image).sigmoid() for network in alone) / 3
        torch.testing.assert_close(
            shifted.lsms.draw(image).sigmoid(), expected, rtol=1e-4, atol=1e-5
        )


def test_networks_of_two_shapes_do_not_draw_together():
    with pytest.raises(BundleError, match="one shape"):
        with_members(drawing(0), drawing(1, detail=(8, 24)))
    with pytest.raises(BundleError, match="one shape"):
        with_members(drawing(0), reader())
    with pytest.raises(BundleError, match="on its own"):
        with_members(drawing(0), with_members(drawing(1), drawing(2)))
    with pytest.raises(BundleError, match="1 or more"):
        LSMSConfig(members=2)


def test_only_a_drawing_and_a_reading_network_are_joined():
    with pytest.raises(BundleError, match="only draws"):
        with_reading(reader(), drawing())
    with pytest.raises(BundleError, match="slices"):
        with_reading(drawing(in_channels=5), reader())


@torch.inference_mode()
def test_saved_entries_restore_the_same_network():
    for model in (drawing(), with_reading(drawing(), reader(2)).eval()):
        text = {} if not reads_text(model) else BERT
        other = restore_model("lsms", model.config.to_dict(), text)
        other.load_state_dict(model.state_dict())
        assert torch.equal(other.eval().lsms.draw(images()), model.lsms.draw(images()))


@torch.inference_mode()
@pytest.mark.parametrize("members", [1, 2])
def test_more_slices_change_nothing_until_they_are_learnt(members):
    model = with_members(*(drawing(seed) for seed in range(members)))
    wider = with_slices(model, (-4.0, 0.0, 4.0), (-8.0, -4.0, 0.0, 4.0, 8.0)).eval()
    around = torch.rand((2, 5, 64, 96))
    torch.testing.assert_close(
        wider.lsms.draw(around), model.lsms.draw(around[:, 1:4]), atol=1e-4, rtol=1e-4
    )


@torch.inference_mode()
def test_with_the_words_silenced_the_encoder_is_the_one_that_draws():
    joined = with_reading(drawing(), reader()).eval()
    for name, parameter in joined.named_parameters():
        if ".language." in name:
            parameter.zero_()
    image = images()
    fine = joined.lsms.detail.look(image)[1]
    tokens = torch.randn(2, 5, 16)
    mask = torch.ones(2, 5, dtype=torch.bool)
    spoken = joined.lsms.encoder(image, tokens, mask, fine)
    for a, b in zip(spoken, joined.lsms.encoder(image, fine=fine), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("changes", [{}, {"backbone": "efficientnet-lite0"}])
def test_what_is_drawn_exports(changes):
    class Draw(torch.nn.Module):
        def __init__(self, network: LSMS) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.network.draw(image)

    module = Draw(drawing(**changes).lsms)
    with torch.no_grad():
        exported = torch.export.export(module, (images(),), strict=False).module()
        torch.testing.assert_close(exported(images()), module(images()), atol=1e-3, rtol=1e-3)


@pytest.fixture
def released(tmp_path, monkeypatch):
    """Release a bundle under a name, without graphs."""
    from lsms_core.training import release as releasing

    monkeypatch.setattr(releasing, "check_exporter", lambda: None)
    monkeypatch.setattr(
        releasing, "add_graphs", lambda plain, output, _volumes: shutil.copytree(plain, output)
    )
    content = releasing.Release("small", "1.2.3", "Notes.", {})
    point = OperatingPoint(0.3, 1.0, 1.0)
    return lambda bundle, name, mean_with=(), **settings: releasing.release(
        bundle,
        tmp_path / name,
        point,
        content,
        releasing.Networks(mean_with=mean_with),
        releasing.Settings(**settings),
    )


def test_a_release_may_look_at_the_liver_only(tmp_path, released):
    bundle = saved_drawing(tmp_path / "run" / "small")
    focused = released(bundle, "focused", focus_mm=30.0)
    again = released(focused, "again")
    plain = released(bundle, "plain")
    margins = [inspect_bundle(f).preprocessing["focus_mm"] for f in (focused, again, plain)]
    assert margins == [30.0, 30.0, 0.0]


def test_a_release_may_see_a_coarser_grid_that_shows_as_much(tmp_path, released):
    bundle = saved_drawing(tmp_path / "run" / "small")
    before = inspect_bundle(bundle).preprocessing
    pixel = 1.3 * before["spacing_mm"]
    coarse = released(bundle, "coarse", pixel_mm=pixel)
    seen = inspect_bundle(coarse).preprocessing
    assert seen["spacing_mm"] == pixel
    for side in ("height", "width"):
        assert seen[side] % 16 == 0
        assert 0 <= seen[side] * pixel - before[side] * before["spacing_mm"] < 16 * pixel
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="pixel"):
            released(bundle, "no", pixel_mm=wrong)
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("others", [1, 2])
def test_a_release_may_be_the_mean_of_states_of_a_run(tmp_path, released, others):
    after, *before = (saved_drawing(tmp_path / str(seed), seed=seed) for seed in range(others + 1))
    mean = load_bundle(released(after, "mean", mean_with=before)).model.state_dict()
    states = [load_bundle(folder).model.state_dict() for folder in (after, *before)]
    moved = 0
    for name, value in mean.items():
        each = torch.stack([state[name].float() for state in states])
        torch.testing.assert_close(value.float(), each.mean(0), atol=2e-3, rtol=2e-3)
        moved += int(all((value != state[name]).any() for state in states))
    assert moved > 10
    _, other = random_bundle(tmp_path / "other")
    with pytest.raises(BundleError, match="one shape"):
        released(after, "no", mean_with=[other])
    assert not (tmp_path / "no").exists()
