"""Trains the text-independent maps, of LSMS and of U-Nets, with exact resume.

The rate rises, stays, and falls in the last part of the run. A run that is cut off before it falls
can be made longer: nothing depends on the number of pictures until then.
"""

from __future__ import annotations

import copy
import csv
import io
import logging
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lsms_core.errors import InputError
from lsms_core.io.atomic import replacing
from lsms_core.models.architectures import Model, new_model
from lsms_core.models.baselines.unet import UNetModel
from lsms_core.models.beginnings import BACKBONE, with_backbone_from, with_detail_from
from lsms_core.models.bundle import load_bundle
from lsms_core.models.lsms.map_loss import maps_loss
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.training.config import TrainingConfig
from lsms_core.training.public_weights import public_weights
from lsms_core.training.run_devices import Devices
from lsms_core.training.waiting import in_first_process, progress

logger = logging.getLogger(__name__)

Loss = Callable[[Model, Sequence[dict[str, Any]]], dict[str, Tensor]]

_LOG_EVERY = 50
_WARM_STEPS = 150
_CLIP = 1.0


@dataclass
class DrawingRun:
    """The state of a run at one step; its checkpoint holds all of it.

    Attributes:
        model: what learns.
        averaged: its averaged weights, the ones exported.
        optimizer: AdamW.
        step: steps done.
        cpu_seconds: CPU time spent.
    """

    model: Model
    averaged: Model
    optimizer: torch.optim.Optimizer
    step: int = 0
    cpu_seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Write a checkpoint, all or nothing.

        Raises:
            OutputError: when it cannot be written, the disk being full included.
        """
        # Straight to a file, torch hides that the disk is full.
        state = io.BytesIO()
        torch.save(
            {
                "model": self.model.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "cpu_seconds": self.cpu_seconds,
            },
            state,
        )
        with replacing(path) as partial:
            partial.write_bytes(state.getbuffer())

    def load(self, path: Path) -> None:
        """Go back to a checkpoint; only plain tensors and numbers are read.

        Raises:
            InputError: when it is damaged, or of another network.
        """
        try:
            state = torch.load(path, weights_only=True, map_location="cpu")
            self.model.load_state_dict(state["model"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.cpu_seconds = state["step"], state["cpu_seconds"]
        except (OSError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as error:
            raise InputError(
                f"The checkpoint {path} cannot be read, or is of another network: start the run "
                "in a new folder."
            ) from error


def new_run(config: TrainingConfig) -> DrawingRun:
    """Build the model of a run and its optimiser; its weights depend on the seed alone.

    Raises:
        BundleError: for an architecture that needs words.
        InputError: when a bundle is not of the architecture that it has to be, and when what has
            learnt would begin anew.
    """
    lightning.seed_everything(config.seed, verbose=False)
    if config.start_from is None:
        slices = len(config.preprocessing.slice_offsets_mm)
        model = new_model(
            config.architecture,
            config.variant,
            None,
            config.align_stride,
            slices,
            **dict(config.network),
        )
    else:
        model = load_bundle(config.start_from).model
        if model.architecture != config.architecture or not _only_draws(model):
            raise InputError(
                f"The bundle {config.start_from} is no {config.architecture} that only draws: "
                "start from one that learnt without words, or set text_free to false."
            )
    model = _begun(model, config)
    model.train()
    return DrawingRun(model, copy.deepcopy(model), optimizer_of(model, config))


def _begun(model: Model, config: TrainingConfig) -> Model:
    """Return a new model with the weights of others that a run begins with."""
    if config.detail_from is None and config.backbone_from is None:
        return model
    if config.start_from is not None:
        raise InputError(
            "A run that starts from a bundle has a detail path and a backbone that learnt: leave "
            "out detail_from and backbone_from."
        )
    if config.detail_from is not None:
        unet = load_bundle(config.detail_from).model
        if not isinstance(unet, UNetModel) or not isinstance(model, LSMSModel):
            raise InputError("Only a U-Net can begin a detail path, and only LSMS has one.")
        model = with_detail_from(model, unet)
    if config.backbone_from is not None:
        if not isinstance(model, LSMSModel):
            raise InputError("Only LSMS has a backbone.")
        model = with_backbone_from(model, public_weights(config.backbone_from))
    return model


def optimizer_of(model: Model, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return AdamW for what of a model learns; only weight matrices decay.

    Each group's ``share`` is the factor on its rate.
    """
    parts: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = name.startswith(BACKBONE), parameter.ndim > 1
            parts.setdefault(part, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parts[public, decays],
                "weight_decay": config.weight_decay if decays else 0.0,
                "share": config.backbone_rate if public else 1.0,
            }
            for public in (False, True)
            for decays in (True, False)
            if (public, decays) in parts
        ],
        lr=config.learning_rate,
    )


