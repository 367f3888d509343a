"""Slices are drawn on the liver and a margin, the same whatever else is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.dataset.preprocessing import ANCHORS_MM, PreprocessingConfig, SliceTransform
from lsms_core.errors import BundleError
from lsms_core.inference.focus import Box, anchors, liver_box, part_of_grid
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.view import SliceView

GRID = PreprocessingConfig(
    spacing_mm=2.0, height=160, width=192, crop="none", votes_mm=(0.0,), focus_mm=20.0
)
LIVER = (slice(50, 90), slice(60, 110))


class Bright:
    """An engine that takes what is bright for the right lobe, and tells how large a picture was."""

    name = "lsms"
    device = "cpu"
    text_free = True

    def __init__(self):
        self.sizes = []

    def draw(self, images):
        self.sizes += [image.shape[1:] for image in images]
        maps = np.zeros((len(images), 3, *images.shape[2:]), np.float32)
        maps[:, 0] = images[:, 1] > 0.5
        # Something of the picture as a whole, as instance norms and attention see it.
        maps[:, 2] = images.mean(axis=(1, 2, 3))[:, None, None] * 0.1 + 0.5
        return maps


def volume(livers, thickness=2.5, flip=False):
    """Slices of soft tissue, bright in the liver where ``livers`` says so."""
    array = np.full((len(livers), 160, 192), 0, np.int16)
    for level, there in enumerate(livers):
        if there:
            array[level][LIVER] = 230
    affine = np.diag([-2.0, -2.0, thickness, 1.0])
    if flip:
        affine[2] = [0.0, 0.0, -thickness, thickness * (len(livers) - 1)]
        array = array[::-1].copy()
    return CTVolume(array, affine)


def drawing(stack, config=GRID, slices=None):
    engine = Bright()
    return engine, SliceMaps(engine, SliceView.of(stack, "axial", slices, None), config)


@given(st.integers(1, 300), st.floats(0.5, 12.0), st.booleans(), st.data())
def test_a_slice_lies_between_its_anchors_or_is_one(count, thickness, reverse, data):
    index = data.draw(st.integers(0, count - 1))
    affine = np.diag([1.0, 1.0, -thickness if reverse else thickness, 1.0])
    plane = SlicePlane.of(affine, "axial")
    found = anchors(index, count, plane)
    assert found[0 if not reverse else -1] <= index <= found[-1 if not reverse else 0]
    assert len(set(found)) == len(found) <= 2
    apart = max(round(ANCHORS_MM / thickness), 1)
    assert max(abs(a - index) for a in found) < max(apart, 1) or found == (index,)
    # A volume stored upside down has the same anchors.
    other = SlicePlane.of(np.diag([1.0, 1.0, thickness if reverse else -thickness, 1.0]), "axial")
    mirrored = anchors(count - 1 - index, count, other)
    assert tuple(count - 1 - a for a in mirrored) == found


@given(
    st.tuples(st.floats(-80, 300), st.floats(0, 200), st.floats(-80, 300), st.floats(0, 200)),
    st.floats(0, 60),
    st.floats(0.7, 4.0),
)
def test_the_part_shows_the_box_and_its_margin(box, margin, pixel):
    top, height, left, width = box
    place = SliceTransform((400, 400), (0.8, 0.8), (176, 224), pixel, (150.0, 160.0))
    rows, columns = part_of_grid(Box(top, top + height, left, left + width), margin, place)
    for part, size, low, high, origin in (
        (rows, 176, top, top + height, place.origin_mm[0]),
        (columns, 224, left, left + width, place.origin_mm[1]),
    ):
        assert 0 <= part.start < part.stop <= size
        assert (part.stop - part.start) % 16 == 0 or part.stop - part.start == size
        assert part.stop - part.start >= 64
        first = origin + part.start * pixel
        last = origin + (part.stop - 1) * pixel
        end = origin + (size - 1) * pixel
        # What the grid has of the box and its margin, to within rounding.
        if low - margin < end and high + margin > origin:
            assert first <= max(low - margin, origin) + 1e-6
            assert last >= min(high + margin, end) - 1e-6


def test_the_box_is_where_the_liver_is():
    place = SliceTransform((160, 192), (2.0, 2.0), (160, 192), 2.0, (159.0, 191.0))
    maps = np.zeros((3, 160, 192), np.float32)
    assert liver_box(maps, place) is None
    maps[2] = 1.0  # lesions alone are no liver
    assert liver_box(maps, place) is None
    maps[0][LIVER] = 0.9
    maps[1, 40, 60] = 0.6
    assert liver_box(maps, place) == Box(80.0, 178.0, 120.0, 218.0)


def test_only_anchors_are_drawn_whole():
    engine, slices = drawing(volume([True] * 13))
    found = slices.text_free(range(13))
    # Slices 0, 4, 8 and 12, 10 mm apart; then each on 40 rows + 2 x 10, in multiples of 16.
    assert engine.sizes[:4] == [(160, 192)] * 4
    assert engine.sizes[4:] == [(64, 80)] * 13
    for one in found:
        assert (one[0] > 0.5).sum() == 40 * 50
        assert one[0][LIVER].min() == 1.0
        assert one[2][80, 80] > 0
        assert one[2][0, 0] == 0  # not looked at


@pytest.mark.parametrize("flip", [False, True])
def test_a_slice_is_drawn_the_same_alone_and_in_its_volume(flip):
    stack = volume([True] * 9 + [False] * 4, flip=flip)
    _, together = drawing(stack)
    all_of_them = together.text_free(range(13))
    for index in range(13):
        _, alone = drawing(stack, slices=[index])
        np.testing.assert_array_equal(alone.text_free([index])[0], all_of_them[index])


def test_a_volume_stored_upside_down_is_drawn_the_same():
    livers = [False, True, True, True, True, True, True, False, False, False]
    _, slices = drawing(volume(livers))
    _, flipped = drawing(volume(livers, flip=True))
    one, other = slices.text_free(range(10)), flipped.text_free(range(10))
    np.testing.assert_array_equal(np.stack(one), np.stack(other)[::-1])


def test_where_the_liver_begins_the_whole_slice_is_looked_at():
    engine, slices = drawing(volume([True] * 5 + [False] * 8))
    found = slices.text_free([6])
    # Its anchors are 4, where there is a liver, and 8, where there is none.
    assert engine.sizes == [(160, 192)] * 3
    assert found[0][2][0, 0] > 0


def test_votes_of_neighbours_are_focused_too():
    config = replace(GRID, votes_mm=(-2.5, 0.0, 2.5))
    engine, slices = drawing(volume([True] * 13), config, slices=[6])
    (found,) = slices.text_free([6])
    assert sorted(set(engine.sizes)) == [(64, 80), (160, 192)]
    assert (found[0] > 0.5).sum() == 40 * 50


def test_without_focus_nothing_changes():
    engine, slices = drawing(volume([True] * 5), replace(GRID, focus_mm=0.0))
    slices.text_free(range(5))
    assert engine.sizes == [(160, 192)] * 5


def test_what_is_looked_at_reaches_to_the_anchors():
    assert GRID.reach_mm - replace(GRID, focus_mm=0.0).reach_mm == ANCHORS_MM


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_an_impossible_margin_is_refused(wrong):
    with pytest.raises(BundleError, match="focus_mm"):
        replace(GRID, focus_mm=wrong)
