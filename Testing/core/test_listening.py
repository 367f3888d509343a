"""LSMS listens for looks that nothing measures: what it learns, what is measured, what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.cli.fit_evidence import command as fit_command
from lsms_core.dataset.look_pictures import LookConfig, LookPictures
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import list_cases, load_case
from lsms_core.errors import BundleError, InputError
from lsms_core.inference.candidate_looks import looking_like, needs_looks
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.inference.evidence import MOST_SLICES, see_looks
from lsms_core.inference.evidence_calibration import EvidenceCalibration, LookCalibration
from lsms_core.inference.pipeline import Run
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.language.read import read
from lsms_core.language.unmeasured import LOOKS, PLAIN, TAUGHT, WORDS, looks_in
from lsms_core.models.architectures import without_outlines
from lsms_core.models.bundle import load_bundle
from lsms_core.training.config import TrainingConfig
from lsms_core.training.listening import lesions_loss, new_listening_run
from lsms_core.training.look_evidence import LookTable, area, fit_evidence
from lsms_core.training.run import train
from lsms_core.training.text import load_text_encoder
from lsms_core.worker.messages import candidates_from, candidates_message
from Testing.core.models_tiny import saved, tiny_lsms
from Testing.core.training_tiny import write_cases, write_text_encoder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_networks")]

GRID = PreprocessingConfig(spacing_mm=4.0, height=64, width=80)
NETWORK = {"dims": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "decoder_width": 32, "detail": (4, 8)}
LOOK = LookConfig(crop=(48, 64), diameter_mm=(25.0, 40.0))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Cases, a network that draws, and one that reads."""
    root = tmp_path_factory.mktemp("listening")
    cases = write_cases(root / "cases")
    draws = TrainingConfig(
        cases=str(cases), text_free=True, network=NETWORK, align_stride=4, samples=2, batch_size=2,
        preprocessing=GRID,
    )  # fmt: skip
    encoder, tokenizer = load_text_encoder(str(write_text_encoder(root / "bert")), 2)
    reads = tiny_lsms()
    reads.text_encoder.load_state_dict(encoder.state_dict())
    return {
        "cases": cases,
        "draws": train(draws, root / "draws"),
        "reads": saved(root / "reads", reads, tokenizer),
    }


@pytest.fixture(scope="module")
def listening(folders, tmp_path_factory) -> Path:
    return train(config_of(folders), tmp_path_factory.mktemp("runs") / "listening")


def config_of(folders, **changes) -> TrainingConfig:
    return TrainingConfig(
        cases=str(folders["cases"]), start_from=str(folders["draws"]),
        listen_with=str(folders["reads"]), samples=4, batch_size=2, preprocessing=GRID, looks=LOOK,
        **changes,
    )  # fmt: skip


def test_the_eyes_can_learn_along(folders):
    run, _ = new_listening_run(config_of(folders, eyes_learn=True))
    learns = {n for n, p in run.model.named_parameters() if p.requires_grad}
    assert any(n.startswith("lsms.encoder.") for n in learns)
    assert not any(n.startswith("text_encoder.") for n in learns)


def test_it_learns_to_listen_and_draws_as_before(folders, listening):
    before = load_bundle(folders["draws"]).model
    after = load_bundle(listening).model
    assert after.config.listens
    image = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        assert torch.equal(before.lsms.draw(image), after.lsms.draw(image))
    run, _ = new_listening_run(config_of(folders))
    fresh, trained = run.model.state_dict(), after.state_dict()
    moved = {n for n in fresh if not torch.equal(fresh[n].half(), trained[n].half())}
    assert any(".language." in n for n in moved)
    assert all(
        any(part in n for part in (".language.", "decoder.classify.", "text_head.", "pixel_head."))
        for n in moved
    )


def test_its_text_encoder_is_the_readers(folders, listening):
    reads = load_bundle(folders["reads"]).model.text_encoder.state_dict()
    listens = load_bundle(listening).model.text_encoder.state_dict()
    assert all(torch.equal(v, listens[k]) for k, v in reads.items())


