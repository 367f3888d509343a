"""A model on disk is complete, and a changed byte is refused."""

from __future__ import annotations

import json

import pytest
import torch

from lsms_core.errors import BundleError, OutputError
from lsms_core.models.bundle import inspect_bundle, load_bundle, save_bundle
from Testing.core.models_tiny import random_bundle


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return random_bundle(
        tmp_path_factory.mktemp("bundle") / "small",
        preprocessing={"spacing_mm": 1.5},
        card="# Small\n",
        version="0.0.1",
    )


@pytest.fixture
def copied(saved, tmp_path):
    import shutil

    return shutil.copytree(saved[1], tmp_path / "small")


def test_a_loaded_bundle_gives_the_same_answer(saved):
    model, path = saved
    bundle = load_bundle(path)
    tokens = bundle.tokenizer("left lobe lesion", return_tensors="pt")
    assert tokens["input_ids"].tolist() == [[2, 5, 7, 8, 3]]
    image = torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        a = model(image, tokens["input_ids"], tokens["attention_mask"]).logits
        b = bundle.model(image, tokens["input_ids"], tokens["attention_mask"]).logits
    assert torch.equal(a, b)
    assert bundle.preprocessing == {"spacing_mm": 1.5}
    assert bundle.card == "# Small\n"


def test_a_bundle_is_found_by_name(saved, monkeypatch):
    monkeypatch.setenv("LSMS_MODELS", str(saved[1].parent))
    assert inspect_bundle("small").version == "0.0.1"
    with pytest.raises(BundleError, match="No model 'absent'"):
        inspect_bundle("absent")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "MODEL_CARD.md"])
def test_a_changed_byte_is_refused(copied, name):
    file = copied / name
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} was altered"):
        load_bundle(copied)


def test_a_missing_and_an_added_file_are_refused(copied):
    (copied / "extra.pt").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"extra\.pt"):
        load_bundle(copied)
    (copied / "extra.pt").unlink()
    (copied / "model.safetensors").unlink()
    with pytest.raises(BundleError, match="lacks model"):
        load_bundle(copied)


def test_another_format_is_refused_even_unverified(copied):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(BundleError, match="format 99"):
        load_bundle(copied, verify=False)


def test_weights_that_do_not_fit_are_refused(copied):
    config = json.loads((copied / "config.json").read_text())
    config["model"]["decoder_width"] = 64
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match="do not fit"):
        load_bundle(copied, verify=False)


def test_a_bundle_that_cannot_be_written_leaves_nothing(saved, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="Cannot write"):
        save_bundle(
            tmp_path / "file" / "small",
            saved[0],
            None,
            preprocessing={},
            postprocessing={},
            card="",
            name="small",
            version="0",
        )
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
