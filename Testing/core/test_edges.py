"""The rim of a finding follows the picture, as far as the picture is clear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.errors import InputError
from lsms_core.inference.edges import follow_edges
from lsms_core.inference.explain import explain
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.predictor import Predictor

pytestmark = pytest.mark.slow

SIZE = (90, 120)
LIVER_HU = 110.0
ROWS, COLUMNS = np.ogrid[: SIZE[0], : SIZE[1]]


def disc(radius, centre=(45, 60)):
    return (ROWS - centre[0]) ** 2 + (COLUMNS - centre[1]) ** 2 <= radius**2


def picture(radius=10, contrast=-50.0, noise=0.0, seed=0, outside=40.0):
    """A liver of 110 HU with a round lesion, in soft tissue."""
    hu = np.where(disc(40), LIVER_HU, outside)
    hu[disc(radius)] += contrast
    return (hu + np.random.default_rng(seed).normal(0, noise, SIZE)).astype(np.float32)


def soft(radius, width=2.0, peak=0.95):
    """A round map that falls off across its rim."""
    distance = np.sqrt((ROWS - 45) ** 2 + (COLUMNS - 60) ** 2) - radius
    return (peak / (1 + np.exp(distance / width))).astype(np.float32)


def follow(probability, hu, **changes):
    settings = {
        "threshold": 0.25,
        "reach_mm": 2.0,
        "min_area_mm2": 20.0,
        "liver": disc(40).astype(np.float32),
    }
    return follow_edges(probability, hu, (1.0, 1.0), **{**settings, **changes})


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("contrast", [-50.0, 50.0])
@pytest.mark.parametrize("drawn", [9, 11, 12])
def test_a_rim_that_is_too_wide_or_too_narrow_moves_to_the_edge(drawn, contrast):
    probability, lesion = soft(drawn), disc(10)
    hu = picture(contrast=contrast, noise=8.0)
    before = dice(probability >= 0.25, lesion)
    after = dice(follow(probability, hu) >= 0.25, lesion)
    assert after > before
    assert after > 0.85


def test_a_faint_lesion_in_noise_stays_nearly_as_it_was_drawn():
    probability = soft(10)
    followed = follow(probability, picture(contrast=-5.0, noise=25.0))
    assert np.abs(followed - probability).max() < 0.1


@pytest.mark.parametrize("hu", [np.full(SIZE, 110.0), picture(contrast=0.0)])
def test_a_picture_without_contrast_says_nothing(hu):
    probability = soft(10)
    np.testing.assert_array_equal(follow(probability, hu), probability)


def test_far_from_a_finding_nothing_changes_and_what_is_sure_stays():
    probability = np.where(disc(10), np.float32(0.97), np.float32(0.01))
    hu = picture(radius=5, contrast=-60.0)  # the core only differs from the liver
    followed = follow(probability, hu)
    assert (followed[disc(10)] >= 0.25).all()
    assert (followed[~disc(13)] == probability[~disc(13)]).all()


def test_the_level_around_is_the_livers_where_the_liver_is_seen():
    """At the liver's border most of what lies around a lesion is as dark as the lesion."""
    liver = disc(40, (45, 25))
    lesion = disc(10, (45, 60))
    hu = np.where(liver & ~lesion, LIVER_HU, 40.0).astype(np.float32)
    probability, inner = soft(12), COLUMNS < 60
    seen = follow(probability, hu, liver=liver.astype(np.float32)) >= 0.25
    unseen = follow(probability, hu, liver=np.zeros(SIZE, np.float32)) >= 0.25
    assert dice(seen & inner, lesion & inner) > dice(unseen & inner, lesion & inner)


def test_what_is_too_small_to_count_does_not_grow_into_a_finding():
    hu = np.where(disc(4) | disc(6, (45, 90)), np.float32(40), np.float32(LIVER_HU))
    both = np.where(disc(2) | disc(5, (45, 90)), np.float32(0.9), np.float32(0.15))
    followed = follow(both, hu)
    assert (followed[disc(8)] == both[disc(8)]).all()  # 13 mm2, though the picture shows more
    assert (follow(both, hu, min_area_mm2=10.0)[disc(8)] != both[disc(8)]).any()
    assert (followed != both).any()


