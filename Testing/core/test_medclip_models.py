"""BiomedCLIP and SAM are read from their published formats; each stage does its part."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional as F

from lsms_core.errors import BundleError, InputError
from lsms_core.models.medclip_sam import gscorecam, m2ib
from lsms_core.models.medclip_sam.gscorecam import ChannelScores
from lsms_core.models.medclip_sam.medclip_config import M2ibConfig, MedClipSamConfig
from lsms_core.models.medclip_sam.open_clip_format import (
    PICKLE_NAME,
    WEIGHTS_NAME,
    convert_pickle,
    load_clip,
)
from lsms_core.models.medclip_sam.sam import Prompt, Sam, make_prompts, spread_points
from Testing.core.medclip_tiny import CLIP, write_clip, write_sam

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    return write_clip(root / "biomedclip"), write_sam(root / "sam")


@pytest.fixture(scope="module")
def clip(folders):
    return load_clip(folders[0])


@pytest.fixture(scope="module")
def sam(folders):
    return Sam.load(folders[1])


def test_sizes_follow_from_the_weights(clip):
    model, tokenizer = clip
    assert model.config.vision == CLIP.vision
    assert model.config.text == CLIP.text
    assert tokenizer("breast tumor")["input_ids"][0] == 2


def test_names_are_those_of_the_published_weights(folders):
    names = set(load_file(folders[0] / WEIGHTS_NAME))
    for name in (
        "logit_scale",
        "visual.trunk.cls_token",
        "visual.trunk.pos_embed",
        "visual.trunk.patch_embed.proj.weight",
        "visual.trunk.blocks.3.attn.qkv.bias",
        "visual.trunk.blocks.3.mlp.fc2.weight",
        "visual.trunk.norm.weight",
        "visual.head.proj.weight",
        "text.transformer.embeddings.word_embeddings.weight",
        "text.transformer.encoder.layer.0.attention.self.query.weight",
        "text.proj.0.weight",
        "text.proj.2.weight",
    ):
        assert name in names
    assert not any("pooler" in name for name in names)


def test_a_text_embeds_alike_alone_and_beside_a_longer_one(clip):
    model, tokenizer = clip
    with torch.no_grad():
        alone = model.embed_texts(["brain tumor"], tokenizer)[0]
        beside = model.embed_texts(["brain tumor", "a dark lesion of the left lung"], tokenizer)
    torch.testing.assert_close(alone, beside[0], atol=1e-5, rtol=1e-4)
    assert float(alone.norm()) == pytest.approx(1.0, abs=1e-5)


def test_old_position_ids_are_no_obstacle(folders, tmp_path):
    from safetensors.torch import save_file

    folder = shutil.copytree(folders[0], tmp_path / "old")
    # Copies: what safetensors reads is mapped from the file that is replaced below.
    state = {name: t.clone() for name, t in load_file(folder / WEIGHTS_NAME).items()}
    state["text.transformer.embeddings.position_ids"] = torch.arange(24)[None]
    save_file(state, folder / WEIGHTS_NAME)
    assert torch.equal(load_clip(folder)[0].state_dict()["logit_scale"], state["logit_scale"])


def test_a_pickle_is_never_loaded_but_converted_on_request(folders, tmp_path):
    folder = shutil.copytree(folders[0], tmp_path / "published")
    state = load_file(folder / WEIGHTS_NAME)
    (folder / WEIGHTS_NAME).unlink()
    torch.save(state, folder / PICKLE_NAME)
    with pytest.raises(BundleError, match="lsms medclip-sam convert"):
        load_clip(folder)
    convert_pickle(folder / PICKLE_NAME, folder / WEIGHTS_NAME)
    assert torch.equal(load_clip(folder)[0].visual.trunk.cls_token, state["visual.trunk.cls_token"])


class _Evil:
    def __reduce__(self):
        return (print, ("unpickled code ran",))


def test_a_pickle_with_code_is_refused(tmp_path, capsys):
    bad = tmp_path / "bad.bin"
    torch.save({"x": _Evil()}, bad)
    with pytest.raises(InputError, match="not to be trusted"):
        convert_pickle(bad, tmp_path / "out.safetensors")
    bad.write_bytes(pickle.dumps(_Evil(), protocol=2))
    with pytest.raises(InputError):
        convert_pickle(bad, tmp_path / "out.safetensors")
    torch.save({"x": torch.zeros(2), "y": 3}, bad)
    with pytest.raises(InputError, match="table of tensors"):
        convert_pickle(bad, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda c: c["model_cfg"]["vision_cfg"].update(timm_model_name="convnext_base"),
            "convnext",
        ),
        (lambda c: c["model_cfg"].pop("text_cfg"), "text tower"),
        (lambda c: c["model_cfg"]["text_cfg"].update(hf_proj_type="none"), "hf_proj_type"),
        (lambda c: c["model_cfg"]["text_cfg"].update(hf_proj_type="linear"), "not those of a ViT"),
    ],
)
def test_other_architectures_are_refused(folders, tmp_path, edit, message):
    folder = shutil.copytree(folders[0], tmp_path / "other")
    file = folder / "open_clip_config.json"
    config = json.loads(file.read_text())
    edit(config)
    file.write_text(json.dumps(config))
    with pytest.raises(BundleError, match=message):
        load_clip(folder)


def test_sam_names_what_it_lacks(folders, tmp_path):
    folder = shutil.copytree(folders[1], tmp_path / "sam")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BundleError, match=r"lacks model\.safetensors"):
        Sam.load(folder)


def _state(clip_model, seed=0):
    grey = torch.rand((1, 1, 64, 64), generator=torch.Generator().manual_seed(seed))
    visual = clip_model.visual
    with torch.no_grad():
        pixels = clip_model.normalise(grey)
        tokens = visual.tokens(pixels)
        before_last = visual.run(tokens, 0, CLIP.vision.depth - 1)
    return pixels, tokens, before_last


@pytest.mark.parametrize("first", [0, 2, 3, 4])
def test_the_class_token_alone_is_that_of_the_whole_last_block(clip, first):
    model, _ = clip
    x = torch.randn((3, 17, 64), generator=torch.Generator().manual_seed(first))
    whole, alone = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    expected = model.visual.embed(model.visual.run(whole, first))
    found = model.visual.finish(alone, first)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    for result in (expected, found):
        result.square().sum().backward()
    torch.testing.assert_close(alone.grad, whole.grad, atol=1e-5, rtol=1e-4)


def test_gscorecam_is_the_softmax_of_the_masked_pictures_scores(clip):
    """The whole of the method again, written down without batches or caches."""
    model, tokenizer = clip
    pixels, _, before_last = _state(model)
    text = model.embed_texts(["breast tumor"], tokenizer)[0].detach()
    keep = 5
    found = gscorecam.saliency(
        model, ChannelScores(model, pixels, before_last), text, keep, batch=2
    )
    block = model.visual.trunk.blocks[-1]
    normed = block.norm1(before_last).detach().requires_grad_(True)
    (
        F.normalize(model.visual.embed(block.after_norm(before_last, normed)), dim=-1) @ text
    ).backward()
    order = normed.grad[0, 1:].mean(dim=0).argsort(descending=True)[:keep]
    maps, scores = [], []
    for channel in order:
        plane = normed.detach()[0, 1:, channel].reshape(1, 1, 4, 4)
        full = F.interpolate(plane, (64, 64), mode="bilinear")
        mask = (full - full.min()) / (full.max() - full.min())
        with torch.no_grad():
            scores.append(model.image_embedding(pixels * mask)[0] @ text)
        maps.append(plane)
    weights = (model.logit_scale.exp() * torch.stack(scores)).softmax(0)
    total = sum(w * m for w, m in zip(weights, maps, strict=True))
    total = F.interpolate(total, (64, 64), mode="bilinear")[0, 0].relu()
    expected = ((total - total.min()) / (total.max() - total.min())).detach()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_masked_embeddings_are_shared_by_texts(clip, monkeypatch):
    model, tokenizer = clip
    pixels, _, before_last = _state(model)
    scores = ChannelScores(model, pixels, before_last)
    counted = []
    original = model.image_embedding
    monkeypatch.setattr(
        model, "image_embedding", lambda x: (counted.append(len(x)), original(x))[1]
    )
    for text in ("breast tumor", "left lung"):
        embedding = model.embed_texts([text], tokenizer)[0].detach()
        gscorecam.saliency(model, scores, embedding, 64, batch=50)
    assert counted == [50, 14]  # all 64 channels once, in batches


def test_m2ib_optimises_the_map_for_the_text(clip):
    model, tokenizer = clip
    _, tokens, _ = _state(model)
    features = model.visual.run(tokens, 0, 2).detach()
    config = M2ibConfig(blocks_after=2, steps=10, samples=4)
    a, b = (model.embed_texts([t], tokenizer)[0].detach() for t in ("brain tumor", "left lung"))
    first = m2ib.saliency(model, features, a, config)
    assert torch.equal(first, m2ib.saliency(model, features, a, config))
    assert not torch.equal(first, m2ib.saliency(model, features, b, config))
    assert float(first.min()) == 0.0
    assert float(first.max()) == pytest.approx(1.0)


def test_divergence_is_that_of_two_gaussians():
    alpha = torch.tensor([-2.0, 0.3, 4.0], dtype=torch.float64)
    r = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    passed = alpha.sigmoid()
    p = torch.distributions.Normal(passed * r, 1 - passed)
    q = torch.distributions.Normal(torch.zeros_like(r), torch.ones_like(r))
    torch.testing.assert_close(m2ib.divergence(alpha, r), torch.distributions.kl_divergence(p, q))
    # Letting more pass is never cheaper.
    grid = torch.linspace(-6, 6, 100, dtype=torch.float64)
    assert (m2ib.divergence(grid, torch.tensor(1.0)).diff() > 0).all()


@pytest.fixture
def two_blobs():
    mask = np.zeros((40, 60), bool)
    mask[5:15, 10:30] = True
    mask[25:30, 40:50] = True
    return mask


def test_prompts(two_blobs):
    (box,) = make_prompts(two_blobs, "box", 10)
    assert box.box == (10, 5, 30, 15)
    assert len(box.points) == 0
    assert [p.box for p in make_prompts(two_blobs, "boxes", 10)] == [
        (10, 5, 30, 15),
        (40, 25, 50, 30),
    ]
    (points,) = make_prompts(two_blobs, "points", 10)
    assert points.box is None
    assert points.points.shape == (10, 2)
    (both,) = make_prompts(two_blobs, "box+points", 10)
    assert both.box == box.box
    assert np.array_equal(both.points, points.points)
    assert make_prompts(np.zeros((5, 5), bool), "box", 10) == []


@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 1000))
def test_points_lie_apart_inside_the_mask(count, pixels, seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((9, 11), bool)
    mask.flat[rng.choice(99, pixels, replace=False)] = True
    points = spread_points(mask, count)
    assert len(points) == min(count, pixels) == len({tuple(p) for p in points})
    assert all(mask[int(y), int(x)] for x, y in points)


@pytest.mark.parametrize("shape", [(64, 64), (40, 60), (90, 30)])
@pytest.mark.parametrize("kind", ["box", "boxes", "points", "box+points"])
@pytest.mark.parametrize("choice", ["single", "best"])
def test_sam_answers_on_the_pictures_grid(sam, shape, kind, choice):
    mask = np.zeros(shape, bool)
    mask[5:15, 10:25] = mask[30:35, 3:9] = True
    grey = torch.rand((1, 1, *shape), generator=torch.Generator().manual_seed(0))
    embedding = sam.embed(grey)
    prompts = make_prompts(mask, kind, 4)
    found = sam.segment(embedding, prompts, shape, choice)
    assert found.shape == shape
    assert ((found >= 0) & (found <= 1)).all()
    assert np.array_equal(found, sam.segment(embedding, prompts, shape, choice))


def test_sams_answer_follows_the_prompt_and_boxes_join(sam):
    embedding = sam.embed(torch.rand((1, 1, 64, 64), generator=torch.Generator().manual_seed(0)))
    none = np.zeros((0, 2), np.float32)
    boxes = [Prompt((2.0, 2.0, 20.0, 20.0), none), Prompt((40.0, 30.0, 60.0, 62.0), none)]
    one, two = (sam.segment(embedding, [b], (64, 64), "single") for b in boxes)
    assert not np.allclose(one, two)
    both = sam.segment(embedding, boxes, (64, 64), "single")
    np.testing.assert_allclose(both, np.maximum(one, two), atol=1e-6)


def test_sams_picture_is_scaled_and_padded(sam):
    pixels = sam.pixels(torch.full((1, 1, 20, 40), 0.75))
    assert pixels.shape == (1, 3, 64, 64)
    # (0.75 - 0.5) / 0.25, by the preprocessor's own mean and standard deviation
    torch.testing.assert_close(pixels[0, :, :32], torch.ones(3, 32, 64))
    assert not pixels[0, :, 32:].any()


def test_configuration_is_read_back_and_checked():
    config = MedClipSamConfig.version("v2")
    assert (config.saliency, config.cleanup) == ("m2ib", "kmeans")
    assert MedClipSamConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(BundleError, match="v1 or v2"):
        MedClipSamConfig.version("v3")
    with pytest.raises(BundleError, match="Unknown saliency"):
        MedClipSamConfig(saliency="gradcam")
    with pytest.raises(BundleError, match="newer version"):
        MedClipSamConfig.from_dict({"crf": {"sigma": 1}})
