"""Synthetic lesions are where, as large and as dense as they were ordered."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.anatomy.measurements import measure_slice
from lsms_core.anatomy.regions import grown
from lsms_core.phantom.synthesis.lesions import add_lesions
from lsms_core.phantom.synthesis.spec import LesionSpec, random_spec

SPACING = (3.0, 0.9, 0.9)


@pytest.fixture(scope="module")
def slab():
    rng = np.random.default_rng(5)
    image = np.full((9, 200, 260), -100, np.int16)
    r, c = np.ogrid[:200, :260]
    liver = np.broadcast_to(((r - 100) / 85) ** 2 + ((c - 120) / 110) ** 2 <= 1, image.shape).copy()
    image[liver] = 110
    return (image + rng.normal(0, 8, image.shape)).astype(np.int16), liver


@pytest.mark.parametrize("diameter", [8.0, 15.0, 30.0])
@pytest.mark.parametrize("contrast", [-60.0, -25.0, 40.0])
def test_size_and_contrast_are_as_ordered(slab, diameter, contrast):
    image, liver = slab
    where = np.zeros_like(liver)
    where[4, 95:105, 110:130] = True
    spec = LesionSpec(diameter, contrast, irregularity=0.0, elongation=1.0, blur_mm=0.6)
    made, labels = add_lesions(image, liver, SPACING, [spec], np.random.default_rng(1), where=where)
    (measured,) = measure_slice(made[4], liver[4], labels[4], SPACING[1:]).lesions
    assert measured.longest_mm == pytest.approx(diameter, abs=2.5)
    assert measured.contrast_hu == pytest.approx(contrast, rel=0.25, abs=4)


def test_a_cyst_has_fluid_in_it(slab):
    image, liver = slab
    spec = LesionSpec(25.0, appearance="cystic", fluid_hu=10.0, blur_mm=0.5)
    made, labels = add_lesions(image, liver, SPACING, [spec], np.random.default_rng(2))
    level = int(np.bincount(np.nonzero(labels)[0]).argmax())
    (measured,) = measure_slice(made[level], liver[level], labels[level], SPACING[1:]).lesions
    assert measured.attenuation == "cystic"


def test_lesions_stay_in_the_liver_apart_and_change_nothing_else(slab):
    image, liver = slab
    avoid = np.zeros_like(liver)
    avoid[:, 60:140, 40:100] = True
    made, labels = add_lesions(image, liver, SPACING, 4, np.random.default_rng(3), avoid=avoid)
    assert labels.max() >= 2
    assert not (labels[~liver] > 0).any()
    assert not (labels[avoid] > 0).any()
    assert np.array_equal(made[~liver], image[~liver])
    assert made.dtype == np.int16


def test_an_exophytic_lesion_bulges_into_fat_only(slab):
    image, liver = slab
    image = image.copy()
    muscle = np.zeros_like(liver)
    muscle[:, :, :118] = True
    muscle &= ~liver
    image[muscle] = 60
    spec = LesionSpec(30.0, -60.0, irregularity=0.0, elongation=1.0, blur_mm=0.6, exophytic=True)
    for seed in range(4):
        made, labels = add_lesions(image, liver, SPACING, [spec], np.random.default_rng(seed))
        beyond = (labels > 0) & ~liver
        assert 0.15 < beyond.sum() / (labels > 0).sum() < 0.65
        assert not (beyond & muscle).any()
        assert np.array_equal(made[muscle], image[muscle])
        # As dense outside of the liver as in it, without a seam at the old surface.
        assert np.median(made[beyond]) == pytest.approx(50, abs=8)
        assert np.median(made[(labels > 0) & liver]) == pytest.approx(50, abs=8)
        core = (labels > 0) & ~grown(labels == 0, (0, 3, 3))
        assert made[core & ~liver].std() == pytest.approx(8, abs=2.5)


def test_an_exophytic_lesion_does_not_cross_a_wall(slab):
    image, liver = slab
    image = image.copy()
    r, c = np.ogrid[:200, :260]
    oval = ((r - 100) / 93) ** 2 + ((c - 120) / 118) ** 2
    wall = np.broadcast_to((oval > 1) & (oval <= 1.06), liver.shape) & ~liver
    image[wall] = 60
    outside = np.broadcast_to(oval > 1.06, liver.shape) & ~liver
    spec = LesionSpec(40.0, -60.0, exophytic=True)
    for seed in range(6):
        made, labels = add_lesions(image, liver, SPACING, [spec], np.random.default_rng(seed))
        assert np.array_equal(made[outside], image[outside])
        assert not labels[outside].any()


def test_without_fat_an_exophytic_lesion_finds_no_place(slab):
    image, liver = slab
    packed = np.where(liver, image, 60).astype(np.int16)
    spec = LesionSpec(20.0, exophytic=True)
    made, labels = add_lesions(packed, liver, SPACING, [spec], np.random.default_rng(0))
    assert not labels.any()
    assert np.array_equal(made, packed)


def test_the_same_seed_gives_the_same_lesions(slab):
    first = add_lesions(*slab, SPACING, 3, np.random.default_rng(4))
    second = add_lesions(*slab, SPACING, 3, np.random.default_rng(4))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_a_single_slice_and_a_liver_without_room(slab):
    image, liver = slab
    made, labels = add_lesions(image[4:5], liver[4:5], SPACING, 2, np.random.default_rng(6))
    assert labels.max() >= 1
    assert made.shape == (1, 200, 260)
    none, empty = add_lesions(image, liver & False, SPACING, 2, np.random.default_rng(6))
    assert not empty.any()
    assert np.array_equal(none, image)


def test_drawn_lesions_are_mostly_hypodense_and_within_the_limits():
    rng = np.random.default_rng(0)
    specs = [random_spec(rng, (6.0, 60.0)) for _ in range(400)]
    assert all(6 <= s.diameter_mm <= 60 for s in specs)
    assert np.mean([s.contrast_hu < 0 for s in specs]) > 0.8
    assert 12 < np.median([s.diameter_mm for s in specs]) < 28
    assert {s.appearance for s in specs} == {"solid", "cystic", "hyperdense", "rim", "necrotic"}


def test_as_many_as_wanted_are_hyperdense():
    rng = np.random.default_rng(0)
    for wanted in (0.0, 0.4, 1.0):
        specs = [random_spec(rng, hyperdense_share=wanted) for _ in range(400)]
        assert abs(np.mean([s.contrast_hu > 0 for s in specs]) - wanted) < 0.06
        assert all((s.appearance == "hyperdense") == (s.contrast_hu > 0) for s in specs)


def test_other_appearances_keep_their_proportions():
    specs = [random_spec(np.random.default_rng(n)) for n in range(400)]
    more = [random_spec(np.random.default_rng(n), hyperdense_share=0.5) for n in range(400)]
    # The draw of the appearance is the same number, so sizes and places of a run stay as they were.
    assert [s.diameter_mm for s in specs] == [s.diameter_mm for s in more]
    shares = [np.mean([s.appearance == "solid" for s in some]) for some in (specs, more)]
    assert abs(shares[1] / shares[0] - 0.5 / 0.88) < 0.1
