"""Parts of the liver, shape, margin and texture: a word where it is clear, none where not."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.anatomy.appearance import margin_of, shape_of, solidity, texture_of
from lsms_core.anatomy.diameters import diameters
from lsms_core.anatomy.measurements import measure_slice
from lsms_core.anatomy.regions import signed_distance_mm
from lsms_core.anatomy.sections import liver_height, possible_segments

ROWS, COLUMNS = np.mgrid[:120, :160].astype(float)


def disc(row, column, a, b=None):
    return ((ROWS - row) / a) ** 2 + ((COLUMNS - column) / (b or a)) ** 2 <= 1


def word_for(mask):
    found = diameters(mask, (1.0, 1.0))
    return shape_of(mask, found.longest_mm, found.perpendicular_mm)


def test_shapes():
    assert word_for(disc(60, 80, 14)) == "round"
    assert word_for(disc(60, 80, 12, 20)) == "oval"
    star = disc(60, 80, 8) | disc(60, 80, 3, 26) | disc(60, 80, 26, 3)
    assert word_for(star) == "irregular"
    assert word_for(disc(60, 80, 2)) is None
    assert word_for(disc(60, 80, 11, 15)) is None


def test_solidity_is_one_for_convex_shapes_and_less_for_a_cross():
    assert solidity(disc(60, 80, 20)) == pytest.approx(1.0, abs=0.04)
    square = (np.abs(ROWS - 60) < 15) & (np.abs(COLUMNS - 80) < 15)
    assert solidity(square) == pytest.approx(1.0, abs=0.04)
    horizontal = (np.abs(ROWS - 60) < 4) & (np.abs(COLUMNS - 80) < 25)
    vertical = (np.abs(ROWS - 60) < 25) & (np.abs(COLUMNS - 80) < 4)
    assert solidity(horizontal | vertical) < 0.6


def painted(blur_mm, noise_inside=0.0):
    mask = disc(60, 80, 15)
    distance = signed_distance_mm(mask, (1.0, 1.0))
    rng = np.random.default_rng(0)
    image = 110.0 - 60.0 / (1.0 + np.exp(np.clip(distance / (blur_mm / 4), -50, 50)))
    image += rng.normal(0, 5, image.shape) + mask * rng.normal(0, 1, image.shape) * noise_inside
    return image, distance, (distance > 2) & (distance < 10)


def test_margins_follow_the_width_of_the_step():
    image, distance, ring = painted(0.5)
    assert margin_of(image, distance, ring, 110.0) == "well-defined"
    image, distance, ring = painted(14.0)
    assert margin_of(image, distance, ring, 110.0) == "ill-defined"
    assert margin_of(np.full_like(image, 110.0), distance, ring, 110.0) is None


def test_textures_follow_the_noise():
    image, distance, ring = painted(0.5)
    assert texture_of(image, distance, ring) == "homogeneous"
    image, distance, ring = painted(0.5, noise_inside=15.0)
    assert texture_of(image, distance, ring) == "heterogeneous"


def segments(side, row=95.0, column=50.0, height=None):
    """Segments of a lesion in a liver whose right lobe's centre is at row 70, midline at 80."""
    sides = ("left", "right") if side is None else (side,)
    return possible_segments(
        sides,
        (row, column),
        right_centre_mm=70.0,
        midline_mm=80.0,
        # So low that nothing lies behind, where the caudate is.
        liver_rows_mm=(0.0, 300.0),
        height=height,
    )


@pytest.mark.parametrize(
    ("side", "row", "column", "possible"),
    [
        ("right", 40.0, 50.0, ("5", "8")),
        ("right", 95.0, 50.0, ("6", "7")),
        ("right", 65.0, 50.0, ("5", "6", "7", "8")),
        ("left", 40.0, 60.0, ("4",)),
        ("left", 40.0, 110.0, ("2", "3")),
        ("left", 40.0, 83.0, ("2", "3", "4")),
        (None, 40.0, 110.0, ("2", "3", "5", "8")),
    ],
)
def test_sections(side, row, column, possible):
    assert segments(side, row, column) == possible


def test_segments_need_a_clear_height():
    assert segments("right", height=0.8) == ("7",)
    assert segments("right", height=0.2) == ("6",)
    assert segments("left", column=110.0, height=0.8) == ("2",)
    assert segments("left", column=60.0, height=0.2) == ("4",)
    assert segments("right", height=0.52) == ("6", "7")
    assert segments("right", height=None) == ("6", "7")


def test_a_scan_that_cuts_the_liver_gives_no_height():
    whole = np.array([0, 5, 60, 100, 80, 20, 0])
    assert liver_height(whole, 5) == pytest.approx(1.0)
    assert liver_height(whole, 1) == pytest.approx(0.0)
    assert liver_height(np.array([70, 90, 100, 20]), 1) is None
    assert liver_height(np.array([0, 0, 0]), 1) is None


def test_a_measured_lesion_carries_its_words():
    liver = disc(60, 60, 45, 55)
    lesion = disc(85, 35, 9)
    image = np.where(liver, 110.0, 40.0)
    image[lesion] = 50.0
    image += np.random.default_rng(1).normal(0, 4, image.shape)
    found = measure_slice(image, liver, lesion.astype(int), (1.0, 1.0), height=0.9, midline=95.0)
    only = found.lesions[0]
    assert (only.sides, only.segments) == (("right",), ("7",))
    assert (only.shape, only.margin, only.texture) == ("round", "well-defined", "homogeneous")
