"""Self-training on slices whose lesions nobody outlined, and patients left out by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import Case, CaseArrays, load_case
from lsms_core.dataset.text_free_pictures import TextFreeConfig, TextFreePictures
from lsms_core.errors import InputError
from lsms_core.training.config import TrainingConfig
from lsms_core.training.guesses import (
    guesses,
    marks,
    read_guesses,
    with_guesses,
    write_guesses,
)
from lsms_core.training.run import split_cases, train
from lsms_core.training.teacher import Teacher
from Testing.core.models_tiny import random_bundle
from Testing.core.training_tiny import tiny_run, write_cases

LIVER = np.zeros((40, 50), bool)
LIVER[5:35, 5:40] = True
GRID = PreprocessingConfig(spacing_mm=2.0, height=40, width=50, slice_offsets_mm=(-4, 0, 4))


class Bright:
    """An engine that draws the liver, and a lesion where the picture is bright."""

    device = "cpu"

    def __init__(self) -> None:
        self.grids = set()

    def draw(self, images):
        self.grids.add(images.shape[2:])
        lesion = np.where(images[:, 1:2] > 0.55, 1.0, 0.0).astype(np.float32)
        liver = np.ones_like(lesion)
        return np.concatenate([liver, liver, lesion], axis=1)


def single(folder: Path, name: str, *, outlined: bool) -> CaseArrays:
    """A slice of one pixel as on the grid, read from its files."""
    hu = np.full((1, *LIVER.shape), 60, np.int16)
    hu[0, 10:16, 10:16] = 240
    label = LIVER[None].astype(np.uint8)
    if outlined:
        label[0, 20:25, 20:25] = 2
    paths = [folder / f"{name}-{kind}.nii.gz" for kind in ("image", "label")]
    for path, array in zip(paths, (hu, label), strict=True):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((2.0, 2.0, 3.0))
        sitk.WriteImage(image, str(path))
    return load_case(Case(name, name, *paths, lesions_labelled=outlined), GRID)


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


@pytest.mark.parametrize("looks", [GRID, replace(GRID, spacing_mm=1.0, height=80, width=112)])
def test_a_teacher_marks_only_where_nobody_outlined_lesions(tmp_path, looks):
    known = single(tmp_path, "known", outlined=True)
    unknown = single(tmp_path, "unknown", outlined=False)
    engine = Bright()
    found = guesses([known, unknown], Teacher(engine, looks), GRID)
    assert list(found) == ["unknown"]
    same, guessed = with_guesses([known, unknown], found)
    assert engine.grids == {(looks.height, looks.width)}, "it looks as it does in answers"
    assert same is known
    marked = np.zeros(LIVER.shape, bool)
    marked[10:16, 10:16] = True
    lesions, expected = guessed.lesions[0], marked & unknown.liver[0]
    assert np.count_nonzero(lesions & expected) > 0.8 * np.count_nonzero(lesions | expected) > 0
    if looks is GRID:
        assert guessed.lesions[0, 10:16, 10:16].all()
        assert np.count_nonzero(guessed.lesions) == 36
    assert guessed.certainty.shape == (1, *LIVER.shape)
    assert not unknown.lesions.any(), "the given one is as it was"


def test_pictures_take_the_certainty_and_draw_outlined_lesions_rather_than_guessed_ones(tmp_path):
    both = [single(tmp_path, "known", outlined=True), single(tmp_path, "unknown", outlined=False)]
    cases = with_guesses(both, guesses(both, Teacher(Bright(), GRID), GRID))
    config = TextFreeConfig(crop=(40, 50), single_share=1.0, lesion_share=1.0, synthetic_share=0.0)
    pictures = TextFreePictures(cases, GRID, config, seed=0, count=8)
    assert all(pictures[i]["known"].unique().tolist() != [0.0] for i in range(8))
    others = replace(config, lesion_share=0.0)
    drawn = [TextFreePictures(cases, GRID, others, seed=0, count=8)[i] for i in range(8)]
    assert any(0.5 in picture["known"].unique().tolist() for picture in drawn)
    assert any(picture["lesions"].max() > 0 for picture in drawn)


def test_marks_are_kept_in_a_file(tmp_path):
    unknown = single(tmp_path, "unknown", outlined=False)
    found = guesses([unknown], Teacher(Bright(), GRID), GRID)
    kept = tmp_path / "guesses.safetensors"
    write_guesses(kept, found)
    again = read_guesses(kept)
    assert list(again) == ["unknown"]
    for before, after in zip(found["unknown"], again["unknown"], strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
    write_guesses(kept, {})
    assert read_guesses(kept) == {}
    with pytest.raises(InputError, match="other cases"):
        with_guesses([unknown], {})
    kept.write_bytes(b"{}")
    with pytest.raises(InputError, match="cannot be read"):
        read_guesses(kept)


def volume_upside_down(folder: Path) -> Case:
    """Seven slices from head to feet, a bright square in each, at another place in each."""
    hu = np.full((7, *LIVER.shape), 60, np.int16)
    for level in range(7):
        hu[6 - level, 10:16, 10 + 3 * level : 16 + 3 * level] = 240
    paths = [folder / f"volume-{kind}.nii.gz" for kind in ("image", "label")]
    for path, array in zip(paths, (hu, np.repeat(LIVER[None], 7, axis=0)), strict=True):
        image = sitk.GetImageFromArray(array.astype(np.int16))
        image.SetSpacing((2.0, 2.0, 3.0))
        image.SetDirection((1, 0, 0, 0, 1, 0, 0, 0, -1))
        sitk.WriteImage(image, str(path))
    return Case("volume", "volume", *paths)


def test_a_teacher_draws_each_slice_of_a_volume_where_the_run_has_it(tmp_path):
    case = volume_upside_down(tmp_path)
    arrays = load_case(case, GRID)
    looks = replace(GRID, votes_mm=(0.0,))
    drawn = dict(Teacher(Bright(), looks).lesions(case, [5, 0, 2], GRID))
    assert sorted(drawn) == [0, 2, 5]
    for level, lesion in drawn.items():
        np.testing.assert_array_equal(lesion > 0.5, arrays.hu[level] > 200)


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


def test_a_teacher_that_needs_words_is_refused(tmp_path):
    _, reader = random_bundle(tmp_path / "reader")
    run = replace(
        tiny_run(write_cases(tmp_path / "cases"), Path("package:not_installed_here")),
        text_free=True,
        architecture="unet",
        teacher=str(reader),
    )
    with pytest.raises(InputError, match="draws no lesions without words"):
        train(run, tmp_path / "run")
