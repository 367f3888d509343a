"""Configuration of contrastive training; ``"kind": "medclip-contrastive"`` in its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lsms_core.entries import written_entries
from lsms_core.errors import InputError

KIND = "medclip-contrastive"


@dataclass(frozen=True)
class ContrastiveConfig:
    """Everything a run depends on.

    Attributes:
        pairs: folder with the pairs' CSV, or "generated" for drawn shapes and their names.
        csv: the table in that folder, comma or tab separated, with a header.
        image_column: its column of file names, relative to ``images``.
        text_column: its column of texts.
        images: folder of the images, relative to ``pairs``.
        start: BiomedCLIP's folder to fine-tune, or "scratch" for a small model.
        losses: "dhn-nce", "info-nce" or both, each trained from the same start on the same
            batches.
        tau: temperature of DHN-NCE.
        info_tau: temperature of InfoNCE.
        beta1: hardness of the texts, in DHN-NCE.
        beta2: hardness of the images.
        constant_weights: see :func:`lsms_core.models.medclip_sam.contrastive_losses.dhn_nce`.
        steps: optimiser steps.
        batch_size: pairs a step.
        learning_rate: highest.
        weight_decay: of weight matrices.
        warmup_share: share of the steps in which the rate rises.
        held_out: pairs kept out of training, on which retrieval is measured.
        seed: of weights and batches.
        checkpoint_steps: between checkpoints.
        image_size: of a model from scratch, pixels.
        patch_size: likewise.
        width: channels of both its towers.
        depth: blocks of its image tower.
        text_depth: layers of its text tower.
        embed_dim: of its embedding.
    """

    pairs: str
    csv: str = "pairs.csv"
    image_column: str = "image"
    text_column: str = "text"
    images: str = "."
    start: str = "scratch"
    losses: tuple[str, ...] = ("dhn-nce",)
    tau: float = 0.6
    info_tau: float = 0.07
    beta1: float = 0.15
    beta2: float = 0.15
    constant_weights: bool = False
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.05
    held_out: int = 144
    seed: int = 0
    checkpoint_steps: int = 200
    image_size: int = 32
    patch_size: int = 8
    width: int = 64
    depth: int = 3
    text_depth: int = 1
    embed_dim: int = 64

    def __post_init__(self) -> None:
        if not self.losses or not set(self.losses) <= {"dhn-nce", "info-nce"}:
            raise InputError(f"Unknown losses {list(self.losses)}: use dhn-nce and info-nce.")
        if min(self.steps, self.batch_size - 1, self.held_out - 1, self.checkpoint_steps) < 1:
            raise InputError(
                "Use 1 step or more, and at least 2 pairs a batch and 2 held-out pairs."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ContrastiveConfig:
        """Read a configuration saved as JSON.

        Raises:
            InputError: for unknown or missing entries.
        """
        return cls(**written_entries(cls, values, "contrastive training", "docs/medclip-sam.md"))

    def to_json(self) -> str:
        """Return the configuration as JSON."""
        return json.dumps({"kind": KIND, **asdict(self)}, indent=2) + "\n"
