"""A run depends on its configuration alone, survives a kill, and keeps patients apart."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lsms_core.errors import DependencyError, InputError
from lsms_core.inference.predictor import Predictor
from lsms_core.training.config import TrainingConfig
from lsms_core.training.run import build, train
from lsms_core.training.text import load_text_encoder
from Testing.core.training_tiny import tiny_run, write_cases, write_text_encoder

# Lightning's advice about worker processes and batch counts is meant for real runs.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("shallow_networks"),
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
]


@pytest.fixture(scope="module")
def text_encoder(tmp_path_factory):
    return write_text_encoder(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    return write_cases(tmp_path_factory.mktemp("cases"))


@pytest.fixture
def config(cases, text_encoder):
    return tiny_run(cases, text_encoder)


def weights(bundle):
    return load_file(bundle / "model.safetensors")


@pytest.mark.parametrize("at", [2, 5])
def test_a_killed_run_goes_on_to_the_same_weights(config, tmp_path, monkeypatch, at):
    whole = weights(train(config, tmp_path / "whole"))

    class KilledError(Exception):
        pass

    from lsms_core.training.module import LSMSTraining

    original = LSMSTraining.training_step

    def killed(self, batch, batch_index):
        if self.global_step == at:
            raise KilledError
        return original(self, batch, batch_index)

    monkeypatch.setattr(LSMSTraining, "training_step", killed)
    every_step = replace(config, checkpoint_minutes=1e-6)
    with pytest.raises(KilledError):
        train(every_step, tmp_path / "broken")
    monkeypatch.undo()
    resumed = weights(train(every_step, tmp_path / "broken", resume=True))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_a_fold_is_left_out_and_written_down(config, tmp_path):
    bundle = train(replace(config, samples=2, fold=1), tmp_path / "run")
    split = json.loads((tmp_path / "run" / "split.json").read_text(encoding="utf-8"))
    assert sorted(split["trained"] + split["held_out"]) == ["a", "b", "c", "d"]
    assert len(split["held_out"]) == 2
    assert (tmp_path / "run" / "logs").is_dir()
    predictor = Predictor.from_pretrained(bundle, "cpu")
    answer = predictor.segment(np.zeros((60, 70), np.int16), "lesion", spacing_mm=(2.0, 2.0))
    assert answer[0].mask.shape == (60, 70)


def test_the_optimiser_holds_what_learns_and_nothing_else(config):
    module = build(config)
    optimizer = module.configure_optimizers()["optimizer"]
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    learning = {id(p) for p in module.parameters() if p.requires_grad}
    assert held == learning
    frozen = [n for n, p in module.model.named_parameters() if not p.requires_grad]
    assert frozen
    assert all(n.startswith("text_encoder.bert.embeddings.") for n in frozen)
    free = build(replace(config, freeze_embeddings=False))
    assert all(p.requires_grad for p in free.model.parameters())


def test_weights_at_the_start_depend_on_the_seed_alone(config):
    one, again, other = (build(replace(config, seed=s)).state_dict() for s in (1, 1, 2))
    key = "model.lsms.encoder.downsample.0.0.weight"
    assert torch.equal(one[key], again[key])
    assert not torch.equal(one[key], other[key])


def test_a_run_is_never_overwritten_nor_resumed_from_nothing(config, tmp_path):
    with pytest.raises(InputError, match="without --resume"):
        train(config, tmp_path / "run", resume=True)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").write_bytes(b"")
    with pytest.raises(InputError, match="holds a run already"):
        train(config, tmp_path / "run")


def test_a_fold_that_does_not_exist_is_refused(config, tmp_path):
    with pytest.raises(InputError, match="use 0 to 1"):
        train(replace(config, fold=2), tmp_path / "run")


def test_configurations_come_back_from_json_and_unknown_entries_are_refused(config, tmp_path):
    (tmp_path / "c.json").write_text(config.to_json(), encoding="utf-8")
    assert TrainingConfig.load(tmp_path / "c.json") == config
    with pytest.raises(InputError, match="learning_speed"):
        TrainingConfig.from_dict({"cases": "x", "learning_speed": 3})
    (tmp_path / "c.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        TrainingConfig.load(tmp_path / "c.json")


def test_the_text_encoders_source_is_checked(text_encoder, tmp_path):
    with pytest.raises(DependencyError, match="text-init"):
        load_text_encoder("package:no_such_package_of_weights", 2)
    with pytest.raises(InputError, match="No text encoder"):
        load_text_encoder(str(tmp_path), 2)
    shutil.copytree(text_encoder, tmp_path / "bert")
    encoder, _ = load_text_encoder(str(tmp_path / "bert"), 1)
    assert len(encoder.bert.encoder.layer) == 1


def test_a_unet_needs_no_text_encoder(config):
    built = build(replace(config, architecture="unet", text_encoder="package:not_installed_here"))
    assert built.model.architecture == "unet"
    assert built.tokenizer("a lesion")["input_ids"]
