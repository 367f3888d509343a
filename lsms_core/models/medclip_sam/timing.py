"""What each stage costs, with given weights or with random ones of the real sizes.

Random weights take as long as trained ones, so nothing must be downloaded to measure.
"""

from __future__ import annotations

import string
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.models.medclip_sam.clip import ClipConfig, ClipModel
from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig
from lsms_core.models.medclip_sam.medclip_pipeline import MedClipSam
from lsms_core.models.medclip_sam.sam import Prompt, Sam
from lsms_core.models.medclip_sam.stages import StageTime

SIZE = 512
TEXTS = ("hypodense lesion in the left lobe", "largest cyst")

# transformers' settings of SAM's published sizes; ViT-B are its defaults.
_SAM_VISION = {
    "v1": {},
    "v2": {
        "hidden_size": 1280,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "global_attn_indexes": [7, 15, 23, 31],
        "mlp_dim": 5120,
    },
}


def random_model(
    version: str, clip: ClipConfig | None = None, sam_vision: Mapping[str, object] | None = None
) -> MedClipSam:
    """Make a model of random weights, in the sizes of a paper.

    Args:
        version: "v1" (gScoreCAM, CRF, SAM ViT-B) or "v2" (M2IB, k-means, SAM ViT-H).
        clip: other sizes of the towers.
        sam_vision: other settings of SAM's image encoder.

    Raises:
        BundleError: for another version.
    """
    from transformers import BertTokenizerFast, SamConfig, SamModel

    config = MedClipSamConfig.version(version)
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary = Path(scratch) / "vocab.txt"
        pieces = [*string.ascii_lowercase, *(f"##{c}" for c in string.ascii_lowercase)]
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        vocabulary.write_text("\n".join([*special, *pieces]), "utf-8")
        tokenizer = BertTokenizerFast(str(vocabulary))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        towers = ClipModel(clip or ClipConfig())
        sam = SamModel(SamConfig(vision_config=dict(sam_vision or _SAM_VISION[version])))
    return MedClipSam(towers, tokenizer, Sam(sam), config)


def measure(
    model: MedClipSam,
    *,
    channels: int | None = None,
    size: int = SIZE,
    texts: Sequence[str] = TEXTS,
) -> list[dict[str, StageTime]]:
    """Time every stage for texts about one picture, one after another.

    No text is turned down, so that every stage runs.

    Args:
        model: the model; its own configuration is used, but for the neutral texts' margin.
        channels: channels that gScoreCAM keeps, if other than the model's.
        size: edge of the picture, pixels.
        texts: what is asked; what is kept of the picture makes the later ones cheaper.

    Returns:
        For each text what each stage took.
    """
    timed = replace(model.config, neutral_margin=-3.0)
    if channels is not None:
        timed = replace(timed, top_channels=channels)
    trial = MedClipSam(model.clip, model.tokenizer, model.sam, timed)
    trial.neutral_embeddings()  # once a model, not once a picture
    grey = _picture(size)
    rows = []
    for text in texts:
        trial.clock.reset()
        if not trial.run(grey, trial.embed_text(text)).prompts:
            # Random weights may make nothing stand out; SAM takes as long for any box.
            trial.outline(grey, [Prompt((0.0, 0.0, size, size), np.zeros((0, 2), np.float32))])
        rows.append(trial.clock.times())
    return rows


def table(rows: Sequence[Mapping[str, StageTime]], texts: Sequence[str] = TEXTS) -> str:
    """Write what :func:`measure` returns as Markdown; a stage that did not run was kept."""
    heads = [f"text {n}, s | of the processor, s" for n in range(1, len(texts) + 1)]
    lines = [
        "| stage | calls | " + " | ".join(heads) + " |",
        "|---|---|" + "---|---|" * len(texts),
    ]
    for name in rows[0]:
        cells = []
        for row in rows:
            one = row.get(name)
            cells += (
                ["kept", ""]
                if one is None
                else [_seconds(one.seconds), _seconds(one.processor_seconds)]
            )
        calls = ", ".join(str(row[name].calls) if name in row else "0" for row in rows)
        lines.append(f"| {name} | {calls} | {' | '.join(cells)} |")
    sums = [
        _seconds(sum(part))
        for row in rows
        for part in (
            [one.seconds for one in row.values()],
            [one.processor_seconds for one in row.values()],
        )
    ]
    lines.append(f"| all | | {' | '.join(sums)} |")
    return "\n".join(lines) + "\n"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _picture(size: int) -> NDArray[np.float32]:
    """A bright disc in noise: something that stands out."""
    rows, columns = np.indices((size, size)) / size
    noise = np.random.default_rng(0).normal(0.3, 0.05, (size, size))
    disc = 0.5 * (np.hypot(rows - 0.4, columns - 0.6) < 0.15)
    return np.clip(noise + disc, 0, 1).astype(np.float32)
