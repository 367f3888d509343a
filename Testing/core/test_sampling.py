"""Training samples: exact by number, patients never split, targets where the text says."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from lsms_core.data.augmentation import AugmentationConfig, spatial
from lsms_core.data.preprocessing import PreprocessingConfig
from lsms_core.data.sampling import ReferringSamples, SamplingConfig
from lsms_core.data.sources import list_cases, load_case, split_folds
from lsms_core.errors import InputError

GRID = PreprocessingConfig(spacing_mm=3.0, height=96, width=128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    rng = np.random.default_rng(0)
    r, c = np.ogrid[:90, :120]
    liver = ((r - 45) / 30) ** 2 + ((c - 45) / 35) ** 2 <= 1
    for name in ("a", "b", "c"):
        image = np.full((6, 90, 120), -1000, np.int16)
        image[:, 5:85, 5:115] = 40
        image[:, liver] = 110
        image += rng.normal(0, 5, image.shape).astype(np.int16)
        label = np.repeat(liver[None], 6, axis=0).astype(np.uint8)
        label[2:5, 40:50, 30:40] = 2
        for kind, array in (("image", image), ("label", label)):
            stored = sitk.GetImageFromArray(array)
            stored.SetSpacing((2.5, 2.5, 5.0))
            (root / name).mkdir(exist_ok=True)
            sitk.WriteImage(stored, str(root / name / f"{kind}.nii.gz"))
    (root / "manifest.csv").write_text("case,patient_group,note\na,p1,\nb,p1,\nc,p2,\n")
    return root


@pytest.fixture(scope="module")
def arrays(folder):
    return [load_case(case, GRID) for case in list_cases(folder)]


def samples(arrays, **changes):
    config = SamplingConfig(crop=(64, 96))
    return ReferringSamples(arrays, GRID, config, **{"seed": 1, "count": 40, **changes})


def test_a_sample_depends_on_its_number_alone(arrays):
    everything, later = samples(arrays), samples(arrays, first=25)
    assert len(later) == 15
    for index in (0, 7, 14):
        a, b = everything[25 + index], later[index]
        assert a["text"] == b["text"]
        assert torch.equal(a["image"], b["image"])
        assert torch.equal(a["target"], b["target"])


def test_samples_vary_and_their_targets_are_lesions_or_the_liver(arrays):
    drawn = [samples(arrays)[i] for i in range(40)]
    assert len({s["text"] for s in drawn}) > 15
    empty = sum(not s["target"].any() for s in drawn)
    assert 2 <= empty <= 25
    for sample in drawn:
        assert sample["image"].shape == (3, 64, 96)
        assert sample["image"].abs().max() <= 1
        if "liver" not in sample["text"].lower() and "hepatic" not in sample["text"].lower():
            assert not (sample["target"][0].bool() & (sample["lesions"] == 0)).any()


def test_spatial_changes_never_mirror():
    image = np.zeros((1, 80, 80), np.float32)
    labels = np.zeros((2, 80, 80), np.int32)
    labels[0, 30:50, 10:20] = 1  # the patient's right
    labels[1, 30:50, 60:70] = 1  # the patient's left
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, moved = spatial(image, labels, (80, 80), (40, 40), AugmentationConfig(), rng)
        right, left = (m.nonzero()[:, 1].float().mean() for m in moved)
        assert right + 20 < left


def test_folds_never_split_a_patient(folder):
    cases = list_cases(folder)
    parts = split_folds(cases, {"a": 3, "b": 3, "c": 3}, 2)
    assert sorted(map(sorted, parts)) == [["p1"], ["p2"]]


def test_folders_without_cases_or_labels_are_refused(tmp_path):
    with pytest.raises(InputError, match="folder of cases"):
        list_cases(tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "image.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"label\.nii\.gz"):
        list_cases(tmp_path)


def test_texts_about_one_picture_differ_in_the_words_and_the_target_alone(arrays):
    config = SamplingConfig(crop=(64, 96), texts_per_image=3, synthetic_share=1.0)
    drawn = ReferringSamples(arrays, GRID, config, seed=2, count=60)
    for first in range(0, 60, 3):
        trio = [drawn[first + i] for i in range(3)]
        for other in trio[1:]:
            assert torch.equal(trio[0]["image"], other["image"])
            assert torch.equal(trio[0]["lesions"], other["lesions"])
        assert not trio[1]["target"].any()
    named = [bool(drawn[i]["target"].any()) for i in range(0, 60, 3)]
    assert sum(named) > 12
