"""Both engines' text tests in one table: from a data set, from reports, and what cannot be."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.dataset.records import Record, write_records
from lsms_core.errors import InputError
from lsms_core.evaluation.comparison_table import comparison_table
from lsms_core.evaluation.evaluate_records import assemble
from lsms_core.evaluation.scores import score_sample
from lsms_core.evaluation.text_tests import KINDS, TextAnswer
from lsms_core.models.medclip_sam import files
from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig
from Testing.core.medclip_tiny import write_clip, write_sam

pytestmark = pytest.mark.slow


def report(model="a 1", engine="lsms", dice=0.8, wrong=0.2, ids=("x",)):
    """A report as the evaluation makes it: ``dice`` for the right text, ``wrong`` for others."""
    target, nothing = np.eye(4, dtype=bool), np.zeros((4, 4), bool)
    samples = [
        score_sample(
            record=name, case="c", text="t", side=None, target=aim, predicted=nothing,
            spacing_mm=(1.0, 1.0), score=0.1, present=False,
        )
        for one in ids
        for name, aim in ((one, target), (f"{one}-none", nothing))
    ]  # fmt: skip
    answers = [
        TextAnswer(kind, dice if kind == "right" else wrong, None, True, True) for kind in KINDS
    ]
    return assemble(samples, answers, [], {"model": model, "engine": engine})


def rows(table):
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}


def test_each_model_has_one_row_with_a_column_for_each_way_of_asking():
    table = rows(comparison_table({"a": report(), "b": report(dice=0.5, wrong=0.5)}))
    assert table["model"] == [*KINDS, "no-target accuracy"]
    assert table["texts asked"] == ["1"] * 7
    assert table["a"] == ["0.80", *["0.20"] * 5, "100 %"]
    assert table["b"] == ["0.50"] * 6 + ["100 %"]


def test_reports_that_cannot_be_compared_are_refused_in_words():
    with pytest.raises(InputError, match="other records"):
        comparison_table({"a": report(), "b": report(ids=("y",))})
    untested = copy.deepcopy(report())
    for row in untested["text_tests"].values():
        row["count"] = 0
    with pytest.raises(InputError, match="holds no text tests"):
        comparison_table({"a": untested})
    for other in ([{"a": 1}], {"summary": {}}, "text"):
        with pytest.raises(InputError, match="is no report of lsms evaluate"):
            comparison_table({"a": other})


@pytest.fixture
def dataset(tmp_path):
    """Two lesions on a slice, named by side, and a text that names nothing."""
    folder = tmp_path / "data"
    folder.mkdir()
    image = np.random.default_rng(0).integers(-100, 150, (1, 32, 32)).astype(np.int16)
    label = np.zeros(image.shape, np.int16)
    label[0, 4:12, 4:12], label[0, 20:28, 20:28] = 1, 2
    for name, array in (("image", image), ("label", label)):
        file = sitk.GetImageFromArray(array)
        file.SetSpacing((2.0, 2.0, 5.0))
        sitk.WriteImage(file, str(folder / f"{name}.nii.gz"))
    texts = {"left lesion": (1,), "right lesion": (2,), "bright lesion": ()}
    write_records(
        folder,
        [
            Record(f"r{n}", "image.nii.gz", "label.nii.gz", 0, 0, text, named)
            for n, (text, named) in enumerate(texts.items())
        ],
    )
    return folder


def test_the_command_asks_both_engines_and_takes_up_their_reports(
    lsms, dataset, tiny_bundle, tmp_path
):
    published = write_clip(tmp_path / "biomedclip"), write_sam(tmp_path / "sam")
    eager = MedClipSamConfig(cleanup="kmeans", neutral_margin=-3.0, top_channels=8)
    second = files.assemble(*published, tmp_path / "any", eager)
    output = tmp_path / "table.md"
    ran = lsms(
        "medclip-sam", "text-test", dataset, "--weights", tiny_bundle, "--weights", second,
        "--output", output, "--device", "cpu",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    page = output.read_text()
    assert page in ran.out
    table = rows(page.split("| model | the slice")[0])
    assert set(table) == {"model", "texts asked", "lsms, random-tiny 0.0.1", "medclip-sam, any v1"}
    assert table["texts asked"] == ["1"] * 7  # one lesion a slice is asked about
    saved = [tmp_path / "table.1-random-tiny.json", tmp_path / "table.2-any.json"]
    for file, name in zip(saved, list(table)[2:], strict=True):
        kept = json.loads(file.read_text())
        right = kept["text_tests"]["right"]["dice_to_right_lesion"]
        assert table[name][0] == f"{right:.2f}"
        assert table[name][5] == "0.00"  # an empty text is refused: nothing is outlined
    # The reports alone give the same table; with a data set, only its models are asked.
    again = tmp_path / "again.md"
    given = [part for file in saved for part in ("--report", file)]
    assert lsms("medclip-sam", "text-test", *given, "--output", again).status == 0
    assert again.read_text() == page


def test_the_command_says_what_it_lacks(lsms, dataset, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("LSMS_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    output = tmp_path / "t.md"
    ran = lsms("medclip-sam", "text-test", "--output", output)
    assert (ran.status, "Which data set?" in ran.err) == (2, True)
    # Before the first model is asked, the second one is missed.
    ran = lsms(
        "medclip-sam", "text-test", dataset, "--weights", tiny_bundle, "--weights", "medclip-sam",
        "--output", output, "--device", "cpu",
    )  # fmt: skip
    assert ran.status == 2
    assert "The weights of MedCLIP-SAM are not on this computer" in ran.err
    assert list(tmp_path.glob("t*")) == []
