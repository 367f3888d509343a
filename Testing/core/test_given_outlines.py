"""``lsms segment CT --lesions SEG`` from end to end, in each form that a segmentation comes in."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.regions import label_components
from lsms_core.anatomy.terminology import terminology_of
from lsms_core.io.named_masks import Segment
from lsms_core.io.output import write_masks
from lsms_core.io.segmentations import read_segmentation
from lsms_core.io.volumes import read_volume

COLOUR = (200, 60, 60)


def segment(name, mask):
    return Segment(name, mask, terminology_of(name), COLOUR)


def outlines_of(volume):
    """A liver of 20 x 14 cm about the volume's middle with a lesion on either side of it."""
    slices, rows, columns = np.indices(volume.shape)
    i, j, _ = volume.spacing_mm
    across = (columns - volume.shape[2] / 2) * i
    down = (rows - volume.shape[1] / 2) * j
    liver = (across / 100) ** 2 + (down / 70) ** 2 < 1
    middle = (slices > 0) & (slices < volume.shape[0] - 1)
    left = ((across - 70) / 12) ** 2 + (down / 10) ** 2 < 1
    right = ((across + 75) / 8) ** 2 + (down / 8) ** 2 < 1
    return liver, left & middle, right & middle


def answers(lsms, *arguments):
    ran = lsms("segment", *arguments, "--json")
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


@pytest.fixture
def io_data(shared_data):
    folder = shared_data / "io"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    return folder


@pytest.mark.shared_data
@pytest.mark.parametrize("form", ["found.seg.nrrd", "found.nii.gz", "found.dcm"])
def test_our_own_files_come_back_as_candidates(form, io_data, lsms, tmp_path):
    ct = io_data / "abdomen_ct_dicom"
    if form.endswith(".dcm"):
        pytest.importorskip("highdicom")
        ct = io_data / "ct_3slices_dicom"  # the other has no UIDs to refer to
    loaded = read_volume(ct)
    liver, left, right = outlines_of(loaded.volume)
    given = tmp_path / form
    write_masks(given, loaded, [segment("liver", liver), segment("liver lesion", left | right)])
    texts = ["--text", "left lobe lesion", "--text", "right lobe lesion", "--text", "largest"]
    more = []
    if form.endswith(".nii.gz"):  # numbers without names: lesions and liver apart
        write_masks(given, loaded, [segment("liver lesion", left | right)])
        write_masks(tmp_path / "liver.nii.gz", loaded, [segment("liver", liver)])
        more = ["--liver", tmp_path / "liver.nii.gz"]
    told = answers(lsms, ct, *texts, "--lesions", given, *more)
    kept = [one["kept"] for one in told["results"]]
    assert [[one["sides"] for one in lesions] for lesions in kept] == [
        [["left"]], [["right"]], [["left"]],
    ]  # fmt: skip
    voxels = [one["voxels"] for one in told["results"]]
    assert voxels == [int(left.sum()), int(right.sum()), int(left.sum())]
    assert not any("another grid" in note for note in told["notes"])


@pytest.mark.shared_data
def test_somebody_elses_dicom_seg(io_data, lsms):
    pytest.importorskip("highdicom")
    told = answers(
        lsms, io_data / "ct_3slices_dicom", "--text", "the liver", "--text", "lesion",
        "--lesions", io_data / "ct_3slices_liver.seg.dcm",
    )  # fmt: skip
    liver, lesion = told["results"]
    assert liver["region"] == "organ"
    # Voxels that the file itself names, counted without this package.
    pixels = __import__("pydicom").dcmread(io_data / "ct_3slices_liver.seg.dcm").pixel_array
    assert liver["voxels"] == int((pixels > 0).sum())
    assert lesion["kept"] == []
    assert any("without any lesion" in warning for warning in lesion["warnings"])
    assert not any("another grid" in note for note in told["notes"])


