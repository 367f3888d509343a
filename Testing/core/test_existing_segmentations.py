"""What an existing segmentation holds is told by names, codes, values and sizes."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.anatomy.named_outlines import NamedMask, recognise, role_of

SHAPE = (4, 40, 40)
# 4 x 40 x 40 voxels of this size are 640 mL, as large as a liver.
VOXEL_ML = 0.1


def block(rows, columns):
    mask = np.zeros(SHAPE, bool)
    mask[:, rows, columns] = True
    return mask


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("liver", "liver"),
        ("liver_segment_7", "7"),
        ("Segment IVb", "4"),
        ("left hepatic lobe", "left lobe"),
        ("liver_tumor", "lesion"),
        ("liver_lesions", "lesion"),
        ("Metastasis 2", "lesion"),
        ("kidney_cyst_left", None),
        ("spleen", None),
        ("lung_upper_lobe_left", None),
    ],
)
def test_an_outline_is_told_by_its_name(name, role):
    assert role_of(name) == role


def test_lesions_are_numbered_by_size_and_other_organs_left_out():
    masks = [
        NamedMask("spleen", block(slice(30, 38), slice(30, 38))),
        NamedMask("liver_tumor", block(slice(2, 4), slice(2, 4))),
        NamedMask("metastasis", block(slice(10, 16), slice(10, 16))),
    ]
    found = recognise(masks, VOXEL_ML, expected="lesions")
    assert found.left_out == ("spleen",)
    assert found.liver is None
    assert set(np.unique(found.lesions)) == {0, 1, 2}
    assert (found.lesions == 1).sum() > (found.lesions == 2).sum()


def test_one_outline_of_any_name_is_what_the_option_says():
    found = recognise([NamedMask("mine", block(slice(2, 6), slice(2, 6)))], VOXEL_ML,
                      expected="lesions")  # fmt: skip
    assert found.lesions is not None


def test_another_organ_alone_is_no_lesion():
    found = recognise(
        [NamedMask("spleen", block(slice(2, 6), slice(2, 6)))], VOXEL_ML, expected="lesions"
    )
    assert found.lesions is None
    assert found.left_out == ("spleen",)


def test_a_label_map_without_names_is_liver_and_lesions():
    liver, lesion = block(slice(0, 40), slice(0, 40)), block(slice(5, 9), slice(5, 9))
    masks = [NamedMask("", liver & ~lesion, value=1), NamedMask("", lesion, value=2)]
    found = recognise(masks, VOXEL_ML, expected="lesions")
    assert found.liver is not None
    assert np.array_equal(found.lesions > 0, lesion)
