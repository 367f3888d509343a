"""Lesions of known size, density and side are measured as such."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.diameters import diameters
from lsms_core.anatomy.laterality import midline_column
from lsms_core.anatomy.measurements import measure_slice, mirrored
from lsms_core.anatomy.regions import (
    bounding_box,
    boxes_of,
    label_components,
    signed_distance_mm,
)
from lsms_core.anatomy.sections import lobe_segments
from lsms_core.errors import InputError

SPACING = (0.8, 0.8)
SHAPE = (300, 420)


def ellipse(centre, radii, shape=SHAPE):
    r, c = np.ogrid[: shape[0], : shape[1]]
    return ((r - centre[0]) / radii[0]) ** 2 + ((c - centre[1]) / radii[1]) ** 2 <= 1


def abdomen():
    """A torso with a spine, and a liver that reaches across the midline, as every liver does."""
    image = np.full(SHAPE, -1000, np.int16)
    image[ellipse((150, 210), (140, 200))] = 40
    image[ellipse((240, 210), (25, 25))] = 220
    liver = ellipse((140, 120), (95, 95)) | ellipse((95, 200), (40, 90))
    image[liver] = 110
    return image, liver


@pytest.mark.parametrize(
    ("centre", "sides"),
    [((140, 70), ("right",)), ((95, 240), ("left",)), ((120, 145), ("left", "right"))],
)
def test_the_side_is_the_patients(centre, sides):
    image, liver = abdomen()
    lesion = ellipse(centre, (8, 8))
    findings = measure_slice(image, liver, lesion.astype(int), SPACING)
    assert findings.lesions[0].sides == sides


def test_a_slice_without_bone_uses_the_bodys_centre():
    image = np.full(SHAPE, -1000, np.int16)
    image[20:280, 50:350] = 40
    assert midline_column(image, SPACING) == pytest.approx(199.5)


@pytest.mark.parametrize(
    ("hu", "word"),
    [(60, "hypodense"), (8, "cystic"), (160, "hyperdense"), (108, "isodense"), (100, None)],
)
def test_attenuation_is_judged_against_the_liver_around(hu, word):
    image, liver = abdomen()
    lesion = ellipse((140, 90), (10, 10))
    image[lesion] = hu
    (measured,) = measure_slice(image, liver, lesion.astype(int), SPACING).lesions
    assert measured.attenuation == word
    assert measured.mean_hu == pytest.approx(hu)
    assert measured.contrast_hu == pytest.approx(hu - 110)


def test_a_neighbouring_lesion_is_not_taken_for_liver():
    image, liver = abdomen()
    instances = np.zeros(SHAPE, int)
    for number, column in ((3, 80), (5, 102)):
        instances[ellipse((140, column), (9, 9))] = number
    image[instances > 0] = 50
    findings = measure_slice(image, liver, instances, SPACING)
    assert [m.number for m in findings.lesions] == [3, 5]
    assert all(m.contrast_hu == pytest.approx(-60) for m in findings.lesions)


def test_depth_below_the_capsule():
    image, liver = abdomen()
    edge = ellipse((140, 32), (6, 6)) & liver
    deep = ellipse((140, 120), (6, 6))
    findings = measure_slice(image, liver, edge + 2 * deep, SPACING)
    assert [m.location for m in findings.lesions] == ["subcapsular", "central"]


@given(
    longest=st.floats(6, 60),
    ratio=st.floats(0.4, 1.0),
    angle=st.floats(0, np.pi),
    spacing=st.tuples(st.floats(0.5, 1.2), st.floats(0.5, 1.2)),
)
def test_diameters_of_an_ellipse(longest, ratio, angle, spacing):
    r, c = np.meshgrid(
        (np.arange(200) - 100) * spacing[0], (np.arange(200) - 100) * spacing[1], indexing="ij"
    )
    along, across = c * np.cos(angle) + r * np.sin(angle), r * np.cos(angle) - c * np.sin(angle)
    mask = (2 * along / longest) ** 2 + (2 * across / (longest * ratio)) ** 2 <= 1
    found = diameters(mask, spacing)
    measured, perpendicular = found.longest_mm, found.perpendicular_mm
    pixel = float(np.hypot(*spacing))
    assert measured == pytest.approx(longest, abs=2 * pixel)
    assert perpendicular <= measured + 1e-9
    assert perpendicular >= longest * ratio - 2 * pixel


def test_one_pixel_has_its_own_size():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    longest = diameters(mask, (0.6, 0.8)).longest_mm
    assert longest == pytest.approx(1.0, abs=1e-3)


def test_slices_without_lesions_or_liver():
    image, liver = abdomen()
    empty = np.zeros(SHAPE, int)
    assert measure_slice(image, liver, empty, SPACING).lesions == ()
    assert measure_slice(image, liver, empty, SPACING).liver_area_mm2 == pytest.approx(
        liver.sum() * 0.64
    )
    assert measure_slice(image, np.zeros(SHAPE, bool), empty, SPACING).liver_area_mm2 == 0.0
    with pytest.raises(InputError, match="same shape"):
        measure_slice(image, liver[:-1], empty, SPACING)


def test_components_are_numbered_by_size_and_corners_connect():
    mask = np.zeros((10, 10), bool)
    mask[0, 0] = mask[1, 1] = True
    mask[5:9, 5:9] = True
    labels, count = label_components(mask)
    assert count == 2
    assert labels[6, 6] == 1
    assert labels[0, 0] == labels[1, 1] == 2
    assert label_components(np.zeros((4, 4), bool))[1] == 0


def test_distance_and_box():
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    distance = signed_distance_mm(mask, (1.0, 2.0))
    assert distance[10, 10] < 0 < distance[0, 10]
    assert distance[10, 19] == pytest.approx(10.0)
    assert bounding_box(mask, (2, 6)) == (slice(3, 17), slice(0, 20))


def test_in_the_mirror_left_is_right_and_twice_mirrored_is_as_before():
    image, liver = abdomen()
    instances = ellipse((140, 70), (8, 8)) + 2 * ellipse((95, 240), (8, 8))
    found = measure_slice(image, liver, instances, SPACING)
    turned = mirrored(found, image.shape[1], SPACING[1])
    swap = {"left": "right", "right": "left"}
    assert {m.sides for m in found.lesions} == {("left",), ("right",)}
    flipped = instances[:, ::-1]
    for before, after in zip(found.lesions, turned.lesions, strict=True):
        assert after.sides == (swap[before.sides[0]],)
        assert after.left_share == pytest.approx(1 - before.left_share)
        # A part of the lobe has no mirror image: any is possible.
        assert set(after.segments) - {"1"} == set(lobe_segments(after.sides))
        rows, columns = np.nonzero(flipped == after.number)
        centre = (-0.8 * columns.mean(), -0.8 * rows.mean(), 0.0)
        assert after.centroid_ras == pytest.approx(centre)
        for end in (*after.longest_ends, *after.perpendicular_ends):
            assert np.hypot(*np.subtract(end, centre)[:2]) == pytest.approx(6.4, abs=0.8)
    again = mirrored(turned, image.shape[1], SPACING[1])
    places = ("centroid_ras", "longest_ends", "perpendicular_ends", "left_share", "segments")
    for before, after in zip(found.lesions, again.lesions, strict=True):
        assert before == replace(after, **{name: getattr(before, name) for name in places})
        for name in places[:4]:
            np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_boxes_are_those_of_each_lesion_wherever_it_lies(seed, count):
    rng = np.random.default_rng(seed)
    labels = np.zeros((5, 7, 9), np.uint16)
    for number in range(1, count + 1):
        start = [rng.integers(0, n - 1) for n in labels.shape]
        stop = [rng.integers(a + 1, n) for a, n in zip(start, labels.shape, strict=True)]
        labels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = number
    expected = {}
    for number in np.unique(labels[labels > 0]).tolist():
        at = np.nonzero(labels == number)
        expected[number] = tuple(slice(int(a.min()), int(a.max()) + 1) for a in at)
    assert boxes_of(labels) == expected
