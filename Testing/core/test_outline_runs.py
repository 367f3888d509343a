"""Training LSMS beside an outline: what moves, what the words learn, what the bundle keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lsms_core.errors import InputError
from lsms_core.models.architectures import with_outline
from lsms_core.models.bundle import load_bundle
from lsms_core.models.lsms.model import READERS
from lsms_core.training.run import build
from Testing.core.models_tiny import DIMS, engine_of, saved, tiny_lsms, tiny_unet
from Testing.core.training_tiny import tiny_run, write_cases, write_text_encoder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_networks")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run's configuration, and saved models to start from: LSMS, and two U-Nets."""
    folder = tmp_path_factory.mktemp("outline")
    config = tiny_run(write_cases(folder / "cases"), write_text_encoder(folder / "bert"))
    tokenizer = build(config).tokenizer
    models = {"lsms": tiny_lsms(), "unet": tiny_unet(), "another": tiny_unet(1)}
    return config, {name: saved(folder / name, model, tokenizer) for name, model in models.items()}


def inputs(texts=2, size=(64, 80)):
    generator = torch.Generator().manual_seed(1)
    words = torch.randn(texts, 5, 16, generator=generator)
    return torch.randn(1, 3, *size, generator=generator), words, torch.ones(texts, 5).bool()


