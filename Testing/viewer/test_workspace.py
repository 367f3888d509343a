"""Opening studies, outlines to ask about, painting steps and files, without a browser."""

from __future__ import annotations

import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="the page needs: pip install 'lsms-core[viewer]'")

from lsms_core.anatomy.geometry import CTVolume  # noqa: E402
from lsms_core.errors import InputError  # noqa: E402
from lsms_core.io.nifti import write_nifti  # noqa: E402
from lsms_core.mrml.provenance_tags import SegmentMeta  # noqa: E402
from lsms_core.mrml.segment_writing import write_mask  # noqa: E402
from lsms_core.mrml.volume_nodes import read_ct  # noqa: E402
from lsms_core.session.slice_choice import Choice  # noqa: E402
from lsms_core.viewer.folder_listing import outlines_in, studies_in  # noqa: E402
from lsms_core.viewer.saving import report_of_segments, save  # noqa: E402
from lsms_core.viewer.workspace import RunOptions, Workspace  # noqa: E402

AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])
BOX = np.s_[3:6, 8:20, 10:24]


@pytest.fixture
def ct():
    array = np.random.default_rng(0).normal(60, 5, (8, 32, 40)).astype(np.int16)
    array[BOX] -= 50
    return CTVolume(array, AFFINE)


@pytest.fixture
def folder(ct, tmp_path):
    mask = np.zeros(ct.shape, np.uint8)
    mask[BOX] = 1
    (tmp_path / "later").mkdir()
    write_nifti(tmp_path / "liver.nii.gz", ct.array, ct.affine, "")
    write_nifti(tmp_path / "later" / "liver.nii.gz", ct.array, ct.affine, "")
    write_nifti(tmp_path / "lesions_seg.nii.gz", mask, ct.affine, "")
    (tmp_path / "notes.txt").write_text("no CT")
    return tmp_path


@pytest.fixture
def workspace(folder):
    made = Workspace(slicer.vtkMRMLScene(), {"weights": "lsms-tiny"}, lambda: None)
    study = studies_in(folder)[0]
    made.open(study, made.read(study))
    return made


def painted(workspace, prompt="right lobe hypodense lesion"):
    mask = np.zeros(workspace.loaded.volume.shape, bool)
    mask[BOX] = True
    meta = SegmentMeta(prompt=prompt, model="lsms-tiny 1.0", engine="lsms")
    return write_mask(workspace.findings, workspace.volume, mask, meta)


def test_a_folder_lists_cts_and_outlines_apart(folder):
    assert [s.title for s in studies_in(folder)] == ["liver.nii.gz", "later/liver.nii.gz"]
    assert [p.name for p in outlines_in(folder)] == ["lesions_seg.nii.gz"]
    assert len(studies_in(folder / "liver.nii.gz")) == 1


@pytest.mark.parametrize("path", ["none", "notes"])
def test_a_folder_without_a_ct_is_refused(tmp_path, path):
    (tmp_path / "notes").mkdir()
    with pytest.raises(InputError, match="give a folder with"):
        studies_in(tmp_path / path)


def test_an_open_study_is_the_file(workspace, ct):
    found = read_ct(workspace.volume)
    assert np.array_equal(found.array, ct.array)
    assert np.allclose(found.affine, ct.affine)


def test_another_study_takes_the_place_of_the_first(workspace, folder):
    painted(workspace)
    study = studies_in(folder)[1]
    workspace.open(study, workspace.read(study))
    scene = workspace.scene
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    assert workspace.findings.GetSegmentation().GetNumberOfSegments() == 0


def test_outlines_of_a_file_are_asked_without_the_engine(workspace, folder):
    workspace.take_outlines(folder / "lesions_seg.nii.gz")
    told = []
    workspace.session.addListener(
        SimpleNamespace(runFinished=lambda findings, notes: told.append(findings))
    )
    choice = Choice("axial", None, "all")
    workspace.session.start(workspace.request("all lesions", choice, RunOptions(minimum_area=0)))
    assert [len(finding.answer.kept) for finding in told[0]] == [1]
    assert workspace.findings.GetSegmentation().GetNumberOfSegments() == 1
    workspace.take_outlines(None)
    assert workspace.outlines is None


