"""Which candidates are lesions: features that mean what they say, and a fit that finds them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.liver_map import LiverMap
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.cli.fit_candidates import command
from lsms_core.dataset.sources import list_cases
from lsms_core.errors import BundleError, InputError
from lsms_core.inference.candidate_classifier import (
    FEATURES,
    CandidateClassifier,
    candidate_features,
)
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.correct import corrected
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.training.candidate_fitting import (
    are_lesions,
    fit_classifier,
    gather_candidates,
    left_out_probabilities,
)
from lsms_core.worker.messages import candidates_from, candidates_message

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
    assert np.exp(bright["depth"]) == pytest.approx(14 / 12, abs=0.2)
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


def test_where_the_search_cuts_a_candidate_its_depth_says_nothing():
    volume, labels, liver, probability = scene()
    lesions = measure_lesions(volume, labels, LiverMap(liver))
    at = FEATURES.index("depth")

    def depths(searched: list[int]) -> list[float]:
        values = candidate_features(
            volume, labels, lesions, liver, probability, searched=searched, axis=0
        )
        return values[:, at].tolist()

    whole = candidate_features(volume, labels, lesions, liver, probability)[:, at].tolist()
    assert depths(list(range(9)))[1] == whole[1] != 0
    assert depths([1, 2, 3, 4, 5])[1] == 0
    assert depths([4])[1] == 0
    assert depths(list(range(9)))[0] == 0, "the dark one reaches the first and the last slice"


def test_what_was_not_searched_is_not_taken_for_something_else_than_liver():
    volume, labels, liver, probability = scene()
    only = np.zeros_like(liver)
    only[4] = liver[4]
    lesions = measure_lesions(volume, labels * only, LiverMap(only))
    values = candidate_features(
        volume, labels * only, lesions, only, probability, searched=[4], axis=0
    )
    assert values[0, FEATURES.index("embedded")] == 1


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


def candidate_set(threshold: float = 0.5, weight: float = 2.0) -> CandidateSet:
    """The dark ball and the bright one, by a classifier that looks at the map's mean alone."""
    volume, _, liver, probability = scene()
    weights = [weight if name == "mean" else 0.0 for name in FEATURES]
    flat = (0.0,) * len(FEATURES)
    classifier = CandidateClassifier(flat, (1.0,) * len(flat), tuple(weights), 0.0, threshold)
    config = PostprocessingConfig(
        mask_threshold=0.25, presence_threshold=0.19, classifier=classifier
    )
    search = Search(volume, tuple(range(9)), engine="lsms")
    return CandidateSet.from_map(search, probability.astype(np.float16), LiverMap(liver), config)


def test_candidates_are_scored_by_how_probably_they_are_lesions():
    dark, bright = candidate_set().lesions
    assert dark.score == pytest.approx(81 / 82, abs=0.01)  # odds of 9, squared
    assert bright.score == pytest.approx(4 / 13, abs=0.01)  # odds of 2 / 3, squared
    assert candidate_set().scores == (dark.score, bright.score)


def test_what_is_probably_no_lesion_is_dropped_whatever_the_text_says_and_can_be_added():
    given = candidate_set().answer("lesion")
    assert [one.number for one in given.kept] == [1]
    assert given.verdict(2).reasons == ("probably no lesion (31%)",)
    largest = candidate_set().answer("smallest lesion")
    assert [one.number for one in largest.kept] == [1], "ranks count lesions only"
    assert len(given.with_verdict(2, True, "added by hand").kept) == 2
    assert len(candidate_set(threshold=0.2).answer("lesion").kept) == 2


def test_what_is_probably_no_lesion_is_added_by_its_number_or_where_nothing_else_fits():
    given = candidate_set().answer("lesion")
    dropped = corrected([given], "drop lesion 1")
    assert [one.number for one in dropped.kept] == []
    again = corrected([given, dropped], "also the largest")
    assert [one.number for one in again.kept] == [1]
    for text in ("also all lesions", "also the smallest one"):
        assert [one.number for one in corrected([given, dropped], text).kept] == [1], text
    for text in ("also lesion 2", "also the hyperdense one"):
        both = corrected([given], text)
        assert [one.number for one in both.kept] == [1, 2], text
        assert both.verdict(2).reasons[0] == f'"{text}"'


def test_a_lower_threshold_of_the_map_asks_for_less():
    relaxed = candidate_set().at_threshold(0.125)
    assert relaxed.least_score == pytest.approx(0.25)
    assert len(relaxed.answer("lesion").kept) == 2


def test_without_a_liver_or_for_given_outlines_nothing_is_judged():
    found = candidate_set()
    alone = CandidateSet.from_map(found.search, found.probability, None, found.config)
    assert alone.least_score == 0
    assert len(alone.answer("lesion").kept) == 2
    outlined = CandidateSet.from_labels(found.search, found.labels, found.liver)
    assert [one.score for one in outlined.lesions] == [1, 1]
    assert len(outlined.answer("lesion").kept) == 2


