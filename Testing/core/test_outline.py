"""The outline before LSMS: what is drawn, and what of it is chosen."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.errors import BundleError
from lsms_core.models.architectures import with_outline
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import LSMS, READERS
from lsms_core.models.lsms.outline import (
    KINDS,
    LESIONS,
    choose,
    lobe_shares,
    probabilities,
    tempt,
)
from Testing.core.models_tiny import DIMS, SHAPE, tiny_lsms, tiny_unet

pytestmark = pytest.mark.slow

WINDOW = (-160.0, 240.0)


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


def joined():
    unet, model = tiny_unet(), tiny_lsms()
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
    again = with_outline(both, tiny_unet(1))
    assert again.state_dict().keys() == both.state_dict().keys()
    kept = "lsms.encoder.downsample.0.0.weight"
    assert (again.state_dict()[kept] == both.state_dict()[kept]).all()


def test_an_outline_that_sees_other_slices_is_refused():
    model, _, _ = joined()
    with pytest.raises(BundleError, match="sees 5 neighbouring slices and the model 3"):
        with_outline(model, tiny_unet(in_channels=5))


def test_the_mean_of_several_outlines_counts_and_nothing_else_changes():
    unets = [tiny_unet(seed) for seed in range(3)]
    model, _, one = joined()
    several = with_outline(model, *unets).eval()
    image, words, mask = inputs(2)
    with torch.inference_mode():
        drawn = [unet.lsms.draw(image).sigmoid() for unet in unets]
        output = several.lsms.features(image, words, mask)
        expected = torch.stack(drawn).mean(0)
        torch.testing.assert_close(output.drawn.sigmoid(), expected)
        assert (drawn[0] - expected).abs().max() > 0.01
        # Everything after the outline is the same network: what it is given decides.
        torch.manual_seed(0)
        state = {k: v for k, v in several.lsms.state_dict().items() if "outline" not in k}
        one.lsms.load_state_dict(state, strict=False)
        torch.testing.assert_close(
            several.lsms(image, words, mask), one.lsms(image, words, mask, expected.logit())
        )
    again = with_outline(several, unets[0])
    assert again.config == one.config
    assert again.state_dict().keys() == one.state_dict().keys()


def test_outlines_that_are_sure_give_finite_logits():
    several = with_outline(tiny_lsms(), tiny_unet(0), tiny_unet(1)).eval()
    for outline in several.lsms.outline:
        torch.nn.init.constant_(outline.classify.bias, 1000.0)
    image, words, mask = inputs(1)
    output = several.lsms.features(image, words, mask)
    assert torch.isfinite(output.drawn).all()
    assert torch.isfinite(output.logits).all()


def test_outlines_of_other_shapes_or_none_at_all_are_refused():
    narrow = tiny_unet(dims=(4, 4, 4, 8, 8, 4))
    with pytest.raises(BundleError, match="use one for all"):
        with_outline(tiny_lsms(), tiny_unet(), narrow)
    with pytest.raises(BundleError, match="0 outlines: use 1 or more"):
        LSMSConfig(outlines=0)
