"""The command line and Slicer agree on every figure of every lesion of the synthetic CT."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lsms_core.cli.demo import _make
from lsms_core.cli.main import cli
from lsms_core.io.nifti import write_nifti
from lsms_core.mrml.findings import findings_table
from lsms_core.mrml.segment_writing import SegmentMeta, WriteOptions, write_mask
from lsms_core.mrml.segmentation_candidates import candidates_of_segmentation
from lsms_core.mrml.volume_nodes import read_ct
from lsms_core.worker.messages import candidates_from, candidates_message

pytestmark = pytest.mark.slow

RELEASED = Path(__file__).parents[2] / "Resources" / "Models" / "lsms-tiny"
# Both lesions and a part of the liver around.
SLICES = (22, 29)
TABLE = {
    "Longest diameter (mm)": "longest_mm",
    "Perpendicular (mm)": "perpendicular_mm",
    "Area (mm2)": "area_mm2",
    "Volume (mL)": "volume_ml",
    "Mean (HU)": "mean_hu",
    "Standard deviation (HU)": "sd_hu",
}


@pytest.fixture(scope="module")
def phantom():
    return _make(0)


@pytest.fixture(scope="module")
def ct_file(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    write_nifti(folder / "ct.nii.gz", phantom.ct.array, phantom.ct.affine, "synthetic")
    outlines = np.where(phantom.instances > 0, 2, phantom.liver).astype(np.uint8)
    write_nifti(folder / "outlines.nii.gz", outlines, phantom.ct.affine, "synthetic")
    return folder / "ct.nii.gz"


@pytest.fixture
def volume(world, phantom):
    return world.volume(phantom.ct.affine, phantom.ct.array)


def said_by_cli(ct, texts, *arguments):
    asked = [word for text in texts for word in ("--text", text)]
    result = CliRunner().invoke(cli, ["segment", str(ct), *asked, *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["results"]


def assert_same(one, other, where=""):
    """Compare what JSON tells of a lesion: words are the same, figures too but for rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        # Of two perpendiculars of one length that rounding may choose any lies where it lies.
        for name in one.keys() - {"perpendicular_ends"}:
            assert_same(one[name], other[name], f"{where} {name}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for a, b in zip(one, other, strict=True):
            assert_same(a, b, where)
    elif isinstance(one, float):
        # A NIfTI file keeps its geometry in single precision.
        assert one == pytest.approx(other, rel=1e-3, abs=0.11), where
    else:
        assert one == other, where


def rows_of(segmentation, volume):
    table = findings_table(segmentation, volume)
    columns = [table.GetTable().GetColumn(c) for c in range(table.GetNumberOfColumns())]
    return [
        {c.GetName(): c.GetVariantValue(r) for c in columns} for r in range(table.GetNumberOfRows())
    ]


def assert_table(segmentation, volume, lesions):
    rows = rows_of(segmentation, volume)
    assert len(rows) == len(lesions)
    for row, lesion in zip(rows, lesions, strict=True):
        assert row["Lesions"].ToInt() == 1
        assert row["Plane of diameters"].ToString() == lesion["plane"]
        first, last = lesion["slices"]
        assert row["Slices"].ToString() == f"{first}-{last}"
        for heading, name in TABLE.items():
            assert_same(row[heading].ToDouble(), lesion[name], heading)


def test_a_search_of_the_released_weights(world, phantom, volume, ct_file):
    from lsms_core.inference.predictor import Predictor

    texts = ["lesion", "left lobe lesion", "lesion in the right lobe over 2 cm"]
    span = f"{SLICES[0]}:{SLICES[1]}"
    cli_said = said_by_cli(ct_file, texts, "--slices", span, "--weights", RELEASED)
    # As the module: the worker searches, Slicer's process answers from the message.
    ct = read_ct(volume)
    predictor = Predictor.from_pretrained(RELEASED, "cpu", verify=False)
    slices = range(SLICES[0], SLICES[1] + 1)
    message = candidates_message(predictor.search(ct, slices=slices), slices)
    found = candidates_from(*message, ct)
    for text, told in zip(texts, cli_said, strict=True):
        answer = found.answer(text)
        ours = answer.to_dict()
        for name in ("kept", "dropped"):
            assert_same(ours[name], told[name], f"{text} {name}")
        assert told["kept"], text
        segmentation = world.segmentation()
        write_mask(
            segmentation,
            volume,
            answer.volume_mask,
            SegmentMeta(text),
            WriteOptions(split_lesions=True),
            lesions=answer.lesion_labels,
            box=answer.box,
        )
        assert_table(segmentation, volume, told["kept"])
        whole = world.segmentation()
        write_mask(whole, volume, answer.volume_mask, SegmentMeta(text))
        (row,) = rows_of(whole, volume)
        assert row["Lesions"].ToInt() == len(told["kept"])
        assert_same(row["Longest diameter (mm)"].ToDouble(), told["longest_axial_mm"])
        assert_same(row["Area (mm2)"].ToDouble(), told["area_mm2"])
        assert_same(row["Volume (mL)"].ToDouble(), told["volume_ml"])
        assert_same(row["Mean (HU)"].ToDouble(), told["mean_hu"])


def test_given_outlines(world, phantom, volume, ct_file):
    outlines = ct_file.with_name("outlines.nii.gz")
    (told,) = said_by_cli(ct_file, ["lesion"], "--lesions", outlines)
    segmentation = world.segmentation()
    for name, mask in (("liver", phantom.liver), ("lesions", phantom.instances > 0)):
        write_mask(segmentation, volume, mask, SegmentMeta(name))
    ours = candidates_of_segmentation(segmentation, volume).answer("lesion").to_dict()
    assert_same(ours["kept"], told["kept"])
    assert len(told["kept"]) == 2


def test_lesions_that_touch_are_measured_one_by_one(world, volume, phantom):
    """A search connects voxels by their faces; those of a segment are not joined by corners."""
    from lsms_core.inference.candidates import CandidateSet, Search

    labels = np.zeros(phantom.ct.shape, np.uint16)
    labels[20:24, 100:110, 100:110] = 1
    labels[24:28, 110:118, 110:118] = 2
    found = CandidateSet.from_labels(Search(read_ct(volume), tuple(range(40))), labels, None)
    answer = found.answer("lesion")
    segmentation = world.segmentation()
    write_mask(
        segmentation,
        volume,
        answer.volume_mask,
        SegmentMeta("lesion"),
        WriteOptions(split_lesions=True),
        lesions=answer.lesion_labels,
        box=answer.box,
    )
    assert_table(segmentation, volume, answer.to_dict()["kept"])
    together = world.segmentation()
    write_mask(together, volume, answer.volume_mask, SegmentMeta("lesion"))
    (row,) = rows_of(together, volume)
    assert row["Lesions"].ToInt() == 2
