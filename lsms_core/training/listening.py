"""Trains LSMS's language branches, after its text-independent maps.

The weights of the text-independent maps are frozen, so that these maps do not change (unless
``eyes_learn`` is set, to see what that costs). Trained are
the language branches (X_L of every block), the map S for the text, and the heads of the contrastive
loss. The texts name appearances that are not measured (:mod:`lsms_core.language.unmeasured`); the
lesions are synthetic, so that the appearance of each is known.

    L = CE(S) + Dice(S) + lambda L_con + CE(mean of S - S("lesion") in each lesion)

The answers use the last term: the evidence for a lesion is the mean difference of S for the text
and for "lesion" inside it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F

from lsms_core.errors import InputError
from lsms_core.models.architectures import LISTENS, Model, with_reading
from lsms_core.models.bundle import load_bundle
from lsms_core.models.lsms.losses import LossConfig, LSMSLoss
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.training.config import TrainingConfig
from lsms_core.training.text import tokenize
from lsms_core.training.text_free import DrawingRun, optimizer_of

# The logit of pixels that are left out of the loss.
_SILENT = -12.0


def new_listening_run(config: TrainingConfig) -> tuple[DrawingRun, Any]:
    """Join a network that draws with the text encoder of one that reads; returns its tokenizer.

    Raises:
        BundleError: when one of the two is not such a model.
        InputError: when one of the two is not given.
    """
    if config.start_from is None or config.listen_with is None:
        raise InputError(
            "A run that learns to listen needs start_from, a bundle that draws, and listen_with, "
            "one that reads."
        )
    lightning.seed_everything(config.seed, verbose=False)
    drawing, reader = load_bundle(config.start_from), load_bundle(config.listen_with)
    if not isinstance(drawing.model, LSMSModel) or not isinstance(reader.model, LSMSModel):
        raise InputError("Only LSMS listens: give bundles of this architecture.")
    model = with_reading(drawing.model, reader.model, listens=True)
    for name, parameter in model.named_parameters():
        sees = config.eyes_learn and not name.startswith("text_encoder.")
        parameter.requires_grad_(sees or any(part in name for part in LISTENS))
    model.train()
    model.text_encoder.eval()
    run = DrawingRun(model, copy.deepcopy(model), optimizer_of(model, config))
    return run, reader.tokenizer


class ListeningLoss:
    """The loss of some pictures and all texts about them.

    Args:
        tokenizer: of the text encoder.
        config: the run.
    """

    def __init__(self, tokenizer: Any, config: TrainingConfig) -> None:  # noqa: ANN401
        self._tokenizer = tokenizer
        self._loss = LSMSLoss(LossConfig(contrastive_weight=config.contrastive_weight))

    def __call__(self, model: Model, pictures: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return "loss" and its parts: "ce", "dice", "contrastive" and "lesions"."""
        assert isinstance(model, LSMSModel)
        texts = [text for picture in pictures for text in picture["texts"]]
        turns = len(texts) // len(pictures)
        read = tokenize(self._tokenizer, texts, model.config.max_tokens)
        image = torch.stack([picture["image"] for picture in pictures])
        ids, mask = (read[k].to(image.device) for k in ("input_ids", "attention_mask"))
        output = model(image, ids, mask)
        lesions = torch.stack([picture["lesions"] for picture in pictures])
        lesions = lesions.repeat_interleave(turns, dim=0)
        named = [row for picture in pictures for row in picture["named"]]
        target = torch.stack([
            one[numbers.clamp_min(0)] & (numbers > 0)
            for one, numbers in zip(named, lesions, strict=True)
        ])[:, None].float()  # fmt: skip
        logits = output.logits.masked_fill(lesions[:, None] < 0, _SILENT)
        parts = self._loss(replace(output, logits=logits), target, lesions.clamp_min(0))
        beyond = _beyond_plain(output.logits[:, 0], turns)
        parts["lesions"] = lesions_loss(beyond, lesions, named)
        return {**parts, "loss": parts["loss"] + parts["lesions"]}


def _beyond_plain(logits: Tensor, turns: int) -> Tensor:
    """Return (B, H, W) logits less those for the plain text, the last of each picture's texts."""
    each = logits.unflatten(0, (-1, turns))
    beyond = torch.cat([each[:, :-1] - each[:, -1:], each[:, -1:]], dim=1)
    return beyond.flatten(0, 1)


def lesions_loss(logits: Tensor, lesions: Tensor, named: Sequence[Tensor]) -> Tensor:
    """Return the cross-entropy of the mean logit inside each lesion, the mean over lesions.

    Args:
        logits: (B, H, W).
        lesions: (B, H, W), lesions 1..n; 0 and less for none.
        named: for each of the B texts (n + 1,) bool, whether it names lesion n.
    """
    means, truth = [], []
    for one, numbers, names in zip(logits, lesions, named, strict=True):
        for number in numbers.unique():
            if number > 0:
                means.append(one[numbers == number].mean())
                truth.append(names[number])
    return F.binary_cross_entropy_with_logits(
        torch.stack(means), torch.stack(truth).to(means[0].dtype)
    )