def test_a_message_of_candidates_brings_the_judgement_along():
    found = candidate_set()
    fields, arrays = candidates_message(found, None)
    again = candidates_from(json.loads(json.dumps(fields)), arrays, found.search.volume)
    assert again.config == found.config
    assert again.least_score == 0.5
    assert again.answer("lesion").verdicts == found.answer("lesion").verdicts


class _Draws:
    """A predictor whose map is the truth and one invention beside it, as sure as it is told."""

    postprocessing = PostprocessingConfig(mask_threshold=0.25, presence_threshold=0.19)

    def search(self, volume, *, slices, postprocessing):
        assert postprocessing.classifier is None
        hu = volume.array
        probability = np.where(hu < -500, 0.9, np.where(hu > 500, 0.4, 0.0)).astype(np.float16)
        liver = np.ones(hu.shape, bool)
        search = Search(volume, tuple(slices))
        return CandidateSet.from_map(search, probability, LiverMap(liver), postprocessing)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(4):
        hu = rng.normal(100, 5, (5, 60, 60)).astype(np.float32)
        label = np.ones(hu.shape, np.uint8)
        label[4] = 0  # outside the liver nothing is searched
        hu[1:4, 10:20, 10:20] = -600
        label[1:4, 10:20, 10:20] = 2
        hu[1:4, 40:50, 40:50] = 600
        (tmp_path / f"case{n}").mkdir()
        for kind, array in (("image", hu), ("label", label)):
            stored = sitk.GetImageFromArray(array)
            stored.SetSpacing((1.0, 1.0, 3.0))
            sitk.WriteImage(stored, str(tmp_path / f"case{n}" / f"{kind}.nii.gz"))
    manifest = "case,patient_group,kind\ncase0,p0,\ncase1,p0,\ncase2,p2,\ncase3,p3,liver_only\n"
    (tmp_path / "manifest.csv").write_text(manifest)
    return tmp_path


def test_candidates_are_gathered_from_cases_whose_lesions_are_known(folder):
    seen = []
    cases = list_cases(folder)
    table = gather_candidates(_Draws(), cases, lambda case, n: seen.append((case.name, n)))
    assert seen == [("case0", 2), ("case1", 2), ("case2", 2)]
    assert table.patients == ("p0",) * 4 + ("p2",) * 2
    assert sorted(table.lesion[:2].tolist()) == [False, True]
    assert table.features.shape == (6, len(FEATURES))
    assert table.longest_mm == pytest.approx(14, abs=1.5)


def test_the_command_writes_a_classifier_for_a_release(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "lsms_core.inference.predictor.Predictor.from_pretrained",
        lambda *_, **__: _Draws(),
    )
    output = tmp_path / "classifier.json"
    run = CliRunner().invoke(
        command, [str(folder), "--weights", "any", "--output", str(output), "--threshold", "0.4"]
    )
    assert run.exit_code == 0, run.output
    assert "all: 3 of 6 candidates are lesions; of the 3 kept 3" in run.output
    classifier = CandidateClassifier.from_dict(json.loads(output.read_text()))
    assert classifier.threshold == 0.4
    assert classifier.weights[FEATURES.index("mean")] > 0


def test_each_fold_is_searched_by_the_model_that_was_kept_from_it(folder, tmp_path, monkeypatch):
    asked = []

    class Notes(_Draws):
        def __init__(self, name):
            self.name = name

        def search(self, volume, **options):
            asked.append(self.name)
            return super().search(volume, **options)

    monkeypatch.setattr(
        "lsms_core.inference.predictor.Predictor.from_pretrained",
        lambda name, *_, **__: Notes(name),
    )
    folds = []
    for name, cases in (("first", ["case0", "case1"]), ("second", ["case1", "case2", "case3"])):
        split = tmp_path / f"{name}.json"
        split.write_text(json.dumps({"trained": [], "held_out": cases}))
        folds += ["--weights", name, "--only", str(split)]
    output = ["--output", str(tmp_path / "classifier.json")]
    run = CliRunner().invoke(command, [str(folder), *folds, *output])
    assert run.exit_code == 0, run.output
    assert asked == ["first", "first", "second"]
    assert "all: 3 of 6 candidates are lesions" in run.output
    run = CliRunner().invoke(command, [str(folder), *folds[:-2], *output])
    assert isinstance(run.exception, InputError)
    assert "one --only" in str(run.exception)
    (tmp_path / "first.json").write_text('{"kept": []}')
    run = CliRunner().invoke(command, [str(folder), *folds, *output])
    assert isinstance(run.exception, InputError)
    assert "is no split" in str(run.exception)
