"""A lesson in reading: what the words alone decide, learnt from texts without pictures.

Beside pictures a run sees a few thousand texts, and of those that name a lobe only some hundred.
Many more are written in a minute, so at its end the small heads that read them are taught again,
with everything else as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lsms_core.dataset.sampling import ReferringSamples
from lsms_core.dataset.sources import CaseArrays
from lsms_core.models.lsms.losses import ruled_out_loss
from lsms_core.models.lsms.model import READERS, LSMSModel
from lsms_core.training.config import TrainingConfig
from lsms_core.training.text import tokenize

# Texts about one picture: drawing it takes longer than asking about it.
_TEXTS_PER_PICTURE = 40
_CROP = (16, 16)
_BATCH = 64
_EPOCHS = 20
_RATE = 3e-3
_WEIGHT_DECAY = 1e-2
# Texts of this share are kept apart, to say how well the rest was learnt.
_HELD_BACK = 0.1


def learn_words(
    model: LSMSModel,
    tokenizer: Any,  # noqa: ANN401
    config: TrainingConfig,
    cases: Sequence[CaseArrays],
) -> dict[str, float]:
    """Teach a model in place what a text speaks of, rules out and asks; the rest stays.

    Args:
        model: with an outline and all READERS, in evaluation mode and frozen.
        tokenizer: its tokenizer.
        config: the run; ``word_texts`` texts are written, by its seed.
        cases: whose lesions the texts are about.

    Returns:
        For each of READERS the share of texts kept apart that are read rightly.
    """
    texts, truths = _write(config, cases)
    words = _read(model, tokenizer, texts)
    first = max(int(len(texts) * _HELD_BACK), 1)
    heads = torch.nn.ModuleDict({name: getattr(model.lsms, name) for name in truths})
    heads.requires_grad_(True)
    optimizer = torch.optim.AdamW(heads.parameters(), _RATE, weight_decay=_WEIGHT_DECAY)
    steps = _EPOCHS * math.ceil((len(texts) - first) / _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(config.seed)
    with torch.enable_grad():
        for _ in range(_EPOCHS):
            order = first + torch.randperm(len(texts) - first, generator=generator)
            for some in order.split(_BATCH):
                read = _padded([words[i] for i in some])
                loss = torch.stack(
                    [ruled_out_loss(heads[n](*read), t[some]) for n, t in truths.items()]
                ).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    heads.requires_grad_(False)
    with torch.no_grad():
        kept = _padded(words[:first])
        return {n: _read_rightly(heads[n](*kept), t[:first]) for n, t in truths.items()}


def _read_rightly(logits: Tensor, truth: Tensor) -> float:
    """Return the share of the texts that are read rightly, of those where it is a question."""
    right = ((logits > 0) == (truth > 0.5)).all(1)
    asked = truth[:, 0] >= 0
    return float(right[asked].float().mean()) if asked.any() else float("nan")


def _write(
    config: TrainingConfig, cases: Sequence[CaseArrays]
) -> tuple[list[str], dict[str, Tensor]]:
    """Return texts, and for each head what it is to say of them, (N, its outputs)."""
    sampling = replace(config.sampling, texts_per_image=_TEXTS_PER_PICTURE, crop=_CROP)
    # Another seed than the run's, so that these are other texts.
    samples = ReferringSamples(
        cases, config.preprocessing, sampling, seed=config.seed + 1_000, count=config.word_texts
    )
    drawn = [samples[i] for i in range(len(samples))]
    truths = {name: torch.stack([s[name] for s in drawn]) for name in READERS}
    return [s["text"] for s in drawn], truths


def _read(model: LSMSModel, tokenizer: Any, texts: Sequence[str]) -> list[Tensor]:  # noqa: ANN401
    """Return the (T, D_text) words of each text, in half precision to save memory."""
    words = []
    with torch.no_grad():
        for start in range(0, len(texts), _BATCH):
            some = texts[start : start + _BATCH]
            tokens = tokenize(tokenizer, some, model.config.max_tokens)
            mask = tokens["attention_mask"]
            features = model.text_encoder(tokens["input_ids"], mask).half()
            words += [f[m].clone() for f, m in zip(features, mask.bool(), strict=True)]
    return words


def _padded(words: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return (B, T, D_text) words and their (B, T) mask."""
    lengths = torch.tensor([len(w) for w in words])
    padded = torch.nn.utils.rnn.pad_sequence([w.float() for w in words], batch_first=True)
    return padded, torch.arange(padded.shape[1]) < lengths[:, None]
