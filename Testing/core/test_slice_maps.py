"""What is drawn in a slice is the mean of what is drawn in it and in its neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.preprocessing import PreprocessingConfig, SliceTransform
from lsms_core.errors import BundleError, CancelledError
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.predictor import Predictor
from lsms_core.inference.view import SliceView
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from Testing.core.models_tiny import engine_of

VOTES = (-4.0, -2.0, 0.0, 2.0, 4.0)
GRID = PreprocessingConfig(spacing_mm=2.0, height=48, width=64, crop="none", votes_mm=VOTES)


class Counting:
    """An engine whose maps are the picture's own brightness."""

    name = "lsms"
    device = "cpu"
    text_free = True

    def __init__(self):
        self.drawn = []

    def draw(self, images):
        self.drawn += [float(i[1].mean()) for i in images]
        return np.repeat(0.5 * (images[:, 1:2] + 1), 3, axis=1)


def stack(thickness=2.0, count=12, flip=1.0):
    """Slices of one brightness each."""
    array = np.empty((count, 48, 64), np.int16)
    array[:] = np.arange(-140, -140 + 20 * count, 20)[:, None, None]
    return CTVolume(array, np.diag([-2.0, -2.0, flip * thickness, 1.0]))


def level(index):
    """The probability that is drawn in a slice by itself, as the HU of :func:`stack` make it."""
    return (-140 + 20 * index + 160) / 400


def drawing(volume, config=GRID):
    engine = Counting()
    return engine, SliceMaps(engine, SliceView.of(volume, "axial", None, None), config)


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize(
    ("thickness", "voters"),
    [
        (2.0, [3, 4, 5, 6, 7]),
        (3.2, [4, 4, 5, 6, 6]),
        (5.0, [4, 5, 5, 5, 6]),
        (10.0, [5] * 5),
        (0.8, [0, 3, 5, 7, 10]),
    ],
)
def test_neighbours_count_by_where_they_lie(thickness, voters, flip):
    _, slices = drawing(stack(thickness, flip=flip))
    found = np.stack(slices.text_free([5]))
    assert found.shape == (1, 3, 48, 64)
    expected = np.mean([level(j) for j in voters])
    np.testing.assert_allclose(found[0, :, 10:-10, 10:-10], expected, atol=1e-4)


def test_at_the_ends_the_last_slice_counts_more():
    _, slices = drawing(stack())
    expected = np.mean([level(j) for j in (0, 0, 0, 1, 2)])
    np.testing.assert_allclose(slices.text_free([0])[0][2, 20, 30], expected, atol=1e-4)


def test_without_votes_a_slice_counts_alone():
    engine, slices = drawing(stack(), replace(GRID, votes_mm=(0.0,)))
    np.testing.assert_allclose(slices.text_free([5])[0][2, 20, 30], level(5), atol=1e-4)
    assert len(engine.drawn) == 1


@pytest.mark.parametrize("thickness", [0.8, 2.0])
@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_a_search_draws_every_slice_once(batch_size, thickness):
    engine, volume = Counting(), stack(thickness)
    predictor = Predictor(engine, GRID, batch_size=batch_size)
    found = predictor.segment(volume, ["lesion", "cyst"])
    assert len(engine.drawn) == len(set(engine.drawn)) == 12
    alone = Predictor(Counting(), GRID).segment(volume, "lesion", slices=6)[0]
    np.testing.assert_array_equal(alone.probability[6], found[0].probability[6])


def test_a_single_picture_is_drawn_once():
    engine = Counting()
    predictor = Predictor(engine, GRID)
    picture = stack().array[5]
    found = predictor.segment(picture, "lesion", spacing_mm=(2.0, 2.0))[0]
    assert len(engine.drawn) == 1
    assert found.probability[20, 30] == pytest.approx(level(5), abs=1e-3)


@pytest.mark.parametrize("wrong", [{"votes_mm": ()}, {"slice_offsets_mm": ()}])
def test_a_model_that_sees_nothing_is_refused(wrong):
    with pytest.raises(BundleError, match="not usable"):
        replace(GRID, **wrong)


grids = st.builds(
    lambda mm, row, column: SliceTransform(
        (90, 120), (1.0, 1.0), (48, 64), mm, (45.0 + row, 60.0 + column)
    ),
    st.floats(1.5, 2.5),
    st.floats(-8, 8),
    st.floats(-8, 8),
)


@given(one=grids, other=grids)
def test_maps_keep_their_place_on_another_grid(one, other):
    rows, columns = np.mgrid[:90, :120].astype(np.float32)
    smooth = np.exp(-((rows - 45) ** 2 + (columns - 60) ** 2) / 150).astype(np.float32)
    maps = np.stack([one.to_grid(smooth, fill=0.0), 0.5 * one.to_grid(smooth, fill=0.0)])
    moved = one.onto(other, maps)
    assert moved.shape == maps.shape
    assert moved.dtype == np.float32
    direct = other.to_grid(smooth, fill=0.0)
    np.testing.assert_allclose(moved[0, 8:-8, 8:-8], direct[8:-8, 8:-8], atol=0.06)
    np.testing.assert_allclose(moved[1], 0.5 * moved[0], atol=1e-5)
    assert one.onto(one, maps) is maps


def test_recent_outlines_are_remembered_and_the_oldest_forgotten(monkeypatch):
    monkeypatch.setattr("lsms_core.inference.lsms_engine.DRAWN_IMAGES", 3)
    torch.manual_seed(0)
    model = UNetModel(UNetConfig((8, 8, 8, 16, 16, 8)))
    engine = engine_of(model)
    sizes = []
    model.lsms.outline.register_forward_hook(lambda _m, i, _o: sizes.append(len(i[0])))
    images = np.random.default_rng(0).uniform(-1, 1, (5, 3, 64, 48)).astype(np.float32)
    first = engine.draw(images)
    assert sizes == [2, 2, 1]
    assert len(engine._drawn) == 3
    np.testing.assert_array_equal(engine.draw(images[2:]), first[2:])
    assert sizes == [2, 2, 1]
    again = engine.draw(images[[0, 4, 0]])
    assert sizes == [2, 2, 1, 1]
    np.testing.assert_allclose(again, first[[0, 4, 0]], atol=1e-5)
    engine.to("cpu")  # where it is already
    engine.draw(images[4:])
    assert sizes == [2, 2, 1, 1]


def test_a_cancel_is_heard_between_the_neighbours_of_the_first_slice():
    engine, volume = Counting(), stack()
    asked = []

    def cancelled():
        asked.append(len(engine.drawn))
        return len(asked) > 2

    with pytest.raises(CancelledError):
        Predictor(engine, GRID, batch_size=1).segment(
            volume, "lesion", slices=[5], cancelled=cancelled
        )
    assert len(engine.drawn) == 2


def test_a_model_that_is_warmed_up_has_drawn_once_and_remembers_nothing():
    engine, volume = Counting(), stack()
    predictor = Predictor(engine, GRID)
    predictor.warm_up()
    assert len(engine.drawn) == 1
    found = predictor.search(volume, slices=[5])
    assert len(engine.drawn) == 6
    again = Predictor(Counting(), GRID).search(volume, slices=[5])
    np.testing.assert_array_equal(found.labels, again.labels)
