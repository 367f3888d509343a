"""Runs that learn to draw without words: exact, resumable, and no text package is needed."""

from __future__ import annotations

import csv
import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import load_file

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.augmentation import AugmentationConfig
from lsms_core.dataset.text_free_pictures import TextFreeConfig
from lsms_core.errors import BundleError, InputError, OutputError
from lsms_core.inference.predictor import Predictor
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from lsms_core.models.beginnings import with_detail_from
from lsms_core.models.bundle import load_bundle
from lsms_core.models.lsms.map_loss import LARGEST_WEIGHT, lesion_weights, maps_loss
from lsms_core.training import text_free
from lsms_core.training.config import TrainingConfig
from lsms_core.training.guesses import read_guesses
from lsms_core.training.hard_places import read_hard_places
from lsms_core.training.run import split_cases, train
from lsms_core.training.text_free import new_run, rate_at
from Testing.core.training_tiny import NETWORK, tiny_run, write_cases

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_networks")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    cases = write_cases(tmp_path_factory.mktemp("cases"))
    singles = tmp_path_factory.mktemp("singles")
    for name, source in (("one", "a"), ("two", "b")):
        (singles / name).mkdir()
        for kind in ("image", "label"):
            stored = sitk.ReadImage(str(cases / source / f"{kind}.nii.gz"))
            sitk.WriteImage(stored[:, :, 2:3], str(singles / name / f"{kind}.nii.gz"))
    manifest = "case,patient_group,kind\none,a,liver_only\ntwo,e,lesion\n"
    (singles / "manifest.csv").write_text(manifest)
    return cases, singles


@pytest.fixture
def config(folders) -> TrainingConfig:
    cases, singles = folders
    return replace(
        tiny_run(cases, Path("package:not_installed_here")),
        text_free=True,
        single_slices=str(singles),
        network=NETWORK,
        align_stride=4,
        checkpoint_minutes=0.0,
        pictures=TextFreeConfig(crop=(48, 64)),
    )


def weights(bundle: Path) -> dict[str, torch.Tensor]:
    return load_file(bundle / "model.safetensors")


@pytest.mark.parametrize("architecture", ["lsms", "unet"])
def test_a_killed_run_goes_on_to_the_same_weights(config, architecture, tmp_path, monkeypatch):
    config = replace(config, architecture=architecture)
    if architecture == "unet":
        config = replace(config, network={}, samples=6)
    whole = weights(train(config, tmp_path / "whole"))
    original = text_free._loss

    def killed(model, batch):
        if model.training and calls.pop(0):
            raise KeyboardInterrupt
        return original(model, batch)

    calls = [False, False, True]
    monkeypatch.setattr(text_free, "_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "killed")
    monkeypatch.setattr(text_free, "_loss", original)
    resumed = weights(train(config, tmp_path / "killed", resume=True))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_its_bundle_draws_and_its_losses_are_written_down(config, folders, tmp_path):
    bundle = train(config, tmp_path / "run")
    with (tmp_path / "run" / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["step"]) for r in rows] == [6]
    assert float(rows[0]["loss"]) > 0
    (result,) = Predictor.from_pretrained(bundle, "cpu").segment(
        CTVolume.from_sitk(sitk.ReadImage(str(folders[0] / "a" / "image.nii.gz"))),
        "lesion",
        slices=2,
    )
    assert result.mask.shape == (6, 90, 120)


def test_a_run_draws_the_mistakes_of_an_earlier_one(config, tmp_path):
    first = train(config, tmp_path / "first")
    again = replace(config, mistakes_of=str(first), start_from=str(first), network={})
    bundle = train(again, tmp_path / "again")
    places = read_hard_places(tmp_path / "again" / "mistakes.json")
    assert {p.case for p in places} <= {"a", "b", "c", "d", "two"}
    assert places, "a network that learnt for six steps errs"
    assert any(not torch.equal(v, weights(first)[k]) for k, v in weights(bundle).items())


def test_a_damaged_checkpoint_is_named(config, tmp_path):
    train(config, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-4000])
    with pytest.raises(InputError, match=r"last\.ckpt cannot be read"):
        train(config, tmp_path / "run", resume=True)


