"""The lesson in reading: heads that read the words learn from texts alone; nothing else moves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lsms_core.models.architectures import with_outline, with_words
from lsms_core.models.bundle import load_bundle
from lsms_core.models.lsms.asked import ASKED, NOTHING
from lsms_core.models.lsms.decoder import INITIAL_LOGIT
from lsms_core.models.lsms.model import READERS
from lsms_core.models.lsms.reading import Reader
from lsms_core.training.run import build, train
from Testing.core.models_tiny import DIMS, saved, tiny_lsms, tiny_unet
from Testing.core.training_tiny import tiny_run, write_cases, write_text_encoder

pytestmark = pytest.mark.usefixtures("shallow_networks")

RELEASED = Path(__file__).parents[2] / "Resources" / "Models" / "lsms-tiny"
WINDOW = (-160.0, 240.0)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """A run without pictures; (the bundle before, its folder)."""
    folder = tmp_path_factory.mktemp("words")
    config = tiny_run(write_cases(folder / "cases"), write_text_encoder(folder / "bert"))
    torch.manual_seed(0)
    model = with_outline(tiny_lsms(), tiny_unet())
    before = saved(folder / "before", model, build(config).tokenizer)
    config = replace(config, start_from=str(before), samples=0, word_texts=8000)
    train(config, folder / "run")
    return before, folder / "run"


def test_nothing_but_what_reads_the_words_has_changed(lesson):
    before, run = lesson
    old = load_bundle(before).model.state_dict()
    new = load_bundle(run / "bundle").model.state_dict()
    assert old.keys() <= new.keys()
    changed = {name for name in new if name not in old or not torch.equal(old[name], new[name])}
    assert {name.split(".")[1] for name in changed} == set(READERS)


def test_left_rules_out_the_right_lobe_and_right_the_left(lesson):
    _, run = lesson
    bundle = load_bundle(run / "bundle")
    texts = ["left lobe lesion", "right lobe lesion", "lesion"]
    tokens = bundle.tokenizer(texts, padding=True, return_tensors="pt")
    mask = tokens["attention_mask"]
    with torch.inference_mode():
        words = bundle.model.text_encoder(tokens["input_ids"], mask)
        ruled_out = bundle.model.lsms.lobes(words, mask.bool()) > 0
    assert ruled_out.tolist() == [[True, False], [False, True], [False, False]]
    read = json.loads((run / "words.json").read_text(encoding="utf-8"))
    assert read.keys() == set(READERS)
    assert all(0.6 < read[name] <= 1 for name in READERS)


def test_hypodense_rules_out_what_is_bright_but_no_cyst(lesson):
    _, run = lesson
    bundle = load_bundle(run / "bundle")
    texts = ["hypodense lesion", "lesion"]
    tokens = bundle.tokenizer(texts, padding=True, return_tensors="pt")
    mask = tokens["attention_mask"]
    with torch.inference_mode():
        words = bundle.model.text_encoder(tokens["input_ids"], mask)
        ruled_out = bundle.model.lsms.attenuations(words, mask.bool()) > 0
    assert ruled_out.tolist() == [[False, True, False, True], [False] * 4]


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
