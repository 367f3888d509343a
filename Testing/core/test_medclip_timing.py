"""The time of each stage: what is counted, what is kept, and the command."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest

from lsms_core.models.medclip_sam import timing
from lsms_core.models.medclip_sam.stages import StageClock
from lsms_core.models.medclip_sam.timing import measure, random_model, table
from Testing.core.medclip_tiny import CLIP, write_sam

pytestmark = pytest.mark.slow

SAM = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 64,
    "patch_size": 16,
    "global_attn_indexes": [1],
    "window_size": 2,
    "mlp_dim": 64,
}


def small(version, monkeypatch):
    """A small model of random weights, made as the large one is."""
    from transformers import SamConfig

    def with_small_prompts(**entries):
        prompts = {"image_size": 64, "patch_size": 16}
        return SamConfig(**entries, prompt_encoder_config=prompts)

    monkeypatch.setattr("transformers.SamConfig", with_small_prompts)
    shape = CLIP.text
    return random_model(version, type(CLIP)(CLIP.vision, type(shape)(60, 64, 1, 64, 80, 64)), SAM)


def test_a_stage_within_a_stage_counts_for_itself(monkeypatch):
    clock, now = StageClock(), [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: 2 * now[0])
    with clock.stage("saliency"):
        now[0] += 1
        for count in (50, 14):
            with clock.stage("masked pictures", count):
                now[0] += 10
        now[0] += 2
    with contextlib.suppress(ValueError), clock.stage("clean-up"):
        now[0] += 4
        raise ValueError
    times = clock.times()
    assert list(times) == ["saliency", "masked pictures", "clean-up"]
    assert [one.seconds for one in times.values()] == [3, 20, 4]
    assert [one.processor_seconds for one in times.values()] == [6, 40, 8]
    assert [one.calls for one in times.values()] == [1, 64, 1]
    assert "| masked pictures | 64 | 20.000 | 40.000 | 74 % |" in clock.report()
    clock.reset()
    assert clock.times() == {}


def test_each_stage_is_timed_and_what_is_kept_is_not_run_again(monkeypatch):
    first, second = measure(small("v1", monkeypatch), channels=40, size=96)
    assert set(first) == {
        "text", "image", "saliency", "masked pictures", "clean-up", "SAM image", "SAM prompts",
    }  # fmt: skip
    assert first["masked pictures"].calls == 40
    assert not {"image", "SAM image"} & set(second)
    assert second["saliency"].calls == second["SAM prompts"].calls == 1
    kept = second["masked pictures"].calls if "masked pictures" in second else 0
    assert kept <= 24  # 64 channels in all
    assert all(one.seconds >= 0 and one.processor_seconds >= 0 for one in first.values())
    lines = table([first, second]).splitlines()
    assert len(lines) == 2 + len(first) + 1
    assert all(line.count("|") == 7 for line in lines)
    assert "| image | 1, 0 | " in lines[3]
    assert "kept" in lines[3]


def test_sam_is_timed_even_if_nothing_stands_out(monkeypatch):
    nothing = "lsms_core.models.medclip_sam.medclip_pipeline.coarse_mask"
    monkeypatch.setattr(nothing, lambda grey, *_: np.zeros(grey.shape, np.bool_))
    first, second = measure(small("v2", monkeypatch), size=96)
    assert first["SAM image"].calls == first["SAM prompts"].calls == 1
    assert second["SAM prompts"].calls == 1
    assert "SAM image" not in second


def test_m2ib_masks_no_pictures(monkeypatch):
    first, _ = measure(small("v2", monkeypatch), size=96)
    assert "masked pictures" not in first
    assert first["saliency"].calls == 1


def test_the_command_times_a_bundle(lsms, tmp_path, tiny_bundle):
    from lsms_core.models.medclip_sam import files
    from Testing.core.medclip_tiny import write_clip

    parts = write_clip(tmp_path / "biomedclip"), write_sam(tmp_path / "sam")
    bundle = files.assemble(*parts, tmp_path / "medclip-sam")
    ran = lsms("medclip-sam", "times", "--weights", bundle, "--channels", "5", "--device", "cpu")
    assert ran.status == 0, ran.err
    assert "gscorecam, on cpu" in ran.out
    assert "| masked pictures | 5, " in ran.out
    ran = lsms("medclip-sam", "times", "--weights", bundle, "--saliency", "m2ib", "--device", "cpu")
    assert ran.status == 0, ran.err
    assert "masked pictures" not in ran.out
    ran = lsms("medclip-sam", "times", "--weights", tiny_bundle, "--device", "cpu")
    assert (ran.status, "is no model of MedCLIP-SAM" in ran.err) == (2, True)


def test_random_weights_have_the_published_sizes():
    import torch

    with torch.device("meta"):
        from transformers import SamConfig, SamModel

        from lsms_core.models.medclip_sam.clip import ClipConfig, ClipModel

        towers = ClipModel(ClipConfig())
        sizes = {v: SamModel(SamConfig(vision_config=dict(timing._SAM_VISION[v])))
                 for v in ("v1", "v2")}  # fmt: skip
    count = {v: sum(p.numel() for p in m.parameters()) / 1e6 for v, m in sizes.items()}
    assert sum(p.numel() for p in towers.parameters()) / 1e6 == pytest.approx(196, abs=1)
    assert count["v1"] == pytest.approx(94, abs=1)
    assert count["v2"] == pytest.approx(641, abs=3)
