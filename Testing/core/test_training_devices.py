"""Runs without texts on several devices: processes on the CPU, each with pictures of its own."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lsms_core.dataset.text_free_pictures import TextFreeConfig
from lsms_core.errors import InputError
from lsms_core.training.config import TrainingConfig
from lsms_core.training.run import train
from lsms_core.training.run_devices import Devices
from Testing.core.training_tiny import NETWORK, tiny_run, write_cases

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    return replace(
        tiny_run(write_cases(tmp_path / "cases"), Path("package:not_installed_here")),
        text_free=True,
        samples=8,
        network=NETWORK,
        align_stride=4,
        pictures=TextFreeConfig(crop=(48, 64)),
    )


def weights(bundle: Path) -> torch.Tensor:
    stored = load_file(bundle / "model.safetensors")
    return torch.cat([stored[name].flatten().double() for name in sorted(stored)])


def test_two_devices_learn_what_one_learns_from_twice_as_many_pictures_a_step(config, tmp_path):
    whole = weights(train(replace(config, batch_size=4), tmp_path / "whole"))
    half = weights(train(replace(config, samples=4), tmp_path / "half"))
    path = tmp_path / "two.json"
    path.write_text(json.dumps(asdict(replace(config, devices=2))), encoding="utf-8")
    output = tmp_path / "two"
    command = [sys.executable, "-m", "lsms_core", "train", str(path), "--output", str(output)]
    subprocess.run(command, check=True, timeout=300)
    # AdamW makes much of rounding where a gradient is nearly nothing.
    beside = float((weights(output / "bundle") - whole).norm())
    assert beside < 0.1 * float((half - whole).norm())
    with (output / "losses.csv").open(newline="") as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [2]


@pytest.mark.parametrize("problem", ["teacher", "disk"])
def test_of_several_devices_one_says_what_is_wrong(config, tmp_path, problem):
    given = {"teacher": {"teacher": "no-such-model"}}
    path, output = tmp_path / "two.json", tmp_path / "two"
    entries = asdict(replace(config, devices=2, **given.get(problem, {})))
    path.write_text(json.dumps(entries), encoding="utf-8")
    if problem == "disk":
        output.mkdir()
        (output / "checkpoints").write_text("no folder")
    command = [sys.executable, "-m", "lsms_core", "train", str(path), "--output", str(output)]
    ended = subprocess.run(command, check=False, timeout=300, capture_output=True, text=True)
    assert ended.returncode == 2
    says = {"teacher": "no-such-model", "disk": "cannot be written"}
    errors = [line for line in ended.stderr.splitlines() if line.startswith("lsms: ")]
    assert len(errors) == 1
    assert says[problem] in errors[0]
    assert "Traceback" not in ended.stderr


def test_what_one_process_does_for_all_leaves_its_threads_as_they_were(config):
    devices, before = Devices(replace(config, accelerator="cpu")), torch.get_num_threads()
    devices.first(lambda: torch.set_num_threads(before + 1))
    assert torch.get_num_threads() == before


def test_pictures_are_shared_out_and_none_is_left_out(config):
    numbers = []
    for number in range(3):
        devices = Devices(config)
        devices._fabric = FabricOfThree(number)
        numbers += [n for step in devices.pictures(1, 4, batch_size=2) for n in step]
    assert sorted(numbers) == list(range(6, 24))


class FabricOfThree:
    world_size = 3

    def __init__(self, number: int) -> None:
        self.global_rank = number


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precision": "16-mixed"}, "use one of 32-true, bf16-mixed"),
        ({"accelerator": "warp"}, 'set both to "auto"'),
        ({"devices": 0}, 'set both to "auto"'),
        ({"devices": "many"}, 'set both to "auto"'),
    ],
)
def test_what_this_machine_does_not_have_is_refused(config, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        train(replace(config, **change), tmp_path / "run")


def test_pictures_drawn_by_other_processes_are_the_same(config, tmp_path):
    alone = load_file(train(config, tmp_path / "alone") / "model.safetensors")
    helped = train(replace(config, workers=1), tmp_path / "helped")
    for name, value in load_file(helped / "model.safetensors").items():
        assert torch.equal(value, alone[name]), name


def test_half_the_precision_learns_too(config, tmp_path):
    train(replace(config, precision="bf16-mixed"), tmp_path / "run")
    with (tmp_path / "run" / "losses.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["loss"]) < 20
