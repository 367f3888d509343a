"""``lsms batch --dicom`` from end to end on real series; SEG and SR read back with highdicom."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = pytest.mark.shared_data


@pytest.fixture
def archive(shared_data, tmp_path):
    io_data = shared_data / "io"
    if not io_data.is_dir():
        pytest.skip(f"{io_data} is absent")
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("ct_3slices_dicom", "abdomen_ct_dicom"):
        shutil.copytree(io_data / name, folder / name)
    return folder


def test_seg_and_report_of_each_study(archive, lsms, tiny_bundle, bright_engine, tmp_path):
    highdicom = pytest.importorskip("highdicom")
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    ran = lsms("batch", archive, "--text", "bright lesion", "--text", "absent thing", "--dicom",
               "--weights", tiny_bundle, "--output", out)  # fmt: skip
    assert ran.status == 0, ran.err
    assert "2 of 2 studies are finished" in ran.out
    told = {}
    for folder in (out / "studies").iterdir():
        told[folder.name] = json.loads((folder / "answer.json").read_text("utf-8"))
    (name,) = [n for n in told if "3slices" in n]
    folder = out / "studies" / name
    seg = highdicom.seg.segread(folder / "segmentation.dcm")
    assert [seg.get_segment_description(n).segment_label for n in seg.segment_numbers] == [
        "bright lesion"
    ]
    report = highdicom.sr.srread(folder / "measurements.dcm")
    series = [pydicom.dcmread(f, stop_before_pixels=True)
              for f in sorted((archive / "ct_3slices_dicom").iterdir())]  # fmt: skip
    # The same patient and study, and evidence that names the images and the segmentation.
    assert {report.StudyInstanceUID, seg.StudyInstanceUID} == {series[0].StudyInstanceUID}
    named = {
        image.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for one in study.ReferencedSeriesSequence
        for image in one.ReferencedSOPSequence
    }
    assert seg.SOPInstanceUID in named
    assert named - {seg.SOPInstanceUID} <= {one.SOPInstanceUID for one in series}
    groups = report.content.get_volumetric_roi_measurement_groups()
    kept = told[name]["answers"][0]["kept"]
    assert len(groups) == len(kept) > 0
    volumes = sorted(
        float(m.value)
        for group in groups
        for m in group.get_measurements()
        if m.name.value == "118565006"
    )
    assert volumes == pytest.approx(sorted(one["volume_ml"] for one in kept), abs=1e-3)
    # This series has lost its UIDs: its answers stay, and say what is missing.
    (other,) = [n for n in told if n != name]
    assert not (out / "studies" / other / "segmentation.dcm").exists()
    assert any("Without DICOM results" in note for note in told[other]["notes"])
