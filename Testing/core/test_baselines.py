"""LAVT and the U-Net: built, trained, saved and asked as LSMS is; the U-Net's oracle."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertTokenizer

from lsms_core.benchmarking.floors import compare, comparison_table
from lsms_core.dataset.records import Record, write_records
from lsms_core.errors import BundleError, InputError
from lsms_core.evaluation.oracle import NOTE, keep_named
from lsms_core.inference.predictor import Predictor
from lsms_core.models.architectures import ARCHITECTURES, new_model
from lsms_core.models.baselines.lavt import LAVTModel, lavt_config
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from lsms_core.models.bundle import load_bundle, save_bundle
from lsms_core.models.lsms.losses import LSMSLoss
from lsms_core.models.lsms.outline import Outline
from lsms_core.models.lsms.text_encoder import TextEncoder
from lsms_core.models.manifest import write_manifest
from lsms_core.training.config import TrainingConfig
from lsms_core.training.run import build, train
from Testing.core.training_tiny import BERT, VOCABULARY, tiny_run, write_cases, write_text_encoder

# Lightning's advice about worker processes and batch counts is meant for real runs.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
]

SIZES = [(64, 64), (65, 97), (127, 64)]
FLOORS = [name for name in ARCHITECTURES if name != "lsms"]


def make(name):
    """A small model whose fresh weights already answer with something."""
    torch.manual_seed(0)
    if name == "unet":
        model = UNetModel(UNetConfig(dims=(8, 8, 8, 16, 16, 8)))
        classify = model.lsms.outline.classify
    else:
        shape = {"dims": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "decoder_width": 16}
        config = lavt_config("tiny", text_width=16, contrast_width=8, **shape)
        model = LAVTModel(config, TextEncoder.from_config(BERT))
        classify = model.lsms.decoder.classify
    with torch.no_grad():
        classify.bias.zero_()
        classify.weight.mul_(8)
    return model


def text(batch, words=5):
    ids = torch.randint(5, len(VOCABULARY), (batch, words))
    return ids, torch.ones_like(ids)


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize("size", SIZES)
def test_the_answer_has_the_pictures_size(name, size):
    model = make(name)
    image = torch.randn(2, 3, *size)
    trained = model(image, *text(2))
    assert trained.logits.shape == (2, 1, *size)
    if name == "unet":
        assert trained.drawn.shape == (2, 3, *size)
    else:
        assert trained.pixels.shape[:2] == (2, model.config.decoder_width)
    asked = model.eval()(image, *text(2))
    assert asked.logits.shape == (2, 1, *size)
    assert asked.pixels is None
    assert asked.pixel_embedding is None


@pytest.mark.parametrize("name", FLOORS)
def test_every_parameter_gets_a_gradient(name):
    model = make(name)
    target = torch.zeros(2, 1, 64, 96)
    target[:, :, 20:40, 30:60] = 1
    output = model(torch.randn(2, 3, 64, 96), *text(2))
    LSMSLoss()(output, target, target[:, 0].int())["loss"].backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # Softmax does not see what adds the same to every word.
    assert [n for n in without if not n.endswith("key.bias")] == []
    assert (output.pixel_embedding is None) == (name == "unet")


def test_lavt_reads_the_text_and_not_its_padding():
    model = make("lavt").eval()
    image, (ids, mask) = torch.randn(1, 3, 64, 96), text(1)
    with torch.inference_mode():
        answer = model(image, ids, mask).logits
        other = model(image, ids.flip(1) % 3 + 5, mask).logits
        padded = model(
            image, torch.nn.functional.pad(ids, (0, 3)), torch.nn.functional.pad(mask, (0, 3))
        ).logits
    assert (answer - other).abs().max() > 1e-3
    torch.testing.assert_close(padded, answer, rtol=1e-4, atol=1e-5)


def saved(name, folder):
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    return save_bundle(
        folder / name,
        make(name).eval(),
        BertTokenizer(str(folder / "vocab.txt")),
        preprocessing={"spacing_mm": 3.0, "height": 64, "width": 96},
        postprocessing={"presence_threshold": 0.01},
        card="# Floor\n",
        name=f"{name}-test",
        version="1",
        dtype="float32",
    )


@pytest.mark.parametrize("name", FLOORS)
def test_a_bundle_comes_back_as_it_was_and_answers(name, tmp_path, small_ct):
    folder = saved(name, tmp_path)
    model = make(name).eval()
    loaded = load_bundle(folder).model
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    image, words = torch.randn(1, 3, 64, 96), text(1)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(image, *words).logits, model(image, *words).logits)
    predictor = Predictor.from_pretrained(folder, "cpu")
    asked = ["left lobe lesion", "right lesion", "all"]
    first, *others = predictor.segment(small_ct(), asked, slices=2)
    assert first.probability.any()
    # Batches of one and of two differ in the last bits.
    apart = [np.abs(o.probability.astype(float) - first.probability).max() for o in others]
    assert max(apart) < 2e-3 if name == "unet" else min(apart) > 5e-3
    if name == "unet":
        assert all((o.mask != first.mask).mean() < 1e-3 for o in others)
        assert first.mask.any()
        assert not first.mask.all()


def test_a_bundle_without_an_architecture_is_lsms_and_an_unknown_one_is_refused(
    tiny_bundle, tmp_path
):
    config = json.loads((tiny_bundle / "config.json").read_text(encoding="utf-8"))
    assert config.pop("architecture") == "lsms"
    old = tmp_path / "old"
    old.mkdir()
    for file in tiny_bundle.iterdir():
        if file.name not in ("config.json", "manifest.json"):
            (old / file.name).symlink_to(file)
    (old / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_manifest(old)
    assert load_bundle(old, verify=False).model.architecture == "lsms"
    (old / "config.json").write_text(json.dumps({**config, "architecture": "x"}), "utf-8")
    with pytest.raises(BundleError, match="Unknown architecture 'x'"):
        load_bundle(old, verify=False)


def test_names_and_entries_that_do_not_exist_are_refused():
    encoder = TextEncoder.from_config(BERT)
    with pytest.raises(BundleError, match="Unknown architecture 'vnet'"):
        new_model("vnet", "tiny", encoder, 8)
    with pytest.raises(BundleError, match="Unknown U-Net 'large'"):
        new_model("unet", "large", encoder, 8)
    with pytest.raises(BundleError, match="newer version"):
        UNetConfig.from_dict({"colour": 1})


@pytest.mark.parametrize("size", SIZES)
def test_the_unet_is_monais(size):
    from monai.networks.nets import BasicUNet

    dims = (8, 8, 8, 16, 16, 8)
    theirs = BasicUNet(2, 3, 1, features=dims, bias=False).eval()
    theirs.final_conv = torch.nn.Identity()
    ours = Outline(3, dims).eval()
    ours.classify = torch.nn.Identity()
    # Both list what they hold in the order in which an image passes through it.
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    image = torch.randn(2, 3, *size)
    with torch.inference_mode():
        torch.testing.assert_close(ours(image), theirs(image))


def test_the_three_cost_about_the_same_and_an_outline_costs_what_the_unet_costs():
    lsms, outlined, lavt, unet = sizes = compare((176, 224))
    assert [s.architecture for s in sizes] == ["lsms", "lsms, outlined", "lavt", "unet"]
    assert outlined.gmacs == pytest.approx(lsms.gmacs + unet.gmacs, rel=0.01)
    assert outlined.parameters == pytest.approx(lsms.parameters + unet.parameters, rel=0.01)
    assert lavt.gmacs == pytest.approx(lsms.gmacs, rel=0.05)
    assert lsms.gmacs < unet.gmacs < 1.25 * lsms.gmacs
    assert f"{unet.gmacs:.2f}" in comparison_table((176, 224))


def test_the_shipped_configurations_differ_in_what_they_say_only():
    from lsms_core.training import configs

    root = configs.__path__[0]
    lavt, unet = (TrainingConfig.load(f"{root}/floor-{name}.json") for name in ("lavt", "unet"))
    # As many pictures a step and in the run: three texts about each, or none.
    texts = lavt.sampling.texts_per_image
    assert unet.sampling.texts_per_image == 1
    assert lavt.batch_size == texts * unet.batch_size
    assert lavt.samples == texts * unet.samples
    same = replace(
        unet,
        architecture="lavt",
        batch_size=lavt.batch_size,
        samples=lavt.samples,
        sampling=replace(unet.sampling, texts_per_image=texts),
    )
    assert same == lavt


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    encoder = write_text_encoder(tmp_path_factory.mktemp("bert"))
    return replace(tiny_run(write_cases(tmp_path_factory.mktemp("cases")), encoder), samples=4)


@pytest.mark.parametrize("name", FLOORS)
def test_a_run_ends_in_a_bundle_of_its_architecture(name, config, tmp_path):
    run = replace(config, architecture=name, fold=0)
    bundle = train(run, tmp_path / "run")
    loaded = load_bundle(bundle)
    assert loaded.model.architecture == name
    assert loaded.name == f"{name}-tiny"
    answer = Predictor.from_pretrained(bundle, "cpu").segment(
        np.zeros((60, 70), np.int16), "lesion", spacing_mm=(2.0, 2.0)
    )
    assert answer[0].mask.shape == (60, 70)
    with pytest.raises(InputError, match="make the two the same"):
        build(replace(run, architecture="lsms", start_from=str(bundle)))
    again = build(replace(run, start_from=str(bundle)))
    assert again.model.architecture == name


@pytest.mark.parametrize(("name", "matters"), [("unet", False), ("lavt", True)])
def test_only_the_unet_learns_every_lesion_whatever_is_named(name, matters, config):
    module = build(replace(config, architecture=name, anatomy_weight=0.0))
    module.log = lambda *_, **__: None
    module.eval()  # no dropped paths: the same answer twice, but without features for the anatomy
    module._anatomy_loss = lambda *_: torch.zeros(())
    lesions = torch.zeros(2, 64, 80, dtype=torch.int32)
    lesions[:, 10:20, 10:20], lesions[:, 40:50, 40:60] = 1, 2
    batch = {
        "image": torch.randn(2, 3, 64, 80),
        "text": ["left lobe lesion", "right lobe lesion"],
        "lesions": lesions,
        "anatomy": torch.zeros(2, 3, 64, 80),
    }
    with torch.no_grad():
        losses = [
            float(module.training_step({**batch, "target": (lesions == n)[:, None].float()}, 0))
            for n in (1, 2)
        ]
    assert (losses[0] != losses[1]) == matters


def test_the_oracle_keeps_what_lies_on_the_named_lesion():
    lesions = np.zeros((20, 30), np.int32)
    lesions[2:8, 2:8], lesions[2:8, 20:26], lesions[12:18, 2:8] = 1, 2, 3
    answer = np.zeros(lesions.shape, bool)
    answer[1:7, 1:9] = True  # on 1
    answer[2:8, 21:29] = True  # on 2
    answer[14:18, 15:20] = True  # on nothing
    one = np.zeros_like(answer)
    one[1:7, 1:9] = True
    assert (keep_named(answer, lesions, [1]) == one).all()
    assert (keep_named(answer, lesions, [1, 2]) == (answer & (np.arange(20) < 10)[:, None])).all()
    assert not keep_named(answer, lesions, [3]).any()
    assert not keep_named(answer, lesions, []).any()


def test_a_component_over_several_lesions_goes_to_the_one_it_covers_most():
    lesions = np.zeros((10, 30), np.int32)
    lesions[2:8, 2:12], lesions[2:8, 16:20], lesions[2:8, 24:28] = 1, 2, 3
    merged = np.zeros(lesions.shape, bool)
    merged[3:6, 1:21] = True
    assert (keep_named(merged, lesions, [1]) == merged).all()
    assert not keep_named(merged, lesions, [2]).any()
    even = np.zeros(lesions.shape, bool)
    even[3:6, 16:28] = True  # as much on 2 as on 3: most of it is on neither
    assert not keep_named(even, lesions, [2]).any()
    assert (keep_named(even, lesions, [2, 3]) == even).all()
    with pytest.raises(InputError, match="do not compare"):
        keep_named(even, lesions[1:], [2])


@given(st.integers(0, 2**32 - 1))
def test_the_oracle_never_adds_and_never_changes_its_mind(seed):
    rng = np.random.default_rng(seed)
    answer = rng.random((12, 15)) < 0.3
    lesions = rng.integers(0, 4, answer.shape)
    kept = keep_named(answer, lesions, [1, 2])
    assert not (kept & ~answer).any()
    assert (keep_named(kept, lesions, [1, 2]) == kept).all()
    assert not (kept & keep_named(answer, lesions, [3])).any()


@pytest.fixture
def two_bright(tmp_path):
    """Two bright lesions in one slice, each named by a record, and a text that names none."""
    image = np.full((3, 48, 64), 60, np.int16)
    label = np.zeros(image.shape, np.uint8)
    label[1, 10:22, 8:20], label[1, 26:38, 40:52] = 1, 2
    image[label > 0] = 200
    for name, array in (("image", image), ("label", label)):
        stored = sitk.GetImageFromArray(array)
        stored.SetSpacing((2.0, 2.0, 3.0))
        sitk.WriteImage(stored, str(tmp_path / f"{name}.nii.gz"))
    named = {"bright a": (1,), "bright b": (2,), "bright none": ()}
    write_records(
        tmp_path,
        [
            Record(f"r{n}", "image.nii.gz", "label.nii.gz", 0, 1, text, instances)
            for n, (text, instances) in enumerate(named.items())
        ],
    )
    return tmp_path


def test_evaluate_with_the_oracle_says_so(two_bright, small_bundle, bright_engine, lsms, tmp_path):
    def figures(*options):
        output = tmp_path / "report.json"
        ran = lsms(
            "evaluate", two_bright, "--weights", small_bundle, "--presence", 0.01, "--device",
            "cpu", "--output", output, *options,
        )  # fmt: skip
        assert ran.status == 0, ran.err
        return json.loads(output.read_text("utf-8")), output.with_suffix(".md").read_text("utf-8")

    plain, page = figures("--no-text-tests")
    assert "oracle" not in plain["about"]
    assert NOTE not in page
    assert plain["summary"]["no_target_accuracy"]["value"] == 0.0
    helped, page = figures("--oracle")
    assert helped["about"]["oracle"] == NOTE
    assert NOTE in page
    assert helped["summary"]["no_target_accuracy"]["value"] == 1.0
    assert helped["text_answers"] == helped["side_pairs"] == []
    named = [s["dice"] for s in plain["samples"] if s["target_area_mm2"]]
    with_oracle = [s["dice"] for s in helped["samples"] if s["target_area_mm2"]]
    assert max(named) < 0.75 < 0.85 < min(with_oracle)
