"""The training step: loss, optimiser, averaged weights."""

from __future__ import annotations

import copy
import math
from typing import Any

import lightning
import torch
from torch import Tensor

from lsms_core.models.lsms.losses import LossConfig, LSMSLoss
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.training.config import TrainingConfig


class LSMSTraining(lightning.LightningModule):
    """Trains an LSMS model; ``averaged`` holds the weights to evaluate and to export.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        config: the run.
    """

    def __init__(self, model: LSMSModel, tokenizer: Any, config: TrainingConfig) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(model).eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self._config = config
        self._loss = LSMSLoss(LossConfig(contrastive_weight=config.contrastive_weight))

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self._config.samples // self._config.batch_size

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:  # noqa: ARG002
        """Return the loss of one batch."""
        limit = self.model.config.max_tokens
        tokens = self.tokenizer(
            batch["text"], padding=True, truncation=True, max_length=limit, return_tensors="pt"
        ).to(self.device)
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        output = self.model(image, tokens["input_ids"], tokens["attention_mask"])
        losses = self._loss(output, batch["target"], batch["lesions"])
        for name, value in losses.items():
            self.log(name, value.detach(), prog_bar=True)
        loss: Tensor = losses["loss"]
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401
        """AdamW with warm-up and a cosine; the text encoder learns more slowly."""
        config = self._config
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            key = (name.startswith("text_encoder."), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "lr": config.text_learning_rate if is_text else config.learning_rate,
                    "weight_decay": config.weight_decay if decays else 0.0,
                }
                for (is_text, decays), parameters in groups.items()
            ]
        )
        warmup = max(int(config.warmup_share * self.steps), 1)

        def rate(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            done = min((step - warmup) / max(self.steps - warmup, 1), 1.0)
            return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401
        """Move the averaged weights; early on they follow quickly."""
        step = self.global_step
        decay = min(self._config.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, value in zip(
                self.averaged.state_dict().values(), self.model.state_dict().values(), strict=True
            ):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)
