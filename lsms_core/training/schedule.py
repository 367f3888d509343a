"""Warm-up, then a cosine: the learning rate of every run."""

from __future__ import annotations

import math
from typing import Any

import torch

# Share of the rate that is left at the end.
_LAST = 0.02


def warmup_cosine(
    optimizer: torch.optim.Optimizer, steps: int, warmup_share: float
) -> dict[str, Any]:
    """Return what Lightning's ``configure_optimizers`` wants: the optimiser and its schedule.

    Args:
        optimizer: the optimiser.
        steps: of the whole run.
        warmup_share: share of the run in which the rate rises.
    """
    warmup = max(int(warmup_share * steps), 1)

    def share(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = min((step - warmup) / max(steps - warmup, 1), 1.0)
        return _LAST + (1 - _LAST) * 0.5 * (1 + math.cos(math.pi * done))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
    }
