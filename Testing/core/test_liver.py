"""In a stack of slices what is far from the liver is no liver's lesion."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.liver_map import LEFT, RIGHT
from lsms_core.anatomy.regions import label_components
from lsms_core.inference.engine import EncodedText
from lsms_core.inference.liver_outline import (
    lies_in_liver,
    liver_map,
    lobe_codes,
    shows_liver_whole,
)
from lsms_core.inference.predictor import Predictor
from Testing.core.models_tiny import engine_of, tiny_lsms

SPACING = (5.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("slices", "thickness", "expected"),
    [
        (range(12), 5.0, True),
        (range(30, 42), 5.0, True),
        (range(11), 5.0, False),  # 55 mm
        ((3,), 100.0, True),
        (range(0, 24, 2), 5.0, False),
        (range(60), 0.9, False),
    ],
)
def test_a_stack_tells_the_liver_where_it_is_deep_and_without_gaps(slices, thickness, expected):
    assert shows_liver_whole(tuple(slices), thickness) == expected


def liver_and_stomach():
    liver = np.zeros((20, 60, 60), bool)
    liver[2:16, 10:40, 5:30] = True
    liver[5:9, 10:16, 45:52] = True  # what looked like a lobe in four slices
    return liver


def mapped(liver, lesions=None, slices=None, spacing=SPACING):
    """The liver of a network that is sure of it; the right lobe is the left half."""
    lobes = np.zeros((2, *liver.shape), np.float32)
    lobes[0, :, :, :30], lobes[1, :, :, 30:] = 0.9, 0.9
    lobes *= liver
    codes = np.stack([lobe_codes(lobes[:, k]) for k in range(len(liver))])
    lesions = np.zeros(liver.shape, bool) if lesions is None else lesions
    return liver_map(codes, lesions, slices or range(len(liver)), 0, spacing)


def test_what_is_far_from_the_large_pieces_is_no_liver():
    found = mapped(liver_and_stomach())
    assert found.liver[2:16, 10:40, 5:30].all()
    assert not found.liver[:, :, 35:].any()
    assert (found.lobes[2:16, 10:40, 5:30] == RIGHT).all()
    assert not found.lobes[~found.liver].any()


@pytest.mark.parametrize("spacing", [(1.0, 0.8, 0.8), (0.6, 1.6, 1.4), (3.0, 2.9, 0.7)])
def test_a_fine_grid_is_looked_at_coarsely_and_keeps_its_liver(spacing):
    liver = np.zeros((105, 83, 60), bool)
    liver[5:100, 20:77, 10:45] = True
    liver[20:24, 3:8, 55:59] = True
    found = mapped(liver, spacing=spacing).liver
    assert found[5:100, 20:77, 10:45].all()


def test_a_thin_bridge_does_not_join_a_piece_to_the_liver():
    liver = liver_and_stomach()
    liver[6, 12:14, 30:45] = True  # 4 mm wide, in one slice
    assert not mapped(liver).liver[:, :, 45:].any()


def test_lobes_that_a_scan_shows_apart_both_stay():
    liver = liver_and_stomach()
    liver[2:16, 10:22, 45:58] = True
    found = mapped(liver)
    assert found.liver[10, 15, 50]
    assert found.lobes[10, 15, 50] == LEFT


def test_few_slices_keep_all_their_pieces():
    assert mapped(liver_and_stomach(), slices=range(5, 9)).liver[6, 12, 48]


def test_lesions_and_vessels_that_the_liver_encloses_belong_to_it():
    liver, lesions = liver_and_stomach(), np.zeros((20, 60, 60), bool)
    lesions[6:10, 20:28, 12:20] = True
    vessel = np.s_[4, 32:34, 22:24]
    liver[lesions], liver[vessel] = False, False
    outside = np.s_[8, 20:30, 30:36]
    lesions[outside] = True
    found = mapped(liver, lesions)
    assert found.liver[6:10, 20:28, 12:20].all()
    assert (found.lobes[6:10, 20:28, 12:20] == RIGHT).all()
    assert found.liver[vessel].all()
    assert not found.liver[outside].any()


def test_without_any_liver_there_is_none():
    found = mapped(np.zeros((4, 8, 60), bool))
    assert not found.liver.any()
    assert not lies_in_liver(np.ones((4, 8, 8), bool), np.zeros((4, 8, 8), bool), SPACING)


@pytest.mark.parametrize(("column", "inside"), [(10, True), (24, True), (26, False), (40, False)])
def test_a_candidate_lies_in_the_liver_where_most_of_it_does(column, inside):
    liver = np.zeros((9, 40, 60), bool)
    liver[:, :, :30] = True
    mine = np.zeros(liver.shape, bool)
    mine[3:6, 10:20, column : column + 12] = True
    assert lies_in_liver(mine, liver, SPACING) == inside


class Seeing:
    """An engine that finds two lesions in every slice and liver around one of them."""

    text_free = True

    name = "lsms"
    device = "cpu"

    def draw(self, images):
        seen = np.zeros((len(images), 3, *images.shape[2:]), np.float32)
        seen[:, 0, 50:90, 70:110] = 0.8
        seen[:, 1, 50:90, 110:130] = 0.8
        seen[:, 2, 60:70, 90:120] = 0.8
        seen[:, 2, 100:106, 150:160] = 0.9
        return seen


@pytest.fixture
def ct():
    array = np.full((14, 120, 120), 40, np.int16)
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])
    affine[:3, 3] = (120, 120, 0)
    return CTVolume(array, affine)


@pytest.mark.parametrize("slices", [None, 5, range(3, 8), range(1, 14, 2)])
def test_what_lies_outside_the_liver_is_no_candidate(ct, slices):
    found = Predictor(Seeing(), name="seeing").search(ct, slices=slices)
    runs = 7 if slices == range(1, 14, 2) else 1
    assert len(found.lesions) == found.elsewhere == runs
    answer = found.answer("all lesions")
    assert label_components(answer.mask[5])[1] == 1
    assert answer.score == pytest.approx(0.8, abs=0.03)


def test_the_map_keeps_what_was_left_out(ct):
    found = Predictor(Seeing(), name="seeing").search(ct, slices=5)
    assert found.probability.max() > 0.85


def tiny_model(**shape):
    torch.manual_seed(0)
    return tiny_lsms(**shape)


def test_the_outline_has_maps_without_a_text():
    engine = engine_of(tiny_model(outline=(8, 8, 8, 16, 16, 8)))
    images = np.random.default_rng(0).normal(size=(2, 3, 64, 80)).astype(np.float32)
    assert engine.text_free
    drawn = engine.draw(images)
    assert drawn.shape == (2, 3, 64, 80)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_the_papers_network_alone_has_none():
    engine = engine_of(tiny_model())
    assert not engine.text_free
    assert engine.draw(np.zeros((1, 3, 64, 80), np.float32)) is None
    words = EncodedText("lesion", np.zeros((2, 16), np.float32))
    found = engine.probabilities(np.zeros((2, 3, 64, 80), np.float32), [words, words])
    assert found.shape == (2, 64, 80)
