"""Mistakes of an earlier network on the training patients are drawn more often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from lsms_core.dataset.augmentation import AugmentationConfig
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import Case, CaseArrays
from lsms_core.dataset.text_free_pictures import HardPlace, TextFreeConfig, TextFreePictures
from lsms_core.errors import InputError
from lsms_core.training.hard_places import hard_places, read_hard_places, write_hard_places
from lsms_core.training.teacher import Teacher

GRID = PreprocessingConfig(spacing_mm=2.0, height=60, width=80, slice_offsets_mm=(-4, 0, 4))
LIVER = np.zeros((60, 80), bool)
LIVER[10:50, 5:60] = True
VEIN = np.s_[12:16, 40:46]


class Fooled:
    """An engine that takes what is bright for a lesion: it finds veins, and no dark lesion."""

    device = "cpu"

    def draw(self, images):
        lesion = np.where(images[:, 1:2] > 0.8, 1.0, 0.0).astype(np.float32)
        liver = np.ones_like(lesion)
        return np.concatenate([liver, liver, lesion], axis=1)


NETWORK = Teacher(Fooled(), GRID)


def write(arrays, folder):
    """Write a case's image, one pixel as on the grid; its label is not read here."""
    image = sitk.GetImageFromArray(arrays.hu)
    image.SetSpacing(arrays.spacing_mm[::-1])
    path = folder / f"{arrays.case.name}.nii.gz"
    sitk.WriteImage(image, str(path))
    return replace(arrays, case=replace(arrays.case, image=path))


def arrays(name, slices=1, **known):
    hu = np.full((slices, *LIVER.shape), 60, np.int16)
    lesions = np.zeros(hu.shape, bool)
    hu[:, 30:36, 20:26] = 10
    lesions[:, 30:36, 20:26] = True
    hu[0][VEIN] = 230
    hu[0, 20, 20] = 230  # noise
    case = Case(name, name, None, None, **known)
    return CaseArrays(case, hu, np.repeat(LIVER[None], slices, axis=0), lesions, (5.0, 2.0, 2.0))


def test_false_findings_and_missed_lesions_are_found(tmp_path):
    found = hard_places([write(arrays("one"), tmp_path)], NETWORK, GRID)
    assert found == [HardPlace("one", 0, 13.5, 42.5), HardPlace("one", 0, 32.5, 22.5)]


def test_a_network_without_mistakes_has_none(tmp_path):
    case = arrays("one")
    case = replace(case, hu=np.where(case.lesions, 230, 60).astype(np.int16))
    assert hard_places([write(case, tmp_path)], NETWORK, GRID) == []


@pytest.mark.parametrize("known", [{"lesions_labelled": False}, {"certified": False}])
def test_where_lesions_are_not_known_nothing_is_a_mistake(known):
    assert hard_places([arrays("one", **known)], NETWORK, GRID) == []


def test_slices_close_to_each_other_count_once(tmp_path):
    thick = write(arrays("thick", 7), tmp_path)
    thin = write(replace(arrays("thin", 7), spacing_mm=(1.0, 2.0, 2.0)), tmp_path)
    levels = {p.level for p in hard_places([thick], NETWORK, GRID)}
    assert levels == set(range(7))
    assert {p.level for p in hard_places([thin], NETWORK, GRID)} == {0, 3, 6}


def test_they_are_kept_in_a_file(tmp_path):
    places = [HardPlace("a", 3, 1.5, 2.0), HardPlace("b", 0, 7.0, 8.25)]
    write_hard_places(tmp_path / "mistakes.json", places)
    assert read_hard_places(tmp_path / "mistakes.json") == places
    (tmp_path / "mistakes.json").write_text('[{"case": "a"}]')
    with pytest.raises(InputError, match="cannot be read"):
        read_hard_places(tmp_path / "mistakes.json")


def test_pictures_show_them_as_often_as_asked():
    still = AugmentationConfig(
        rotation_degrees=0.0, scale=(1.0, 1.0), shift=0.0, noise_hu=0.0, contrast=0.0,
        offset_hu=0.0, flat_share=0.0, narrow_share=0.0,
    )  # fmt: skip
    config = TextFreeConfig(
        crop=(16, 16), hard_share=0.5, synthetic_share=0.0, wander_share=0.0, positive_share=0.0,
        augmentation=still,
    )  # fmt: skip
    case = arrays("one")
    pictures = TextFreePictures(
        [case], GRID, config, seed=1, count=80, hard=[HardPlace("one", 0, 13.5, 42.5)]
    )
    bright = [float((pictures[i]["image"][1] > 0.8).sum()) for i in range(80)]
    shown = sum(area == 24 for area in bright)
    assert 25 <= shown <= 55
    none = TextFreePictures([case], GRID, replace(config, hard_share=0.0), seed=1, count=20,
                            hard=[HardPlace("one", 0, 13.5, 42.5)])  # fmt: skip
    assert not any((none[i]["image"][1] > 0.8).sum() == 24 for i in range(20))


def test_without_them_a_run_sees_what_it_always_saw():
    config = TextFreeConfig(crop=(32, 32))
    one = TextFreePictures([arrays("one")], GRID, config, seed=3, count=5)
    other = TextFreePictures(
        [arrays("one")], GRID, replace(config, hard_share=1.0), seed=3, count=5, hard=[]
    )
    for i in range(5):
        assert all(torch.equal(one[i][key], other[i][key]) for key in one[i])
