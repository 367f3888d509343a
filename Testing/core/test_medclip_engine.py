"""MedCLIP-SAM behind the predictor: bundle, pictures and CT, rejection, explanation, speed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.picture_files import read_picture, read_picture_mask, to_grey
from lsms_core.dataset.records import Record, write_records
from lsms_core.errors import BundleError, InputError
from lsms_core.evaluation.evaluate_records import evaluate
from lsms_core.inference.engine import ENGINES
from lsms_core.inference.explain import explain
from lsms_core.inference.medclip_engine import picture_predictor
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.predictor import Predictor
from lsms_core.models.bundle import load_bundle
from lsms_core.models.installed import default_weights, inspect_bundle
from lsms_core.models.medclip_sam import files
from lsms_core.models.medclip_sam.medclip_config import NEUTRAL_TEXTS, MedClipSamConfig
from lsms_core.models.medclip_sam.open_clip_format import PICKLE_NAME, WEIGHTS_NAME
from Testing.core.medclip_tiny import write_clip, write_sam

pytestmark = pytest.mark.slow

LOOSE = PostprocessingConfig(
    mask_threshold=0.1, presence_threshold=0.1, min_area_mm2=0.0, min_depth_mm=0.0
)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    return write_clip(root / "biomedclip"), write_sam(root / "sam")


@pytest.fixture(scope="module")
def models(published, tmp_path_factory):
    """Bundles: v1, v2, and v1 whose neutral texts never win ("any")."""
    root = tmp_path_factory.mktemp("models")
    files.assemble(*published, root / "medclip-sam", version="v1")
    files.assemble(*published, root / "v2", version="v2")
    eager = MedClipSamConfig(cleanup="kmeans", neutral_margin=-3.0, top_channels=8)
    files.assemble(*published, root / "any", eager)
    return root


def predictor(models, name, pictures=False):
    if not pictures:
        return Predictor.from_pretrained(models / name, "cpu")
    return picture_predictor(models / name, "cpu", LOOSE)


@pytest.fixture
def picture():
    rows, columns = np.indices((60, 90))
    return (40 + 200 * (np.hypot(rows - 20, columns - 60) < 12)).astype(np.uint8)


def test_both_engines_are_known_and_chosen_by_name(models, monkeypatch):
    assert set(ENGINES) == {"lsms", "medclip-sam"}
    monkeypatch.setenv("LSMS_MODELS", str(models))
    # The command line's default weights are the other engine's; the engine alone is enough.
    chosen = Predictor.from_pretrained("lsms-tiny", "cpu", "medclip-sam")
    assert (chosen.engine, chosen.name) == ("medclip-sam", "medclip-sam")
    assert default_weights("own-folder", "medclip-sam") == "own-folder"
    assert default_weights("lsms-tiny", None) == "lsms-tiny"
    with pytest.raises(BundleError, match="are for the engine"):
        Predictor.from_pretrained(models / "v2", "cpu", "lsms")


def test_absent_weights_say_what_goes_where(monkeypatch, tmp_path):
    monkeypatch.setenv("LSMS_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(BundleError) as caught:
        Predictor.from_pretrained("lsms-tiny", "cpu", "medclip-sam")
    for part in ("open_clip_config.json", "model.safetensors", "0.8 GB", "assemble", "fetch"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_changed_byte_of_a_part_is_refused(models, tmp_path):
    copy = shutil.copytree(models / "v2", tmp_path / "v2")
    file = copy / "sam" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError, match=r"sam/model\.safetensors was altered"):
        load_bundle(copy)


def test_parts_that_do_not_fit_make_no_bundle(published, tmp_path):
    clip = shutil.copytree(published[0], tmp_path / "clip")
    (clip / WEIGHTS_NAME).rename(clip / "weights.safetensors")
    with pytest.raises(BundleError, match=f"clip lacks {WEIGHTS_NAME}"):
        files.assemble(clip, published[1], tmp_path / "out" / "m")
    with pytest.raises(BundleError, match="is no folder"):
        files.assemble(tmp_path / "absent", published[1], tmp_path / "out" / "m")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_published_pickle_is_converted_only_when_asked(published, tmp_path):
    import torch
    from safetensors.torch import load_file

    clip = shutil.copytree(published[0], tmp_path / "clip")
    torch.save(load_file(clip / WEIGHTS_NAME), clip / PICKLE_NAME)
    (clip / WEIGHTS_NAME).unlink()
    with pytest.raises(BundleError, match="pickle"):
        files.assemble(clip, published[1], tmp_path / "m")
    made = files.assemble(clip, published[1], tmp_path / "m", convert=True)
    assert not list(made.rglob("*.bin"))
    assert inspect_bundle(made).engine == "medclip-sam"


def test_downloading_is_asked_of_the_hub_by_name(monkeypatch, tmp_path):
    import huggingface_hub

    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **k: asked.append((name, k))
    )
    files.fetch("v2", tmp_path)
    assert [name for name, _ in asked] == [files.CLIP_REPOSITORY, "facebook/sam-vit-huge"]
    assert asked[1][1]["local_dir"] == tmp_path / "sam"

    def fail(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(InputError, match="with a browser"):
        files.fetch("v1", tmp_path)


@pytest.mark.parametrize("name", ["medclip-sam", "v2", "any"])
def test_answers_on_a_ct_volumes_grid_and_always_the_same(models, name):
    rng = np.random.default_rng(0)
    array = rng.integers(-150, 200, (3, 40, 50)).astype(np.int16)
    volume = CTVolume(array, np.diag([-2.0, -2.0, 5.0, 1.0]))
    texts = ["breast tumor", "left lung lesion"]
    found = predictor(models, name).segment(volume, texts, slices=[0, 2], postprocessing=LOOSE)
    again = predictor(models, name).segment(volume, texts, slices=[0, 2], postprocessing=LOOSE)
    for a, b in zip(found, again, strict=True):
        assert a.mask.shape == volume.shape
        assert not a.mask[1].any()
        assert np.array_equal(a.probability, b.probability)
        assert a.engine == "medclip-sam"


@pytest.mark.parametrize("name", ["medclip-sam", "v2"])
def test_neutral_texts_find_nothing(models, name, picture):
    for result in predictor(models, name, pictures=True).segment(
        picture, list(NEUTRAL_TEXTS), spacing_mm=(1.0, 1.0)
    ):
        assert not result.present
        assert not result.mask.any()
        assert not result.probability.any()


def test_a_text_that_fits_is_answered_without_a_word_about_hounsfield(models, picture):
    result = predictor(models, "any", pictures=True).segment(
        picture, "breast tumor", spacing_mm=(1.0, 1.0)
    )[0]
    assert result.present
    assert result.mask.shape == picture.shape
    assert result.warnings == ()


def test_the_whole_picture_reaches_the_engine(models, picture):
    chosen = predictor(models, "any", pictures=True)
    seen = explain(chosen, picture, "tumor", spacing_mm=(1.0, 1.0)).pictures[0].picture / 255
    assert seen.shape == (512, 512, 3)
    seen = seen[..., 0]
    # 60 x 90 pixels on a 512 grid: full width, two thirds of the height.
    rows = np.flatnonzero(seen.max(axis=1) > 0.1)
    columns = np.flatnonzero(seen.max(axis=0) > 0.1)
    assert len(columns) == pytest.approx(512, abs=8)
    assert len(rows) == pytest.approx(512 * 60 / 90, abs=8)
    assert seen.max() == pytest.approx(240 / 255, abs=0.01)


def test_long_texts_are_cut_with_a_word_about_it(models, picture):
    result = predictor(models, "any", pictures=True).segment(
        picture, "left lung tumor " * 10, spacing_mm=(1.0, 1.0)
    )[0]
    assert any("first 16 tokens" in warning for warning in result.warnings)


def test_the_picture_is_embedded_once_for_all_its_texts(models, picture):
    chosen = predictor(models, "any", pictures=True)
    chosen.segment(picture, ["breast tumor", "left lung", "brain"], spacing_mm=(1.0, 1.0))
    report = chosen.model.stage_report().splitlines()
    calls = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in report[2:-1]}
    assert calls["image"] == calls["SAM image"] == "1"
    assert calls["saliency"] == calls["clean-up"] == calls["SAM prompts"] == "3"
    chosen.model.reset_stages()
    chosen.segment(picture, "dark lesion", spacing_mm=(1.0, 1.0))
    assert "| image |" not in chosen.model.stage_report()


def test_explanation_shows_every_stage_even_of_a_rejected_text(models, picture):
    shown = explain(
        predictor(models, "v2", pictures=True), picture, "a picture", spacing_mm=(1.0, 1.0)
    )
    assert "no better than a neutral" in shown.verdict
    assert [one.title for one in shown.pictures] == [
        "Slice",
        "Attention",
        "Where to look",
        "Finding",
    ]
    assert "turned down" in shown.pictures[3].caption
    assert set(shown.maps) == {"saliency", "coarse", "probability"}
    assert all(values.shape == picture.shape for values in shown.maps.values())
    assert shown.maps["saliency"].max() > 0
    assert not shown.maps["probability"].any()
    drawn = shown.draw()
    assert drawn.shape == (512, 4 * 512 + 12, 3)
    panels = [drawn[:, i * 516 : i * 516 + 512] for i in range(4)]
    assert np.array_equal(panels[0], panels[3])  # nothing was found
    assert not np.array_equal(panels[0], panels[1])
    assert (panels[2] == (255, 220, 0)).all(axis=-1).any()  # the box


def test_the_text_test_runs_through_the_predictor(models, tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(-100, 150, (2, 32, 32)).astype(np.int16)
    label = np.zeros(image.shape, np.int16)
    label[0, 4:12, 4:12], label[0, 20:28, 20:28] = 1, 2
    for name, array in (("image", image), ("label", label)):
        file = sitk.GetImageFromArray(array)
        file.SetSpacing((2.0, 2.0, 5.0))
        sitk.WriteImage(file, str(tmp_path / f"{name}.nii.gz"))
    write_records(
        tmp_path,
        [
            Record("a", "image.nii.gz", "label.nii.gz", 0, 0, "left lung lesion", (1,)),
            Record("b", "image.nii.gz", "label.nii.gz", 0, 0, "right lung lesion", (2,)),
        ],
    )
    table = evaluate(tmp_path, predictor(models, "any"))["text_tests"]
    assert table["gibberish"]["count"] == 1
    assert table["empty"]["answered"] == 0
    assert table["swapped"]["count"] == 1
    json.dumps(table)


def test_pictures_are_read_as_grey(tmp_path):
    colour = np.zeros((6, 7, 3), np.uint8)
    colour[..., 1] = 200
    sitk.WriteImage(sitk.GetImageFromArray(colour, isVector=True), str(tmp_path / "c.png"))
    assert read_picture(tmp_path / "c.png") == pytest.approx(np.full((6, 7), 117.4), abs=0.1)
    grey = np.arange(42, dtype=np.uint8).reshape(6, 7)
    sitk.WriteImage(sitk.GetImageFromArray(grey), str(tmp_path / "g.png"))
    assert np.array_equal(read_picture(tmp_path / "g.png"), grey)
    assert np.array_equal(read_picture_mask(tmp_path / "g.png"), grey > 20.5)
    assert to_grey(np.array([[0, 1000]], np.int16)).tolist() == [[0.0, 255.0]]
    with pytest.raises(InputError, match="missing"):
        read_picture(tmp_path / "absent.png")
    with pytest.raises(InputError, match="2-D picture"):
        to_grey(np.zeros((4, 5, 6)))