def test_the_words_alone_learn_what_they_speak_of(runs):
    config, bundles = runs
    sources = {"start_from": str(bundles["lsms"]), "outline_from": str(bundles["unet"])}
    texts = ["left lobe lesion", "green chairs", "largest cyst", "weather report"]
    batch = {
        "image": torch.zeros(4, 3, 64, 80),
        "text": texts,
        "target": torch.zeros(4, 1, 64, 80),
        "lesions": torch.zeros(4, 64, 80, dtype=torch.int32),
        "anatomy": torch.zeros(4, 3, 64, 80),
        "kinds": torch.tensor([[0.0, 0, 1], [0, 0, 0], [0, 0, 1], [0, 0, 0]]),
        "lobes": torch.tensor([[1.0, 0], [-1, -1], [0, 0], [-1, -1]]),
        "attenuations": torch.tensor([[0.0] * 4, [-1.0] * 4, [1.0, 1, 0, 1], [-1.0] * 4]),
        "sections": torch.tensor([[0.0] * 4, [-1.0] * 4, [0.0] * 4, [-1.0] * 4]),
        "asked": torch.tensor([[0.0] * 8, [-1.0] * 8, [0.0] * 4 + [1.0] + [0.0] * 3, [-1.0] * 8]),
    }
    told = {}
    for weight in (0.0, 1.0):
        module = build(replace(config, **sources, kinds_weight=weight))
        logged = {}
        module.log = lambda name, value, logged=logged, **_: logged.update({name: float(value)})
        parts = float(module.training_step(batch, 0).detach())
        others = logged["ce"] + logged["dice"] + config.contrastive_weight * logged["contrastive"]
        others += config.anatomy_weight * logged["anatomy"]
        words = sum(logged[name] for name in READERS)
        assert parts == pytest.approx(others + weight * words, rel=1e-4)
        told[weight] = words
    assert told[0.0] == told[1.0] > 0
    optimizer = torch.optim.Adam(module.model.parameters(), 1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        module.training_step(batch, 0).backward()
        optimizer.step()
    assert sum(logged[n] for n in READERS) < 0.3 * told[1.0]


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_run_trains_what_chooses_and_the_outline_only_where_it_is_told_to(runs, rate):
    config, bundles = runs
    sampling = replace(config.sampling, texts_per_image=2)
    module = build(
        replace(
            config,
            start_from=str(bundles["lsms"]),
            outline_from=str(bundles["unet"]),
            outline_rate=rate,
            sampling=sampling,
        )
    )
    module.log = lambda *_, **__: None
    seen = []
    module.model.lsms.outline.register_forward_hook(lambda _m, _i, out: seen.append(len(out)))
    batch = {
        "image": torch.randn(2, 3, 64, 80)[:1].repeat(4, 1, 1, 1),
        "picture": torch.tensor([7, 7, 8, 8]),
        "text": ["left lobe lesion", "right lesion", "all", "largest lesion"],
        "target": torch.zeros(4, 1, 64, 80),
        "lesions": torch.zeros(4, 64, 80, dtype=torch.int32),
        "anatomy": torch.zeros(4, 3, 64, 80),
        "kinds": torch.tensor([[0.0, 0.0, 1.0]]).repeat(4, 1),
        "lobes": torch.tensor([[1.0, 0], [0, 1], [0, 0], [0, 0]]),
        "attenuations": torch.zeros(4, 4),
        "sections": torch.zeros(4, 4),
        "asked": torch.zeros(4, 8),
    }
    batch["target"][::2, :, 10:20, 10:20] = 1
    batch["lesions"][:, 10:20, 10:20] = 1
    module.training_step(batch, 0).backward()
    module.training_step({**batch, "picture": torch.tensor([7, 8, 8, 9])}, 0)
    assert seen == [2, 4]  # once a picture, unless its texts are torn apart
    outline = list(module.model.lsms.outline.parameters())
    groups = module.configure_optimizers()["optimizer"].param_groups
    rates = {id(p): g["initial_lr"] for g in groups for p in g["params"]}
    if rate:
        assert all(p.grad is not None for p in outline)
        assert {rates[id(p)] for p in outline} == {config.learning_rate * rate}
    else:
        assert not {id(p) for p in outline} & rates.keys()
    assert module.model.lsms.kinds.linear.weight.grad.any()
    assert module.model.lsms.lobes.linear.weight.grad.any()


def test_a_bundle_with_an_outline_comes_back_as_it_was(runs, tmp_path):
    config, bundles = runs
    module = build(
        replace(config, start_from=str(bundles["lsms"]), outline_from=str(bundles["unet"]))
    )
    folder = saved(tmp_path / "both", module.model.eval(), module.tokenizer, dtype="float32")
    loaded = load_bundle(folder).model
    assert loaded.config.outline == DIMS
    with torch.inference_mode():
        torch.testing.assert_close(loaded.lsms(*inputs(2)), module.model.lsms(*inputs(2)))


def test_several_outlines_come_from_several_bundles_and_come_back(runs, tmp_path):
    config, bundles = runs
    several = (str(bundles["unet"]), str(bundles["another"]))
    module = build(replace(config, start_from=str(bundles["lsms"]), outline_from=several))
    folder = saved(tmp_path / "both", module.model.eval(), module.tokenizer, dtype="float32")
    loaded = load_bundle(folder).model
    assert loaded.config.outlines == 2
    with torch.inference_mode():
        image = inputs()[0]
        drawn = [load_bundle(b).model.lsms.draw(image).sigmoid() for b in several]
        torch.testing.assert_close(loaded.lsms.draw(image).sigmoid(), sum(drawn) / 2)
    # An empty list is no outline at all, as null is.
    plain = build(replace(config, start_from=str(bundles["lsms"]), outline_from=()))
    assert not plain.model.config.outline


def test_only_a_unet_is_an_outline_and_only_of_lsms(runs):
    config, bundles = runs
    with pytest.raises(InputError, match="for the outline is 'lsms'"):
        build(replace(config, outline_from=str(bundles["lsms"])))
    for other in ("unet", "lavt"):
        with pytest.raises(InputError, match="Only LSMS has an outline"):
            build(replace(config, architecture=other, outline_from=str(bundles["unet"])))


def test_texts_about_one_slice_share_what_is_drawn(runs):
    _, bundles = runs
    bundle = load_bundle(bundles["lsms"])
    model = with_outline(bundle.model, load_bundle(bundles["unet"]).model)
    engine = engine_of(model, bundle.folder)
    drawn = []
    model.lsms.outline.register_forward_hook(lambda *_: drawn.append(1))
    texts = [engine.encode(text) for text in ("left lesion", "largest lesion")]
    image, other = np.random.default_rng(0).uniform(-1, 1, (2, 1, 3, 64, 80)).astype(np.float32)
    first, second = (engine.probabilities(image, [text]) for text in texts)
    assert len(drawn) == 1
    assert (first != second).any()
    together = engine.probabilities(np.concatenate([image, image]), texts)
    assert len(drawn) == 1
    np.testing.assert_allclose(together, np.concatenate([first, second]), atol=1e-4)
    engine.probabilities(other, texts[:1])
    assert len(drawn) == 2
    again = engine.probabilities(image, texts[:1])
    assert (again == first).all()
    assert len(drawn) == 2
