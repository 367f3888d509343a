"""The training step: loss, optimiser, averaged weights."""

from __future__ import annotations

import copy
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.models.architectures import Model, reads_text
from lsms_core.models.lsms.losses import LossConfig, LSMSLoss, dice_loss, ruled_out_loss
from lsms_core.models.lsms.model import READERS, LSMSModel, LSMSOutput
from lsms_core.models.lsms.outline import KINDS
from lsms_core.training.config import TrainingConfig
from lsms_core.training.schedule import warmup_cosine
from lsms_core.training.text import tokenize


class LSMSTraining(lightning.LightningModule):
    """Trains an LSMS model; ``averaged`` holds the weights to evaluate and to export.

    Beside the paper's loss, text-independent maps of the lobes and of all lesions are trained: of
    the outline where there is one, else of a head on the decoder's features that exists in training
    only. With few patients, these maps are the main signal from slices whose text has no target.

    A model that reads no text learns to draw every lesion instead of the named one.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        config: the run.
    """

    def __init__(self, model: Model, tokenizer: Any, config: TrainingConfig) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model.train()
        # Instance norm, of which a U-Net is full, puts the channels first again every time.
        self._layout = torch.channels_last if reads_text(model) else torch.contiguous_format
        self.model.to(memory_format=self._layout)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(model).eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self._config = config
        self._loss = LSMSLoss(LossConfig(contrastive_weight=config.contrastive_weight))
        self.anatomy_head: nn.Module = nn.Identity()
        if isinstance(model, LSMSModel) and not hasattr(model.lsms, "outline"):
            self.anatomy_head = nn.Conv2d(model.config.decoder_width, len(KINDS), 1)
        elif reads_text(model) and config.outline_rate == 0:
            model.lsms.outline.requires_grad_(False)
        if config.freeze_embeddings and reads_text(model):
            # Rare words keep their place among the common ones that training does see.
            for parameter in self.model.text_encoder.bert.embeddings.parameters():  # type: ignore[union-attr]
                parameter.requires_grad_(False)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run, on as many devices as the trainer has."""
        devices = self._trainer.world_size if self._trainer is not None else 1
        return max(self._config.samples // (self._config.batch_size * devices), 1)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Start counting batches anew: a resumed run gets a loader with what is left only."""
        loops = checkpoint["loops"]["fit_loop"]
        for progress in (loops["epoch_progress"], loops["epoch_loop.batch_progress"]):
            for counts in ("total", "current"):
                progress[counts] = dict.fromkeys(progress[counts], 0)
        loops["epoch_loop.batch_progress"]["is_last_batch"] = False

    def on_train_batch_start(self, *_: Any) -> None:  # noqa: ANN401
        """Make dropout a function of seed, device and step, so that a resumed run is the same."""
        torch.manual_seed(
            (self._config.seed * 1009 + self.global_rank) * 1_000_003 + self.global_step
        )

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:  # noqa: ARG002
        """Return the loss of one batch."""
        tokens = self._tokens(batch["text"])
        image = batch["image"].contiguous(memory_format=self._layout)
        output = self.model(
            self._pictures(image, batch), tokens["input_ids"], tokens["attention_mask"]
        )
        target = batch["target"]
        if not reads_text(self.model):
            target = (batch["lesions"] > 0)[:, None].to(target.dtype)
        losses = self._loss(output, target, batch["lesions"])
        losses["anatomy"] = self._anatomy_loss(output, batch["anatomy"])
        losses["loss"] = losses["loss"] + self._config.anatomy_weight * losses["anatomy"]
        words = self._words_losses(output, batch)
        losses["loss"] = losses["loss"] + self._config.kinds_weight * sum(words.values())
        losses |= words
        for name, value in losses.items():
            self.log(name, value.detach(), prog_bar=True)
        loss: Tensor = losses["loss"]
        return loss

    def answer(self, image: Tensor, texts: list[str]) -> NDArray[np.float32]:
        """Return the averaged model's (B, H, W) probabilities for (B, C, H, W) images."""
        tokens = self._tokens(texts)
        output = self.averaged(image.float(), tokens["input_ids"], tokens["attention_mask"])
        probability: NDArray[np.float32] = output.logits[:, 0].sigmoid().float().cpu().numpy()
        return probability

    def _tokens(self, texts: list[str]) -> Any:  # noqa: ANN401
        return tokenize(self.tokenizer, texts, self.model.config.max_tokens).to(self.device)

    def _pictures(self, image: Tensor, batch: dict[str, Any]) -> Tensor:
        """Return one image a picture where the texts about it stand side by side, else all."""
        texts = self._config.sampling.texts_per_image
        if "picture" not in batch or len(image) % texts:
            return image
        numbers = batch["picture"].view(-1, texts)
        # Several devices, or an odd batch, tear the texts of a picture apart.
        return image[::texts] if bool((numbers == numbers[:, :1]).all()) else image

    def _anatomy_loss(self, output: LSMSOutput, anatomy: Tensor) -> Tensor:
        """Cross-entropy and Dice of the anatomy head, for (B, 3, H, W) 0 or 1."""
        logits = output.drawn
        if logits is None:
            assert output.pixels is not None
            logits = self.anatomy_head(output.pixels)
        elif not logits.requires_grad:  # a frozen outline
            return logits.new_zeros(())
        logits = logits.float()
        size = (logits.shape[-2], logits.shape[-1])
        target = F.adaptive_avg_pool2d(anatomy[:: len(anatomy) // len(logits)].float(), size)
        ce = F.binary_cross_entropy_with_logits(logits, target)
        return ce + dice_loss(logits.flatten(0, 1)[:, None], target.flatten(0, 1)[:, None])

    def _words_losses(self, output: LSMSOutput, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Cross-entropy of the text heads, where the model has them."""
        losses = {}
        for name in READERS:
            logits = getattr(output, name)
            if logits is not None:
                losses[name] = ruled_out_loss(logits, batch[name])
        return losses

    def configure_optimizers(self) -> Any:  # noqa: ANN401
        """AdamW with warm-up and a cosine; the text encoder learns more slowly."""
        config = self._config
        groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                rate = config.learning_rate
                if name.startswith("model.text_encoder."):
                    rate = config.text_learning_rate
                elif any(f".{part}." in name for part in ("language", *READERS)):
                    rate *= config.language_rate
                elif ".outline." in name and reads_text(self.model):
                    rate *= config.outline_rate
                groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "lr": rate,
                    "weight_decay": config.weight_decay if decays else 0.0,
                }
                for (rate, decays), parameters in groups.items()
            ]
        )
        return warmup_cosine(optimizer, self.steps, config.warmup_share)

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        """Step, and move the averaged weights before anything can save a checkpoint."""
        super().optimizer_step(*arguments, **options)
        # Early on they follow quickly.
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