def test_the_last_checkpoint_stays_when_the_disk_is_full(config, tmp_path, monkeypatch):
    train(replace(config, samples=config.batch_size), tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    before = checkpoint.read_bytes()

    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        train(config, tmp_path / "run", resume=True)
    assert checkpoint.read_bytes() == before
    assert [p.name for p in checkpoint.parent.iterdir()] == ["last.ckpt"]


def test_a_taught_run_goes_on_without_its_teacher(config, tmp_path):
    first = train(config, tmp_path / "first")
    taught = replace(config, teacher=str(first), samples=config.batch_size)
    train(taught, tmp_path / "taught")
    assert list(read_guesses(tmp_path / "taught" / "guesses.safetensors")) == ["one"]
    shutil.rmtree(first)
    longer = replace(taught, samples=2 * taught.samples)
    bundle = train(longer, tmp_path / "taught", resume=True)
    with (tmp_path / "taught" / "losses.csv").open(newline="") as file:
        assert [int(row["step"]) for row in csv.DictReader(file)][-1] == 2
    assert (bundle / "model.safetensors").is_file()


def test_single_slices_follow_their_patients_into_the_folds(config):
    for fold in (0, 1):
        trained, held_out = split_cases(replace(config, fold=fold))
        names = {a.case.name for a in trained}
        assert "two" in names, "a patient of single slices only always trains"
        assert ("one" in names) == ("a" in names)
        assert names | set(held_out) == {"a", "b", "c", "d", "one", "two"}


def test_every_parameter_that_the_optimiser_holds_is_moved(config):
    run = new_run(config)
    before = {n: p.detach().clone() for n, p in run.model.named_parameters()}
    held = {id(p) for g in run.optimizer.param_groups for p in g["params"]}
    assert held == {id(p) for p in run.model.parameters() if p.requires_grad}
    image = torch.rand(2, 3, 64, 80, generator=torch.Generator().manual_seed(0)) * 2 - 1
    anatomy = torch.zeros(2, 3, 64, 80)
    anatomy[:, 0, 8:40, 8:40] = anatomy[:, 1, 8:40, 40:60] = anatomy[:, 2, 10:20, 10:20] = 1
    lesions = anatomy[:, 2].long()
    maps_loss(run.model.lsms.learning_maps(image), anatomy, lesions, torch.ones(2, 64, 80))[
        "loss"
    ].backward()
    run.optimizer.step()
    still = [n for n, p in run.model.named_parameters() if torch.equal(p, before[n])]
    assert still == []


def test_a_unet_begins_the_detail_path(config):
    torch.manual_seed(3)
    unet = UNetModel(UNetConfig((4, 8, 16, 16, 16, 4)))
    model = new_run(config).model
    begun = with_detail_from(model, unet)
    image = torch.rand(1, 3, 64, 80)
    levels = begun.lsms.detail.look(image)
    outline = unet.lsms.outline
    first = outline.down[0](image)
    assert torch.equal(levels[0], first)
    assert torch.equal(begun.lsms.detail.classify.weight, outline.classify.weight)
    assert not torch.equal(model.lsms.detail.look(image)[0], first), "the given one is as it was"
    with pytest.raises(BundleError, match=r"network\.detail"):
        with_detail_from(model, UNetModel(UNetConfig((8, 8, 16, 16, 16, 8))))


def test_the_rate_rises_stays_and_falls(config):
    config = replace(config, learning_rate=1.0, decay_share=0.5)
    rates = [rate_at(step, 100, config) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[24:51] == [1.0] * 27
    assert rates[75] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.05


def test_entries_without_texts_belong_to_runs_without_texts(config):
    values = {"cases": "cases", "single_slices": "more"}
    with pytest.raises(InputError, match="text_free"):
        TrainingConfig.from_dict(values)
    assert TrainingConfig.from_dict({**values, "text_free": True}).single_slices == "more"
    wider = TrainingConfig.from_dict(
        {"cases": "c", "text_free": True, "align_stride": 4, "network": {"detail": [32, 32]}}
    )
    assert new_run(wider).model.config.detail == (32, 32)
    with pytest.raises(InputError, match="network"):
        TrainingConfig.from_dict({"cases": "c", "text_free": True, "network": {"colour": 1}})
    with pytest.raises(InputError, match="pictures"):
        TrainingConfig.from_dict({"cases": "c", "pictures": {"size": 3}})
    drawn = {"cases": "c", "pictures": {"crop": [8, 9], "augmentation": {"shift": 0.5}}}
    read = TrainingConfig.from_dict(drawn).pictures
    assert (read.crop, read.augmentation) == ((8, 9), AugmentationConfig(shift=0.5))


def test_a_run_without_texts_starts_from_one_that_only_draws(config, tmp_path, small_bundle):
    with pytest.raises(InputError, match="only draws"):
        new_run(replace(config, start_from=str(small_bundle)))
    bundle = train(config, tmp_path / "run")
    again = new_run(replace(config, start_from=str(bundle)))
    saved = load_bundle(bundle).model.state_dict()
    assert all(torch.equal(v, again.model.state_dict()[k]) for k, v in saved.items())


def test_small_lesions_weigh_as_much_as_larger_ones():
    lesions = torch.zeros(1, 40, 40, dtype=torch.long)
    lesions[0, :10, :10] = 1
    lesions[0, 20:24, 20:25] = 2
    lesions[0, 30, 30] = 3
    weights = lesion_weights(lesions)
    sums = [float(weights[lesions == n].sum()) for n in (1, 2, 3)]
    assert sums == pytest.approx([100.0, 60.0, LARGEST_WEIGHT])
    assert (weights[lesions == 0] == 1).all()


def test_what_is_not_known_teaches_nothing():
    maps = [torch.zeros(1, 3, 16, 16, requires_grad=True)]
    anatomy, lesions = torch.zeros(1, 3, 16, 16), torch.zeros(1, 16, 16, dtype=torch.long)
    anatomy[0, 2, 2:5, 2:5] = lesions[0, 2:5, 2:5] = 1
    known = torch.ones(1, 16, 16)
    known[:, 8:] = 0
    maps_loss(maps, anatomy, lesions, known)["loss"].backward()
    gradient = maps[0].grad[0]
    assert (gradient[2, 8:] == 0).all()
    assert (gradient[2, :8] != 0).all()
    assert (gradient[:2] != 0).all(), "the lobes are known everywhere"


def test_maps_that_are_right_cost_nearly_nothing_at_every_stride():
    anatomy = torch.zeros(1, 3, 32, 32)
    anatomy[0, 0, 8:24, 8:16] = anatomy[0, 1, 8:24, 16:24] = anatomy[0, 2, 8:16, 8:16] = 1
    lesions, known = anatomy[:, 2].long(), torch.ones(1, 32, 32)
    right = [40 * torch.nn.functional.avg_pool2d(anatomy, stride) - 20 for stride in (1, 2, 4)]
    assert maps_loss(right, anatomy, lesions, known)["loss"] < 0.01
    wrong = [-m for m in right]
    assert maps_loss(wrong, anatomy, lesions, known)["loss"] > 10
