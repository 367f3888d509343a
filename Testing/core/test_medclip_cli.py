"""``lsms segment --engine medclip-sam`` as a user calls it, with small random models on disk."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.inference.predictor import Predictor
from lsms_core.models.medclip_sam import files
from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig
from Testing.core.medclip_tiny import write_clip, write_sam

pytestmark = pytest.mark.slow

ENGINE = ("--engine", "medclip-sam", "--device", "cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Bundles: "medclip-sam" as published, and "any", whose neutral texts never win."""
    parts = tmp_path_factory.mktemp("parts")
    published = write_clip(parts / "biomedclip"), write_sam(parts / "sam")
    root = tmp_path_factory.mktemp("models")
    files.assemble(*published, root / "medclip-sam", version="v1")
    eager = MedClipSamConfig(cleanup="kmeans", neutral_margin=-3.0, top_channels=8)
    files.assemble(*published, root / "any", eager)
    return root


@pytest.fixture
def installed(models, monkeypatch, tmp_path):
    """The models' folder as the computer's only one."""
    monkeypatch.setenv("LSMS_MODELS", str(models))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return models


def test_a_result_is_written_on_the_inputs_grid_with_a_picture(lsms, installed, ct_file, tmp_path):
    target, picture = tmp_path / "mask.nii.gz", tmp_path / "answer.png"
    asked = ["--text", "left lung lesion", "--slices", "2:3", "--threshold", "0.3"]
    ran = lsms(
        "segment", ct_file, *asked, *ENGINE, "--weights", "any", "--output", target,
        "--picture", picture, "--json",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    report = json.loads(ran.out)
    assert (report["engine"], report["model"]) == ("medclip-sam", "any v1")
    assert report["slices_run"] == [2, 3]
    (result,) = report["results"]
    assert result["present"] is True
    mask, source = sitk.ReadImage(str(target)), sitk.ReadImage(str(ct_file))
    assert mask.GetSize() == source.GetSize()
    assert mask.GetOrigin() == source.GetOrigin()
    assert mask.GetDirection() == source.GetDirection()
    (expected,) = Predictor.from_pretrained(installed / "any", "cpu").segment(
        CTVolume.from_sitk(source), "left lung lesion", slices=[2, 3], threshold=0.3
    )
    found = sitk.GetArrayFromImage(mask) == 1
    assert found.any()
    assert np.array_equal(found, expected.mask)
    assert result["voxels"] == found.sum()
    drawn = sitk.ReadImage(str(picture))
    assert min(drawn.GetSize()) > 200
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_text_no_better_than_neutral_finds_nothing(lsms, installed, ct_file, tmp_path):
    target, picture = tmp_path / "none.seg.nrrd", tmp_path / "none.png"
    # The default weights are the other engine's: the engine alone is enough.
    ran = lsms(
        "segment", ct_file, "--text", "sitting on a chair", *ENGINE, "--slice", "3",
        "--output", target, "--picture", picture,
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert 'Nothing found for "sitting on a chair"' in ran.out
    assert f"Wrote {picture}" in ran.out
    assert not sitk.GetArrayFromImage(sitk.ReadImage(str(target))).any()


def test_absent_weights_name_the_folders_and_sizes(lsms, ct_file, tmp_path, monkeypatch):
    monkeypatch.setenv("LSMS_MODELS", str(tmp_path / "empty"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    target = tmp_path / "mask.nii.gz"
    ran = lsms("segment", ct_file, "--text", "lesion", *ENGINE, "--output", target)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("lsms: The weights of MedCLIP-SAM are not on this computer")
    for part in (
        "biomedclip/", "open_clip_config.json", "0.8 GB", "sam/", "model.safetensors",
        "ViT-B 0.4 GB", "ViT-H 2.6 GB", "lsms medclip-sam assemble", "lsms medclip-sam fetch",
    ):  # fmt: skip
        assert part in ran.err
    assert not target.exists()


def test_weights_of_the_other_engine_are_refused(lsms, tiny_bundle, ct_file):
    ran = lsms("segment", ct_file, "--text", "lesion", *ENGINE, "--weights", tiny_bundle)
    assert ran.status == 2
    assert "are for the engine 'lsms', not 'medclip-sam'" in ran.err


def test_an_engine_that_does_not_exist_is_refused(lsms, installed, ct_file):
    ran = lsms("segment", ct_file, "--text", "lesion", "--engine", "magic", "--weights", "any")
    assert ran.status == 2
    assert "use one of lsms, medclip-sam" in ran.err


def test_pictures_are_segmented_and_explained(lsms, installed, tmp_path):
    rows, columns = np.indices((40, 50))
    grey = (40 + 200 * (np.hypot(rows - 20, columns - 30) < 9)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(grey), str(tmp_path / "in.png"))
    mask, why = tmp_path / "mask.png", tmp_path / "why.png"
    ran = lsms(
        "medclip-sam", "picture", tmp_path / "in.png", "sitting on a chair", "--weights", "any",
        "--output", mask, "--explain", why, "--times", "--device", "cpu",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    for line in ("| saliency |", "| clean-up |", "| SAM image |", "| all |"):
        assert line in ran.out
    assert sitk.ReadImage(str(mask)).GetSize() == (50, 40)
    assert sitk.ReadImage(str(why)).GetSize() == (4 * 512 + 12, 512)
