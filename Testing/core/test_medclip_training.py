"""Contrastive training and the weakly supervised loop: data, resume, results, commands."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from lsms_core.cli.train import command as train_command
from lsms_core.dataset.picture_files import read_picture_mask
from lsms_core.errors import InputError
from lsms_core.models.medclip_sam.open_clip_format import load_clip
from lsms_core.training.medclip import contrastive, weak
from lsms_core.training.medclip.contrastive_config import ContrastiveConfig
from lsms_core.training.medclip.pairs import FolderPairs, GeneratedPairs, read_pairs
from lsms_core.training.medclip.retrieval import retrieval

# Lightning and MONAI warn about matters of their own.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TINY = ContrastiveConfig(
    pairs="generated",
    steps=4,
    batch_size=6,
    held_out=12,
    checkpoint_steps=2,
    image_size=16,
    width=64,
    depth=1,
    embed_dim=16,
)


def write_picture(path, array):
    sitk.WriteImage(sitk.GetImageFromArray(array.astype(np.uint8)), str(path))


def weights(folder, loss="dhn-nce"):
    return load_file(folder / loss / "biomedclip" / "open_clip_model.safetensors")


def test_generated_pairs_show_what_they_say():
    pairs = GeneratedPairs(seed=3, size=48, count=144)
    held = pairs.held_out()
    assert len({text for _, text in held}) == len(held) == 144
    assert {text for _, text in held} == set(pairs.texts)
    image, text = pairs.training(7)
    again, same = pairs.training(7)
    assert text == same
    assert np.array_equal(image, again)
    for image, text in held:
        contrast = (image - 0.5) * (1 if "bright" in text else -1)
        # Three standard deviations of the noise; the median bears the few that get through.
        centre = [np.median(axis) / 16 for axis in np.nonzero(contrast > 0.24)]
        words = text.split()
        assert ("upper", "middle", "lower")[int(centre[0])] == words[-2]
        assert ("left", "centre", "right")[int(centre[1])] == words[-1]


@pytest.fixture
def roco(tmp_path):
    """A folder as ROCO is distributed: images/, and a table with name and caption."""
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    with (tmp_path / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "caption"])
        for i in range(24):
            write_picture(tmp_path / "images" / f"R_{i}.png", rng.integers(0, 255, (20, 30)))
            writer.writerow([i, f"R_{i}.png", f"CT, lesion {i}"])
    return tmp_path


def test_a_roco_like_folder_is_read(roco):
    config = ContrastiveConfig(
        pairs=str(roco),
        csv="data.csv",
        image_column="name",
        text_column="caption",
        images="images",
        batch_size=4,
        held_out=8,
    )
    pairs = FolderPairs(config, 16)
    held = {text for _, text in pairs.held_out()}
    epochs = [[pairs.training(i)[1] for i in range(e * 16, e * 16 + 16)] for e in (0, 1)]
    assert len(held) == 8
    assert set(epochs[0]) == set(epochs[1]) == set(pairs.texts)
    assert not held & set(pairs.texts)
    assert epochs[0] != epochs[1]
    assert pairs.training(0)[0].shape == (16, 16)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,caption\nR_0.png,x\n", "no column 'text'"),
        ("image,text\nR_0.png,\n", "line 2: the image or its text is missing"),
        ("image,text\nR_0.png,x\nabsent.png,y\n", r"line 3: .*absent\.png does not exist"),
    ],
)
def test_faulty_tables_are_named(roco, content, message):
    (roco / "bad.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_pairs(roco / "bad.csv", roco / "images")
    with pytest.raises(InputError, match="cannot be read"):
        read_pairs(roco / "none.csv", roco)


def test_tabs_separate_too(roco):
    (roco / "captions.txt").write_text("image\ttext\nR_0.png\tleft, right\n")
    assert read_pairs(roco / "captions.txt", roco / "images")[0][1] == "left, right"


@given(st.integers(2, 12), st.integers(0, 100))
def test_retrieval_counts_equal_texts_and_knows_chance(count, seed):
    rng = np.random.default_rng(seed)
    names = [str(n) for n in rng.integers(0, 4, count)]
    vectors = np.eye(4, dtype=np.float32)[[int(n) for n in names]]
    perfect = retrieval(vectors, vectors, names)
    assert perfect["image_to_text_at_1"] == perfect["text_to_image_at_1"] == 1.0
    share = np.mean([names.count(n) / count for n in names])
    assert perfect["chance_at_1"] == pytest.approx(share)
    assert perfect["chance_at_5"] >= perfect["chance_at_1"]


def test_a_resumed_run_ends_with_the_very_same_weights(tmp_path, monkeypatch):
    whole = contrastive.train(TINY, tmp_path / "whole")
    with pytest.raises(InputError, match="--resume"):
        contrastive.train(TINY, tmp_path / "whole")
    # Stopped after the checkpoint of step 2, within step 3.
    original = contrastive.ContrastiveTraining.training_step

    def stop(self, batch, index):
        if self.global_step == 3:
            raise InterruptedError
        return original(self, batch, index)

    monkeypatch.setattr(contrastive.ContrastiveTraining, "training_step", stop)
    with pytest.raises(InterruptedError):
        contrastive.train(TINY, tmp_path / "cut")
    monkeypatch.setattr(contrastive.ContrastiveTraining, "training_step", original)
    report = contrastive.train(TINY, tmp_path / "cut", resume=True)
    assert len(report["dhn-nce"]["course"]) == 2
    assert len(whole["dhn-nce"]["course"]) == 4
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    for name, tensor in a.items():
        torch.testing.assert_close(tensor, b[name], msg=name)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(InputError, match="without --resume"):
        contrastive.train(TINY, tmp_path / "none", resume=True)


def test_the_train_command_takes_its_configuration_and_fine_tunes(tmp_path):
    both = ContrastiveConfig(**{**TINY.__dict__, "losses": ("dhn-nce", "info-nce"), "steps": 1})
    (tmp_path / "a.json").write_text(both.to_json())
    out = tmp_path / "run"
    shown = CliRunner().invoke(
        train_command, [str(tmp_path / "a.json"), "--output", str(out)], catch_exceptions=False
    )
    assert shown.exit_code == 0
    assert "| info-nce | 1 |" in shown.output
    assert "| chance |" in shown.output
    report = json.loads((out / "report.json").read_text())
    assert report["dhn-nce"]["before"] == report["info-nce"]["before"]
    _, tokenizer = load_clip(out / "dhn-nce" / "biomedclip")
    assert tokenizer("a small ring")["input_ids"].count(tokenizer.unk_token_id) == 0
    # The result of a run is a start for another one, as BiomedCLIP's own folder is.
    again = ContrastiveConfig(
        **{**both.__dict__, "start": str(out / "dhn-nce" / "biomedclip"), "losses": ("dhn-nce",)}
    )
    contrastive.train(again, tmp_path / "fine")
    assert report["dhn-nce"]["after"] == pytest.approx(
        json.loads((tmp_path / "fine" / "report.json").read_text())["dhn-nce"]["before"]
    )


def test_configurations_are_checked():
    with pytest.raises(InputError, match="Unknown contrastive training entries"):
        ContrastiveConfig.from_dict({"pairs": "x", "temperature": 1})
    with pytest.raises(InputError, match="Unknown losses"):
        ContrastiveConfig("x", losses=("triplet",))
    with pytest.raises(InputError, match="2 pairs a batch"):
        ContrastiveConfig("x", batch_size=1)
    assert ContrastiveConfig.from_dict(json.loads(TINY.to_json())) == TINY


def test_the_shipped_demonstration_is_a_configuration(repository):
    file = repository / "lsms_core" / "training" / "configs" / "medclip-demo.json"
    config = ContrastiveConfig.from_dict(json.loads(file.read_text()))
    assert config.losses == ("dhn-nce", "info-nce")
    assert config.tau == config.info_tau


def test_training_lifts_retrieval_far_above_chance(tmp_path):
    """A shorter run of the shipped demonstration."""
    config = ContrastiveConfig(
        pairs="generated",
        tau=0.07,
        steps=200,
        batch_size=48,
        image_size=24,
        depth=2,
        learning_rate=1e-3,
    )
    result = contrastive.train(config, tmp_path / "run")["dhn-nce"]
    after = result["after"]
    assert after["image_to_text_at_5"] > 3 * after["chance_at_5"]
    assert after["text_to_image_at_5"] > 3 * after["chance_at_5"]
    assert np.mean(result["course"][-10:]) < np.mean(result["course"][:10]) - 1


class FakePredictor:
    """Outlines what is bright, and nothing where the text says so; counts its calls."""

    def __init__(self, calls):
        self.calls = calls

    def segment(self, grey, text, **_):
        from types import SimpleNamespace

        self.calls.append(text)
        mask = grey > 140 if text != "nothing" else np.zeros(grey.shape, bool)
        return [SimpleNamespace(mask=mask)]


@pytest.fixture
def discs(tmp_path):
    rng = np.random.default_rng(0)
    rows, columns = np.indices((32, 40))
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "text", "truth"])
        for i in range(6):
            disc = np.hypot(rows - rng.integers(10, 22), columns - rng.integers(10, 30)) < 7
            write_picture(tmp_path / f"{i}.png", 60 + 120 * disc + rng.normal(0, 5, disc.shape))
            write_picture(tmp_path / f"{i}_mask.png", 255 * disc)
            writer.writerow([f"{i}.png", "nothing" if i == 5 else "tumor", f"{i}_mask.png"])
    return tmp_path


def weak_config(discs, **changes):
    values = {"pictures": str(discs), "size": 32, "channels": (8, 16, 32), "steps": 60,
              "batch_size": 4, "learning_rate": 1e-2, "checkpoint_steps": 5}  # fmt: skip
    return weak.WeakConfig(**{**values, **changes})


def test_the_weak_loop_learns_from_zero_shot_masks(discs, tmp_path):
    calls = []
    out = tmp_path / "run"
    report = weak.run(weak_config(discs), out, predictor=lambda: FakePredictor(calls))
    assert len(calls) == 6
    assert (report["pictures"], report["found_zero_shot"]) == (6, 5)
    assert report["dice_zero_shot"] == pytest.approx(5 / 6, abs=0.02)
    # The U-Net has learned what a disc is, and outlines the one that was missed.
    assert report["dice_weak"] > 0.9
    assert not read_picture_mask(out / "zero_shot" / "5-5.png").any()
    assert read_picture_mask(out / "weak" / "5-5.png").any()


def test_the_weak_loop_resumes_each_part(discs, tmp_path, monkeypatch):
    config = weak_config(discs, steps=10)
    whole, cut, calls = tmp_path / "whole", tmp_path / "cut", []
    weak.run(config, whole, predictor=lambda: FakePredictor([]))

    class Broken(FakePredictor):
        def segment(self, grey, text, **options):
            if len(self.calls) == 3:
                raise InterruptedError
            return super().segment(grey, text, **options)

    with pytest.raises(InterruptedError):
        weak.run(config, cut, predictor=lambda: Broken(calls))
    with pytest.raises(InputError, match="--resume"):
        weak.run(config, cut)
    original = weak._batch

    def stop(config, items, masks, step):
        if step == 7:
            raise InterruptedError
        return original(config, items, masks, step)

    monkeypatch.setattr(weak, "_batch", stop)
    with pytest.raises(InterruptedError):
        weak.run(config, cut, resume=True, predictor=lambda: FakePredictor(calls))
    assert len(calls) == 6  # no picture was asked twice
    monkeypatch.setattr(weak, "_batch", original)
    # The masks are complete: no model is needed any more.
    weak.run(config, cut, resume=True, predictor=lambda: pytest.fail("loaded again"))
    a, b = (load_file(run / "unet" / "model.safetensors") for run in (whole, cut))
    for name, tensor in a.items():
        torch.testing.assert_close(tensor, b[name], msg=name)
    assert (whole / "report.json").read_text() == (cut / "report.json").read_text()


def test_a_loop_without_any_mask_says_so(discs, tmp_path):
    class Blind(FakePredictor):
        def segment(self, grey, text, **options):
            return super().segment(grey, "nothing", **options)

    with pytest.raises(InputError, match="nothing to learn from"):
        weak.run(weak_config(discs), tmp_path / "run", predictor=lambda: Blind([]))