def test_a_request_needs_words_slices_and_a_ct(workspace):
    with pytest.raises(InputError):
        workspace.request("  ", Choice("axial", None), RunOptions())
    with pytest.raises(InputError, match="outside"):
        workspace.request("cyst", Choice(problem="outside the volume"), RunOptions())
    workspace.close()
    with pytest.raises(InputError, match="Open a CT"):
        workspace.request("cyst", Choice("axial", None), RunOptions())


def test_files_hold_what_is_on_the_screen(workspace, ct, tmp_path):
    from lsms_core.io.segmentations import read_segmentation

    with pytest.raises(InputError, match="no segment"):
        save(workspace, "seg.nrrd")
    painted(workspace)
    made = save(workspace, "seg.nrrd")
    assert made.name == "liver.seg.nrrd"
    file = tmp_path / made.name
    file.write_bytes(made.content)
    masks, notes = read_segmentation(file, ct)
    assert notes == []
    assert np.argwhere(masks[0].mask).min(axis=0).tolist() == [3, 8, 10]
    assert int(masks[0].mask.sum()) == 3 * 12 * 14


def test_a_report_measures_the_segments(workspace):
    painted(workspace)
    report = report_of_segments(workspace)
    (answer,) = report.answers
    assert answer.text == "right lobe hypodense lesion"
    assert [round(lesion.volume_ml, 2) for lesion in answer.lesions] == [10.08]
    assert report.algorithm.name == "lsms-tiny"
    assert len(report.algorithm.sha256) == 64
    assert b"Longest diameter" in save(workspace, "html").content
    assert b"Measurements: liver.nii.gz" in save(workspace, "txt").content


def test_dicom_seg_needs_a_dicom_series(workspace):
    painted(workspace)
    for kind in ("dcm", "sr"):
        with pytest.raises(InputError, match="DICOM"):
            save(workspace, kind)


def test_a_dicom_series_is_opened_and_its_seg_refers_to_it(tmp_path):
    pytest.importorskip("highdicom", reason="DICOM SEG needs highdicom")
    import pydicom

    from lsms_core.viewer.folder_listing import Study

    _write_series(tmp_path)
    made = Workspace(slicer.vtkMRMLScene(), {"weights": "lsms-tiny"}, lambda: None)
    (study,) = studies_in(tmp_path)
    assert study == Study(study.title, tmp_path, True)
    assert len(made.series_of(study)) == 1
    made.open(study, made.read(study))
    mask = np.zeros(made.loaded.volume.shape, bool)
    mask[1:3, 4:9, 5:11] = True
    write_mask(made.findings, made.volume, mask, SegmentMeta(prompt="liver cyst"))
    saved = save(made, "dcm")
    file = tmp_path / "out.dcm"
    file.write_bytes(saved.content)
    seg = pydicom.dcmread(file)
    assert seg.SOPClassUID == pydicom.uid.SegmentationStorage
    assert seg.SegmentSequence[0].SegmentLabel == "liver cyst"
    packed = save(made, "sr")
    assert packed.name.endswith("-dicom-report.zip")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        names = archive.namelist()
        report, mine = (pydicom.dcmread(io.BytesIO(archive.read(name))) for name in names)
    assert (report.Modality, mine.Modality) == ("SR", "SEG")
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    referred = {
        item.ReferencedSOPInstanceUID
        for one in evidence.ReferencedSeriesSequence
        for item in one.ReferencedSOPSequence
    }
    assert mine.SOPInstanceUID in referred


def _write_series(folder):
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "core"))
    from dicom_synthetic import series

    series(folder)
