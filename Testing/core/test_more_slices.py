"""Models that learn to see more slices than they were trained on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lsms_core.errors import BundleError
from lsms_core.models.architectures import new_model, with_outline, with_slices
from lsms_core.models.lsms.text_encoder import TextEncoder
from lsms_core.training.run import build
from Testing.core.models_tiny import saved, tiny_lsms, tiny_unet
from Testing.core.training_tiny import BERT, tiny_run, write_cases, write_text_encoder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_networks")]

THREE, SEVEN = (-4.0, 0.0, 4.0), (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0)


def make(architecture):
    unets = tiny_unet(0), tiny_unet(1)
    if architecture == "unet":
        return unets[0]
    plain = tiny_lsms()
    outlines = {"lsms": (), "outlined": unets[:1], "several": unets}[architecture]
    return with_outline(plain, *outlines).eval() if outlines else plain


@pytest.mark.parametrize("architecture", ["unet", "lsms", "outlined", "several"])
def test_what_sees_more_slices_answers_as_before_until_it_learns(architecture):
    model = make(architecture)
    wider = with_slices(model, THREE, SEVEN).eval()
    assert wider.config == replace(model.config, in_channels=7)
    image = torch.randn(2, 7, 64, 80)
    words, mask = torch.randn(2, 5, 16), torch.ones(2, 5).bool()
    with torch.inference_mode():
        narrow = model.lsms(image[:, [1, 3, 5]], words, mask)
        torch.testing.assert_close(wider.lsms(image, words, mask), narrow)
    first = "lsms.outline.down.0.0.weight" if architecture == "unet" else None
    first = first or "lsms.encoder.downsample.0.0.weight"
    assert wider.state_dict()[first].shape[1] == model.state_dict()[first].shape[1] + 4


def test_no_slice_is_lost():
    with pytest.raises(BundleError, match=r"slices at \[-4.0, 0.0, 4.0\] mm.*\[-3.0, 0.0, 3.0\]"):
        with_slices(make("unet"), THREE, (-3.0, 0.0, 3.0))


@pytest.mark.parametrize("architecture", ["lsms", "lavt", "unet"])
def test_a_new_model_sees_as_many_slices_as_it_is_told_to(architecture):
    model = new_model(architecture, "tiny", TextEncoder.from_config(BERT), 8, in_channels=5)
    assert model.config.in_channels == 5


def test_a_run_that_starts_from_weights_takes_them_to_its_own_slices(tmp_path):
    config = tiny_run(write_cases(tmp_path / "cases"), write_text_encoder(tmp_path / "bert"))
    seen = {"slice_offsets_mm": list(THREE)}
    unet = saved(tmp_path / "unet", make("unet"), build(config).tokenizer, preprocessing=seen)
    wide = replace(config.preprocessing, slice_offsets_mm=SEVEN)
    module = build(replace(config, preprocessing=wide, outline_from=str(unet)))
    assert module.model.config.in_channels == 7
    assert module.model.lsms.outline.down[0][0].weight.shape[1] == 7
