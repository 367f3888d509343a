"""Pictures without texts: volumes and single slices together, and what is not known of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from lsms_core.dataset.augmentation import AugmentationConfig
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import list_cases, load_case
from lsms_core.dataset.text_free_pictures import TextFreeConfig, TextFreePictures
from lsms_core.errors import InputError

GRID = PreprocessingConfig(spacing_mm=3.0, height=96, width=128)
STILL = AugmentationConfig(
    rotation_degrees=0.0,
    scale=(1.0, 1.0),
    shift=0.0,
    noise_hu=0.0,
    contrast=0.0,
    offset_hu=0.0,
    flat_share=0.0,
    narrow_share=0.0,
)
WHOLE = TextFreeConfig(
    crop=(96, 128), synthetic_share=0.0, wander_share=0.0, positive_share=0.0, augmentation=STILL
)
MANIFEST = """case,patient_group,kind,spacing_known
volume,p1,,
lesion,p2,lesion,yes
unknown,p3,liver_only,assumed
healthy,p4,liver_no_lesion_seen,assumed
"""


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    rng = np.random.default_rng(0)
    r, c = np.ogrid[:90, :120]
    liver = ((r - 45) / 30) ** 2 + ((c - 45) / 35) ** 2 <= 1
    for name in ("volume", "lesion", "unknown", "healthy"):
        slices = 6 if name == "volume" else 1
        image = np.full((slices, 90, 120), -100, np.int16)
        image[:, 5:85, 5:115] = 40
        image[:, liver] = 110
        image += rng.normal(0, 5, image.shape).astype(np.int16)
        label = np.repeat(liver[None], slices, axis=0).astype(np.uint8)
        if name in ("volume", "lesion"):
            label[:, 40:50, 30:40] = 2
        for kind, array in (("image", image), ("label", label)):
            stored = sitk.GetImageFromArray(array)
            stored.SetSpacing((2.5, 2.5, 3.0))
            (root / name).mkdir(exist_ok=True)
            sitk.WriteImage(stored, str(root / name / f"{kind}.nii.gz"))
    (root / "manifest.csv").write_text(MANIFEST)
    return {case.name: load_case(case, GRID) for case in list_cases(root)}


def pictures(arrays, config=WHOLE, **changes):
    return TextFreePictures(arrays, GRID, config, **{"seed": 1, "count": 40, **changes})


def test_the_manifest_says_what_is_known(arrays):
    cases = {name: a.case for name, a in arrays.items()}
    assert {n: c.lesions_labelled for n, c in cases.items()} == {
        "volume": True,
        "lesion": True,
        "unknown": False,
        "healthy": True,
    }
    assert [n for n, c in cases.items() if not c.certified] == ["healthy"]
    assert sorted(n for n, c in cases.items() if not c.spacing_known) == ["healthy", "unknown"]


def test_a_picture_depends_on_its_number_alone(arrays):
    config = TextFreeConfig(crop=(64, 96))
    everything = pictures(list(arrays.values()), config)
    later = pictures(list(arrays.values()), config, first=25)
    assert len(later) == 15
    for index in (0, 7, 14):
        a, b = everything[25 + index], later[index]
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_volumes_and_single_slices_are_both_drawn(arrays):
    config = replace(WHOLE, single_share=0.5, lesion_share=0.5)
    drawn = [pictures(list(arrays.values()), config, count=30)[i] for i in range(30)]
    certain = [round(float(p["known"][p["anatomy"].amax(0) > 0].min()), 2) for p in drawn]
    assert set(certain) == {0.0, 0.3, 1.0}
    assert any(not torch.equal(p["image"][0], p["image"][1]) for p in drawn), "volumes are drawn"
    assert all(p["image"].shape == (3, 96, 128) and p["image"].abs().max() <= 1 for p in drawn)


def test_a_single_slice_is_its_own_neighbour(arrays):
    image = pictures([arrays["lesion"]])[0]["image"]
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[2], image[1])


def test_neighbours_of_a_volume_are_other_slices(arrays):
    images = [pictures([arrays["volume"]])[i]["image"] for i in range(8)]
    assert any(not torch.equal(i[0], i[1]) and not torch.equal(i[2], i[1]) for i in images)


@pytest.mark.parametrize(("name", "inside"), [("lesion", 1.0), ("unknown", 0.0), ("healthy", 0.3)])
def test_no_lesion_is_only_taught_where_it_is_known(arrays, name, inside):
    picture = pictures([arrays[name]])[0]
    liver = picture["anatomy"][:2].amax(0) > 0
    assert picture["known"][liver].unique().tolist() == pytest.approx([inside])
    far = torch.zeros_like(liver)
    far[:, 100:] = True  # the liver ends long before
    assert (picture["known"][far] == 1).all()


def test_lobes_lie_on_the_patients_own_sides_and_hold_the_lesions(arrays):
    picture = pictures([arrays["lesion"]])[0]
    right, left, lesions = picture["anatomy"].bool()
    columns = torch.arange(128).expand(96, 128)
    assert not (right & left).any()
    assert columns[right].float().mean() < columns[left].float().mean()
    assert lesions.any()
    assert (lesions & ~(right | left)).sum() == 0


def test_added_lesions_are_known_even_where_others_are_not(arrays):
    config = replace(WHOLE, synthetic_share=1.0)
    drawn = [pictures([arrays["unknown"]], config)[i] for i in range(12)]
    added = [p for p in drawn if (p["lesions"] > 0).any()]
    assert len(added) > 6
    for picture in added:
        inside = picture["lesions"] > 0
        assert (picture["known"][inside] == 1).all()
        assert (picture["anatomy"][2].bool() == inside).all()


def test_negative_values_can_be_lost_as_in_some_single_slices(arrays):
    config = replace(WHOLE, positive_share=1.0)
    picture = pictures([arrays["lesion"]], config)[0]["image"]
    low, high = GRID.window_hu
    hu = (picture + 1) / 2 * (high - low) + low
    # The body's edge is interpolated between fat's value and soft tissue before the loss.
    assert not ((hu < -1) & (hu > -99)).any(), "values between -100 and 0 HU are left"


@pytest.mark.parametrize("name", ["hyperdense_share", "exophytic_share"])
@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(name, share):
    with pytest.raises(InputError, match=name):
        replace(WHOLE, **{name: share})


def test_exophytic_lesions_are_part_of_the_liver_and_added_without_fat_too(arrays):
    healthy = arrays["healthy"]
    config = replace(WHOLE, synthetic_share=1.0, exophytic_share=1.0, diameter_mm=(12.0, 20.0))
    fatty = replace(healthy, hu=np.where(healthy.liver, healthy.hu, -100).astype(np.int16))
    for one, bulges in ((fatty, True), (healthy, False)):
        plain = pictures([one])[0]["anatomy"][:2].any(dim=0)
        beyond = 0
        for picture in (pictures([one], config, count=8)[n] for n in range(8)):
            right, left, lesions = picture["anatomy"].bool()
            assert lesions.any()
            assert not (lesions & ~(right | left)).any()
            beyond += int((lesions & ~plain).sum())
        assert (beyond > 30) == bulges


@pytest.mark.parametrize(("share", "bright"), [(0.0, False), (1.0, True)])
def test_bright_lesions_are_added_as_often_as_wanted(arrays, share, bright):
    config = replace(WHOLE, synthetic_share=1.0, hyperdense_share=share)
    drawn = pictures([arrays["healthy"]], config, count=12)
    against_liver = []
    for n in range(12):
        image, (right, left, lesions) = drawn[n]["image"][1], drawn[n]["anatomy"]
        for number in range(1, int(drawn[n]["lesions"].max()) + 1):
            lesion = drawn[n]["lesions"] == number
            liver = (right + left > 0) & (lesions == 0)
            if lesion.sum() > 12:
                against_liver.append(float(image[lesion].median() - image[liver].median()))
    assert len(against_liver) > 10
    assert np.mean([(difference > 0) == bright for difference in against_liver]) > 0.9
