"""``lsms compare`` reads two studies, aligns their livers and tells what changed."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume

SPACING = (3.0, 3.0, 4.0)


def made(lesions, shift=(0.0, 0.0, 0.0)) -> tuple[CTVolume, CTVolume]:
    """A CT and its label map (1 liver, 2 lesion), with balls at RAS mm in a round liver."""
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    affine[:3, 3] = (95, 95, -90)
    shape = (46, 64, 64)
    kji = np.indices(shape).reshape(3, -1)
    ras = (affine[:3, :3] @ kji[::-1] + affine[:3, 3:]).T
    liver = ((ras / (60, 45, 50)) ** 2).sum(axis=1) < 1
    labels = liver.astype(np.uint8)
    hu = np.where(liver, 100, -80).astype(np.int16)
    for centre, radius in lesions:
        inside = np.linalg.norm(ras - centre, axis=1) <= radius
        labels[inside], hu[inside] = 2, 40
    hu[:10] = -1000
    affine[:3, 3] += shift
    volume = CTVolume(labels.reshape(shape), affine)
    return volume.with_array(hu.reshape(shape)), volume


def write(path, volume: CTVolume):
    sitk.WriteImage(volume.to_sitk(), str(path))
    return path


BEFORE = [((30.0, 0.0, 0.0), 12.0), ((-30.0, 10.0, 10.0), 7.0)]
AFTER = [((30.0, 0.0, 0.0), 9.0), ((0.0, -20.0, -20.0), 8.0)]


@pytest.fixture
def files(tmp_path):
    _, one = made(BEFORE)
    # The patient lies elsewhere in the scanner.
    _, two = made(AFTER, shift=(25.0, -12.0, 40.0))
    return write(tmp_path / "before.nii.gz", one), write(tmp_path / "after.nii.gz", two)


def test_changes_are_told_after_the_alignment(lsms, files, tmp_path):
    table = tmp_path / "changes.csv"
    ran = lsms("compare", *files, "--output", table)
    assert ran.status == 0, ran.err
    matched, new, vanished = ran.out.splitlines()[1:4]
    assert matched.startswith("lesion 1 (")
    assert "-> lesion 1 (" in matched
    assert "(-2" in matched  # from 24 to 18 mm
    assert new.endswith(": new")
    assert vanished.endswith(": vanished")
    assert "a proposal by size alone" in ran.out
    assert "not a medical device" in ran.out
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fate"] for row in rows] == ["matched", "new", "vanished"]
    assert float(rows[0]["before_longest_mm"]) == pytest.approx(24, abs=3)
    assert rows[1]["before_number"] == rows[2]["after_number"] == ""


def test_json_holds_the_alignment_and_the_sum(lsms, files):
    ran = lsms("compare", *files, "--json")
    assert ran.status == 0, ran.err
    report = json.loads(ran.out)
    assert report["alignment"]["liver_overlap"] > 0.9
    moved = np.array(report["alignment"]["matrix_ras"])[:3, 3]
    np.testing.assert_allclose(moved, (-25, 12, -40), atol=3)
    targets = report["target_lesions"]
    assert targets["proposal"] is True
    assert targets["sum_after_mm"] == pytest.approx(18, abs=4)
    assert [lesion["fate"] for lesion in report["lesions"]] == ["matched", "new", "vanished"]
    # Without a CT nothing is said in Hounsfield units.
    assert report["lesions"][0]["before"]["mean_hu"] is None


def test_without_alignment_nothing_fits(lsms, files):
    ran = lsms("compare", *files, "--json", "--no-alignment")
    fates = [lesion["fate"] for lesion in json.loads(ran.out)["lesions"]]
    assert "matched" not in fates


def test_with_the_cts_the_sides_and_hounsfield_units_are_known(lsms, files, tmp_path):
    one, _ = made(BEFORE)
    two, _ = made(AFTER, shift=(25.0, -12.0, 40.0))
    cts = write(tmp_path / "one.nii.gz", one), write(tmp_path / "two.nii.gz", two)
    ran = lsms("compare", *files, "--before-ct", cts[0], "--after-ct", cts[1], "--json")
    assert ran.status == 0, ran.err
    lesion = json.loads(ran.out)["lesions"][0]["before"]
    assert lesion["mean_hu"] == pytest.approx(40, abs=2)
    assert "right" in lesion["sides"]


def test_the_picture_shows_each_lesion_before_and_after(lsms, files, tmp_path):
    image = pytest.importorskip("PIL.Image")
    one, _ = made(BEFORE)
    two, _ = made(AFTER, shift=(25.0, -12.0, 40.0))
    cts = write(tmp_path / "one.nii.gz", one), write(tmp_path / "two.nii.gz", two)
    picture = tmp_path / "changes.png"
    given = ("--before-ct", cts[0], "--after-ct", cts[1], "--picture", picture)
    ran = lsms("compare", *files, *given)
    assert ran.status == 0, ran.err
    pixels = np.asarray(image.open(picture).convert("RGB")).astype(int)
    outlined = (pixels == (255, 150, 30)).all(axis=-1)
    height, width = outlined.shape
    # matched: both columns; new: on the right alone; vanished: on the left alone
    for row, expected in enumerate(((True, True), (False, True), (True, False))):
        part = outlined[row * height // 3 : row * height // 3 + height // 5]
        assert (part[:, : width // 2].any(), part[:, width // 2 :].any()) == expected
    ran = lsms("compare", *files, "--picture", picture)
    assert ran.status == 2
    assert "--before-ct" in ran.err


def test_livers_that_are_not_outlined_are_not_aligned(lsms, tmp_path):
    paths = []
    for name, lesions in (("a", BEFORE), ("b", AFTER)):
        _, labels = made(lesions)
        alone = labels.with_array((labels.array == 2).astype(np.uint8))
        paths.append(write(tmp_path / f"{name}_lesions.nrrd", alone))
    ran = lsms("compare", *paths)
    assert ran.status == 0, ran.err
    assert "Neither study has an outlined liver" in ran.err
    assert "->" in ran.out


def test_what_cannot_be_compared_is_refused(lsms, files, tmp_path):
    ran = lsms("compare", *files, "--output", tmp_path / "x.xlsx")
    assert ran.status == 2
    assert "ends in .csv or .json" in ran.err
    ran = lsms("compare", *files, "--text", "right lobe lesion")
    assert ran.status == 2
    assert "--before-ct" in ran.err
    empty = made([])[1]
    blank = write(tmp_path / "blank.nii.gz", empty.with_array(np.zeros_like(empty.array)))
    ran = lsms("compare", blank, files[1])
    assert ran.status == 2
    assert len(ran.err.strip().splitlines()) == 1
