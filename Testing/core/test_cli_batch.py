"""``lsms batch`` from end to end, with a small model of random weights."""

from __future__ import annotations

import csv
import json

import pytest
import SimpleITK as sitk

pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.fixture
def archive(tmp_path, small_ct):
    folder = tmp_path / "archive"
    for number in (1, 2, 3):
        (folder / f"case_{number}").mkdir(parents=True)
        sitk.WriteImage(small_ct(2).to_sitk(), str(folder / f"case_{number}" / "image.nii.gz"))
    (folder / "case_2" / "image.nii.gz").write_bytes(b"damaged")
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_studies(lsms, quick_bundle, archive, tmp_path):
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("prompt,study\nleft lobe lesion,\nlargest lesion,case_3\n", "utf-8")
    output = tmp_path / "out"
    command = ("batch", archive, "--prompts", prompts, "--output", output,
               "--weights", quick_bundle, "--device", "cpu", "--threads", 1)  # fmt: skip
    ran = lsms(*command)
    assert ran.status == 0, ran.err
    assert "2 of 3 studies are finished, 1 failed" in ran.out
    assert {row["study"] for row in rows(output / "results.csv")} == {"case_1", "case_3"}
    assert [row["study"] for row in rows(output / "errors.csv")] == ["case_2"]
    told = json.loads((output / "studies" / "case_3" / "answer.json").read_text("utf-8"))
    assert told["prompts"] == ["left lobe lesion", "largest lesion"]
    assert told["answers"][0]["text"] == "left lobe lesion"
    mask = sitk.ReadImage(str(output / "studies" / "case_1" / "segmentation.seg.nrrd"))
    assert mask.GetSize()[:3] == (64, 48, 2)
    assert "case_1" in (output / "index.html").read_text("utf-8")
    # Progress names no study.
    assert "case_" not in ran.err
    again = lsms(*command)
    assert "(2 of them before)" in again.out


@pytest.mark.slow
def test_processes_give_the_same(lsms, quick_bundle, archive, tmp_path):
    tables = []
    for processes in (1, 2):
        output = tmp_path / f"out{processes}"
        ran = lsms("batch", archive, "--text", "lesion", "--output", output, "--weights",
                   quick_bundle, "--device", "cpu", "--processes", processes)  # fmt: skip
        assert ran.status == 0, ran.err
        table = rows(output / "results.csv")
        tables.append([{k: v for k, v in row.items() if k != "seconds"} for row in table])
    assert tables[0] == tables[1]
    assert len(tables[0]) >= 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "Give --prompts FILE or --text"),
        (("--text", "x", "--threshold", "2"), "between 0 and 1"),
        (("--text", "x", "--gpus", "1"), "--gpus goes with --ray"),
        (("--text", " "), ""),
    ],
)
def test_mistakes_are_told_in_one_line(lsms, archive, tmp_path, more, said):
    ran = lsms("batch", archive, "--output", tmp_path / "out", *more)
    assert ran.status == 2
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_ray_that_is_not_installed_says_what_to_install(lsms, archive, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    ran = lsms("batch", archive, "--text", "x", "--output", tmp_path / "out", "--ray")
    assert ran.status == 2
    assert "lsms-core[ray]" in ran.err
