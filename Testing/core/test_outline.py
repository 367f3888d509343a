"""The outline before LSMS: what is drawn, what is chosen, and how the two are trained together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.errors import BundleError, InputError
from lsms_core.inference.lsms_engine import LsmsEngine
from lsms_core.models.architectures import with_outline
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from lsms_core.models.bundle import load_bundle, save_bundle
from lsms_core.models.lsms.config import LSMSConfig
from lsms_core.models.lsms.model import LSMS, READERS, LSMSModel
from lsms_core.models.lsms.outline import (
    KINDS,
    LESIONS,
    choose,
    lobe_shares,
    probabilities,
    tempt,
)
from lsms_core.models.lsms.text_encoder import TextEncoder
from lsms_core.training.run import build
from Testing.core.training_tiny import BERT, tiny_run, write_cases, write_text_encoder

WINDOW = (-160.0, 240.0)
DIMS = (8, 8, 8, 16, 16, 8)
SHAPE = {"dims": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "decoder_width": 32, "text_width": 16}


def network(**changes) -> LSMS:
    torch.manual_seed(0)
    return LSMS(
        LSMSConfig(
            **{
                **SHAPE,
                "outline": DIMS,
                "lobes": True,
                "attenuation_window": WINDOW,
                "asked": True,
                **changes,
            }
        )
    ).eval()


def inputs(texts=2, size=(64, 80)):
    generator = torch.Generator().manual_seed(1)
    words = torch.randn(texts, 5, 16, generator=generator)
    return torch.randn(1, 3, *size, generator=generator), words, torch.ones(texts, 5).bool()


def test_without_an_outline_it_is_the_papers_network():
    plain = network(outline=(), lobes=False, attenuation_window=(), asked=False)
    assert not [
        name
        for name, _ in plain.named_parameters()
        if any(part in name for part in ("outline", *READERS))
    ]
    assert plain.features(*inputs(1)).drawn is None
    with pytest.raises(BundleError, match="outline has 3 levels"):
        LSMSConfig(outline=(8, 8, 8))
    for words in ({"lobes": True}, {"attenuation_window": WINDOW}, {"asked": True}):
        with pytest.raises(BundleError, match="an outline only"):
            LSMSConfig(**words)
    for wrong in ({"attenuation_window": (1.0,)}, {"trust": -1.0}):
        with pytest.raises(BundleError, match="not usable"):
            LSMSConfig(**{"outline": DIMS, **wrong})


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (127, 64)])
def test_any_size_works(size):
    image, words, mask = inputs(1, size)
    output = network().features(image, words, mask)
    assert output.logits.shape == (1, 1, *size)
    assert output.drawn.shape == (1, len(KINDS), *size)


def test_a_picture_that_is_asked_twice_answers_as_if_each_text_were_alone():
    model = network()
    image, words, mask = inputs(2)
    with torch.inference_mode():
        together = model(image, words, mask)
        apart = torch.cat([model(image, words[i : i + 1], mask[i : i + 1]) for i in (0, 1)])
        repeated = model(image.repeat(2, 1, 1, 1), words, mask)
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together, repeated, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_moves_probabilities_by_hundredths(dtype):
    model = network()
    image, words, mask = inputs(1)
    with torch.inference_mode():
        exact = model(image, words, mask)
        with torch.autocast("cpu", dtype):
            half = model(image, words, mask).float()
        nothing = model.draw(torch.zeros_like(image))
        assert (model(image, words, mask, nothing) != exact).any()
    assert exact.max() - exact.min() > 0.5
    # A tenth of a logit moves a probability by a fortieth at most.
    torch.testing.assert_close(half, exact, rtol=0, atol=0.1)


certainties = st.floats(0.01, 0.99)


@given(
    chosen=certainties,
    drawn=st.tuples(*[certainties] * 3),
    kinds=st.tuples(*[certainties] * 3),
    ruled_out=st.tuples(*[certainties] * 2),
    trust=certainties,
)
def test_the_answer_is_what_is_drawn_and_chosen_and_not_ruled_out(
    chosen, drawn, kinds, ruled_out, trust
):
    maps = torch.tensor(drawn).reshape(1, 3, 1, 1)
    logit = choose(
        torch.tensor(chosen).logit().reshape(1, 1, 1, 1),
        maps,
        torch.tensor(kinds).logit().reshape(1, 3),
        [(torch.tensor(ruled_out).logit().reshape(1, 2), lobe_shares(maps))],
        trust,
    )
    absent = 1.0
    for p, k in zip(drawn, kinds, strict=True):
        absent *= 1 - p * k
    kept = 1.0
    for p, e in zip(drawn[:2], ruled_out, strict=True):
        kept *= 1 - e * p / (drawn[0] + drawn[1])
    assert float(logit.sigmoid()) == pytest.approx((1 - absent) * chosen**trust * kept, abs=1e-4)


@pytest.mark.parametrize("drawn", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-200.0, 0.0, 200.0])
def test_certainty_gives_no_infinite_logit_and_no_nan_gradient(drawn, logit):
    chosen = torch.full((1, 1, 2, 2), logit, requires_grad=True)
    kinds = torch.full((1, 3), logit, requires_grad=True)
    lobes = torch.full((1, 2), logit, requires_grad=True)
    maps = torch.full((1, 3, 2, 2), drawn)
    answer = choose(chosen, maps, kinds, [(lobes, lobe_shares(maps))])
    answer.sum().backward()
    assert torch.isfinite(answer).all()
    assert torch.isfinite(chosen.grad).all()
    assert torch.isfinite(kinds.grad).all()
    assert torch.isfinite(lobes.grad).all()


def two_lobes(size=(120, 160), line=90):
    """A liver whose right lobe ends at a column, with a large lesion in each lobe."""
    drawn = torch.zeros(1, len(KINDS), *size)
    drawn[0, 0, 20:100, 10:line] = 1
    drawn[0, 1, 20:100, line:150] = 1
    for box in ((slice(40, 72), slice(30, 62)), (slice(30, 60), slice(110, 140))):
        drawn[(0, slice(2), *box)] = 0  # the lobes' maps have holes at large lesions
        drawn[(0, LESIONS, *box)] = 1
    return drawn


def test_a_lobe_that_the_words_rule_out_loses_its_lesions_and_the_other_keeps_them():
    drawn = two_lobes()
    right, left = drawn[0, LESIONS] * 1.0, drawn[0, LESIONS] * 1.0
    right[:, 90:], left[:, :90] = 0, 0
    chosen = torch.full((1, 1, 120, 160), 9.0)
    kinds = torch.tensor([[-9.0, -9.0, 9.0]])

    def answered(*words):
        lobes = torch.tensor([words]), lobe_shares(drawn)
        return choose(chosen, drawn, kinds, [lobes]).sigmoid()[0, 0] > 0.5

    for words, kept, lost in (((9.0, -9.0), left, right), ((-9.0, 9.0), right, left)):
        answer = answered(*words)
        assert answer[kept > 0].all()
        assert not answer[lost > 0].any()
    assert (answered(-9.0, -9.0) == (drawn[0, LESIONS] > 0)).all()
    assert not answered(9.0, 9.0).any()


@given(
    rows=st.integers(5, 70),
    columns=st.integers(5, 70),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_the_lobes_share_a_pixel_between_them(rows, columns, seed):
    drawn = torch.rand(1, 3, rows, columns, generator=torch.Generator().manual_seed(seed))
    shares = lobe_shares(drawn)
    assert shares.shape == (1, 2, rows, columns)
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(1), torch.ones(1, rows, columns))
    swapped = lobe_shares(drawn[:, [1, 0, 2]])
    torch.testing.assert_close(swapped, shares.flip(1))
    assert not lobe_shares(torch.zeros(1, 3, rows, columns)).any()


def test_no_text_makes_the_outline_forget():
    model = network().train()
    image, words, mask = inputs(1)
    output = model.features(image, words, mask)
    output.logits.sum().backward()
    assert all(p.grad is None for p in model.outline.parameters())
    assert model.kinds.linear.weight.grad.any()
    assert model.lobes.linear.weight.grad.any()
    model.features(image, words, mask).drawn.sum().backward()
    assert all(p.grad is not None for p in model.outline.parameters())


def test_the_words_alone_learn_what_they_speak_of(runs):
    config, saved = runs
    sources = {"start_from": str(saved["lsms"]), "outline_from": str(saved["unet"])}
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


def test_a_lesion_is_believed_in_a_lobe_and_close_to_it():
    drawn = torch.full((1, len(KINDS), 10, 30), -20.0)
    drawn[0, 1, :, :10] = 20.0
    drawn[0, LESIONS] = 20.0
    believed = probabilities(drawn)
    assert (believed[:, :LESIONS] == drawn[:, :LESIONS].sigmoid()).all()
    lesions = believed[0, LESIONS, 5]
    torch.testing.assert_close(lesions[:14], torch.ones(14))
    torch.testing.assert_close(lesions[14:], torch.zeros(16))


def test_invented_lesions_lie_in_the_liver_and_take_nothing_away():
    drawn = torch.zeros(2, len(KINDS), 20, 20)
    drawn[0, LESIONS, 2:6, 2:6] = 0.9
    drawn[1, LESIONS, 10:14, 10:14] = 0.8
    drawn[:, 0, :, :4] = 1.0  # a liver in the first columns
    torch.manual_seed(0)
    seen = [tempt(drawn) for _ in range(20)]
    invented = torch.zeros(20, 20)
    invented[2:6, 2:4] = 0.9
    changed = [bool((s != drawn).any()) for s in seen]
    assert any(changed)
    assert not all(changed)
    for shown in seen:
        assert (shown[0] == drawn[0]).all()  # the other one's lesions lie outside this liver
        assert (shown[1, :LESIONS] == drawn[1, :LESIONS]).all()
        extra = (shown[1, LESIONS] - drawn[1, LESIONS]).abs()
        assert not extra.any() or (extra == invented).all()


def joined(seed=0):
    torch.manual_seed(seed)
    model = LSMSModel(LSMSConfig(**SHAPE), TextEncoder.from_config(BERT)).eval()
    unet = UNetModel(UNetConfig(DIMS)).eval()
    return model, unet, with_outline(model, unet).eval()


def test_a_trained_unet_becomes_the_outline_and_changes_nothing_of_what_is_chosen():
    model, unet, both = joined()
    image, words, mask = inputs(1)
    with torch.inference_mode():
        drawn = unet.lsms.features(image, words, mask).drawn
        output = both.lsms.features(image, words, mask)
        expected = choose(
            model.lsms(image, words, mask),
            probabilities(drawn),
            both.lsms.kinds(words, mask),
        )
    torch.testing.assert_close(output.drawn, drawn)
    torch.testing.assert_close(output.logits, expected, rtol=1e-3, atol=1e-3)
    again = with_outline(both, UNetModel(UNetConfig(DIMS)))
    assert again.state_dict().keys() == both.state_dict().keys()
    kept = "lsms.encoder.downsample.0.0.weight"
    assert (again.state_dict()[kept] == both.state_dict()[kept]).all()


def test_an_outline_that_sees_other_slices_is_refused():
    model, _, _ = joined()
    with pytest.raises(BundleError, match="sees 5 neighbouring slices and the model 3"):
        with_outline(model, UNetModel(UNetConfig(DIMS, in_channels=5)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run's configuration, and saved models to start from: LSMS, and a U-Net."""
    folder = tmp_path_factory.mktemp("outline")
    config = tiny_run(write_cases(folder / "cases"), write_text_encoder(folder / "bert"))
    saved = {}
    torch.manual_seed(0)
    for model in joined()[:2]:
        tokenizer = build(config).tokenizer
        saved[model.architecture] = save_bundle(
            folder / model.architecture,
            model,
            tokenizer,
            preprocessing={},
            postprocessing={},
            card="# Test\n",
            name=model.architecture,
            version="1",
        )
    return config, saved


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_run_trains_what_chooses_and_the_outline_only_where_it_is_told_to(runs, rate):
    config, saved = runs
    sampling = replace(config.sampling, texts_per_image=2)
    module = build(
        replace(
            config,
            start_from=str(saved["lsms"]),
            outline_from=str(saved["unet"]),
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
    config, saved = runs
    module = build(replace(config, start_from=str(saved["lsms"]), outline_from=str(saved["unet"])))
    folder = save_bundle(
        tmp_path / "both",
        module.model.eval(),
        module.tokenizer,
        preprocessing={},
        postprocessing={},
        card="# Test\n",
        name="both",
        version="1",
        dtype="float32",
    )
    loaded = load_bundle(folder).model
    assert loaded.config.outline == DIMS
    with torch.inference_mode():
        torch.testing.assert_close(loaded.lsms(*inputs(2)), module.model.lsms(*inputs(2)))


def test_only_a_unet_is_an_outline_and_only_of_lsms(runs):
    config, saved = runs
    with pytest.raises(InputError, match="for the outline is 'lsms'"):
        build(replace(config, outline_from=str(saved["lsms"])))
    for other in ("unet", "lavt"):
        with pytest.raises(InputError, match="Only LSMS has an outline"):
            build(replace(config, architecture=other, outline_from=str(saved["unet"])))


def test_texts_about_one_slice_share_what_is_drawn(runs):
    _, saved = runs
    bundle = load_bundle(saved["lsms"])
    bundle = replace(bundle, model=with_outline(bundle.model, load_bundle(saved["unet"]).model))
    engine = LsmsEngine(bundle)
    drawn = []
    bundle.model.lsms.outline.register_forward_hook(lambda *_: drawn.append(1))
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
    engine.precision = "bfloat16"
    engine.probabilities(image, texts[:1])
    assert len(drawn) == 3
