"""Training samples: exact by number, patients never split, targets where the text says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from lsms_core.dataset.augmentation import AugmentationConfig, intensity, phase, spatial
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sampling import ReferringSamples, SamplingConfig
from lsms_core.dataset.sources import cases_of, list_cases, load_case, split_folds
from lsms_core.errors import InputError
from Testing.core.training_tiny import write_cases

pytestmark = pytest.mark.slow

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


def samples(arrays, *, config=None, **changes):
    config = config or SamplingConfig(crop=(64, 96))
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


PLAIN = AugmentationConfig(
    noise_hu=0.0, contrast=0.0, offset_hu=0.0, flat_share=0.0, narrow_share=0.0
)


def liver_with_lesion(level=110.0):
    """(3, 40, 40) HU: air, fat, liver, and in it a dark lesion and a bright vessel."""
    image = torch.full((3, 40, 40), -1000.0)
    image[:, 2:38, 2:38] = -100.0
    image[:, 5:35, 5:35] = level
    image[:, 10:15, 10:15] = level - 50
    image[:, 25:28, 25:28] = level + 60
    liver = torch.zeros(40, 40, dtype=torch.bool)
    liver[5:35, 5:35] = True
    liver[10:15, 10:15] = False
    return image, liver


@pytest.mark.parametrize("level", [35.0, 110.0, 160.0])
def test_another_phase_moves_the_liver_and_keeps_fat_air_and_every_order(level):
    image, liver = liver_with_lesion(level)
    seen = set()
    for seed in range(30):
        other = phase(image, liver, np.random.default_rng(seed))
        assert torch.equal(other[image <= -50], image[image <= -50])
        lesion, organ, vessel = (float(other[1, n, n]) for n in (12, 20, 26))
        assert lesion < organ < vessel
        assert vessel - organ == pytest.approx(60, abs=1e-3)
        assert 0.59 < (organ - lesion) / 50 < 1.61
        seen.add(round(organ / 20))
    assert len(seen) >= 4


def test_a_slice_without_liver_keeps_its_phase():
    image, liver = liver_with_lesion()
    assert phase(image, torch.zeros_like(liver), np.random.default_rng(0)) is image


def test_sharpness_changes_edges_and_no_even_area():
    image, _ = liver_with_lesion()
    config = replace(PLAIN, sharpness=1.0)
    results = [intensity(image, config, np.random.default_rng(seed)) for seed in range(8)]
    for result in results:
        torch.testing.assert_close(result[:, 18:22, 18:22], image[:, 18:22, 18:22])
    steps = [float((r[1, 12, 15] - r[1, 12, 14]).abs()) for r in results]
    assert min(steps) < 45
    assert max(steps) > 55


def test_with_all_limits_at_zero_the_picture_stays():
    image, liver = liver_with_lesion()
    rng = np.random.default_rng(0)
    torch.testing.assert_close(intensity(image, PLAIN, rng, liver), image, rtol=0, atol=1e-4)


def test_samples_that_wander_show_what_is_beside_the_liver(arrays):
    """The liver lies on the left of these pictures."""

    def share(wander):
        config = SamplingConfig(crop=(32, 40), wander_share=wander)
        drawn = samples(arrays, config=config, count=60)
        return np.mean([bool(drawn[i]["anatomy"][:2].any()) for i in range(60)])

    assert share(0.0) == 1.0
    assert share(1.0) < 0.9


def test_a_mirrored_picture_is_named_by_its_own_left_and_right(arrays):
    pictures = {}
    for share in (0.0, 1.0):
        config = SamplingConfig(
            crop=(64, 96), synthetic_share=0.0, lesion_share=1.0, mirror_share=share
        )
        drawn = samples(arrays, config=config, count=160)
        pictures[share] = [drawn[i] for i in range(160)]
    said = {"plain": Counter(), "turned": Counter()}
    for plain, turned in zip(pictures[0.0], pictures[1.0], strict=True):
        # The lesion of every case lies in the right lobe.
        assert plain["anatomy"][0][plain["lesions"] > 0].all()
        assert turned["anatomy"][1][turned["lesions"] > 0].all()
        for sample, words, other in (
            (plain, said["plain"], [0.0, 1.0]),
            (turned, said["turned"], [1.0, 0.0]),
        ):
            right, left = sample["anatomy"][:2]
            # As in every picture, the patient's right is where the columns begin.
            assert right.nonzero()[:, 1].float().mean() < left.nonzero()[:, 1].float().mean()
            if sample["target"].any():
                words.update(set(sample["text"].split()) & {"left", "right"})
                # Whatever the words, they rule out the lobe without the lesion, or none.
                assert sample["lobes"].tolist() in (other, [0.0, 0.0])
    # "Not in the right lobe" is the left one, and rare.
    assert said["plain"]["right"] > 4 * max(said["plain"]["left"], 1)
    assert said["turned"]["left"] > 4 * max(said["turned"]["right"], 1)


def test_lesions_are_put_into_both_lobes_equally_often(arrays):
    one = arrays[0]
    columns = np.arange(one.liver.shape[2])
    # A left lobe as small as most people's.
    liver = one.liver & (columns < one.midlines[2] - 6)
    small = [replace(one, liver=liver, lesions=np.zeros_like(liver))]
    counts = {}
    for share in (0.0, 1.0):
        config = SamplingConfig(
            crop=(64, 96),
            synthetic_share=1.0,
            lesion_share=0.0,
            lesion_counts=(1,),
            sided_share=share,
        )
        lobes = np.zeros(2)
        drawn = samples(small, config=config, count=80)
        for i in range(80):
            right, left = drawn[i]["anatomy"][:2]
            both = right.any() and left.any()
            lesions = (drawn[i]["lesions"] > 0) & (drawn[i]["anatomy"][2] > 0)
            lobes += [bool(both and lobe[lesions].mean() > 0.5) for lobe in (right, left)]
        counts[share] = lobes[1] / lobes.sum()
    assert counts[0.0] < 0.35
    assert 0.38 < counts[1.0] < 0.65


def test_words_about_something_else_speak_of_no_kind(arrays):
    config = SamplingConfig(crop=(64, 96), no_target_share=0.5, organ_share=0.3)
    drawn = [samples(arrays, config=config, count=120)[i] for i in range(120)]
    spoken = {tuple(s["kinds"].tolist()) for s in drawn}
    assert spoken == {(1.0, 1.0, 1.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)}
    for sample in drawn:
        if sample["kinds"].all():
            assert torch.equal(sample["target"][0], sample["anatomy"][:2].amax(0))
        elif not sample["kinds"].any():
            assert not sample["target"].any()


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


def test_cases_of_some_patients_come_from_several_folders(tmp_path):
    folders = [write_cases(tmp_path / name) for name in ("one", "two")]
    assert [case.name for case in cases_of(folders)] == ["a", "b", "c", "d"] * 2
    assert [case.group for case in cases_of(folders, ["d", "b"])] == ["b", "d"] * 2
    with pytest.raises(InputError, match="the patients x, z: see"):
        cases_of(folders, ["z", "a", "x"])


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
