"""The model's grid: it holds the patient, keeps millimetres, and masks come back exactly."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.dataset.preprocessing import (
    PreprocessingConfig,
    apply_window,
    body_box,
    plan_slice,
    prepare_slice,
)
from lsms_core.errors import BundleError, InputError


def torso(rows: int, columns: int, box: tuple[int, int, int, int]) -> np.ndarray:
    image = np.full((rows, columns), -1000, np.int16)
    image[box[0] : box[1], box[2] : box[3]] = 40
    return image


def test_the_body_is_found_and_a_thin_table_is_not():
    image = torso(200, 300, (30, 150, 40, 260))
    image[170:172, 20:280] = 100
    assert body_box(image) == (30, 150, 40, 260)


def test_an_image_of_air_uses_the_whole_slice():
    assert body_box(np.full((50, 60), -1000)) == (0, 50, 0, 60)


@given(
    spacing=st.floats(0.4, 2.0),
    aspect=st.floats(0.7, 1.4),
    top=st.integers(0, 60),
    left=st.integers(0, 60),
)
def test_a_disc_returns_to_where_it_was(spacing, aspect, top, left):
    pixel = (spacing, spacing * aspect)
    image = torso(220, 260, (top, top + 150, left, left + 190))
    row, column = top + 70, left + 90
    r, c = np.ogrid[:220, :260]
    radius_mm = 14.0
    disc = ((r - row) * pixel[0]) ** 2 + ((c - column) * pixel[1]) ** 2 <= radius_mm**2
    config = PreprocessingConfig()
    _, transform = prepare_slice(np.stack([image] * 3), pixel, config)
    grid = transform.to_grid(disc.astype(np.float32), fill=0.0)
    area_mm2 = grid.sum() * transform.grid_spacing_mm**2
    assert area_mm2 == pytest.approx(disc.sum() * pixel[0] * pixel[1], rel=0.08)
    back = transform.restore(grid.astype(np.float32)) > 0.5
    intersection = 2 * (back & disc).sum() / (back.sum() + disc.sum())
    assert back.shape == disc.shape
    assert intersection > 0.9


def test_a_patient_wider_than_the_grid_is_shrunk_and_not_cut():
    image = torso(500, 600, (10, 490, 5, 595))
    transform = plan_slice(image, (1.0, 1.0), PreprocessingConfig())
    assert transform.grid_spacing_mm == pytest.approx(480 / 256)
    grid = transform.to_grid((image > 0).astype(np.float32), fill=0.0)
    assert grid.sum() * transform.grid_spacing_mm**2 == pytest.approx((image > 0).sum(), rel=0.02)


def test_labels_keep_their_values_on_the_grid():
    image = torso(200, 200, (20, 180, 20, 180))
    labels = np.zeros((200, 200), np.int32)
    labels[50:80, 60:90] = 3
    labels[100:130, 60:90] = 7
    transform = plan_slice(image, (1.0, 1.0), PreprocessingConfig())
    assert set(np.unique(transform.to_grid(labels, fill=0, nearest=True))) == {0, 3, 7}


def test_window_maps_its_ends_to_minus_one_and_one():
    values = apply_window(np.array([-1000, -160, 40, 240, 3000]), (-160.0, 240.0))
    np.testing.assert_allclose(values, [-1, -1, 0, 1, 1], atol=1e-6)
    assert values.dtype == np.float32


def test_configuration_survives_json():
    config = PreprocessingConfig(spacing_mm=0.9, slice_offsets_mm=(0.0,), crop="none")
    saved = json.loads(json.dumps(dataclasses.asdict(config)))
    assert PreprocessingConfig.from_dict(saved) == config


@pytest.mark.parametrize(
    "values", [{"colour": 1}, {"spacing_mm": 0}, {"window_hu": [10, 10]}, {"crop": "liver"}]
)
def test_unusable_configurations_are_refused(values):
    with pytest.raises(BundleError):
        PreprocessingConfig.from_dict(values)


def test_wrong_shapes_are_refused():
    with pytest.raises(InputError, match="channels, rows, columns"):
        prepare_slice(np.zeros((4, 4)), (1.0, 1.0), PreprocessingConfig())
    transform = plan_slice(np.zeros((64, 64)), (1.0, 1.0), PreprocessingConfig())
    with pytest.raises(InputError, match="shape"):
        transform.restore(np.zeros((3, 3), np.float32))
