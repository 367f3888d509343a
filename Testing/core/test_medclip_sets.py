"""Published layouts are read by name, and the papers' table stands beside ours."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from lsms_core.cli.main import main
from lsms_core.cli.medclip_sam import command
from lsms_core.dataset.picture_files import read_picture_mask
from lsms_core.errors import InputError
from lsms_core.evaluation.medclip_sets import SETS
from lsms_core.evaluation.medclip_table import blindness_table, evaluate_set, results_table
from lsms_core.inference.medclip_engine import picture_predictor
from lsms_core.models.medclip_sam import files
from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig
from lsms_core.models.medclip_sam.open_clip_format import PICKLE_NAME, WEIGHTS_NAME
from Testing.core.medclip_tiny import write_clip, write_sam

pytestmark = pytest.mark.slow


def picture(path, value, box=None, shape=(20, 30)):
    """A grey picture, or a mask with one rectangle."""
    array = np.full(shape, value, np.uint8)
    if box is not None:
        array[box] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))


A, B = np.s_[2:6, 3:9], np.s_[10:15, 20:28]


def busi(root):
    picture(root / "benign" / "benign (10).png", 10)
    picture(root / "benign" / "benign (10)_mask.png", 0, A)
    picture(root / "benign" / "benign (2).png", 2)
    picture(root / "benign" / "benign (2)_mask.png", 0, A)
    picture(root / "benign" / "benign (2)_mask_1.png", 0, B)
    picture(root / "malignant" / "malignant (2).png", 102)
    picture(root / "malignant" / "malignant (2)_mask.png", 0, B)
    picture(root / "normal" / "normal (1).png", 201)
    picture(root / "normal" / "normal (1)_mask.png", 0)


def udiat(root):
    for name, box in (("000009", A), ("000010", B)):
        picture(root / "original" / f"{name}.png", int(name))
        picture(root / "GT" / f"{name}.png", 0, box)


def covid(root):
    lungs = root / "Lung Segmentation Data" / "Lung Segmentation Data" / "Test"
    for kind, box in (("COVID-19", A), ("Normal", B)):
        picture(lungs / kind / "images" / "x_1.png", 50)
        picture(lungs / kind / "lung masks" / "x_1.png", 0, box)
    again = root / "Infection Segmentation Data" / "Test" / "COVID-19"
    for folder in ("images", "lung masks", "infection masks"):
        picture(again / folder / "x_1.png", 50)


def figshare(root):
    h5py = pytest.importorskip("h5py")
    for number, box in ((2, A), (10, B)):
        folder = root / f"brainTumorDataPublic_{number}"
        folder.mkdir(parents=True)
        image = np.zeros((20, 30), np.int16)
        image[box] = 1500
        image[0, 0] = number
        with h5py.File(folder / f"{number}.mat", "w") as file:
            # As MATLAB writes it: columns first.
            file["cjdata/image"] = image.T
            file["cjdata/tumorMask"] = (image > 1000).T.astype(np.uint8)
            file["cjdata/label"] = np.array([[1.0]])


MAKERS = {"busi": busi, "udiat": udiat, "covid-qu-ex": covid, "figshare-brain": figshare}


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_mask_belongs_to_its_picture(name, tmp_path):
    MAKERS[name](tmp_path)
    cases = SETS[name].cases(tmp_path)
    loaded = {c.id: c.load() for c in cases}
    first, second = np.zeros((2, 20, 30), bool)
    first[A], second[B] = True, True
    expected = {
        "busi": {
            "benign-2": first | second,
            "benign-10": first,
            "malignant-2": second,
            "normal-1": first & second,
        },
        "udiat": {"000009": first, "000010": second},
        "covid-qu-ex": {"Test-COVID-19-x_1": first, "Test-Normal-x_1": second},
        "figshare-brain": {"2": first, "10": second},
    }[name]
    assert list(loaded) == list(expected)  # numbers in order, not as text
    for key, mask in expected.items():
        grey, found = loaded[key]
        assert np.array_equal(found, mask)
        assert grey.shape == mask.shape
        assert grey.max() <= 255
    if name == "busi":
        assert loaded["benign-2"][0].max() == 2
        assert loaded["malignant-2"][0].max() == 102
    if name == "figshare-brain":
        assert loaded["2"][0][A].min() == 255


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_another_layout_is_named(name, tmp_path):
    with pytest.raises(InputError, match="does not look like"):
        SETS[name].cases(tmp_path)
    with pytest.raises(InputError, match="does not look like"):
        SETS[name].cases(tmp_path / "absent")


def test_a_missing_or_misfitting_mask_is_named(tmp_path):
    busi(tmp_path / "busi")
    (tmp_path / "busi" / "malignant" / "malignant (2)_mask.png").unlink()
    with pytest.raises(InputError, match=r"malignant \(2\)_mask"):
        SETS["busi"].cases(tmp_path / "busi")
    udiat(tmp_path / "udiat")
    picture(tmp_path / "udiat" / "GT" / "000010.png", 0, A, shape=(21, 30))
    with pytest.raises(InputError, match="has the shape"):
        SETS["udiat"].cases(tmp_path / "udiat")[1].load()
    (tmp_path / "udiat" / "GT" / "000010.png").unlink()
    with pytest.raises(InputError, match="has no mask 000010"):
        SETS["udiat"].cases(tmp_path / "udiat")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    clip, sam = write_clip(root / "published" / "biomedclip"), write_sam(root / "published" / "sam")
    config = MedClipSamConfig(cleanup="kmeans", neutral_margin=-3.0, top_channels=4)
    files.assemble(clip, sam, root / "any", config)
    return root


def test_every_set_is_asked_one_text_and_tested_with_others(models, tmp_path):
    busi(tmp_path)
    chosen = SETS["busi"]
    report = evaluate_set(chosen, chosen.cases(tmp_path), picture_predictor(models / "any", "cpu"))
    assert {s["text"] for s in report["samples"]} == {"breast tumor"}
    assert report["summary"]["named"] == 3
    assert report["summary"]["no_target_accuracy"]["count"] == 1
    tests = report["text_tests"]
    assert tests["right"]["count"] == tests["other"]["count"] == tests["gibberish"]["count"] == 3
    assert tests["empty"]["answered"] == 0
    json.dumps(report)


def fake_report(title, value, low=None, high=None):
    dice = {"value": value, "low": low, "high": high, "count": 7}
    return {"title": title, "set": "x", "model": "m 1", "summary": {"dice": dice}}


def test_the_papers_table_stands_beside_ours():
    table = results_table(
        [fake_report("brain MRI", 0.5, 0.4, 0.6), fake_report("lung X-ray", None)]
    ).splitlines()
    assert table[2] == "| published, v1 zero-shot | 67.8 | 66.7 | 64.5 | 59.1 |"
    assert table[4] == "| published, v2 weakly supervised | 78.9 | 80.0 | 80.8 | 88.8 |"
    assert table[5] == "| ours, m 1, x |  | 50.0 (40.0 to 60.0), n = 7 |  |  |"
    assert table[6] == "| ours, m 1, x |  |  | - |  |"


def test_blindness_of_several_models_in_one_table():
    row = {"count": 3, "dice_to_right_lesion": 0.25, "answered": 1.0, "changed": None}
    table = blindness_table({"a": {"text_tests": {"gibberish": row}}, "b": {"text_tests": {}}})
    assert table.splitlines()[2:] == ["| a | gibberish text | 3 | 0.25 | 100 % | - |"]


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def test_commands_from_the_published_files_to_a_mask_and_a_table(models, tmp_path):
    import torch
    from safetensors.torch import load_file

    published = models / "published"
    weights = tmp_path / PICKLE_NAME
    torch.save(load_file(published / "biomedclip" / WEIGHTS_NAME), weights)
    assert "Written" in run("convert", weights).output
    assert (tmp_path / WEIGHTS_NAME).is_file()
    made = tmp_path / "v2"
    shown = run(
        "assemble", published / "biomedclip", published / "sam", made, "--version", "v2",
        "--neutral-margin", "-3", "--prompt", "box+points",
    )  # fmt: skip
    assert "The model is in" in shown.output
    assert json.loads((made / "config.json").read_text())["medclip_sam"]["prompt"] == "box+points"
    picture(tmp_path / "us.png", 40, A)
    shown = run(
        "picture", tmp_path / "us.png", "breast tumor", "--weights", made, "--output",
        tmp_path / "mask.png", "--explain", tmp_path / "why.png", "--times", "--device", "cpu",
    )  # fmt: skip
    assert "| saliency | 1 |" in shown.output
    assert "fits the picture better than neutral" in shown.output
    assert read_picture_mask(tmp_path / "mask.png").shape == (20, 30)
    assert (tmp_path / "why.png").is_file()
    udiat(tmp_path / "set")
    shown = run(
        "evaluate", "udiat", tmp_path / "set", "--weights", made, "--output",
        tmp_path / "report.json", "--device", "cpu",
    )  # fmt: skip
    assert "| ours, v2 v2, udiat |" in shown.output
    assert "gibberish text | 2 |" in (tmp_path / "report.md").read_text()
    assert "| ours, v2 v2, udiat |" in run("table", tmp_path / "report.json").output


def test_downloads_are_asked_for_and_errors_are_one_line(tmp_path, monkeypatch, capsys):
    refused = CliRunner().invoke(command, ["fetch", str(tmp_path / "x")], input="n\n")
    assert "1.2 GB" in refused.output
    assert refused.exit_code != 0
    assert not (tmp_path / "x").exists()
    monkeypatch.setenv("LSMS_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    picture(tmp_path / "us.png", 40)
    with pytest.raises(SystemExit) as caught:
        main(["medclip-sam", "picture", str(tmp_path / "us.png"), "x", "--output", "m.png"])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "open_clip_config.json" in error
