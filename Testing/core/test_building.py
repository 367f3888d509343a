"""Data sets from cases: pairs of sides, and lesions put on both sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.laterality import cantlie_offset_mm
from lsms_core.anatomy.measurements import measure_slice
from lsms_core.dataset.building import BuildingConfig, build_dataset, side_pair
from lsms_core.dataset.records import load_image, load_slice_label, read_records
from lsms_core.dataset.sources import Case
from lsms_core.language.paraphrasing import STYLES
from lsms_core.phantom.synthesis.two_sided import add_two_sided

pytestmark = pytest.mark.slow

SPACING = (4.0, 2.0, 2.0)
SHAPE = (16, 120, 160)
RIGHT, LEFT = (4, 60, 40), (4, 40, 92)
"""(slice, row, column) of a lesion far into each lobe."""


def body(lesions: tuple[tuple[int, int, int], ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """A body with a vertebra in the middle and a liver on its right that reaches across."""
    rng = np.random.default_rng(0)
    k, r, c = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    image = np.full(SHAPE, -1000.0)
    image[np.broadcast_to(((r - 60) / 55) ** 2 + ((c - 80) / 75) ** 2 < 1, SHAPE)] = 20
    image[np.broadcast_to((r - 92) ** 2 + (c - 80) ** 2 < 100, SHAPE)] = 400
    inside = ((r - 50) / 32) ** 2 + ((c - 62) / 46) ** 2 + ((k - 8) / 9) ** 2 < 1
    liver = np.broadcast_to(inside, SHAPE)
    image[liver] = 110
    label = liver.astype(np.uint8)
    for kk, rr, cc in lesions:
        lesion = (abs(k - kk) <= 1) & ((r - rr) ** 2 + (c - cc) ** 2 <= 16)
        image[lesion] = 50
        label[lesion] = 2
    return (image + rng.normal(0, 5, SHAPE)).astype(np.int16), label


def case(folder: Path, *lesions: tuple[int, int, int], flipped: bool = False) -> Case:
    folder.mkdir(parents=True)
    for name, array in zip(("image", "label"), body(lesions), strict=True):
        image = sitk.GetImageFromArray(array[::-1, :, ::-1] if flipped else array)
        image.SetSpacing(tuple(reversed(SPACING)))
        if flipped:
            image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, -1))
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    return Case(folder.name, folder.name, folder / "image.nii.gz", folder / "label.nii.gz")


def by_slice(records):
    found: dict[int, list] = {}
    for record in records:
        found.setdefault(record.slice, []).append(record)
    return found


@pytest.mark.parametrize("flipped", [False, True])
def test_each_two_sided_slice_gets_a_pair(tmp_path, flipped):
    two = case(tmp_path / "two", RIGHT, LEFT, (12, *RIGHT[1:]), flipped=flipped)
    folder = tmp_path / "set"
    records = build_dataset([two], folder, BuildingConfig(per_slice=2, seed=3))
    assert read_records(folder) == records
    slices = by_slice(records)
    both = {12, 11, 10} if flipped else {3, 4, 5}
    for index, group in slices.items():
        pair = [r for r in group if r.attributes.get("pair")]
        if index not in both:
            assert not pair
            continue
        assert [r.attributes["side"] for r in pair] == ["left", "right"]
        assert len({r.text for r in group}) == len(group) == 4
        image = load_image(folder, pair[0])
        for record in pair:
            named = np.isin(load_slice_label(folder, record), record.instances)
            rows, columns = np.nonzero(named)
            at = np.array([columns.mean(), rows.mean(), index, 1.0])
            # World x runs to the patient's right.
            x = float((image.affine @ at)[0])
            middle = float((image.affine @ np.array([79.5, 0, 0, 1.0]))[0])
            assert (x < middle) == (record.attributes["side"] == "left")


def test_no_pair_where_any_side_is_unclear():
    image, label = body((RIGHT, LEFT))
    offset = cantlie_offset_mm(79.5, label[4] > 0, SPACING[1:])
    on_the_line = int(np.abs(offset[50]).argmin())
    for extra, sides in (((), ["left", "right"]), (((4, 50, on_the_line),), [])):
        image, label = body((RIGHT, LEFT, *extra))
        instances = sitk.GetArrayFromImage(
            sitk.ConnectedComponent(sitk.GetImageFromArray((label[4] == 2).astype(np.uint8)))
        )
        assert instances.max() == 2 + len(extra)
        findings = measure_slice(image[4], label[4] > 0, instances, SPACING[1:])
        assert [lobe.side for lobe in side_pair(findings)] == sides


def test_paraphrases_say_their_style(tmp_path, lsms):
    case(tmp_path / "cases" / "two", RIGHT, LEFT)
    ran = lsms("build-dataset", tmp_path / "cases", tmp_path / "set", "--words", "paraphrases")
    assert ran.status == 0
    records = read_records(tmp_path / "set")
    styles = [str(r.attributes["style"]) for r in records]
    assert set(styles) <= {*STYLES, "elsewhere", "unrelated"}
    assert len(set(styles)) > 4
    pair = [r for r in records if r.attributes.get("pair")]
    assert pair
    assert {r.attributes["style"] for r in pair} == {"laterality"}


@pytest.mark.parametrize("flipped", [False, True])
def test_lesions_are_put_on_both_sides(tmp_path, flipped):
    healthy = case(tmp_path / "healthy", flipped=flipped)
    folder = tmp_path / "set"
    config = BuildingConfig(per_slice=1, seed=1, synthetic_every=3)
    records = build_dataset([healthy], folder, config)
    assert records
    assert all(r.attributes["synthetic"] for r in records)
    for group in by_slice(records).values():
        assert [r.attributes.get("side") for r in group if r.attributes.get("pair")] == [
            "left",
            "right",
        ]
    before = sitk.ReadImage(str(healthy.image))
    after = sitk.ReadImage(str(folder / records[0].image))
    assert after.GetDirection() == before.GetDirection()
    old, new = (sitk.GetArrayFromImage(i) for i in (before, after))
    liver = sitk.GetArrayFromImage(sitk.ReadImage(str(healthy.label))) > 0
    assert np.array_equal(old[~liver], new[~liver])
    assert not np.array_equal(old, new)


def test_synthetic_lesions_spare_the_real_ones_and_depend_on_the_seed_only():
    image, label = body((RIGHT, LEFT))
    volume = CTVolume(image, np.diag([-2.0, -2.0, 4.0, 1.0]))
    array, labels, changed = add_two_sided(volume, label, 4, np.random.default_rng(5))
    assert changed
    # A soft border may fade into a neighbour; no lesion is painted over.
    change = np.abs(array[label == 2].astype(int) - image[label == 2])
    assert change.mean() < 3
    assert ((labels == 2) >= (label == 2)).all()
    assert np.array_equal(labels > 0, label > 0)
    again = add_two_sided(volume, label, 4, np.random.default_rng(5))
    assert np.array_equal(again[0], array)
    assert again[2] == changed


def test_livers_without_room_are_told(tmp_path, lsms):
    lonely = case(tmp_path / "cases" / "lonely")
    label = sitk.ReadImage(str(lonely.label))
    marks = sitk.GetArrayFromImage(label)
    marks[:, :, 50:] = 0
    small = sitk.GetImageFromArray(marks)
    small.CopyInformation(label)
    sitk.WriteImage(small, str(lonely.label))
    ran = lsms("build-dataset", tmp_path / "cases", tmp_path / "set", "--synthetic", 2)
    assert ran.status == 2
    assert "no room on both sides" in ran.err
    assert not (tmp_path / "set" / "expressions.jsonl").exists()
