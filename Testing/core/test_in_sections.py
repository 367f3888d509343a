"""A part of a lobe is measured on what was found; near its border nothing is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.sections import SECTIONS, SEGMENTS, section_with
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.inference.engine import EncodedText
from lsms_core.inference.explain import explain
from lsms_core.inference.predictor import Predictor
from lsms_core.inference.sections import ELSEWHERE, leave_out_other_sections
from lsms_core.language.expression import Expression, sections_ruled_out

MM = 1.6
SHAPE = (176, 224)
# Where each section's lesion lies: (row, column) of its centre.
PLACES = {
    "right anterior": (60, 60),
    "right posterior": (110, 60),
    "left medial": (50, 98),
    "left lateral": (50, 140),
}


def anatomy():
    """A body with a spine, its lobes, and the HU."""
    hu = np.full(SHAPE, -160.0, np.float32)
    r, c = np.ogrid[: SHAPE[0], : SHAPE[1]]
    hu[((r - 88) / 75) ** 2 + ((c - 112) / 100) ** 2 <= 1] = 40
    hu[125:145, 102:123] = 230
    lobes = np.zeros((2, *SHAPE), np.float32)
    lobes[0, 35:136, 30:90] = 0.9
    lobes[1, 35:75, 90:155] = 0.9
    return hu, lobes


def with_lesions(*sections, value=0.8):
    probability = np.zeros(SHAPE, np.float32)
    for section in sections:
        row, column = PLACES[section]
        probability[row - 4 : row + 5, column - 4 : column + 5] = value
    return probability


@pytest.mark.parametrize("wanted", SECTIONS)
def test_of_four_lesions_the_one_in_the_named_section_stays(wanted):
    hu, lobes = anatomy()
    answer = leave_out_other_sections(with_lesions(*SECTIONS), lobes, hu, MM, [wanted])
    np.testing.assert_array_equal(answer, with_lesions(wanted))


def test_the_faint_edge_goes_with_what_is_left_out_and_nothing_else_does():
    hu, lobes = anatomy()
    probability = with_lesions("right anterior")
    probability[54:67, 54:67] = np.maximum(probability[54:67, 54:67], 0.1)
    probability[80:85, 58:63] = 0.8  # behind it, close to the border
    answer = leave_out_other_sections(probability, lobes, hu, MM, ["right posterior"])
    assert not answer[54:67, 54:67].any()
    np.testing.assert_array_equal(answer[80:85], probability[80:85])


@given(row=st.integers(45, 125))
@settings(max_examples=40, deadline=None)
def test_near_the_border_of_front_and_back_a_lesion_stays_for_both(row):
    hu, lobes = anatomy()
    probability = np.zeros(SHAPE, np.float32)
    probability[row - 3 : row + 4, 57:64] = 0.7
    border = np.nonzero(lobes[0])[0].mean()
    for wanted, sign in (("right anterior", 1), ("right posterior", -1)):
        answer = leave_out_other_sections(probability, lobes, hu, MM, [wanted])
        lost = sign * (row - border) * MM >= 10.0
        assert answer.any() != lost, (wanted, row)


def test_without_a_lobe_or_a_finding_nothing_breaks():
    hu, lobes = anatomy()
    empty = np.zeros(SHAPE, np.float32)
    assert leave_out_other_sections(empty, lobes, hu, MM, ["left medial"]) is empty
    some = with_lesions("left lateral")
    answer = leave_out_other_sections(some, np.zeros_like(lobes), hu, MM, ["left lateral"])
    np.testing.assert_array_equal(answer, some)


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        ("generic", {}, (0, 0, 0, 0)),
        ("attribute", {"side": "left"}, (0, 0, 0, 0)),
        ("attribute", {"section": "right anterior"}, (0, 1, 1, 1)),
        ("attribute", {"segment": "VI"}, (1, 0, 1, 1)),
        ("no-target", {"segment": "IVa"}, (1, 1, 0, 1)),
        ("negated", {}, (-1, -1, -1, -1)),
        ("unrelated", {}, (-1, -1, -1, -1)),
    ],
)
def test_the_sections_that_words_rule_out(kind, attributes, expected):
    assert sections_ruled_out(Expression("text", (), kind, attributes)) == expected


def test_every_segment_is_a_part_of_its_section():
    for section, segments in SEGMENTS.items():
        assert {section_with(s) for s in segments} == {section}


class Pointing:
    """An engine that finds the same lesions whatever it is asked, and reads "posterior"."""

    name = "lsms"
    device = torch.device("cpu")

    def __init__(self, *found):
        self._found = found

    def encode(self, text):
        sections = ("right posterior",) if "posterior" in text else ()
        return EncodedText(text, torch.zeros(1, 4), sections=sections)

    def probabilities(self, images, texts, drawn):
        return np.repeat(with_lesions(*self._found)[None], len(texts), axis=0)

    def draw(self, images):
        lobes = anatomy()[1]
        drawn = np.concatenate([lobes, np.zeros_like(lobes[:1])])
        return np.repeat(drawn[None], len(images), axis=0)


def body():
    """The anatomy as a volume whose canonical slices are those of the grid."""
    hu, _ = anatomy()
    affine = np.diag([-MM, -MM, 5.0, 1.0])
    grid = PreprocessingConfig(spacing_mm=MM, height=SHAPE[0], width=SHAPE[1], crop="none")
    return CTVolume(hu[None].astype(np.int16), affine), grid


def test_the_predictor_leaves_out_other_sections_and_says_why_nothing_is_left():
    volume, grid = body()
    texts = ["lesion", "posterior lesion"]
    both = ("right anterior", "right posterior")
    every, back = Predictor(Pointing(*both), grid).segment(volume, texts)
    assert every.mask[0, 60, 60]
    assert every.mask[0, 110, 60]
    assert not back.mask[0, 60, 60]
    assert back.mask[0, 110, 60]
    assert ELSEWHERE not in back.warnings
    every, none = Predictor(Pointing("right anterior"), grid).segment(volume, texts)
    assert every.present
    assert not none.present
    assert ELSEWHERE in none.warnings
    assert ELSEWHERE not in every.warnings


def test_why_nothing_is_here_names_the_part_of_the_lobe():
    volume, grid = body()
    told = explain(Predictor(Pointing("right anterior"), grid), volume, "posterior lesion")
    assert ELSEWHERE in told.verdict
    assert [w.word for w in told.words if w.change > 0.2] == ["posterior"]
    told = explain(Predictor(Pointing("right posterior"), grid), volume, "posterior lesion")
    assert ELSEWHERE not in told.verdict


def test_in_other_planes_the_parts_are_not_told():
    volume, grid = body()
    picture = Predictor(Pointing("right anterior"), grid)
    flat = picture.segment(
        volume.array[0], ["posterior lesion"], plane="coronal", spacing_mm=(MM, MM)
    )[0]
    assert flat.present
