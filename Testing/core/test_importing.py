"""Pictures with masks and texts become a data set in which each text names exactly its mask."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.dataset.importing import import_pairs, split_instances
from lsms_core.dataset.records import load_image, load_slice_label, read_records
from lsms_core.errors import OutputError


def png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(np.asarray(array, np.uint8)), str(path))


def picture() -> np.ndarray:
    rows, columns = np.mgrid[0:40, 0:60]
    return (rows * 2 + columns).astype(np.uint8)


def mask(*boxes) -> np.ndarray:
    made = np.zeros((40, 60), np.uint8)
    for r0, r1, c0, c1 in boxes:
        made[r0:r1, c0:c1] = 255
    return made


@pytest.fixture
def pairs(tmp_path):
    folder = tmp_path / "pairs"
    png(folder / "img" / "a.png", picture())
    png(folder / "img" / "b.png", picture()[::-1])
    png(folder / "msk" / "both.png", mask((5, 10, 40, 50), (20, 28, 8, 15)))
    png(folder / "msk" / "left.png", mask((5, 10, 40, 50)))
    png(folder / "msk" / "none.png", mask())
    (folder / "pairs.csv").write_text(
        "Image,Mask,Text,Patient,spacing_mm\n"
        'img/a.png,msk/both.png,"all lesions, both lobes",p1,0.8\n'
        "img/a.png,msk/left.png,left lobe lesion,p1,0.8\n"
        "img/a.png,,kidney stone,p1,0.8\n"
        "img/b.png,msk/none.png,lesion,p2,0.7\n",
        "utf-8",
    )
    return folder


def test_each_text_names_exactly_its_mask(pairs, tmp_path):
    output = tmp_path / "set"
    written = import_pairs(pairs, output)
    records = read_records(output)
    assert [r.text for r in records] == [r.text for r in written]
    assert [r.patient for r in records] == ["p1", "p1", "p1", "p2"]
    expected = {"all lesions, both lobes": "both", "left lobe lesion": "left"}
    for record in records:
        labels = load_slice_label(output, record)
        named = np.isin(labels, record.instances)
        name = expected.get(record.text)
        true = (
            sitk.GetArrayFromImage(sitk.ReadImage(str(pairs / f"msk/{name}.png"))) > 0
            if name
            else mask() > 0
        )
        np.testing.assert_array_equal(named, true)
    assert records[2].instances == records[3].instances == ()


def test_pictures_keep_their_orientation_size_and_window(pairs, tmp_path):
    import_pairs(pairs, tmp_path / "set")
    record = read_records(tmp_path / "set")[0]
    volume = load_image(tmp_path / "set", record)
    plane = SlicePlane.of(volume, record.axis)
    assert plane.plane == "axial"
    assert plane.spacing_mm == pytest.approx((0.8, 0.8))
    seen = plane.extract(volume.array, record.slice)
    np.testing.assert_allclose(seen, -160 + picture() * (400 / 255), atol=0.51)


def test_folders_of_pictures_masks_and_texts(tmp_path):
    folder = tmp_path / "pairs"
    png(folder / "images" / "lits 34_5.png", picture())
    png(folder / "masks" / "lits 34_5.png", mask((5, 10, 40, 50)))
    (folder / "texts").mkdir()
    (folder / "texts" / "lits 34_5.txt").write_text("left lesion\n\nsolitary lesion\n", "utf-8")
    records = import_pairs(folder, tmp_path / "set", pixel_mm=0.9)
    assert [r.text for r in records] == ["left lesion", "solitary lesion"]
    assert records[0].id == "lits_34_5_1"
    assert all(len(r.instances) == 1 for r in records)


def test_json_lines_and_masks_of_zero_and_one(tmp_path):
    folder = tmp_path / "pairs"
    png(folder / "a.png", picture())
    png(folder / "m.png", mask((5, 10, 40, 50)) // 255)
    row = {"img": "a.png", "gt": "m.png", "sentence": "left lesion", "pixel_spacing": 0.8}
    folder.joinpath("pairs.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    (record,) = import_pairs(folder, tmp_path / "set")
    assert len(record.instances) == 1


def test_grey_stored_as_colour_is_read(tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    colour = np.repeat(picture()[..., None], 3, axis=2)
    sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(folder / "a.png"))
    (folder / "pairs.csv").write_text("image,mask,text\na.png,,lesion\n", "utf-8")
    assert len(import_pairs(folder, tmp_path / "set", pixel_mm=1)) == 1


HEADER = "image,mask,text,patient,spacing_mm\n"
CASES = {
    "no table": (None, "holds no pairs: it needs a table pairs.csv"),
    "an empty table": (HEADER, "holds no pairs: check its table"),
    "no text": (HEADER + "img/a.png,msk/left.png,,p,1\n", "line 2: text is missing"),
    "a missing picture": (HEADER + "img/x.png,msk/left.png,t,p,1\n", "x.png does not exist"),
    "a missing mask": (HEADER + "img/a.png,msk/x.png,t,p,1\n", "msk/x.png does not exist"),
    "a path outside": (HEADER + "../a.png,msk/left.png,t,p,1\n", "must lie inside the folder"),
    "no pixel size": (HEADER + "img/a.png,msk/left.png,t,p,\n", "give --pixel-mm"),
    "a wrong pixel size": (HEADER + "img/a.png,msk/left.png,t,p,-1\n", "the pixel size is '-1'"),
    "two patients": (
        HEADER + "img/a.png,msk/left.png,t,p,1\nimg/a.png,msk/left.png,u,q,1\n",
        "has another patient",
    ),
    "another size": (HEADER + "img/a.png,msk/small.png,t,p,1\n", "must be of the same size"),
    "colour": (HEADER + "img/colour.png,msk/left.png,t,p,1\n", "is in colour"),
    "16 bit": (HEADER + "img/deep.png,msk/left.png,t,p,1\n", "8-bit pictures"),
    "damaged": (HEADER + "img/broken.png,msk/left.png,t,p,1\n", "damaged or no picture"),
}


@pytest.mark.parametrize("case", CASES)
def test_pairs_that_cannot_be_used(case, pairs, tmp_path, lsms):
    table, message = CASES[case]
    (pairs / "pairs.csv").unlink()
    png(pairs / "msk" / "small.png", mask()[:10])
    (pairs / "img" / "broken.png").write_bytes(b"\x89PNG\r\n")
    deep = sitk.GetImageFromArray(picture().astype(np.uint16) * 9)
    sitk.WriteImage(deep, str(pairs / "img" / "deep.png"))
    colour = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(pairs / "img/colour.png"))
    if table is not None:
        (pairs / "pairs.csv").write_text(table, "utf-8")
    ran = lsms("build-dataset", "--from-pairs", pairs, tmp_path / "set")
    assert ran.status == 2
    assert message in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["pairs"]


def test_a_folder_in_use_is_not_touched(pairs, tmp_path):
    target = tmp_path / "set"
    target.mkdir()
    (target / "mine.txt").write_text("x", "utf-8")
    with pytest.raises(OutputError, match="is not empty"):
        import_pairs(pairs, target)
    assert [p.name for p in target.iterdir()] == ["mine.txt"]


def test_the_command_counts(pairs, tmp_path, lsms):
    ran = lsms("build-dataset", "--from-pairs", pairs, tmp_path / "set")
    assert ran.status == 0, ran.err
    assert "4 expressions about 2 slices of 2 patients; 2 name a lesion, 2 name nothing" in ran.out


@given(st.lists(st.integers(0, 2**20 - 1), min_size=1, max_size=5))
def test_every_mask_is_a_union_of_instances(numbers):
    masks = [np.array([(n >> b) & 1 for b in range(20)], bool).reshape(4, 5) for n in numbers]
    instances = split_instances(masks)
    np.testing.assert_array_equal(instances > 0, np.any(masks, axis=0))
    for one in masks:
        inside = set(np.unique(instances[one]))
        outside = set(np.unique(instances[~one]))
        assert not inside & outside