@pytest.mark.shared_data
def test_totalsegmentators_liver_places_a_lesion(io_data, lsms, tmp_path):
    ct, theirs = (io_data / f"totalsegmentator_example_{n}.nii.gz" for n in ("ct", "seg"))
    whole = sitk.ReadImage(str(theirs))
    organs = sitk.GetArrayFromImage(whole)
    liver = np.argwhere(organs == 5)
    # RAS: columns run to the patient's right in this file, so its first ones are on the left.
    volume = read_volume(ct).volume
    points = (volume.affine[:3, :3] @ liver[:, ::-1].T).T + volume.affine[:3, 3]
    k, j, i = liver[np.argmin(np.abs(points - np.median(points, 0) - [30, 0, 0]).sum(1))]
    mask = np.zeros(organs.shape, np.uint8)
    mask[k - 2 : k + 3, j - 2 : j + 3, i - 2 : i + 3] = 1
    image = sitk.GetImageFromArray(mask)
    image.CopyInformation(whole)
    sitk.WriteImage(image, str(tmp_path / "metastasis.nii.gz"))
    told = answers(lsms, ct, "--text", "right lobe metastasis", "--text", "left lobe metastasis",
                   "--lesions", tmp_path / "metastasis.nii.gz", "--liver", theirs)  # fmt: skip
    right, left = told["results"]
    assert [one["sides"] for one in right["kept"]] == [["right"]]
    assert left["kept"] == []
    assert right["voxels"] == int(mask.sum())


@pytest.mark.shared_data
def test_of_a_hundred_organs_only_the_livers_take_memory(io_data):
    volume = read_volume(io_data / "totalsegmentator_example_ct.nii.gz").volume
    masks, _ = read_segmentation(io_data / "totalsegmentator_example_seg.nii.gz", volume)
    owned = [one.name for one in masks if one.mask.strides != (0, 0, 0)]
    assert owned == ["liver"]
    assert len(masks) > 30


@pytest.mark.shared_data
def test_a_whole_patient_with_lits_labels_or_without_a_liver(shared_data, lsms, tmp_path):
    """Lesions on both sides: left and right share nothing but what may lie in both."""
    case = shared_data / "liver_ct" / "train" / "lits_000"
    image = sitk.ReadImage(str(case / "label.nii.gz"))
    labels = sitk.GetArrayFromImage(image)
    lesions = sitk.GetImageFromArray((labels == 2).astype(np.uint8))
    lesions.CopyInformation(image)
    sitk.WriteImage(lesions, str(tmp_path / "lesions.nii.gz"))
    texts = ["--text", "left lobe lesion", "--text", "right lobe lesion"]
    count = label_components(labels == 2)[1]
    for given in ([case / "label.nii.gz"], [tmp_path / "lesions.nii.gz"]):
        told = answers(lsms, case / "image.nii.gz", *texts, "--lesions", *given)
        left, right = ({one["number"]: one for one in r["kept"]} for r in told["results"])
        assert all(len(left[n]["sides"]) == 2 for n in left.keys() & right.keys())
        assert len(left.keys() | right.keys()) == count
        assert len(left.keys() & right.keys()) <= 2
        # Lesion 5 lies within millimetres of the border: by the label in both, by a network's
        # outline in the left lobe or in both.
        assert {n for n in left if len(left[n]["sides"]) == 1} - {5} == {4, 6, 7, 9}
        assert "left" in left[5]["sides"]
    assert any("network outlined it" in note for note in told["notes"])


def test_without_a_liver_nothing_is_said_of_sides(small_ct, lsms, tmp_path):
    volume = small_ct()
    mask = np.zeros(volume.shape, np.uint8)
    mask[2, 20:26, 30:36] = 1
    for name, array in (("ct", volume.array), ("lesion", mask)):
        sitk.WriteImage(volume.to_sitk(array), str(tmp_path / f"{name}.nii.gz"))
    told = answers(lsms, tmp_path / "ct.nii.gz", "--text", "left lobe lesion",
                   "--lesions", tmp_path / "lesion.nii.gz", "--liver", "none")  # fmt: skip
    (lesion,) = told["results"][0]["kept"]
    assert (lesion["decision"], lesion["reasons"]) == ("doubtful", ["its lobe is not known"])


def test_the_same_voxels_in_another_order_are_no_other_grid(small_ct, tmp_path):
    volume = small_ct()
    mask = np.zeros(volume.shape, np.uint8)
    mask[1, 10:20, 30:36] = 1
    turned = CTVolume(mask[::-1], volume.affine @ np.diag([1, 1, -1, 1]))
    turned.affine[:3, 3] = volume.affine[:3, 3] + 4 * volume.affine[:3, 2]
    path = tmp_path / "lesion.nii.gz"
    sitk.WriteImage(turned.to_sitk(mask[::-1]), str(path))
    (found,), notes = read_segmentation(path, volume)
    assert np.array_equal(found.mask, mask > 0)
    assert notes == []
