"""Measurements of masks against what geometry says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.findings import measure_mask
from lsms_core.anatomy.geometry import CTVolume


def volume(shape=(12, 40, 44), spacing=(0.8, 0.8, 5.0), shear=0.0) -> CTVolume:
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[1, 2] = shear
    array = np.broadcast_to(np.arange(shape[0], dtype=np.int16)[:, None, None] * 10, shape)
    return CTVolume(array.copy(), affine)


def box(shape, k, j, i) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


@given(
    st.integers(1, 5), st.integers(1, 12), st.integers(1, 12), st.floats(0.5, 2), st.floats(1, 6)
)
def test_a_box(depth, height, width, pixel, step):
    ct = volume(spacing=(pixel, pixel, step))
    mask = box(ct.shape, (3, 3 + depth), (5, 5 + height), (7, 7 + width))
    (finding,) = measure_mask(ct, mask)
    assert finding.volume_ml == pytest.approx(depth * height * width * pixel**2 * step / 1000)
    assert finding.area_mm2 == pytest.approx(height * width * pixel**2)
    assert finding.longest_mm == pytest.approx(np.hypot(height, width) * pixel, rel=2e-3)
    assert finding.slices == (3, 2 + depth)
    assert finding.mean_hu == pytest.approx(10 * (3 + (depth - 1) / 2))
    centre = ct.affine @ (6.5 + width / 2, 4.5 + height / 2, 2.5 + depth / 2, 1)
    np.testing.assert_allclose(finding.centroid_ras, centre[:3])


def test_lesions_are_apart_and_the_largest_comes_first():
    ct = volume()
    mask = box(ct.shape, (1, 2), (2, 4), (2, 4)) | box(ct.shape, (4, 8), (20, 30), (20, 30))
    first, second = measure_mask(ct, mask)
    assert first.volume_ml > second.volume_ml
    assert (first.slices, second.slices) == ((4, 7), (1, 1))


def test_a_tilted_gantry_does_not_enlarge_the_volume():
    mask = box((12, 40, 44), (4, 8), (20, 30), (20, 30))
    (straight,), (tilted,) = measure_mask(volume(), mask), measure_mask(volume(shear=1.5), mask)
    assert tilted.volume_ml == pytest.approx(straight.volume_ml)


def test_missing_values_are_left_out_and_nothing_gives_nothing():
    ct = volume()
    array = ct.array.astype(np.float32)
    array[4, 20, 20] = np.nan
    (finding,) = measure_mask(ct.with_array(array), box(ct.shape, (4, 5), (20, 22), (20, 22)))
    assert finding.mean_hu == 40
    assert measure_mask(ct, np.zeros(ct.shape, bool)) == []


def test_json_holds_plain_numbers():
    import json

    ct = volume()
    (finding,) = measure_mask(ct, box(ct.shape, (4, 5), (20, 22), (20, 22)))
    values = json.loads(json.dumps(finding.to_dict()))
    assert values["slices"] == [4, 4]
    assert values["plane"] == "axial"
