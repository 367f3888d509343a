"""What ``lsms segment`` and ``lsms info`` take as input."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.errors import InputError, OutputError
from Testing.core.dicom_synthetic import SIZE, body, series


@pytest.fixture
def segment(lsms, tiny_bundle, bright_engine):
    def run(*arguments):
        return lsms("segment", "--weights", tiny_bundle, *arguments)

    return run


@pytest.fixture
def two_files(ct, tmp_path):
    paths = [tmp_path / "one.nii.gz", tmp_path / "two.nrrd"]
    for path in paths:
        sitk.WriteImage(ct.to_sitk(), str(path))
    return paths


def test_several_volumes_in_one_call(segment, two_files, tmp_path):
    ran = segment(*two_files, "--text", "bright lesion", "--output", tmp_path / "m/{name}.seg.nrrd",
                  "--picture", tmp_path / "m/{name}.png", "--json")  # fmt: skip
    assert ran.status == 0, ran.err
    reports = [json.loads(line) for line in ran.out.splitlines()]
    assert [r["volume"] for r in reports] == [str(p) for p in two_files]
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
        "one.png", "one.seg.nrrd", "two.png", "two.seg.nrrd",
    ]  # fmt: skip
    assert all(r["error"] is None for r in reports)


def test_one_that_fails_does_not_stop_the_others(segment, two_files, tmp_path):
    ran = segment(two_files[0], tmp_path / "absent.nii", two_files[1], "--text", "bright", "--json")
    assert ran.status == 2
    assert len(ran.out.splitlines()) == 2
    assert "absent.nii does not exist" in ran.err
    assert "1 of 3 volumes failed" in ran.err


def test_several_volumes_need_names_of_their_own(segment, two_files, tmp_path):
    ran = segment(*two_files, "--text", "bright", "--output", tmp_path / "m.nii.gz")
    assert ran.status == 2
    assert "put {name} into it" in ran.err
    assert ran.out == ""


def test_the_model_is_loaded_once(segment, two_files, monkeypatch):
    from lsms_core.inference.predictor import Predictor

    calls = []
    load = Predictor.from_pretrained
    monkeypatch.setattr(
        Predictor, "from_pretrained", lambda *a, **k: (calls.append(1), load(*a, **k))[1]
    )
    assert segment(*two_files, "--text", "bright").status == 0
    assert len(calls) == 1


class TestTexts:
    def test_texts_of_a_file(self, segment, two_files, tmp_path):
        file = tmp_path / "texts.txt"
        file.write_text("\ufeff# asked often\nbright lesion\n\n  dark lesion \r\n", "utf-8")
        ran = segment(two_files[0], "--text", "bright spot", "--text-file", file, "--json")
        assert ran.status == 0, ran.err
        texts = [r["text"] for r in json.loads(ran.out)["results"]]
        assert texts == ["bright spot", "bright lesion", "dark lesion"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [(b"", "holds no text"), (b"# x\n\n", "holds no text"), (b"\xff\xfe\x00\x01", "UTF-8"),
         (b"x" * (1 << 21), "larger than 1 MiB")],
    )  # fmt: skip
    def test_files_without_texts(self, content, message, segment, two_files, tmp_path):
        (tmp_path / "t.txt").write_bytes(content)
        ran = segment(two_files[0], "--text-file", tmp_path / "t.txt")
        assert ran.status == 2
        assert message in ran.err

    def test_a_missing_file(self, segment, two_files, tmp_path):
        assert "cannot be read" in segment(two_files[0], "--text-file", tmp_path / "no.txt").err


class TestWhatCannotBeWritten:
    @pytest.mark.parametrize("as_json", [True, False])
    @pytest.mark.parametrize("error", [OutputError, InputError])
    def test_the_answer_is_told_all_the_same(
        self, as_json, error, segment, two_files, tmp_path, monkeypatch
    ):
        def fail(*_, **__):
            raise error("the disk is full")

        monkeypatch.setattr("lsms_core.io.output.write_masks", fail)
        arguments = ["--json"] if as_json else []
        ran = segment(two_files[0], "--text", "bright", "--output", tmp_path / "m.nrrd", *arguments)
        assert ran.status == 2
        assert "the disk is full" in ran.err
        if as_json:
            report = json.loads(ran.out)
            assert report["results"][0]["present"]
            assert report["output"] is None
            assert report["error"] == "the disk is full"
        else:
            assert 'Found "bright"' in ran.out

    def test_a_bad_name_is_refused_before_the_ct_is_read(self, segment, tmp_path):
        (tmp_path / "ct.nii").write_bytes(b"no image")
        ran = segment(tmp_path / "ct.nii", "--text", "x", "--output", tmp_path / "m.xyz")
        assert "no known output format" in ran.err


class TestSeries:
    @pytest.fixture
    def study(self, tmp_path):
        series(tmp_path / "s" / "a", number=2, description="arteriell")
        series(tmp_path / "s" / "b", number=5, description="portalvenös")
        return tmp_path / "s"

    def test_what_was_read_is_said(self, segment, study, tmp_path):
        ran = segment(study, "--series", "5", "--text", "bright", "--json")
        assert ran.status == 0, ran.err
        report = json.loads(ran.out)
        assert report["read"].startswith('series 5 "portalvenös": 8 slices')
        assert report["notes"][0].startswith('Read series 5 "portalvenös"')
        ran = segment(study / "a", "--text", "bright")
        assert 'Read series 2 "arteriell": 8 slices' in ran.err

    def test_info_lists_the_series(self, lsms, study):
        ran = lsms("info", study)
        assert ran.status == 0, ran.err
        assert 'series 2, "arteriell", 8 images of 48 x 48' in ran.out
        found = json.loads(lsms("info", study, "--json").out)
        assert [s["number"] for s in found["series"]] == ["2", "5"]

    def test_info_lists_phases(self, lsms, tmp_path):
        for n in range(2):

            def change(made, index, n=n):
                made.AcquisitionNumber = n + 1
                made.PixelData = body(index + 20 * n).tobytes()

            series(tmp_path / "p", change, name=f"P{n}", uid="1.2.3")
        assert "phase acquisition 2, 8 images" in lsms("info", tmp_path / "p").out

    def test_info_of_a_file_and_of_a_zip(self, lsms, ct_file, study, tmp_path):
        ran = lsms("info", ct_file)
        assert "56 x 48 x 8 voxels of 2 x 2 x 5 mm, axial" in ran.out
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            for path in sorted(study.rglob("*.dcm")):
                archive.write(path, path.relative_to(study))
        assert "portalvenös" in lsms("info", tmp_path / "s.zip").out
        (tmp_path / "x.txt").write_text("x", "utf-8")
        assert lsms("info", tmp_path / "x.txt").status == 2

    def test_resampling_reaches_the_reader(self, segment, tmp_path):
        def uneven(made, index):
            made.ImagePositionPatient = [-48, -48, index * 4 + 4 * (index > 3)]

        series(tmp_path / "u", uneven)
        assert "--resample" in segment(tmp_path / "u", "--text", "bright").err
        target = tmp_path / "m.nii.gz"
        ran = segment(
            tmp_path / "u", "--text", "bright", "--resample", "--output", target, "--json"
        )
        assert ran.status == 0, ran.err
        assert json.loads(ran.out)["shape"] == [9, SIZE, SIZE]
        assert np.shape(sitk.GetArrayFromImage(sitk.ReadImage(str(target)))) == (9, SIZE, SIZE)
