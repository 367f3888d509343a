"""Pictures of training samples and of the averaged model's answers, beside the logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from lsms_core.dataset.preprocessing import from_window
from lsms_core.evaluation.mistake_pictures import WINDOW_HU, draw, save_png
from lsms_core.io.text_files import write_text
from lsms_core.training.module import LSMSTraining

_MOST = 6


class SamplePictures(Callback):
    """Draws a batch every so often: what the text names in green, the answer in orange.

    Args:
        folder: where ``step_<n>.png`` and its texts ``step_<n>.txt`` go.
        every: steps between two pictures.
    """

    def __init__(self, folder: Path, every: int = 250) -> None:
        self._folder = folder
        self._every = every

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,  # noqa: ANN401, ARG002
        batch: dict[str, Any],
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Draw the batch that was just learnt from."""
        step = trainer.global_step
        if step % self._every or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, LSMSTraining)
        with torch.no_grad():
            probability = pl_module.answer(batch["image"][:_MOST], batch["text"][:_MOST])
        rows = []
        for number in range(len(probability)):
            image = batch["image"][number].float().cpu().numpy()
            hu = from_window(image[len(image) // 2], WINDOW_HU)
            target = batch["target"][number, 0].cpu().numpy() > 0.5
            rows.append(draw(hu, target, probability[number] >= 0.5))
        save_png(self._folder / f"step_{step:06d}.png", np.concatenate(rows, axis=1))
        texts = "".join(f"{text}\n" for text in batch["text"][:_MOST])
        write_text(self._folder / f"step_{step:06d}.txt", texts)
