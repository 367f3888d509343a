"""One measurement of a lesion: in one slice, in many, and in any orientation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.anatomy.diameters import diameters, longest_of_stack
from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.liver_map import LEFT, RIGHT, LiverMap, with_lobes
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.anatomy.measurements import measure_slice

SPACING = (1.0, 1.0, 4.0)


def ellipse(shape, centre, radii):
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)) <= 1


def liver_ct(shape=(16, 90, 120)) -> tuple[CTVolume, np.ndarray, LiverMap]:
    """A liver at 100 HU whose right lobe is the left half of the picture."""
    rng = np.random.default_rng(0)
    liver = ellipse(shape, (8, 45, 60), (9, 40, 55))
    array = np.where(liver, 100, -80) + rng.normal(0, 4, shape)
    lobes = np.zeros(shape, np.uint8)
    lobes[liver] = LEFT
    lobes[:, :, :60][liver[:, :, :60]] = RIGHT
    ct = CTVolume(array.astype(np.float32), np.diag([-1.0, -1.0, SPACING[2], 1.0]))
    return ct, liver, LiverMap(liver, lobes)


def put(ct, *lesions, hu=40.0):
    labels = np.zeros(ct.shape, np.int32)
    array = ct.array.copy()
    for number, mask in enumerate(lesions, 1):
        labels[mask] = number
        array[mask] = hu
    return ct.with_array(array), labels


def test_the_longest_diameter_is_that_of_all_slices_not_of_the_largest_area():
    ct, _, known = liver_ct()
    bar = np.zeros(ct.shape, bool)
    bar[8, 30:50, 30:50] = True  # the largest area, 28 mm across
    bar[9, 40:43, 20:55] = True  # 35 mm long
    ct, labels = put(ct, bar)
    (found,) = measure_lesions(ct, labels, known)
    assert found.diameter_slice == 9
    assert found.longest_mm == pytest.approx(np.hypot(35, 3), abs=0.1)
    assert found.area_mm2 == 400
    assert found.slices == (8, 9)


def test_the_ends_of_the_diameters_lie_that_far_apart_in_the_patient():
    ct, _, known = liver_ct()
    ct, labels = put(ct, ellipse(ct.shape, (8, 40, 35), (2, 8, 14)))
    (found,) = measure_lesions(ct, labels, known)
    first, last = np.array(found.longest_ends)
    assert np.linalg.norm(last - first) == pytest.approx(found.longest_mm, abs=1e-6)
    short, long = np.array(found.perpendicular_ends)
    assert np.linalg.norm(long - short) == pytest.approx(found.perpendicular_mm, abs=1e-6)
    assert abs((last - first) @ (long - short)) < 1e-6
    # RAS: the lesion's longest diameter runs from right to left through its centre.
    np.testing.assert_allclose(0.5 * (first + last), found.centroid_ras, atol=1.5)
    assert abs(last[0] - first[0]) > 25


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_storage_changes_nothing(flip, axes):
    ct, liver, known = liver_ct()
    ct, labels = put(ct, ellipse(ct.shape, (9, 40, 30), (2, 8, 12)))
    (straight,) = measure_lesions(ct, labels, known)

    def stored(array):
        moved = array.transpose(axes)
        return np.ascontiguousarray(moved[tuple(slice(None, None, s) for s in flip)])

    # voxel (k, j, i) of the new array -> of the old one
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for new, old in enumerate(axes):
        matrix[2 - old, 2 - new] = flip[new]
        if flip[new] < 0:
            matrix[2 - old, 3] = ct.shape[old] - 1
    moved = CTVolume(stored(ct.array), ct.affine @ matrix)
    lobes = LiverMap(stored(liver), stored(known.lobes))
    (found,) = measure_lesions(moved, stored(labels), lobes)
    for name in ("longest_mm", "perpendicular_mm", "volume_ml", "mean_hu", "capsule_mm"):
        assert getattr(found, name) == pytest.approx(getattr(straight, name), abs=1e-3), name
    np.testing.assert_allclose(found.centroid_ras, straight.centroid_ras, atol=1e-6)
    assert (found.sides, found.attenuation) == (("right",), "hypodense")
    ends = {tuple(np.round(e, 3)) for e in found.longest_ends}
    assert ends == {tuple(np.round(e, 3)) for e in straight.longest_ends}


def test_one_slice_is_measured_as_training_measures_it():
    ct, liver, known = liver_ct((1, 90, 120))
    ct, labels = put(ct, ellipse(ct.shape, (0, 40, 30), (1, 9, 12)))
    (found,) = measure_lesions(ct, labels, known)
    (before,) = measure_slice(ct.array[0], liver[0], labels[0], (1.0, 1.0)).lesions
    for name in ("longest_mm", "perpendicular_mm", "area_mm2", "mean_hu", "contrast_hu"):
        assert getattr(found, name) == pytest.approx(getattr(before, name), abs=0.01), name
    assert found.capsule_mm == pytest.approx(before.capsule_mm, abs=0.01)
    assert (found.attenuation, found.margin) == (before.attenuation, before.margin)


@pytest.mark.parametrize(
    ("column", "sides"), [(20, ("right",)), (100, ("left",)), (60, ("left", "right"))]
)
def test_the_lobe_is_where_most_of_it_lies(column, sides):
    ct, _, known = liver_ct()
    mask = ellipse(ct.shape, (8, 45, column), (2, 9, 9))
    ct, labels = put(ct, mask)
    known.lobes[mask] = 0  # a network's lobes have holes at lesions
    (found,) = measure_lesions(ct, labels, known)
    assert found.sides == sides
    if len(sides) == 2:
        assert "border" in found.place
        assert found.left_share == pytest.approx(0.5, abs=0.1)


def test_without_a_liver_nothing_is_said_of_the_liver():
    ct, _, _ = liver_ct()
    ct, labels = put(ct, ellipse(ct.shape, (8, 45, 30), (2, 9, 9)))
    (found,) = measure_lesions(ct, labels)
    assert (found.sides, found.segments) == ((), ())
    assert (found.contrast_hu, found.capsule_mm) == (None, None)
    assert found.mean_hu == pytest.approx(40)
    assert found.place == ""


def test_segments_come_from_a_map_where_there_is_one():
    ct, liver, _ = liver_ct()
    segments = np.where(liver, 6, 0).astype(np.uint8)
    segments[:, :, 80:][liver[:, :, 80:]] = 3
    known = with_lobes(ct, LiverMap(liver, None, segments))
    ct, labels = put(ct, ellipse(ct.shape, (8, 45, 40), (2, 6, 6)),
                     ellipse(ct.shape, (8, 45, 80), (2, 6, 6)))  # fmt: skip
    one, two = measure_lesions(ct, labels, known)
    assert (one.segments, one.sides) == (("6",), ("right",))
    assert (two.segments, two.sides) == (("3", "6"), ("left", "right"))


def test_lobes_are_divided_where_only_a_liver_is_known():
    ct, liver, _ = liver_ct()
    ct, labels = put(ct, ellipse(ct.shape, (8, 45, 12), (2, 6, 6)),
                     ellipse(ct.shape, (8, 45, 108), (2, 6, 6)))  # fmt: skip
    known = with_lobes(ct, LiverMap(liver))
    assert [found.sides for found in measure_lesions(ct, labels, known)] == [("right",), ("left",)]


def test_it_survives_json():
    ct, _, known = liver_ct()
    ct, labels = put(ct, ellipse(ct.shape, (8, 45, 30), (2, 9, 9)))
    (found,) = measure_lesions(ct, labels, known, scores=[0.7])
    again = Lesion.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.to_dict() == found.to_dict()
    assert again.score == 0.7
    assert again.longest_mm == pytest.approx(found.longest_mm, abs=0.05)


@settings(max_examples=40)
@given(st.integers(2, 14), st.integers(2, 14), st.floats(0.5, 2.0))
def test_a_rectangle(height, width, pixel):
    mask = np.zeros((20, 20), bool)
    mask[2 : 2 + height, 3 : 3 + width] = True
    found = diameters(mask, (pixel, pixel))
    assert found.longest_mm == pytest.approx(np.hypot(height, width) * pixel, rel=2e-3)
    assert 0 < found.perpendicular_mm <= found.longest_mm + 1e-9
    index, same = longest_of_stack(np.stack([np.zeros_like(mask), mask]), (pixel, pixel))
    assert index == 1
    assert same.longest_mm == pytest.approx(found.longest_mm)
    rows = [end[0] for end in same.longest_ends]
    assert (min(rows), max(rows)) == pytest.approx((1.5, 1.5 + height))
