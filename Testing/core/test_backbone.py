"""Public convolutions: taken as published, joined where strides meet, with their statistics."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lsms_core.errors import BundleError, DependencyError, InputError
from lsms_core.models.bundle import load_bundle
from lsms_core.models.lsms.backbone import CHANNELS, Backbone
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.training import public_weights as module
from lsms_core.training.config import TrainingConfig
from lsms_core.training.public_weights import public_weights
from lsms_core.training.text_free import new_run
from Testing.core.models_tiny import saved_drawing, tiny_drawing

pytestmark = pytest.mark.slow

LITE = {"backbone": "efficientnet-lite0"}


def published() -> dict[str, torch.Tensor]:
    """A state with the names and the order of the published one, of random weights."""
    generator = torch.Generator().manual_seed(5)
    names = iter(f"_blocks.{i}" for i in range(1000))
    state = {}
    for name, value in Backbone().state_dict().items():
        prefix = next(names) if name.endswith("weight") else prefix  # noqa: F821
        drawn = torch.rand(value.shape, generator=generator) + 0.5
        state[f"{prefix}.{name.rsplit('.', 1)[1]}"] = drawn if value.ndim else value
    return {**state, "_conv_head.weight": torch.zeros(2), "_fc.weight": torch.zeros(2)}


@pytest.fixture
def weights_file(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "lite0.pth"
    torch.save(published(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(module, "_SHA256", digest)
    return path


def images(rows: int = 49, columns: int = 66) -> torch.Tensor:
    return torch.rand((2, 3, rows, columns), generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_features_have_the_detail_path_s_and_the_encoder_s_strides():
    features = Backbone()(images())
    sizes = [(49, 66), (25, 33), (13, 17), (7, 9), (4, 5)]
    assert [tuple(f.shape) for f in features] == [
        (2, channels, *size) for channels, size in zip(CHANNELS, sizes, strict=True)
    ]


def test_published_weights_are_taken_layer_by_layer():
    backbone, state = Backbone(), published()
    backbone.begin_with(state)
    theirs = [v for k, v in state.items() if not k.startswith(("_conv_head", "_fc"))]
    for ours, value in zip(backbone.state_dict().values(), theirs, strict=True):
        assert torch.equal(ours, value)


def test_weights_of_another_network_are_refused():
    state = published()
    first = next(iter(state))
    with pytest.raises(ValueError, match="EfficientNet-Lite0"):
        Backbone().begin_with({**state, first: state[first][:, :1]})
    with pytest.raises(ValueError, match="EfficientNet-Lite0"):
        Backbone().begin_with(dict(list(state.items())[:-7]))


def test_learning_moves_weights_and_keeps_statistics():
    backbone = Backbone().train()
    statistics = {n: b.clone() for n, b in backbone.named_buffers()}
    sum(f.square().mean() for f in backbone(images())).backward()
    assert all(torch.equal(b, statistics[n]) for n, b in backbone.named_buffers())
    assert [n for n, p in backbone.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_the_maps_depend_on_it_at_every_stride():
    model = tiny_drawing(**LITE)
    image = images(64, 96)
    with torch.no_grad():
        drawn = model.lsms.draw(image)
        for join in model.lsms.joins:
            kept = join[1].weight.clone()
            join[1].weight.zero_()
            assert not torch.allclose(model.lsms.draw(image), drawn)
            join[1].weight.copy_(kept)
        assert torch.equal(model.lsms.draw(image), drawn)


def test_a_model_with_it_is_saved_and_restored(tmp_path):
    folder = saved_drawing(tmp_path / "model", network=LITE, dtype="float32")
    model = load_bundle(folder).model
    assert model.config.backbone == "efficientnet-lite0"
    image = images(64, 96)
    with torch.no_grad():
        assert torch.equal(model.eval().lsms.draw(image), tiny_drawing(**LITE).lsms.draw(image))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "resnet"}, "Unknown backbone"),
        ({**LITE, "draws": False, "detail": (), "words": True}, "needs a network that draws"),
        ({**LITE, "in_channels": 5}, "three slices"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changes, message):
    with pytest.raises(BundleError, match=message):
        LSMSConfig(**{"draws": True, "words": False, "detail": (4, 8), **changes})


def run_config(**changes) -> TrainingConfig:
    network = {"dims": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "decoder_width": 32}
    entries = {"network": {**network, "detail": (4, 8), **LITE}, "align_stride": 4}
    return TrainingConfig.from_dict({"cases": "", "text_free": True, **entries, **changes})


def test_a_run_begins_with_them_and_moves_them_slower(weights_file):
    config = run_config(backbone_from=str(weights_file), backbone_rate=0.25)
    run = new_run(config)
    assert torch.equal(run.model.lsms.backbone.stem[0].weight, next(iter(published().values())))
    shares = {
        id(p): group["share"] for group in run.optimizer.param_groups for p in group["params"]
    }
    for name, parameter in run.model.named_parameters():
        assert shares[id(parameter)] == (0.25 if name.startswith("lsms.backbone.") else 1.0)


def test_a_run_without_a_backbone_has_nothing_to_begin(weights_file):
    config = run_config(backbone_from=str(weights_file), network={})
    with pytest.raises(BundleError, match=r"network\.backbone"):
        new_run(config)
    with pytest.raises(InputError, match="Only LSMS"):
        new_run(replace(config, architecture="unet"))


def test_what_has_learnt_is_not_begun_again(weights_file, tmp_path):
    learnt = saved_drawing(tmp_path / "learnt", network=LITE)
    config = run_config(backbone_from=str(weights_file), start_from=str(learnt))
    with pytest.raises(InputError, match="leave out"):
        new_run(config)


def test_a_package_carries_them(weights_file, monkeypatch):
    package = weights_file.parent / "carries_weights"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    weights_file = weights_file.rename(package / weights_file.name)
    monkeypatch.syspath_prepend(package.parent)
    assert len(public_weights("package:carries_weights")) == len(published())
    weights_file.unlink()
    with pytest.raises(InputError, match="no weights in package:carries_weights"):
        public_weights("package:carries_weights")


def test_weights_that_are_missing_or_altered_are_refused(weights_file):
    with pytest.raises(DependencyError, match="backbone-init"):
        public_weights("package:not_installed_here")
    with pytest.raises(InputError, match="cannot be read"):
        public_weights(str(weights_file.with_name("other.pth")))
    weights_file.write_bytes(weights_file.read_bytes() + b" ")
    with pytest.raises(InputError, match="not the published file"):
        public_weights(str(weights_file))
