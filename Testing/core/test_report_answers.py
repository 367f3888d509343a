"""A report's sentences are answered from its images, and answers become reports."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.liver_map import LEFT, RIGHT, LiverMap
from lsms_core.cli.answers import print_answers
from lsms_core.cohort.answering import _files, thumbnail
from lsms_core.cohort.results import rows_of
from lsms_core.cohort.studies import CohortStudy
from lsms_core.cohort.work import Task
from lsms_core.inference.answer_report import report_of
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.report_answers import ImageNumbers, answer_statements
from lsms_core.io.image_numbers import numbers_of
from lsms_core.io.volumes import LoadedVolume
from lsms_core.language.read import read
from lsms_core.language.report_text import read_report

SHAPE = (20, 60, 80)


@pytest.fixture(scope="module")
def candidates() -> CandidateSet:
    """Three dark lesions in a liver: left in slices 3 to 5, right in 3 to 6, right in 12 to 16."""
    affine = np.diag([-2.0, -2.0, 4.0, 1.0])
    affine[:3, 3] = (80, 60, -40)
    liver = np.zeros(SHAPE, bool)
    liver[1:19, 8:52, 6:74] = True
    lobes = np.where(liver, RIGHT, 0).astype(np.uint8)
    lobes[:, :, 45:][liver[:, :, 45:]] = LEFT
    labels = np.zeros(SHAPE, np.uint16)
    labels[12:17, 20:32, 14:26] = 1  # 24 x 24 mm
    labels[3:7, 24:32, 16:24] = 2  # 16 x 16 mm
    labels[3:6, 26:32, 60:66] = 3  # 12 x 12 mm
    array = np.full(SHAPE, -80, np.int16)
    array[liver] = 110
    array[labels > 0] = 60
    array[:, :2] = -1000
    volume = CTVolume(array, affine)
    search = Search(volume, tuple(range(20)), engine="lsms", model="lsms-tiny 1.2.3")
    return CandidateSet.from_labels(search, labels, LiverMap(liver, lobes))


def images(offset: int = 1, series: int | None = None) -> ImageNumbers:
    return ImageNumbers({index + offset: index for index in range(20)}, series)


def answered(candidates, report, numbers=None):
    return answer_statements(candidates, read_report(report, read), numbers or images())


def kept(answer) -> list[int]:
    return [lesion.number for lesion in answer.kept]


def test_each_statement_is_answered_in_order(candidates):
    report = "Liver: A hypodense lesion in the left lobe. Normal spleen. The largest lesion."
    left, largest = answered(candidates, report)
    assert (kept(left), kept(largest)) == ([3], [1])


def test_image_numbers_narrow_the_answer(candidates):
    (answer,) = answered(candidates, "The largest liver lesion (image 5).")
    # On image 5, slice 4, the largest is the second of all.
    assert kept(answer) == [2]
    assert answer.verdict(1).reasons == ("not on image 5",)
    assert "on image 5: 1 lesion" in answer.message
    assert answer.mask[4].any()
    assert not answer.mask[12].any()


def test_the_image_beside_the_outline_is_near_enough(candidates):
    (answer,) = answered(candidates, "Right lobe lesion on image 12.")
    assert kept(answer) == [1]


def test_an_image_without_a_lesion_is_told(candidates):
    (answer,) = answered(candidates, "Right hepatic lobe lesion (image 20).")
    assert kept(answer) == [1, 2]
    assert any("No lesion lies on image 20" in note for note in answer.notes)
    (answer,) = answered(candidates, "Right hepatic lobe lesion (image 99).")
    assert any("There is no image 99" in note for note in answer.notes)


def test_another_series_narrows_nothing(candidates):
    (answer,) = answered(candidates, "The largest liver lesion (4/5).", images(series=3))
    assert kept(answer) == [1]
    assert any("refers to series 4, this is series 3" in note for note in answer.notes)
    (answer,) = answered(candidates, "The largest liver lesion (3/5).", images(series=3))
    assert kept(answer) == [2]


def test_files_count_their_slices_and_say_so(candidates, tmp_path):
    loaded = LoadedVolume(candidates.search.volume, tmp_path / "ct.nii.gz")
    numbers, series, note = numbers_of(loaded)
    assert (numbers[1], numbers[20], series) == (0, 19, None)
    assert "counted from 1" in note


def test_a_series_has_its_own_numbers(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

    files = []
    for index, number in enumerate((31, 30, 29)):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        image = FileDataset("x", Dataset(), file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID = meta.MediaStorageSOPClassUID
        image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        image.InstanceNumber, image.SeriesNumber = number, 4
        files.append(tmp_path / f"{index}.dcm")
        image.save_as(files[-1], enforce_file_format=True)
    volume = CTVolume(np.zeros((3, 4, 4), np.int16), np.eye(4))
    numbers, series, note = numbers_of(LoadedVolume(volume, tmp_path, slice_files=tuple(files)))
    assert (numbers, series, note) == ({31: 0, 30: 1, 29: 2}, 4, "")


def test_answers_become_a_report(candidates):
    answers = [candidates.answer(t) for t in ("cystic lesion", "right lobe lesion", "asdf qwer")]
    report = report_of(answers, "ct.nii.gz", sha256="ab", date="2026-01-02")
    assert report.algorithm.name == "lsms-tiny"
    assert report.algorithm.version == "1.2.3"
    nothing, right, gibberish = report.answers
    # Segments are numbered as they are written: an answer without a mask has none.
    assert (nothing.segment, right.segment, gibberish.segment) == (None, 1, None)
    assert right.reading == "right lobe"
    assert [lesion.number for lesion in right.lesions] == [1, 2]
    assert any("Not understood" in note for note in gibberish.notes)
    assert report.slice_distance_mm == 4.0
    assert report.targets.sum_mm == pytest.approx(
        sum(x.longest_mm for x in right.lesions), abs=0.11
    )


def test_a_study_of_a_cohort_becomes_files(candidates, tmp_path):
    task = Task(CohortStudy("s1", tmp_path / "ct.nii.gz"), ("right lobe lesion", "spleen"))
    loaded = LoadedVolume(candidates.search.volume, tmp_path / "ct.nii.gz", ("a note",))
    answers = [candidates.answer(text) for text in task.prompts]
    files = _files(task, loaded, answers, "ab", False, 0.0)
    assert {"answer.json", "segmentation.seg.nrrd"} <= set(files)
    import json

    told = json.loads(files["answer.json"])
    assert told["prompts"] == list(task.prompts)
    assert set(told["files"]) == set(files)
    assert told["notes"] == ["a note"]
    rows = list(rows_of(told))
    assert [(r["prompt"], r.get("lesion")) for r in rows] == [
        ("right lobe lesion", 1), ("right lobe lesion", 2), ("spleen", None),
    ]  # fmt: skip
    assert rows[0]["reading"] == "right lobe"
    assert rows[0]["model"] == "lsms-tiny"
    assert rows[0]["longest_mm"] == pytest.approx(33.9, abs=0.2)


def test_the_thumbnail_shows_the_largest_finding(candidates, tmp_path):
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    loaded = LoadedVolume(candidates.search.volume, tmp_path / "ct.nii.gz")
    picture = thumbnail(loaded, [candidates.answer("right lobe lesion")])
    pixels = np.asarray(image.open(BytesIO(picture)).convert("RGB")).astype(int)
    coloured = (pixels.max(axis=-1) - pixels.min(axis=-1)) > 60
    assert coloured.sum() > 50
    # Lesion 1 has the most pixels of all slices and lies on the right, seen on the left.
    assert np.nonzero(coloured)[1].mean() < pixels.shape[1] / 2


def test_a_denial_that_the_search_contradicts_is_doubted_most(candidates):
    from lsms_core.cohort.doubt import doubt_of

    points = {
        text: doubt_of(candidates.answer(text).to_dict())["points"]
        for text in ("asdf qwer", "no focal liver lesion", "calcified lesion", "lesion")
    }
    assert (
        points["asdf qwer"]
        > points["no focal liver lesion"]
        > points["calcified lesion"]
        > points["lesion"]
    )
    assert points["lesion"] == 0.0


def test_the_command_line_says_what_was_not_read_and_what_cannot_be(candidates, capsys):
    texts = ("calcified lesion", "left lobe lesion in the right lobe")
    print_answers([candidates.answer(text) for text in texts], [])
    said = capsys.readouterr().out
    assert "read: all lesions; not read: calcified" in said
    assert '"left lobe lesion in the right lobe" contradicts itself: no lesion is kept.' in said
    assert "read: contradicts itself; not read: left lobe, right lobe" in said
    assert said.count("(the text contradicts itself)") == 3


def test_slices_are_those_of_the_stack_whatever_was_run(candidates):
    """A search along the columns counts its slices there; a report refers to the series' files."""
    search = Search(candidates.search.volume, tuple(range(80)), axis=2, plane="sagittal")
    across = CandidateSet.from_labels(search, candidates.labels, candidates.liver)
    assert next(x for x in across.lesions if x.number == 1).slices == (14, 25)
    report = report_of([across.answer("lesion")], "x")
    assert report.answers[0].lesions[0].slices == (12, 16)
