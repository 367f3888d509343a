"""``lsms inspect-dataset`` and ``lsms info``."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.dataset.records import Record, write_records

pytest.importorskip("PIL")


@pytest.fixture
def dataset(ct, tmp_path):
    folder = tmp_path / "set"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    sitk.WriteImage(ct.to_sitk(), str(folder / "images" / "a.nii.gz"))
    labels = np.where(ct.array == 200, 1, np.where(ct.array == 0, 2, 0)).astype(np.int16)
    labels[:, :6] = labels[:, 42:] = labels[:, :, :6] = labels[:, :, 50:] = 0
    sitk.WriteImage(ct.to_sitk(labels), str(folder / "labels" / "a.nii.gz"))
    common = ("images/a.nii.gz", "labels/a.nii.gz", 0, 4)
    write_records(
        folder,
        [
            Record("r1", *common, "left <b>bright</b> lesion", (1,), {"patient": "p1"}),
            Record("r2", *common, "all lesions", (1, 2), {"patient": "p1", "kind": "all"}),
            Record("r3", *common, "splenic lesion", (), {"patient": "p2", "kind": "elsewhere"}),
        ],
    )  # fmt: skip
    return folder


def pictures(page: str) -> list[np.ndarray]:
    from PIL import Image

    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(f))).convert("RGB")) for f in found]


def green(picture: np.ndarray) -> np.ndarray:
    rgb = picture.astype(int)
    return (rgb[..., 1] > rgb[..., 0] + 50) & (rgb[..., 1] > rgb[..., 2] + 50)


def test_the_page_shows_what_each_text_names(dataset, lsms):
    ran = lsms("inspect-dataset", dataset)
    assert ran.status == 0, ran.err
    page = (dataset / "inspection.html").read_text("utf-8")
    assert "left &lt;b&gt;bright&lt;/b&gt; lesion" in page
    assert "<b>bright" not in page
    assert 'src="http' not in page
    assert "names 1 of 2 lesions" in page
    assert "names nothing" in page
    left, both, none = (green(p) for p in pictures(page))
    assert left.sum() > 50
    # The patient's left is on the right of the picture.
    assert np.nonzero(left)[1].mean() > left.shape[1] / 2
    assert both.sum() > left.sum() * 1.5
    assert none.sum() == 0


def test_pictures_in_a_folder(dataset, lsms, tmp_path):
    ran = lsms("inspect-dataset", dataset, "--output", tmp_path / "png", "--limit", 2)
    assert ran.status == 0, ran.err
    assert sorted(p.name for p in (tmp_path / "png").iterdir()) == ["r1.png", "r2.png"]
    assert "2 of 3 records" in ran.out


def test_records_can_be_chosen(dataset, lsms, tmp_path):
    target = tmp_path / "p.html"
    assert lsms("inspect-dataset", dataset, "--output", target, "--kind", "none").status == 0
    assert len(pictures(target.read_text("utf-8"))) == 1
    assert lsms("inspect-dataset", dataset, "--output", target, "--patient", "p1").status == 0
    assert len(pictures(target.read_text("utf-8"))) == 2
    ran = lsms("inspect-dataset", dataset, "--patient", "p9")
    assert ran.status == 2
    assert "the data set has the patients p1, p2" in ran.err


def test_a_folder_that_is_no_data_set(lsms, tmp_path):
    ran = lsms("inspect-dataset", tmp_path)
    assert ran.status == 2
    assert "is no data set" in ran.err


def test_without_pillow_it_says_what_to_install(dataset, lsms, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    ran = lsms("inspect-dataset", dataset)
    assert ran.status == 2
    assert "lsms-core[pictures]" in ran.err


def test_info_shows_a_verified_bundle(lsms, tiny_bundle):
    ran = lsms("info", tiny_bundle)
    assert ran.status == 0, ran.err
    assert "random-tiny 0.0.1 (lsms)" in ran.out
    assert "every checksum is right" in ran.out
    assert "Random weights for tests." in ran.out
    facts = json.loads(lsms("info", tiny_bundle, "--json").out)
    assert facts["preprocessing"]["spacing_mm"] == 2.0
    assert facts["parameters"] > 1000
    assert lsms("info", tiny_bundle, "--card").out.startswith("# Random")
    ran = lsms("info", "absent")
    assert ran.status == 2
    assert "No model 'absent'" in ran.err
