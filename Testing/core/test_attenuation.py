"""What the outline draws is measured, and called as the training's texts call it."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.anatomy.measurements import measure_slice
from lsms_core.language import expression
from lsms_core.language.expression import Expression, attenuations_ruled_out
from lsms_core.language.query import Attenuation, Query
from lsms_core.models.lsms.attenuation import ATTENUATIONS, attenuation_shares
from lsms_core.models.lsms.outline import LESIONS

WINDOW = (-160.0, 240.0)
LESION = (slice(20, 40), slice(30, 50))


def slice_with(lesion_hu, liver_hu=100.0, window=WINDOW):
    """A liver of 60 x 80 pixels with a lesion, and what a faultless outline draws of it."""
    hu = torch.full((1, 60, 80), -100.0)
    hu[0, 5:55, 5:75] = liver_hu
    hu[(0, *LESION)] = lesion_hu
    drawn = torch.zeros(1, 3, 60, 80)
    drawn[0, 0, 5:55, 5:75] = 1
    drawn[(0, 0, *LESION)] = 0
    drawn[(0, LESIONS, *LESION)] = 1
    low, high = window
    return (hu - low) * 2 / (high - low) - 1, drawn, hu


def word(lesion_hu, **changes):
    """The word for the middle of a lesion."""
    image, drawn, _ = slice_with(lesion_hu, **changes)
    shares = attenuation_shares(image, drawn, changes.get("window", WINDOW))
    return ATTENUATIONS[int(shares[0, :, 30, 40].argmax())]


def test_the_words_are_those_of_the_texts():
    assert expression.ATTENUATIONS == ATTENUATIONS
    assert set(get_args(Attenuation)) == set(ATTENUATIONS)


@pytest.mark.parametrize(
    ("hu", "expected"),
    [(60.0, "hypodense"), (140.0, "hyperdense"), (10.0, "cystic"), (102.0, "isodense")],
)
def test_a_lesion_gets_the_word_that_a_measurement_gives_it(hu, expected):
    _, drawn, image = slice_with(hu)
    lesion = (drawn[0, LESIONS] > 0).numpy()
    liver = (drawn[0].amax(0) > 0).numpy()
    measured = measure_slice(image[0].numpy(), liver, lesion.astype(int), (1.5, 1.5))
    assert measured.lesions[0].attenuation == expected
    assert word(hu) == expected
    assert word(hu, window=(-200.0, 300.0)) == expected


@given(
    liver=st.floats(60, 150),
    contrast=st.floats(-60, 60).filter(lambda c: abs(abs(c) - 10) > 3),
)
@settings(max_examples=50, deadline=None)
def test_contrast_is_to_the_patients_own_liver(liver, contrast):
    found = word(liver + contrast, liver_hu=liver)
    if abs(contrast) < 10:
        assert found == "isodense"
    else:
        assert found in (("hyperdense",) if contrast > 0 else ("hypodense", "cystic"))


@given(seed=st.integers(0, 1000), rows=st.integers(5, 40), columns=st.integers(5, 40))
@settings(max_examples=25, deadline=None)
def test_the_shares_add_up_to_one_and_nothing_drawn_breaks_nothing(seed, rows, columns):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(2, rows, columns, generator=generator) * 2 - 1
    for drawn in (
        torch.rand(2, 3, rows, columns, generator=generator),
        torch.zeros(2, 3, rows, columns),
    ):
        shares = attenuation_shares(image, drawn, WINDOW)
        assert shares.shape == (2, 4, rows, columns)
        assert (shares >= 0).all()
        torch.testing.assert_close(shares.sum(1), torch.ones(2, rows, columns))


@pytest.mark.parametrize(
    ("kind", "query", "expected"),
    [
        ("attribute", Query(attenuation="hypodense"), (0.0, 1.0, 0.0, 1.0)),
        ("no-target", Query(attenuation="cystic", sides=("left",)), (1.0, 1.0, 0.0, 1.0)),
        ("rank", Query(attenuation="hyperdense"), (1.0, 0.0, 1.0, 1.0)),
        ("attribute", Query(attenuation="isodense"), (1.0, 1.0, 1.0, 0.0)),
        ("generic", Query(), (0.0,) * 4),
        ("contradictory", Query(attenuation="cystic"), (-1.0,) * 4),
        ("negated", Query(), (-1.0,) * 4),
    ],
)
def test_the_attenuations_that_words_rule_out(kind, query, expected):
    assert attenuations_ruled_out(Expression("text", (), kind, query)) == expected
