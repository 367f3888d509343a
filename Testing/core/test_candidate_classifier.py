"""Which candidates are lesions: features that mean what they say, and a fit that finds them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.liver import LiverMap
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.errors import BundleError, InputError
from lsms_core.inference.candidate_classifier import (
    FEATURES,
    CandidateClassifier,
    candidate_features,
)
from lsms_core.training.candidates import are_lesions, fit_classifier, left_out_probabilities

SPACING = (2.0, 1.0, 1.0)


def scene(slices: int = 9) -> tuple[CTVolume, np.ndarray, np.ndarray, np.ndarray]:
    """A liver of 100 HU in fat, a dark ball in it and a bright one across its edge."""
    rng = np.random.default_rng(0)
    shape = (slices, 80, 100)
    z, r, c = np.ogrid[:slices, :80, :100]
    liver = np.broadcast_to(c < 70, shape).copy()
    hu = np.where(liver, 100.0, -90.0) + rng.normal(0, 5, shape)
    middle = slices // 2
    dark = ((z - middle) * 2.0) ** 2 + (r - 40) ** 2 + (c - 30) ** 2 <= 8**2
    bright = ((z - middle) * 2.0) ** 2 + (r - 40) ** 2 + (c - 70) ** 2 <= 6**2
    hu[dark] -= 60
    hu[bright] = 150
    labels = np.where(dark, 1, np.where(bright, 2, 0)).astype(np.uint16)
    probability = np.where(dark, 0.9, np.where(bright, 0.4, 0.01)).astype(np.float32)
    affine = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    return CTVolume(hu.astype(np.float32), affine), labels, liver, probability


def table(slices: int = 9) -> list[dict[str, float]]:
    volume, labels, liver, probability = scene(slices)
    lesions = measure_lesions(volume, labels, LiverMap(liver))
    values = candidate_features(volume, labels, lesions, liver, probability)
    return [dict(zip(FEATURES, row, strict=True)) for row in values]


def test_features_say_how_a_candidate_looks():
    dark, bright = table()
    assert np.exp(dark["log_diameter"]) == pytest.approx(16, abs=1.5)
    assert dark["roundness"] == pytest.approx(1, abs=0.1)
    assert np.exp(dark["depth"]) == pytest.approx(18 / 16, abs=0.15)
    assert dark["darker"] == pytest.approx(3, abs=0.2)
    assert dark["brighter"] == 0
    assert bright["brighter"] == pytest.approx(2.5, abs=0.3)
    assert bright["darker"] == 0
    assert (dark["embedded"], dark["in_liver"]) == (1, 1)
    assert bright["embedded"] == pytest.approx(0.5, abs=0.1)
    assert bright["in_liver"] == pytest.approx(0.5, abs=0.1)
    assert dark["mean"] == pytest.approx(np.log(9), abs=1e-3)
    assert dark["peak"] > bright["peak"]
    assert dark["contrast_to_noise"] == 6, "limited: a higher one says no more"
    assert (dark["fat"], bright["fat"]) == (0, 0)


def test_a_single_slice_has_no_depth():
    assert [row["depth"] for row in table(slices=1)] == [0, 0]


def test_fat_is_seen():
    volume, labels, liver, probability = scene()
    hu = volume.array.copy()
    hu[labels == 1] = -60
    volume = CTVolume(hu, volume.affine)
    lesions = measure_lesions(volume, labels, LiverMap(liver))
    values = candidate_features(volume, labels, lesions, liver, probability)
    assert values[:, FEATURES.index("fat")].tolist() == [1, 0]


def test_without_candidates_there_is_nothing_to_tell():
    volume, labels, liver, probability = scene()
    values = candidate_features(volume, labels * 0, [], liver, probability)
    assert values.shape == (0, len(FEATURES))


def test_a_candidate_is_a_lesion_by_its_own_share_or_by_what_it_holds_of_one():
    lesions = np.zeros((1, 40, 40), bool)
    lesions[0, 0:10, 0:10] = lesions[0, 20:24, 20:24] = True
    labels = np.zeros(lesions.shape, int)
    labels[0, 0:10, 8:18] = 1  # 20 of its 100 pixels, and a fifth of the lesion
    labels[0, 0:10, 30:40] = 2  # nothing
    labels[0, 18:38, 18:38] = 3  # a small share of it, but a whole lesion
    labels[0, 9:19, 0:8] = 4  # a tenth of it, and less of the lesion
    assert are_lesions(labels, lesions).tolist() == [True, False, True, False]
    assert are_lesions(labels * 0, lesions).tolist() == []


def sample(count: int = 240, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, len(FEATURES))) * 3 + 1
    logits = (features[:, 0] - 1) - 0.7 * (features[:, 3] - 1)
    lesion = rng.random(count) < 1 / (1 + np.exp(-logits))
    patients = [f"p{n % 12}" for n in range(count)]
    return features, lesion, patients


def test_a_fit_finds_what_matters_and_its_probabilities_hold_on_others():
    features, lesion, patients = sample(2000)
    classifier = fit_classifier(features, lesion, patients, ridge=1.0)
    raw = np.array(classifier.weights) / np.array(classifier.scales)
    assert raw[0] == pytest.approx(1, abs=0.2)
    assert raw[3] == pytest.approx(-0.7, abs=0.2)
    assert np.abs(np.delete(raw, [0, 3])).max() < 0.15
    others, truth, _ = sample(4000, seed=1)
    probability = classifier.probabilities(others)
    for low in (0.1, 0.4, 0.7):
        some = (probability >= low) & (probability < low + 0.2)
        assert truth[some].mean() == pytest.approx(probability[some].mean(), abs=0.08)


def test_a_patient_is_judged_by_the_others():
    features, lesion, patients = sample()
    before = left_out_probabilities(features, lesion, patients)
    first = np.array(patients) == "p0"
    changed = left_out_probabilities(features, np.where(first, ~lesion, lesion), patients)
    np.testing.assert_array_equal(before[first], changed[first])
    assert not np.allclose(before[~first], changed[~first])


def test_many_candidates_of_one_patient_do_not_outweigh_the_others():
    features, lesion, patients = sample()
    again = np.array(patients) == "p0"
    more = np.concatenate([features, *[features[again]] * 20])
    once = fit_classifier(features, lesion, patients)
    often = fit_classifier(
        more,
        np.concatenate([lesion, *[lesion[again]] * 20]),
        [*patients, *["p0"] * 20 * int(again.sum())],
    )
    alone = fit_classifier(features[again], lesion[again], ["p0"] * int(again.sum()))

    def far(a: CandidateClassifier, b: CandidateClassifier) -> float:
        return float(np.abs(a.probabilities(features) - b.probabilities(features)).mean())

    assert far(often, once) < far(often, alone)


def test_only_one_kind_cannot_be_learnt():
    features, lesion, patients = sample()
    with pytest.raises(InputError, match="both"):
        fit_classifier(features, lesion | True, patients)


def test_it_comes_back_from_json_and_unusable_entries_are_refused():
    classifier = fit_classifier(*sample(), threshold=0.3)
    values = {k: list(v) if isinstance(v, tuple) else v for k, v in classifier.to_dict().items()}
    assert CandidateClassifier.from_dict(values) == classifier
    for wrong in ({"scales": [0.0] * len(FEATURES)}, {"weights": [1.0]}, {"threshold": 1.0}):
        with pytest.raises(BundleError):
            CandidateClassifier.from_dict({**values, **wrong})
    with pytest.raises(BundleError):
        CandidateClassifier.from_dict({**values, "colour": 1})
    assert replace(classifier, threshold=0.4).threshold == 0.4