def test_it_goes_on_from_what_another_has_heard(folders, listening):
    run, _ = new_listening_run(replace(config_of(folders), listen_with=str(listening)))
    heard = load_bundle(listening).model.state_dict()
    language = [n for n in heard if ".language." in n]
    assert all(torch.equal(run.model.state_dict()[n], heard[n]) for n in language)


def test_a_run_that_listens_needs_both_networks(folders):
    with pytest.raises(InputError, match="start_from"):
        new_listening_run(replace(config_of(folders), start_from=None))
    with pytest.raises(BundleError, match="only draws"):
        new_listening_run(replace(config_of(folders), start_from=str(folders["reads"])))


def test_pictures_are_a_function_of_their_number_and_know_what_they_show(folders):
    arrays = [load_case(case, GRID) for case in list_cases(folders["cases"])]
    one, two = (LookPictures(arrays, GRID, LOOK, seed=3, count=20) for _ in range(2))
    shown = 0
    for index in (7, 0, 12, 3):
        a, b = one[index], two[index]
        assert torch.equal(a["image"], b["image"])
        assert a["texts"] == b["texts"]
        assert a["texts"][-1] == PLAIN
        assert a["named"].shape[0] == len(LOOKS) + 1
        assert not a["named"][:, 0].any()
        assert a["named"][-1, 1:].all(), "the plain text names every lesion"
        assert (a["named"][:-1].sum(dim=0) <= 1).all(), "a lesion has one look at most"
        shown += int(a["named"][:-1].sum())
    assert shown > 0


def test_texts_that_are_kept_back_are_never_taught():
    for look in LOOKS:
        words = WORDS[look]
        assert not set(words.taught) & set(words.kept_back)
        for text in (*words.taught, *words.kept_back, words.asked):
            said = read(text.format(n="lesion"))
            assert said.understood
            if "bright border" not in text:
                assert looks_in(said.unread) == (look,), text


def test_the_loss_of_lesions_counts_each_lesion_once():
    logits = torch.zeros(1, 8, 8)
    lesions = torch.zeros(1, 8, 8, dtype=torch.long)
    lesions[0, :4, :4], lesions[0, 6, 6], lesions[0, 0, 7] = 1, 2, -1
    logits[0, :4, :4], logits[0, 6, 6] = 20.0, -20.0
    right = lesions_loss(logits, lesions, [torch.tensor([False, True, False])])
    wrong = lesions_loss(logits, lesions, [torch.tensor([False, True, True])])
    assert right < 1e-6
    assert wrong == pytest.approx(10.0, rel=1e-3)


def table(strength: float, patients: int = 6) -> LookTable:
    rng = np.random.default_rng(0)
    shown = rng.random(120) < 0.4
    mean = {look: rng.normal(size=120) for look in LOOKS}
    mean["rim"] = mean["rim"] + strength * shown
    names = np.array([f"p{n % patients}" for n in range(120)])
    return LookTable(mean, rng.normal(size=120), dict.fromkeys(LOOKS, shown), names)


def test_a_look_counts_where_it_beats_chance():
    strong = fit_evidence(table(3.0))
    assert set(strong.looks) == {"rim"}
    seen = strong.looks["rim"]
    assert seen.auc[1] > 0.9
    assert seen.probability(4.0) > 0.9 > 0.2 > seen.probability(-1.0)
    assert fit_evidence(table(0.0)).looks == {}
    again = EvidenceCalibration.from_dict(json.loads(json.dumps(strong.to_dict())))
    assert again.looks["rim"].weight == seen.weight


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    values = np.array([0.1, 0.4, 0.4, 0.8])
    truth = np.array([False, True, False, True])
    assert area(values, truth, np.array(list("abab")))[0] == pytest.approx(3.5 / 4)


def test_unknown_looks_are_refused():
    with pytest.raises(BundleError, match="newer version"):
        EvidenceCalibration.from_dict({"looks": {"shiny": {}}})


class Looks:
    """Sees a look in what is bright; counts how often it is asked."""

    name = "lsms"
    device = "cpu"
    text_free = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, text: str):
        return text

    def probabilities(self, images, texts):
        self.asked += texts
        seen = np.where(images[:, 1] > 0.5, 0.9, 0.1)
        plain = np.array([text == PLAIN for text in texts])[:, None, None]
        return np.where(plain, 0.5, seen).astype(np.float32)


