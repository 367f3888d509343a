"""In a stack of slices what is far from the liver is no liver's lesion."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.regions import label_components
from lsms_core.inference.engine import EncodedText
from lsms_core.inference.liver import keep_near_liver, shows_liver_whole
from lsms_core.inference.lsms_engine import LsmsEngine
from lsms_core.inference.predictor import Predictor
from lsms_core.models.lsms.model import LSMSConfig, LSMSModel
from lsms_core.models.lsms.text_encoder import TextEncoder
from Testing.core.training_tiny import BERT

SPACING = (5.0, 2.0, 2.0)
# A threshold that nothing in these maps reaches: every pixel counts for itself.
BELOW = 0.95


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


def test_what_is_far_from_the_large_pieces_goes_and_the_rest_stays():
    liver = liver_and_stomach()
    probability = np.full(liver.shape, 0.9, np.float16)
    keep_near_liver([probability], liver, SPACING, BELOW)
    assert (probability[2:16, 10:40, 5:30] == np.float16(0.9)).all()
    assert not probability[:, :, 35:].any()
    # 7 mm: one slice of 5 mm would not be enough, two are; four pixels of 2 mm.
    assert probability[0, 20, 10] > 0
    assert probability[17, 20, 10] > 0
    assert not probability[18:].any()
    assert probability[10, 20, 33] > 0
    assert not probability[10, 20, 34]


@pytest.mark.parametrize("spacing", [(1.0, 0.8, 0.8), (0.6, 1.6, 1.4), (3.0, 2.9, 0.7)])
def test_a_fine_grid_is_looked_at_coarsely_and_keeps_its_liver(spacing):
    liver = np.zeros((41, 83, 125), bool)
    liver[5:38, 20:77, 10:70] = True
    liver[20:24, 3:8, 115:121] = True
    probability = np.full(liver.shape, 0.9, np.float16)
    keep_near_liver([probability], liver, spacing, BELOW)
    assert (probability[5:38, 20:77, 10:70] == np.float16(0.9)).all()
    reach = 70 + int(np.ceil((7.0 + 2 * 3.0) / spacing[2]))
    assert not probability[:, :, reach + 1 :].any()


def test_a_thin_bridge_does_not_join_a_piece_to_the_liver():
    liver = liver_and_stomach()
    liver[6, 12:14, 30:45] = True  # 4 mm wide, in one slice
    probability = np.full(liver.shape, 0.9, np.float16)
    keep_near_liver([probability], liver, SPACING, BELOW)
    assert not probability[:, :, 40:].any()


def test_lobes_that_a_scan_shows_apart_both_stay():
    liver = liver_and_stomach()
    liver[2:16, 10:22, 45:58] = True
    probability = np.full(liver.shape, 0.9, np.float16)
    keep_near_liver([probability], liver, SPACING, BELOW)
    assert probability[10, 15, 50] > 0


def test_without_any_liver_the_maps_stay():
    probability = np.full((4, 8, 8), 0.7, np.float16)
    keep_near_liver([probability], np.zeros((4, 8, 8), bool), SPACING, 0.5)
    assert (probability == np.float16(0.7)).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), share=st.floats(0.01, 0.6), threshold=st.sampled_from([0.5, 0.9, 2])
)
def test_no_probability_rises_and_a_block_of_liver_keeps_its_own(seed, share, threshold):
    rng = np.random.default_rng(seed)
    liver = rng.random((6, 14, 16)) < share
    liver[1:5, 2:10, 3:12] = True
    before = rng.random(liver.shape).astype(np.float16)
    after = before.copy()
    keep_near_liver([after], liver, (9.0, 3.0, 3.0), threshold)
    assert ((after == before) | (after == 0)).all()
    inside = np.zeros(liver.shape, bool)
    inside[1:5, 2:10, 3:12] = True
    # What is drawn in the block may go with what it is part of, the rest of the block may not.
    inside &= before < threshold
    drawn = sitk.BinaryDilate(sitk.GetImageFromArray((before >= threshold).astype(np.uint8)))
    inside &= sitk.GetArrayFromImage(drawn) == 0
    np.testing.assert_array_equal(after[inside], before[inside])


def two_findings(columns):
    """A liver, and a finding in the given columns whose middle part is the likeliest."""
    liver = np.zeros((20, 60, 60), bool)
    liver[2:16, 10:40, 5:30] = True
    probability = np.full(liver.shape, 0.1, np.float16)
    probability[6:10, 20:28, columns] = 0.8
    return liver, probability


def test_a_finding_that_reaches_into_the_surroundings_of_the_liver_goes_as_a_whole():
    liver, probability = two_findings(slice(31, 48))
    keep_near_liver([probability], liver, SPACING, 0.5)
    assert probability.max() < 0.2


def test_a_finding_that_bulges_out_of_the_liver_stays_as_a_whole():
    liver, probability = two_findings(slice(24, 40))
    keep_near_liver([probability], liver, SPACING, 0.5)
    assert (probability[6:10, 20:28, 24:40] == np.float16(0.8)).all()
    assert not probability[:, :, 45:].any()


def test_a_large_lesion_stays_where_it_has_left_a_hole_in_the_liver():
    liver = np.zeros((30, 90, 90), bool)
    liver[1:29, 5:85, 5:85] = True
    liver[5:25, 20:70, 20:70] = False
    probability = np.zeros(liver.shape, np.float16)
    probability[5:25, 20:70, 20:70] = 0.8
    keep_near_liver([probability], liver, SPACING, 0.5)
    assert (probability[5:25, 20:70, 20:70] == np.float16(0.8)).all()


class Seeing:
    """An engine that finds two lesions in every slice and liver around one of them."""

    name = "lsms"
    device = torch.device("cpu")

    def __init__(self, tells=True):
        self._tells = tells

    def encode(self, text):
        return EncodedText(text, torch.zeros(1, 4))

    def probabilities(self, images, texts, drawn):
        result = np.zeros((len(texts), *images.shape[2:]), np.float32)
        result[:, 60:70, 90:120] = 0.8
        result[:, 100:106, 150:160] = 0.9
        return result

    def draw(self, images):
        if not self._tells:
            return None
        seen = np.zeros((len(images), 3, *images.shape[2:]), np.float32)
        seen[:, 0, 50:90, 70:110] = 0.8
        seen[:, 1, 50:90, 110:130] = 0.8
        return seen


@pytest.fixture
def ct():
    array = np.full((14, 120, 120), 40, np.int16)
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])
    affine[:3, 3] = (120, 120, 0)
    return CTVolume(array, affine)


def pieces(answer):
    """How many separate areas the slice 5 has."""
    return label_components(answer.mask[5])[1]


@pytest.mark.parametrize("texts", [["lesion"], ["lesion", "cyst", "left lesion"]])
def test_a_search_of_the_volume_leaves_out_what_is_far_from_the_liver(ct, texts):
    predictor = Predictor(Seeing(), name="seeing")
    for answer in predictor.segment(ct, texts):
        assert pieces(answer) == 1
        assert answer.probability.max() < 0.85


@pytest.mark.parametrize("slices", [[5], range(3, 8), range(1, 14, 2)])
def test_a_few_slices_are_answered_as_they_are(ct, slices):
    answer = Predictor(Seeing(), name="seeing").segment(ct, "lesion", slices=slices)[0]
    assert pieces(answer) == 2


def test_an_engine_that_knows_no_liver_answers_as_it_does(ct):
    answer = Predictor(Seeing(tells=False), name="seeing").segment(ct, "lesion")[0]
    assert pieces(answer) == 2


class OfModel:
    """A bundle of a model, as far as the engine looks at it."""

    tokenizer = None

    def __init__(self, **shape):
        torch.manual_seed(0)
        config = LSMSConfig(
            dims=(8, 8, 16, 16), depths=(1, 1, 1, 1), decoder_width=32, text_width=16, **shape
        )
        self.model = LSMSModel(config, TextEncoder.from_config(BERT))


def test_the_outline_says_where_the_lobes_are_and_draws_once():
    engine = LsmsEngine(OfModel(outline=(8, 8, 8, 16, 16, 8)))
    images = np.random.default_rng(0).normal(size=(2, 3, 64, 80)).astype(np.float32)
    words = EncodedText("lesion", torch.zeros(2, 16))
    seen = []
    engine._model.lsms.outline.register_forward_hook(lambda *_: seen.append(1))
    plain = engine.probabilities(images, [words, words])
    drawn = engine.draw(images)
    assert len(seen) == 1
    assert drawn.shape == (2, 3, 64, 80)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    given = engine.probabilities(images, [words, words], drawn)
    np.testing.assert_allclose(given, plain, atol=1e-5)
    other = engine.probabilities(images, [words, words], np.zeros_like(drawn))
    assert other.max() < plain.max()


def test_the_papers_network_alone_does_not_tell():
    images = np.zeros((1, 3, 64, 80), np.float32)
    assert LsmsEngine(OfModel()).draw(images) is None