def _only_draws(model: Model) -> bool:
    return isinstance(model, UNetModel) or not model.config.words


def rate_at(step: int, steps: int, config: TrainingConfig) -> float:
    """Return the learning rate of a step of a run of so many."""
    falling = max(round(steps * config.decay_share), 1)
    rising = min((step + 1) / max(min(_WARM_STEPS, steps // 4), 1), 1.0)
    return config.learning_rate * rising * min((steps - step) / falling, 1.0)


def learn_to_draw(
    config: TrainingConfig,
    run: DrawingRun,
    pictures: Dataset[dict[str, Any]],
    folder: Path,
    devices: Devices,
    loss: Loss | None = None,
) -> None:
    """Go on with a run to its end; its model's averaged weights are the result.

    Args:
        config: the run.
        run: where it is, on its device.
        pictures: all of the run, whichever are done.
        folder: of the run; gets ``checkpoints/last.ckpt`` and ``losses.csv``, which is about the
            first device's pictures.
        devices: that it learns on.
        loss: of some pictures; default: of the text-independent maps.
    """
    steps = max(config.samples // (config.batch_size * devices.count), 1)
    checkpoint = folder / "checkpoints" / "last.ckpt"
    parameters = [p for p in run.model.parameters() if p.requires_grad]
    began, saved = run.cpu_seconds - time.process_time(), time.monotonic()
    seen: list[dict[str, float]] = []
    loader: DataLoader[dict[str, Any]] = DataLoader(
        pictures,
        batch_sampler=devices.pictures(run.step, steps, config.batch_size),
        num_workers=config.workers,
        collate_fn=list,
    )
    for drawn in progress(loader, "learning", "step", done=run.step, total=steps):
        for group in run.optimizer.param_groups:
            group["lr"] = rate_at(run.step, steps, config) * group.get("share", 1.0)
        with devices.precision():
            losses = (loss or _maps_loss)(run.model, devices.moved(drawn))
        run.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        devices.average(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
        run.optimizer.step()
        run.step += 1
        _average(run, config.ema_decay)
        run.cpu_seconds = began + time.process_time()
        seen.append({name: float(value.detach()) for name, value in losses.items()})
        if in_first_process() and (run.step % _LOG_EVERY == 0 or run.step == steps):
            _log(folder / "losses.csv", run, seen)
            seen = []
        if in_first_process() and time.monotonic() - saved > 60 * config.checkpoint_minutes:
            run.save(checkpoint)
            saved = time.monotonic()
    run.averaged.eval()
    if in_first_process():
        run.save(checkpoint)


def _maps_loss(model: Model, drawn: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    return _loss(model, {k: torch.stack([p[k] for p in drawn]) for k in drawn[0]})


def _loss(model: Model, batch: dict[str, Any]) -> dict[str, Tensor]:
    maps = model.lsms.learning_maps(batch["image"])
    return maps_loss(maps, batch["anatomy"], batch["lesions"], batch["known"])


@torch.no_grad()
def _average(run: DrawingRun, decay: float) -> None:
    # Early on the averaged weights follow quickly.
    decay = min(decay, (1 + run.step) / (10 + run.step))
    live = run.model.state_dict()
    for name, mean in run.averaged.state_dict().items():
        if mean.is_floating_point():
            mean.lerp_(live[name], 1 - decay)
        else:
            mean.copy_(live[name])


def _log(path: Path, run: DrawingRun, seen: list[dict[str, float]]) -> None:
    new = not path.exists()
    means = {k: round(sum(s[k] for s in seen) / len(seen), 4) for k in seen[0]}
    row = {"step": run.step, "cpu_minutes": round(run.cpu_seconds / 60, 2), **means}
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
    logger.info("%s", row)
