"""Self-training on slices whose lesions nobody outlined, and patients left out by name."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import Case, CaseArrays
from lsms_core.dataset.text_free_pictures import TextFreeConfig, TextFreePictures
from lsms_core.errors import InputError
from lsms_core.training.config import TrainingConfig
from lsms_core.training.guesses import marks, with_guesses
from lsms_core.training.run import split_cases
from Testing.core.training_tiny import write_cases

LIVER = np.zeros((40, 50), bool)
LIVER[5:35, 5:40] = True
GRID = PreprocessingConfig(spacing_mm=2.0, height=40, width=50, slice_offsets_mm=(-4, 0, 4))


class Teacher(torch.nn.Module):
    """Draws the liver, and a lesion where the picture is bright."""

    @property
    def lsms(self):
        return SimpleNamespace(draw=self.draw)

    def draw(self, image):
        lesion = torch.where(image[:, 1:2] > 0.9, 9.0, -9.0)
        liver = torch.full_like(lesion, 9.0)
        return torch.cat([liver, liver, lesion], dim=1)


def single(name: str, *, outlined: bool) -> CaseArrays:
    hu = np.full((1, *LIVER.shape), 60, np.int16)
    hu[0, 10:16, 10:16] = 240
    lesions = np.zeros((1, *LIVER.shape), bool)
    if outlined:
        lesions[0, 20:25, 20:25] = True
    case = Case(name, name, None, None, lesions_labelled=outlined)
    return CaseArrays(case, hu, LIVER[None], lesions, (3.0, 2.0, 2.0))


def test_sure_lesions_are_marked_and_in_between_nothing_is_asked():
    drawn = np.zeros(LIVER.shape, np.float32)
    drawn[10:16, 10:16] = 0.9
    drawn[20:24, 20:24] = 0.3
    drawn[0:4, 0:4] = 0.9  # outside the liver: a gallbladder, say
    drawn[30, 30] = 0.9  # noise
    lesions, certainty = marks(drawn, LIVER)
    assert np.count_nonzero(lesions) == 36
    assert lesions[10:16, 10:16].all()
    assert (certainty[20:24, 20:24] == 0).all()
    assert certainty[30, 30] == 0
    assert certainty[28, 10] == 0.5
    assert certainty[38, 48] == 1, "far from the liver there are none for certain"
    assert certainty[20, 41] == 0, "just outside the outlined liver nothing is certain"


def test_a_teacher_marks_only_where_nobody_outlined_lesions():
    known, unknown = single("known", outlined=True), single("unknown", outlined=False)
    same, guessed = with_guesses([known, unknown], Teacher(), GRID)
    assert same is known
    assert guessed.lesions[0, 10:16, 10:16].all()
    assert np.count_nonzero(guessed.lesions) == 36
    assert guessed.certainty.shape == (1, *LIVER.shape)
    assert not unknown.lesions.any(), "the given one is as it was"


def test_pictures_take_the_certainty_and_draw_outlined_lesions_rather_than_guessed_ones():
    cases = with_guesses(
        [single("known", outlined=True), single("unknown", outlined=False)], Teacher(), GRID
    )
    config = TextFreeConfig(crop=(40, 50), single_share=1.0, lesion_share=1.0, synthetic_share=0.0)
    pictures = TextFreePictures(cases, GRID, config, seed=0, count=8)
    assert all(pictures[i]["known"].unique().tolist() != [0.0] for i in range(8))
    others = replace(config, lesion_share=0.0)
    drawn = [TextFreePictures(cases, GRID, others, seed=0, count=8)[i] for i in range(8)]
    assert any(0.5 in picture["known"].unique().tolist() for picture in drawn)
    assert any(picture["lesions"].max() > 0 for picture in drawn)


def test_patients_are_left_out_by_name(tmp_path):
    cases = write_cases(tmp_path / "cases")
    config = TrainingConfig.from_dict(
        {"cases": str(cases), "text_free": True, "held_out": ["b", "d"]}
    )
    config = replace(config, preprocessing=GRID)
    trained, held_out = split_cases(config)
    assert [a.case.name for a in trained] == ["a", "c"]
    assert held_out == ["b", "d"]
    with pytest.raises(InputError, match="'nobody'"):
        split_cases(replace(config, held_out=("nobody",)))
