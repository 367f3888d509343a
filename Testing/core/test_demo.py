"""``lsms demo`` as a user calls it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.liver_map import LiverMap, with_lobes
from lsms_core.cli import demo
from lsms_core.cli.demo import QUESTIONS
from lsms_core.evaluation.scores import overlap
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.predictor import Predictor
from lsms_core.language.query import Query

pytestmark = pytest.mark.slow

FILES = ["ct.nii.gz", "demo.png", "found.seg.nrrd", "truth.nii.gz"]


@pytest.fixture
def small(monkeypatch):
    """A demonstration that is quick."""
    monkeypatch.setattr(demo, "_SHAPE", (22, 80, 108))


@pytest.fixture
def perfect(monkeypatch, small):
    """Answer with the truth, so that the comparison is known."""
    truth = demo._make(0)

    def segment(self, image, text, **options):
        found = outlined(image, truth.instances, truth.liver)
        return [found.answer(one) for one in text]

    monkeypatch.setattr(Predictor, "segment", segment)
    return truth


def outlined(ct, lesions, liver):
    """The candidates that somebody's outlines give."""
    search = Search(ct, tuple(range(len(ct.array))), engine="labels", model="truth 1")
    return CandidateSet.from_labels(search, lesions, with_lobes(ct, LiverMap(liver)))


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
    assert "left lobe" in ran.out[left:right].split("lesion 2:")[1]
    assert "right lobe" in ran.out[right:].split("lesion 1:")[1]
    header = (tmp_path / "found.seg.nrrd").read_bytes()[:20000]
    assert b"left lobe hypodense lesion" in header
    assert b"gallbladder stone" not in header


def test_without_pillow_everything_but_the_picture_is_written(
    lsms, perfect, small_bundle, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "PIL", None)
    ran = lsms("demo", "--output", tmp_path, "--weights", small_bundle)
    assert ran.status == 0, ran.err
    assert sorted(p.name for p in tmp_path.iterdir()) == [f for f in FILES if f != "demo.png"]
    assert "No demo.png: pictures need Pillow: pip install 'lsms-core[pictures]'" in ran.out
    assert "Wrote" in ran.out
    assert f"Wrote {tmp_path / 'demo.png'}" not in ran.out


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


def test_many_lesions_are_summed_up(lsms, perfect, small_bundle, tmp_path, monkeypatch):
    specks = np.zeros(perfect.ct.shape, np.int32)
    for number in range(12):
        specks[8:11, 30 + 8 * (number // 6) :, 10 + 12 * (number % 6) :][:, :4, :4] = number + 1

    def segment(self, image, text, **options):
        found = outlined(image, specks, np.ones(image.shape, bool))
        return [found.answer(Query()) for _ in text]

    monkeypatch.setattr(Predictor, "segment", segment)
    ran = lsms("demo", "--output", tmp_path, "--weights", small_bundle)
    assert ran.status == 0, ran.err
    assert ran.out.count("and 4 smaller ones") == len(QUESTIONS)


def test_dice():
    a, b = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    assert overlap(a, b)[0] == 1.0
    a[0, :2] = True
    assert overlap(a, b)[0] == 0.0
    b[0, 1:3] = True
    assert overlap(a, b)[0] == 0.5
