"""Real files: geometry against other readers, and the command line from end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.io.volumes import read_volume

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def io_data(shared_data):
    folder = shared_data / "io"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    return folder


def test_a_dicom_folder_lies_where_other_readers_put_it(io_data):
    read = read_volume(io_data / "abdomen_ct_dicom")
    assert read.volume.shape == (20, 512, 512)
    assert read.notes == ()
    reference = sitk.ReadImage([str(f) for f in read.slice_files])
    other = CTVolume.from_sitk(reference)
    np.testing.assert_array_equal(read.volume.array, other.array)
    np.testing.assert_allclose(read.volume.affine, other.affine, atol=1e-6)


def test_a_nifti_file_lies_where_other_readers_put_it(io_data):
    path = io_data / "totalsegmentator_example_ct.nii.gz"
    read = read_volume(path)
    other = CTVolume.from_sitk(sitk.ReadImage(str(path)))
    np.testing.assert_array_equal(read.volume.array, other.array)
    np.testing.assert_allclose(read.volume.affine, other.affine)
    plane = SlicePlane.of(read.volume)
    # The liver side: air of the lungs and the body are where a radiologist expects them.
    assert plane.plane == "axial"
    assert plane.flip_columns


def test_our_dicom_seg_follows_the_example(io_data, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    highdicom = pytest.importorskip("highdicom")
    from lsms_core.anatomy.terminology import terminology_of
    from lsms_core.io.dicom_seg import write_dicom_seg
    from lsms_core.io.named_masks import Segment

    example = pydicom.dcmread(io_data / "ct_3slices_liver.seg.dcm")
    loaded = read_volume(io_data / "ct_3slices_dicom")
    # The example's mask on our grid, frame by frame by the position that it states.
    frames = {}
    for frame, pixels in zip(
        example.PerFrameFunctionalGroupsSequence, example.pixel_array, strict=True
    ):
        position = [float(v) for v in frame.PlanePositionSequence[0].ImagePositionPatient]
        ijk = np.linalg.solve(loaded.volume.affine, [-position[0], -position[1], position[2], 1])
        np.testing.assert_allclose(ijk[:2], 0, atol=1e-3)
        frames[round(ijk[2])] = pixels > 0
    mask = np.stack([frames[k] for k in range(3)])
    path = tmp_path / "ours.seg.dcm"
    segment = Segment("liver", mask, terminology_of("liver"), (221, 130, 101))
    write_dicom_seg(path, loaded.slice_files, [segment], model="test", model_version="1")
    ours = highdicom.seg.segread(path)
    assert ours.SOPClassUID == example.SOPClassUID
    assert ours.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    again = {}
    for frame, pixels in zip(
        ours.PerFrameFunctionalGroupsSequence, np.atleast_3d(ours.pixel_array), strict=True
    ):
        z = round(float(frame.PlanePositionSequence[0].ImagePositionPatient[2]), 2)
        again[z] = pixels > 0
    for frame, pixels in zip(
        example.PerFrameFunctionalGroupsSequence, example.pixel_array, strict=True
    ):
        z = round(float(frame.PlanePositionSequence[0].ImagePositionPatient[2]), 2)
        np.testing.assert_array_equal(again[z], pixels > 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["abdomen_ct_dicom", "totalsegmentator_example_ct.nii.gz"])
def test_the_command_line_on_real_ct(name, io_data, lsms, tiny_bundle, bright_engine, tmp_path):
    target, picture = tmp_path / "answer.seg.nrrd", tmp_path / "answer.png"
    ran = lsms("segment", io_data / name, "--text", "bright lesion", "--text", "left lobe lesion",
               "--slices", "8:10", "--weights", tiny_bundle, "--output", target,
               "--picture", picture, "--json")  # fmt: skip
    assert ran.status == 0, ran.err
    report = json.loads(ran.out)
    assert report["slices_run"] == [8, 10]
    bright, left = report["results"]
    assert bright["present"]
    assert bright["mean_hu"] > 100
    assert not left["present"]
    mask = CTVolume.from_sitk(sitk.ReadImage(str(target)))
    volume = read_volume(io_data / name).volume
    assert mask.shape == volume.shape
    np.testing.assert_allclose(mask.affine, volume.affine, atol=1e-9)
    assert volume.array[mask.array > 0].mean() > 100
    assert picture.stat().st_size > 10_000


def test_two_series_below_one_folder_need_a_choice(io_data, lsms):
    ran = lsms("segment", io_data, "--text", "lesion")
    assert ran.status == 2
    assert "holds 2 CT series: choose one with --series" in ran.err


def test_an_mr_image_is_told(io_data, lsms, tiny_bundle):
    ran = lsms("segment", io_data / "totalsegmentator_example_mr.nii.gz", "--text", "lesion",
               "--weights", tiny_bundle, "--slice", 10)  # fmt: skip
    assert ran.status == 0
    assert "probably not in Hounsfield units" in ran.err
