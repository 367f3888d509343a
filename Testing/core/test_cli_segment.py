"""``lsms segment`` as a user calls it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk


@pytest.fixture
def segment(lsms, tiny_bundle, bright_engine, ct_file):
    def run(*arguments, volume=ct_file):
        return lsms("segment", volume, "--weights", tiny_bundle, *arguments)

    return run


def test_it_says_what_it_found_and_how_large(segment):
    ran = segment("--text", "bright lesion")
    assert ran.status == 0, ran.err
    assert 'Found "bright lesion": 1 lesion' in ran.out
    assert "20 x 16 mm axial, 2.9 mL" in ran.out
    assert "slices 2 to 4" in ran.out
    assert "mean 2" in ran.out


def test_a_text_that_fits_nothing_is_no_error(segment, tmp_path):
    target = tmp_path / "none.nii.gz"
    ran = segment("--text", "kidney stone", "--json", "--output", target)
    assert ran.status == 0, ran.err
    report = json.loads(ran.out)
    (result,) = report["results"]
    assert result["present"] is False
    assert result["slices"] is None
    assert result["lesions"] == []
    assert not sitk.GetArrayFromImage(sitk.ReadImage(str(target))).any()
    assert 'Nothing found for "kidney stone"' in segment("--text", "kidney stone").out


def test_json_measures_every_lesion(segment, ct):
    ran = segment("--text", "bright lesion", "--text", "dark lesion", "--json")
    assert ran.status == 0, ran.err
    bright, dark = json.loads(ran.out)["results"]
    true_ml = 3 * 8 * 6 * 20 / 1000
    assert bright["volume_ml"] == pytest.approx(true_ml, rel=0.15)
    assert bright["mean_hu"] == pytest.approx(200, abs=25)
    assert bright["slices"] == [2, 4]
    assert bright["lesions"][0]["centroid_ras"][0] < 0  # the patient's left
    assert dark["lesions"][0]["centroid_ras"][0] > 0
    assert dark["mean_hu"] == pytest.approx(0, abs=15)


def test_the_mask_lies_on_the_inputs_grid(segment, ct, ct_file, tmp_path):
    target = tmp_path / "mask.nii.gz"
    assert segment("--text", "bright lesion", "--output", target).status == 0
    mask, source = sitk.ReadImage(str(target)), sitk.ReadImage(str(ct_file))
    assert mask.GetSize() == source.GetSize()
    assert mask.GetSpacing() == source.GetSpacing()
    assert mask.GetOrigin() == source.GetOrigin()
    assert mask.GetDirection() == source.GetDirection()
    true = ct.array == 200
    found = sitk.GetArrayFromImage(mask) == 1
    assert 2 * (true & found).sum() / (true.sum() + found.sum()) > 0.85


@pytest.mark.parametrize(
    ("choice", "run"),
    [
        (["--slice", "3"], [3, 3]),
        (["--slices", "3:5"], [3, 5]),
        (["--slices", ":2"], [0, 2]),
        (["--slices", "6:"], [6, 7]),
        (["--all"], [0, 7]),
        ([], [0, 7]),
        (["--axis", "coronal", "--slice", "22"], [22, 22]),
        (["--axis", "2", "--slices", "38:40"], [38, 40]),
    ],
)
def test_the_slices_that_were_asked_for_are_run(segment, tmp_path, choice, run):
    target = tmp_path / "mask.nrrd"
    ran = segment("--text", "bright lesion", "--json", "--output", target, *choice)
    assert ran.status == 0, ran.err
    report = json.loads(ran.out)
    assert report["slices_run"] == run
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(target)))
    filled = np.flatnonzero(np.moveaxis(found, report["axis"], 0).any(axis=(1, 2)))
    assert set(filled) <= set(range(run[0], run[1] + 1))
    assert report["results"][0]["present"] == bool(len(filled))


def test_one_coronal_slice_is_measured_in_its_plane(segment):
    ran = segment("--text", "bright lesion", "--axis", "coronal", "--slice", 22)
    assert "mm coronal" in ran.out
    ran = segment("--text", "bright lesion", "--axis", "coronal", "--slice", 22, "--json")
    (result,) = json.loads(ran.out)["results"]
    assert result["longest_axial_mm"] is None
    assert result["lesions"][0]["plane"] == "coronal"
    # 8 columns of 2 mm by 3 slices of 5 mm.
    assert result["lesions"][0]["longest_mm"] == pytest.approx((16**2 + 15**2) ** 0.5, rel=0.2)


def test_the_threshold_and_the_largest_reach_the_model(segment):
    low = json.loads(segment("--text", "dark", "--json", "--threshold", "0.3").out)
    assert low["results"][0]["threshold"] == 0.3
    none = json.loads(segment("--text", "dark", "--json", "--threshold", "0.95").out)
    assert none["results"][0]["present"] is False
    one = json.loads(segment("--text", "dark", "--json", "--largest").out)
    assert len(one["results"][0]["lesions"]) == 1


def test_the_picture_shows_the_outline_in_colour(segment, tmp_path):
    pytest.importorskip("PIL")
    from PIL import Image

    from lsms_core.anatomy.terminology import colour_of

    target = tmp_path / "picture.png"
    assert segment("--text", "bright lesion", "--picture", target).status == 0
    picture = np.asarray(Image.open(target).convert("RGB"))
    hits = (picture == colour_of("bright lesion")).all(axis=-1)
    rows, columns = np.nonzero(hits[:560])
    assert len(rows) > 100
    assert columns.mean() > 380  # the patient's left is on the right


def test_a_picture_without_pillow_says_what_to_install(segment, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    ran = segment("--text", "bright", "--picture", tmp_path / "x.png")
    assert ran.status == 2
    assert "lsms-core[pictures]" in ran.err


def test_repeated_texts_are_run_once(segment):
    ran = segment("--text", "bright lesion", "--text", "bright  lesion", "--json")
    assert len(json.loads(ran.out)["results"]) == 1


def test_stdout_holds_nothing_but_the_answer(segment, ct, tmp_path):
    positive = tmp_path / "positive.nii.gz"
    shifted = ct.to_sitk(ct.array + np.int16(1000))
    sitk.WriteImage(shifted, str(positive))
    ran = segment("--text", "dark", "--json", volume=positive)
    assert "Hounsfield units + 1000" in json.dumps(json.loads(ran.out)["notes"])
    plain = segment("--text", "dark", volume=positive)
    assert "Note: The values are Hounsfield units + 1000" in plain.err
    assert "Note" not in plain.out


def test_random_weights_run_from_end_to_end(lsms, tiny_bundle, ct_file):
    ran = lsms("segment", ct_file, "--text", "left lobe lesion", "--weights", tiny_bundle,
               "--slice", 3, "--json")  # fmt: skip
    assert ran.status == 0, ran.err
    assert 0 <= json.loads(ran.out)["results"][0]["score"] <= 1