CALIBRATED = EvidenceCalibration({"rim": LookCalibration(1.0, 0.0, (0.9, 0.8, 1.0))})


@pytest.fixture
def candidates() -> CandidateSet:
    array = np.full((9, 64, 64), 50, np.int16)
    labels = np.zeros(array.shape, np.uint16)
    labels[1:8, 10:24, 10:24], labels[3:6, 40:50, 40:50] = 1, 2
    array[labels == 1] = 220
    volume = CTVolume(array, np.diag([-2.0, -2.0, 3.0, 1.0]))
    return CandidateSet.from_labels(Search(volume, tuple(range(9))), labels)


def seen(candidates, engine):
    config = PostprocessingConfig(evidence=CALIBRATED)
    preprocessing = PreprocessingConfig(spacing_mm=2.0, height=64, width=64, crop="none")
    return see_looks(
        replace(candidates, config=config), engine, preprocessing, Run(lambda: 2, lambda *_: None)
    )


def test_a_lesion_without_the_look_is_kept_in_doubt(candidates):
    engine = Looks()
    answer = seen(candidates, engine).answer("rim-enhancing lesion")
    assert set(engine.asked) == {WORDS["rim"].asked, PLAIN}
    assert len(engine.asked) <= 2 * 2 * MOST_SLICES
    one, two = answer.candidates.lesions
    assert one.evidence == pytest.approx(0.9, abs=0.02)
    assert two.evidence == pytest.approx(0.1, abs=0.02)
    assert answer.verdict(1).decision == "kept"
    assert answer.verdict(2).decision == "doubtful"
    assert answer.verdict(2).reasons == ("hardly looks rim-enhancing (10%)",)
    assert TAUGHT in answer.notes
    assert "Not read: rim-enhancing." in answer.notes


@pytest.mark.parametrize("text", ["lesion", "necrotic lesion", "calcified lesion", "no lesion"])
def test_a_text_without_a_look_that_was_taught_needs_nothing_of_the_network(candidates, text):
    ready = replace(candidates, config=PostprocessingConfig(evidence=CALIBRATED))
    assert needs_looks(ready, "ring-enhancing lesion")
    assert not needs_looks(ready, text)
    answer = seen(candidates, Looks()).answer(text)
    assert all(one.evidence is None for one in answer.candidates.lesions)
    assert TAUGHT not in answer.notes


def test_what_was_seen_is_not_asked_for_again_and_outlives_another_cut(candidates):
    found = seen(candidates, Looks())
    assert not needs_looks(found, "rim-enhancing lesion")
    # The other way round: the smaller lesion comes first.
    labels = np.where(candidates.labels > 0, 3 - candidates.labels, 0).astype(np.uint16)
    cut = looking_like(replace(found, labels=labels, looks=None), found)
    assert cut.looks == {1: found.looks[2], 2: found.looks[1]}


def test_looks_reach_another_process(candidates):
    found = seen(candidates, Looks())
    fields, arrays = candidates_message(found, None)
    fields = json.loads(json.dumps(fields))
    again = candidates_from({**fields, "axis": 0, "slices": None}, arrays, found.search.volume)
    assert again.looks == found.looks
    assert again.answer("rim-enhancing lesion").to_dict() == (
        found.answer("rim-enhancing lesion").to_dict()
    )


def test_lsms_can_draw_alone(listening, folders):
    model = load_bundle(listening).model
    assert without_outlines(model) is model, "there is no U-Net in it"
    with pytest.raises(BundleError, match="draws by itself"):
        without_outlines(load_bundle(folders["reads"]).model)


def test_the_command_says_what_the_looks_are_worth(folders, listening, tmp_path):
    output = tmp_path / "evidence.json"
    run = CliRunner().invoke(
        fit_command,
        [str(folders["cases"]), "--weights", str(listening), "--pictures", "6", "--output",
         str(output)],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "area under the ROC curve" in run.output
    EvidenceCalibration.from_dict(json.loads(output.read_text()))
    run = CliRunner().invoke(
        fit_command,
        [str(folders["cases"]), "--weights", str(folders["reads"]), "--output", str(output)],
    )
    assert isinstance(run.exception, InputError)
