"""``lsms evaluate`` from a data set on disk to a page, and the folds pooled."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.dataset.records import Record, write_records
from lsms_core.errors import InputError

# Two patients' copies of the fixture's CT: bright block (1) on the left, dark one (2) right.
ASKED = (
    ("bright one, left", (1,), {"side": "left", "pair": True, "style": "terse"}),
    ("dark one, right", (2,), {"side": "right", "pair": True, "style": "terse"}),
    ("nothing like it", (2,), {"style": "report"}),
    ("bright in the wrong place", (2,), {"style": "report"}),
    ("bright <where> there is *none*", (), {"style": "negation"}),
    ("blank", (), {"style": "negation"}),
)


@pytest.fixture
def dataset(ct, tmp_path):
    folder = tmp_path / "set"
    label = np.zeros(ct.array.shape, np.uint8)
    label[2:5, 20:26, 36:44] = 1
    label[4:6, 18:28, 14:24] = 2
    records = []
    for patient in ("p1", "p2"):
        liver = np.ones(label.shape, np.uint8)
        for name, array in (("images", None), ("labels", label), ("livers", liver)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(ct.to_sitk(array), str(folder / name / f"{patient}.nii.gz"))
        files = f"images/{patient}.nii.gz", f"labels/{patient}.nii.gz"
        for n, (text, named, more) in enumerate(ASKED):
            attributes = {
                "patient": patient, "case": patient, "liver": f"livers/{patient}.nii.gz", **more
            }  # fmt: skip
            records.append(Record(f"{patient}_{n}", *files, 0, 4, text, named, attributes))
    write_records(folder, records)
    return folder


@pytest.mark.usefixtures("bright_engine")
def test_a_report_with_pictures(dataset, tiny_bundle, tmp_path, lsms):
    output = tmp_path / "out" / "report.json"
    ran = lsms(
        "evaluate", dataset, "--weights", tiny_bundle, "--output", output, "--pictures",
        "--save-masks", tmp_path / "masks",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    report = json.loads(output.read_text("utf-8"))
    page = output.with_suffix(".md").read_text("utf-8")
    assert report["sides"]["slices"] == 2
    assert report["sides"]["both_right"] == 1.0
    assert report["sides"]["right_side_of_answered"] == 1.0
    # Asked for the other side, this model stays with "bright": its answer follows no side.
    swapped = report["text_tests"]["swapped"]
    assert swapped["count"] == 2
    assert swapped["dice_to_own_lesion"] == 0.0
    assert swapped["changed"] == 0.0
    assert report["summary"]["by_style"]["negation"]["no_target_accuracy"]["value"] == 0.5
    assert report["failures"]["missed"]["value"] == 0.25
    assert report["failures"]["wrong place"]["value"] == 0.25
    assert report["failures"]["invented"]["value"] == 0.5
    shown = {entry["id"]: entry["kind"] for entry in report["gallery"]}
    assert shown == {
        f"{p}_{n}": kind
        for p in ("p1", "p2")
        for n, kind in ((2, "missed"), (3, "wrong place"), (4, "invented"))
    }
    for name in shown:
        assert f"report_pictures/{name}.png" in page
        assert (output.parent / "report_pictures" / f"{name}.png").stat().st_size > 500
    assert "(report_reliability.png)" in page
    assert (output.parent / "report_reliability.png").is_file()
    assert len(list((tmp_path / "masks").iterdir())) == 12


@pytest.mark.usefixtures("bright_engine")
def test_folds_are_pooled(dataset, tiny_bundle, tmp_path, lsms):
    arguments = []
    for patient in ("p1", "p2"):
        only, output = tmp_path / f"{patient}.json", tmp_path / f"{patient}_report.json"
        only.write_text(json.dumps({"held_out": [patient]}), "utf-8")
        ran = lsms("evaluate", dataset, "--weights", tiny_bundle, "--only", only,
                   "--output", output)  # fmt: skip
        assert ran.status == 0, ran.err
        alone = json.loads(output.read_text("utf-8"))
        assert alone["summary"]["dice"]["low"] is None
        assert "gallery" not in alone
        arguments += ["--pool", output]
    pooled = tmp_path / "pooled.json"
    assert lsms("evaluate", *arguments, "--output", pooled).status == 0
    report = json.loads(pooled.read_text("utf-8"))
    assert report["summary"]["dice"]["low"] is not None
    assert report["text_tests"]["right"]["intervals"]["answered"] == [1.0, 1.0]
    assert report["sides"]["intervals"]["both_right"] == [1.0, 1.0]
    assert (tmp_path / "pooled_reliability.png").is_file()
    page = pooled.with_suffix(".md").read_text("utf-8")
    counts = {name: row["dice"]["count"] for name, row in report["summary"]["by_contrast"].items()}
    assert counts["brighter by 10 HU and more"] == 2
    assert counts["darker by 40 HU and more"] == 6
    assert "\n| brighter by 10 HU and more | 2 |" in page
    assert "within 10 HU" not in page, "a group without lesions"
    headings = "By size", "By contrast", "By wording", "Left and right", "Text tests", "Mistakes"
    for heading in headings:
        assert f"## {heading}" in page
    ran = lsms("evaluate", *arguments, "--output", pooled, "--pictures")
    assert ran.status == 2
    assert "hold no images" in ran.err


@pytest.mark.usefixtures("bright_engine")
def test_without_a_drawing_library_the_report_is_written_all_the_same(
    dataset, tiny_bundle, tmp_path, lsms, monkeypatch
):
    from lsms_core.errors import DependencyError
    from lsms_core.evaluation import reliability_picture

    def none() -> None:
        raise DependencyError("Pictures need Pillow.")

    monkeypatch.setattr(reliability_picture, "check_drawing", none)
    output = tmp_path / "report.json"
    ran = lsms("evaluate", dataset, "--weights", tiny_bundle, "--output", output)
    assert ran.status == 0
    assert "No reliability picture" in ran.err
    assert output.is_file()
    assert "reliability.png" not in output.with_suffix(".md").read_text("utf-8")


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_report(dataset, small_bundle, tmp_path, lsms):
    reports = []
    for processes in (1, 2):
        output = tmp_path / f"report{processes}.json"
        ran = lsms(
            "evaluate", dataset, "--weights", small_bundle, "--output", output, "--device", "cpu",
            "--threads", 1, "--processes", processes, "--pictures",
        )  # fmt: skip
        assert ran.status == 0, ran.err
        report = json.loads(output.read_text("utf-8"))
        report["about"].pop("command")
        reports.append(report)
    assert reports[0] == reports[1]
    assert len(reports[0]["samples"]) == 2 * len(ASKED)


def test_several_processes_load_the_model_themselves(dataset):
    from lsms_core.evaluation.evaluate_records import evaluate
    from lsms_core.inference.predictor import Predictor

    with pytest.raises(InputError, match="pass a Model"):
        evaluate(dataset, object.__new__(Predictor), processes=2)