def test_two_findings_side_by_side_do_not_spoil_each_others_levels():
    hu = np.full(SIZE, LIVER_HU, np.float32)
    lesions = disc(7, (45, 48)) | disc(7, (45, 72))
    hu[lesions] = 50
    image = sitk.GetImageFromArray(lesions.astype(np.float32))
    probability = sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, 4.0)).astype(np.float32)
    followed = follow(probability, hu, threshold=0.25)
    assert dice(followed >= 0.25, lesions) > dice(probability >= 0.25, lesions)
    assert dice(followed >= 0.25, lesions) > 0.93


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    spacing=st.tuples(st.floats(0.3, 4.0), st.floats(0.3, 4.0)),
    reach=st.floats(0.0, 5.0),
)
@settings(max_examples=60, deadline=None)
def test_any_picture_gives_probabilities(seed, rows, columns, spacing, reach):
    rng = np.random.default_rng(seed)
    shape = rows, columns
    probability = rng.random(shape, np.float32) ** 3
    hu = rng.normal(60, 60, shape)
    before = probability.copy()
    followed = follow_edges(
        probability,
        hu,
        spacing,
        threshold=0.25,
        reach_mm=reach,
        min_area_mm2=0.0,
        liver=rng.random(shape, np.float32),
    )
    assert followed.shape == shape
    assert followed.dtype == np.float32
    assert ((followed >= 0) & (followed <= 1)).all()
    np.testing.assert_array_equal(probability, before)


def test_a_picture_upside_down_is_answered_upside_down():
    hu = picture(noise=8.0, seed=3)
    hu[disc(6, (45, 84))] -= 60
    probability = np.maximum(soft(11), np.where(disc(7, (45, 84)), np.float32(0.9), 0))
    liver = disc(40).astype(np.float32)
    flipped = follow(probability[::-1], hu[::-1], liver=liver[::-1])
    np.testing.assert_allclose(flipped[::-1], follow(probability, hu), atol=1e-3)


class Drawn:
    """An engine whose outline is a soft disc, a little too wide."""

    name = "lsms"
    device = "cpu"
    text_free = True

    def draw(self, images):
        maps = np.stack([disc(40), np.zeros(SIZE), soft(12)]).astype(np.float32)
        return np.repeat(maps[None], len(images), axis=0)


GRID = PreprocessingConfig(spacing_mm=1.0, height=SIZE[0], width=SIZE[1], crop="none")
EDGES = PostprocessingConfig(mask_threshold=0.25, presence_threshold=0.1, edges_mm=2.0)


@pytest.mark.parametrize("flat", [False, True])
def test_an_answer_follows_the_picture_where_the_weights_say_so(flat):
    volume = CTVolume(
        np.repeat(picture(noise=5.0)[None], 3, axis=0).astype(np.int16),
        np.diag([-1.0, -1.0, 3.0, 1.0]),
    )
    image = {"image": volume.array[1], "spacing_mm": (1.0, 1.0)} if flat else {"image": volume}

    def found(config, **options):
        predictor = Predictor(Drawn(), GRID, config)
        if not flat:
            options["slices"] = 1
        return predictor.segment(text="lesion", **image, **options)[0]

    stays = found(replace(EDGES, edges_mm=0.0))
    follows = found(EDGES)
    lesion = disc(10) if flat else np.stack([np.zeros(SIZE, bool), disc(10), np.zeros(SIZE, bool)])
    assert dice(follows.mask, lesion) > dice(stays.mask, lesion)
    # The map is made once: cut at another threshold, it is what was asked for at that threshold.
    again = found(EDGES, threshold=0.6)
    np.testing.assert_array_equal(follows.probability, again.probability)
    np.testing.assert_array_equal(follows.recut(0.6).mask, again.mask)


def test_what_is_explained_is_the_map_that_is_cut():
    predictor = Predictor(Drawn(), GRID, EDGES)
    volume = CTVolume(picture(noise=5.0)[None].astype(np.int16), np.diag([-1.0, -1.0, 3.0, 1.0]))
    told = explain(predictor, volume, "lesion", index=0).maps["probability"]
    found = predictor.segment(volume, "lesion", slices=0)[0].probability[0]
    np.testing.assert_allclose(told, found, atol=1e-3)


def test_a_reach_below_nothing_is_refused():
    with pytest.raises(InputError, match="edges' reach"):
        PostprocessingConfig(edges_mm=-1.0)
