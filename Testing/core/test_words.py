"""Heads of weights before 1.0 that read the words and rule parts of the maps out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lsms_core.models.architectures import with_words
from lsms_core.models.lsms.asked import ASKED, NOTHING
from lsms_core.models.lsms.decoder import INITIAL_LOGIT
from lsms_core.models.lsms.reading import Reader
from Testing.core.models_tiny import DIMS, tiny_lsms

RELEASED = Path(__file__).parents[2] / "Resources" / "Models" / "lsms-tiny"
WINDOW = (-160.0, 240.0)


def test_a_denial_answers_nothing():
    torch.manual_seed(0)
    model = tiny_lsms(outline=DIMS, asked=True)
    image, ids = torch.randn(1, 3, 64, 80), torch.tensor([[2, 5, 7, 3]])
    with torch.inference_mode():
        model.lsms.kinds.linear.bias.fill_(9.0)
        model.lsms.outline.classify.bias.fill_(9.0)
        said = model.lsms.asked.linear.bias
        said.fill_(-20.0)
        before = model(image, ids, torch.ones_like(ids)).logits
        said[[i for i, name in enumerate(ASKED) if name != NOTHING]] = 20.0
        # A size and a rank are no matter of pixels.
        torch.testing.assert_close(model(image, ids, torch.ones_like(ids)).logits, before)
        said[ASKED.index(NOTHING)] = 20.0
        after = model(image, ids, torch.ones_like(ids)).logits
    assert (before > -9).any()
    assert (after < -9).all()


def test_weights_whose_words_rule_nothing_out_learn_to_and_answer_as_before():
    torch.manual_seed(0)
    old = tiny_lsms(outline=DIMS, queries=2)
    new = with_words(old, WINDOW, 1.0).eval()
    assert new.config.lobes
    assert new.config.attenuation_window == WINDOW
    assert new.config.asked
    assert with_words(new, WINDOW, 1.0) is new
    image, ids = torch.randn(1, 3, 64, 80), torch.tensor([[2, 5, 7, 3]])
    with torch.inference_mode():
        before, after = (m(image, ids, torch.ones_like(ids)).logits for m in (old, new))
        # At most sigmoid(-4) of an answer is struck out, three times.
        torch.testing.assert_close(after, before, rtol=0, atol=0.09)
        surer = with_words(new, WINDOW, 0.1).eval()
        assert (surer(image, ids, torch.ones_like(ids)).logits > after).all()
        new.lsms.lobes.linear.bias.fill_(4.0)
        assert (new(image, ids, torch.ones_like(ids)).logits < before - 0.5).all()


def test_heads_that_read_in_another_way_begin_anew():
    torch.manual_seed(0)
    old = tiny_lsms(outline=DIMS, lobes=True)
    with torch.no_grad():
        old.lsms.lobes.linear.bias.fill_(9.0)
    new = with_words(old, WINDOW, 1.0)
    assert (new.lsms.lobes.linear.bias == INITIAL_LOGIT).all()
    kept = "lsms.outline.classify.weight"
    assert torch.equal(new.state_dict()[kept], old.state_dict()[kept])


@pytest.mark.parametrize("queries", [0, 2])
def test_padding_is_not_read(queries):
    torch.manual_seed(0)
    head = Reader(16, queries, [0.0, 0.0])
    torch.nn.init.normal_(head.linear.weight)
    words = torch.randn(1, 4, 16)
    padded = torch.cat([words, torch.full((1, 3, 16), 50.0)], dim=1)
    mask = torch.arange(7)[None] < 4
    torch.testing.assert_close(head(padded, mask), head(words, mask[:, :4]))


@pytest.mark.slow
def test_what_is_looked_for_is_found_wherever_it_stands():
    torch.manual_seed(0)
    words, asked = torch.zeros(64, 12, 16), torch.zeros(64, 1)
    for i in range(0, 64, 2):
        words[i, i % 12, :2] = 1.0
        asked[i] = 1.0
    for i in range(1, 64, 2):  # the same on average, in two words
        words[i, i % 12, 0] = words[i, (i + 5) % 12, 1] = 1.0
    mask = torch.ones(64, 12).bool()
    right = {}
    for queries in (0, 2):
        torch.manual_seed(0)
        head = Reader(16, queries, [0.0])
        optimizer = torch.optim.Adam(head.parameters(), 1e-2)
        for _ in range(300):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(
                head(words, mask), asked
            ).backward()
            optimizer.step()
        right[queries] = float(((head(words, mask) > 0) == (asked > 0)).float().mean())
    assert right == {0: 0.5, 2: 1.0}
