"""Matrices resample as SimpleITK's filters do."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.body_outline import _opened
from lsms_core.dataset.smooth_resampling import resample

sizes = st.integers(8, 60)
spacings = st.floats(0.4, 3.0)


def by_filters(image, spacing, out_shape, out_spacing, out_origin, fill):
    """The same in SimpleITK: a recursive Gaussian where pixels grow, then linear."""
    source = sitk.GetImageFromArray(image)
    source.SetSpacing(spacing[::-1])
    pairs = zip(spacing[::-1], out_spacing[::-1], strict=True)
    sigma = [0.5 * np.sqrt(max(o * o - s * s, 0.0)) for s, o in pairs]
    if max(sigma) > 0.25 * min(spacing):
        least = 0.05 * min(spacing)
        source = sitk.SmoothingRecursiveGaussian(source, [max(s, least) for s in sigma])
    return sitk.GetArrayFromImage(
        sitk.Resample(
            source,
            out_shape[::-1],
            sitk.Transform(),
            sitk.sitkLinear,
            out_origin[::-1],
            out_spacing[::-1],
            (1.0, 0.0, 0.0, 1.0),
            fill,
        )
    )


@given(
    st.tuples(sizes, sizes),
    st.tuples(spacings, spacings),
    st.tuples(sizes, sizes),
    st.tuples(spacings, spacings),
    st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    st.integers(0, 1000),
)
def test_it_smooths_and_interpolates_as_filters_do(
    shape, spacing, out_shape, out_spacing, out_origin, seed
):
    # A place that lies on the image's edge to the last digit may fall on either side.
    image = np.random.default_rng(seed).uniform(-160, 240, (2, *shape)).astype(np.float32)
    origin = tuple(round(o) + 0.013 for o in out_origin)
    spacing, out_spacing = (tuple(round(s, 2) for s in pair) for pair in (spacing, out_spacing))
    ours = resample(image, spacing, (0.0, 0.0), out_shape, out_spacing, origin, fill=-160.0)
    assert ours.shape == (2, *out_shape)
    for one, whole in zip(ours, image, strict=True):
        expected = by_filters(whole, spacing, out_shape, out_spacing, origin, -160.0)
        np.testing.assert_allclose(one, expected, atol=2e-2)


@given(st.tuples(sizes, sizes), st.integers(0, 1000))
def test_shifted_pictures_open_as_the_filter_does(shape, seed):
    noise = sitk.GetImageFromArray(np.random.default_rng(seed).uniform(size=shape))
    mask = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(noise, 1.5)) > 0.5
    opened = sitk.BinaryMorphologicalOpening(sitk.GetImageFromArray(mask.astype(np.uint8)), [2, 2])
    np.testing.assert_array_equal(_opened(mask), sitk.GetArrayFromImage(opened) > 0)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 40)])
def test_the_smallest_images_are_resampled(shape):
    image = np.full(shape, 7.0, np.float32)
    out = resample(image, (1.0, 1.0), (0.0, 0.0), (3, 3), (1.5, 1.5), (0.0, 0.0), fill=0.0)
    assert out.shape == (3, 3)
    assert out[0, 0] == pytest.approx(7.0)
