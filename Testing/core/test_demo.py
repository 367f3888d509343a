"""``lsms demo`` as a user calls it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.cli import demo
from lsms_core.cli.demo import QUESTIONS
from lsms_core.evaluation.scores import overlap

FILES = ["ct.nii.gz", "demo.png", "found.seg.nrrd", "truth.nii.gz"]


@pytest.fixture
def small(monkeypatch):
    """A demonstration that is quick."""
    monkeypatch.setattr(demo, "_SHAPE", (22, 80, 108))


@pytest.fixture
def perfect(monkeypatch, small):
    """Answer with the truth, so that the comparison is known."""
    from lsms_core.inference.predictor import Predictor

    truth = demo._make(0)
    original = Predictor.segment

    def segment(self, image, text, **options):
        answers = original(self, image, text, slices=[0], keep_probability=False)
        return [
            replace(
                answer,
                mask=(truth.instances == number) if number else np.zeros(image.shape, bool),
                present=bool(number),
                slices=tuple(range(len(image.array))),
            )
            for answer, (_, number) in zip(answers, QUESTIONS, strict=True)
        ]

    monkeypatch.setattr(Predictor, "segment", segment)
    return truth


def test_it_writes_everything_and_says_what_it_found(lsms, small, small_bundle, tmp_path):
    ran = lsms("demo", "--output", tmp_path / "out", "--weights", small_bundle)
    assert ran.status == 0, ran.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == FILES
    for text, _ in QUESTIONS:
        assert f'"{text}": ' in ran.out
    assert ran.out.count("overlap with the truth (Dice)") == 2
    assert "there is none in this CT" in ran.out
    assert "not a medical device" in ran.out
    ct = sitk.ReadImage(str(tmp_path / "out" / "ct.nii.gz"))
    truth = sitk.ReadImage(str(tmp_path / "out" / "truth.nii.gz"))
    assert ct.GetSize() == truth.GetSize() == (108, 80, 22)
    assert ct.GetOrigin() == pytest.approx(truth.GetOrigin())
    assert set(np.unique(sitk.GetArrayFromImage(truth))) == {0, 1, 2}
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "demo.png")))
    assert picture.std() > 10


def test_it_is_honest_about_right_answers(lsms, perfect, small_bundle, tmp_path):
    ran = lsms("demo", "--output", tmp_path, "--weights", small_bundle)
    assert ran.status == 0, ran.err
    assert ran.out.count("(Dice): 1.00") == 2
    assert "as it should be" in ran.out
    left, right = ran.out.index('"left lobe'), ran.out.index('"right lobe')
    assert "left lobe" in ran.out[left:right].split("found:")[1]
    assert "right lobe" in ran.out[right:].split("found:")[1]
    header = (tmp_path / "found.seg.nrrd").read_bytes()[:20000]
    assert b"left lobe hypodense lesion" in header
    assert b"gallbladder stone" not in header


def test_the_truth_is_on_the_side_that_the_question_names(perfect):
    sides = [lesion.side for lesion in perfect.lesions]
    assert sides == ["left", "right"]
    for text, number in QUESTIONS:
        if number:
            assert text.startswith(sides[number - 1])
            assert perfect.lesions[number - 1].attenuation == "hypodense"


@pytest.mark.parametrize("seed", range(1, 6))
def test_both_lesions_find_a_place_in_other_bodies(small, seed):
    assert [lesion.side for lesion in demo._make(seed).lesions] == ["left", "right"]


def test_a_missing_model_and_a_blocked_folder_are_one_line(lsms, small, small_bundle, tmp_path):
    ran = lsms("demo", "--output", tmp_path / "out", "--weights", tmp_path / "absent")
    assert ran.status == 2
    assert ran.err.count("\n") == 1
    assert "No model" in ran.err
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("x")
    ran = lsms("demo", "--output", tmp_path / "file", "--weights", small_bundle)
    assert ran.status == 2
    assert ran.err.count("\n") == 1
    assert "is a file, not a folder" in ran.err


def test_more_than_three_lesions_are_summed_up_once(
    lsms, perfect, small_bundle, tmp_path, monkeypatch
):
    from lsms_core.inference.predictor import Predictor

    answer_truth = Predictor.segment

    def scattered(self, image, text, **options):
        specks = np.zeros(image.shape, bool)
        for column in range(10, 100, 18):
            specks[8:11, 40:44, column : column + 4] = True
        return [replace(a, mask=specks, present=True) for a in answer_truth(self, image, text)]

    monkeypatch.setattr(Predictor, "segment", scattered)
    ran = lsms("demo", "--output", tmp_path, "--weights", small_bundle)
    assert ran.status == 0, ran.err
    for answer in ran.out.split('": ')[1:]:
        assert answer.startswith("5 lesions found")
        assert answer.count("found: lesion ") == 3
        assert answer.count("smaller ones") == 1


def test_dice():
    a, b = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    assert overlap(a, b)[0] == 1.0
    a[0, :2] = True
    assert overlap(a, b)[0] == 0.0
    b[0, 1:3] = True
    assert overlap(a, b)[0] == 0.5
