"""The weakly supervised loop: zero-shot masks train a residual U-Net, which outlines anew.

::

    <output>/config.json
             zero_shot/<id>.png   MedCLIP-SAM's masks; all black where nothing was found
             unet/                checkpoint while training, model.safetensors at the end
             weak/<id>.png        the U-Net's masks
             report.json          counts, and Dice to the truth where the table names it

Each step takes up what is there already, so that a run goes on where it stopped.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from lsms_core.dataset.picture_files import read_picture, read_picture_mask
from lsms_core.entries import written_entries
from lsms_core.errors import DependencyError, InputError
from lsms_core.evaluation.mistake_pictures import save_png
from lsms_core.evaluation.scores import overlap
from lsms_core.inference.predictor import Predictor
from lsms_core.io.text_files import read_json, write_text
from lsms_core.models.medclip_sam.cleanup import resize
from lsms_core.training.medclip.pairs import read_pairs

KIND = "medclip-weak"
_PIXEL_MM = (1.0, 1.0)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class WeakConfig:
    """Everything a run depends on; ``"kind": "medclip-weak"`` in its JSON.

    Attributes:
        pictures: folder with the pictures and their table.
        csv: table with the columns ``image``, ``text`` and, for the report only, ``truth``
            (the mask's file).
        weights: MedCLIP-SAM's bundle.
        size: side of the U-Net's input, pixels.
        channels: of its levels.
        steps: optimiser steps.
        batch_size: pictures a step.
        learning_rate: of AdamW.
        seed: of weights and batches.
        checkpoint_steps: between checkpoints.
    """

    pictures: str
    csv: str = "pairs.csv"
    weights: str = "medclip-sam"
    size: int = 256
    channels: tuple[int, ...] = (16, 32, 64, 128, 256)
    steps: int = 4000
    batch_size: int = 8
    learning_rate: float = 1e-3
    seed: int = 0
    checkpoint_steps: int = 200

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WeakConfig:
        """Read a configuration saved as JSON.

        Raises:
            InputError: for unknown or missing entries.
        """
        return cls(
            **written_entries(cls, values, "weakly supervised training", "docs/medclip-sam.md")
        )


@dataclass(frozen=True)
class _Item:
    id: str
    image: Path
    text: str
    truth: Path | None


def run(
    config: WeakConfig,
    output: str | Path,
    *,
    resume: bool = False,
    predictor: Callable[[], Predictor] | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the whole loop.

    Args:
        config: the run.
        output: its folder.
        resume: go on where the run stopped.
        predictor: makes MedCLIP-SAM; default: loads the configuration's weights. Called only
            while zero-shot masks are missing.
        device: where the U-Net is trained.
        progress: called with pictures or steps done and in all.

    Returns:
        The report.

    Raises:
        InputError: when there is nothing to resume, a run is there already, or MedCLIP-SAM
            found nothing in any picture.
    """
    folder = Path(output)
    saved = folder / "config.json"
    if resume != saved.is_file():
        raise InputError(
            f"No run in {folder}: start it without --resume."
            if resume
            else f"{folder} holds a run already: add --resume or choose another folder."
        )
    items = _items(config)
    write_text(saved, json.dumps({"kind": KIND, **asdict(config)}, indent=2) + "\n")
    _zero_shot(config, items, folder / "zero_shot", predictor, progress)
    found = [i for i in items if read_picture_mask(folder / "zero_shot" / f"{i.id}.png").any()]
    if not found:
        raise InputError(
            "MedCLIP-SAM found nothing in any picture, so there is nothing to learn from: check "
            "the texts, or lower neutral_margin in its configuration."
        )
    network = _train(config, found, folder, device, progress)
    _outline(config, network, items, folder / "weak", device)
    report = {
        "pictures": len(items),
        "found_zero_shot": len(found),
        "steps": config.steps,
        "dice_zero_shot": _dice(items, folder / "zero_shot"),
        "dice_weak": _dice(items, folder / "weak"),
    }
    write_text(folder / "report.json", json.dumps(report, indent=1) + "\n")
    return report


def build_unet(config: WeakConfig) -> nn.Module:
    """Build the residual U-Net (MONAI); its weights depend on the seed alone.

    Raises:
        DependencyError: when MONAI is not installed.
    """
    try:
        from monai.networks.nets import UNet
    except ImportError as error:
        raise DependencyError(
            "The residual U-Net needs MONAI: pip install 'lsms-core[train]'."
        ) from error
    torch.manual_seed(config.seed)
    network: nn.Module = UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=config.channels,
        strides=(2,) * (len(config.channels) - 1),
        num_res_units=2,
    )
    return network


def _items(config: WeakConfig) -> list[_Item]:
    root = Path(config.pictures)
    pairs = read_pairs(root / config.csv, root)
    with (root / config.csv).open(encoding="utf-8-sig", newline="") as file:
        truths = [row.get("truth") for row in csv.DictReader(file)]
    if len(truths) != len(pairs):
        truths = [None] * len(pairs)
    width = len(str(len(pairs)))
    return [
        _Item(f"{n:0{width}d}-{image.stem}", image, text, root / truth if truth else None)
        for n, ((image, text), truth) in enumerate(zip(pairs, truths, strict=True))
    ]


def _zero_shot(
    config: WeakConfig,
    items: Sequence[_Item],
    folder: Path,
    make: Callable[[], Predictor] | None,
    progress: Progress | None,
) -> None:
    missing = [i for i in items if not (folder / f"{i.id}.png").is_file()]
    if not missing:
        return
    predictor = make() if make else _load(config)
    for number, item in enumerate(missing):
        if progress:
            progress(len(items) - len(missing) + number, len(items))
        grey = read_picture(item.image)
        (found,) = predictor.segment(grey, item.text, spacing_mm=_PIXEL_MM, keep_probability=False)
        save_png(folder / f"{item.id}.png", found.mask.astype(np.uint8) * 255)


def _load(config: WeakConfig) -> Predictor:
    from lsms_core.inference.medclip_engine import picture_predictor

    return picture_predictor(config.weights)


def _train(
    config: WeakConfig,
    items: Sequence[_Item],
    folder: Path,
    device: str,
    progress: Progress | None,
) -> nn.Module:
    network = build_unet(config).to(device)
    final, checkpoint = folder / "unet" / "model.safetensors", folder / "unet" / "last.ckpt"
    if final.is_file():
        network.load_state_dict(load_file(final))
        return network.eval()
    final.parent.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate)
    first = 0
    if checkpoint.is_file():
        # The run's own checkpoint; only plain tensors and numbers are read.
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        first = int(state["step"])
    network.train()
    for step in range(first, config.steps):
        if progress:
            progress(step, config.steps)
        images, masks = _batch(config, items, folder / "zero_shot", step)
        loss = _loss(network(images.to(device)), masks.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % config.checkpoint_steps == 0:
            partial = checkpoint.with_suffix(".partial")
            torch.save(
                {
                    "network": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "step": step + 1,
                },
                partial,
            )
            partial.replace(checkpoint)
    partial = final.with_suffix(".partial")
    save_file({k: v.cpu().contiguous() for k, v in network.state_dict().items()}, partial)
    partial.replace(final)
    return network.eval()


def _batch(
    config: WeakConfig, items: Sequence[_Item], masks: Path, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a batch, a pure function of seed and step; brightness and contrast vary."""
    rng = np.random.default_rng([config.seed, step])
    chosen = [items[i] for i in rng.integers(len(items), size=config.batch_size)]
    images = np.stack([_input(config, i.image) for i in chosen])
    gain = rng.uniform(0.8, 1.2, (len(chosen), 1, 1)).astype(np.float32)
    shift = rng.uniform(-0.2, 0.2, (len(chosen), 1, 1)).astype(np.float32)
    targets = np.stack([_mask(config, masks / f"{i.id}.png") for i in chosen])
    return torch.from_numpy(gain * images + shift)[:, None], torch.from_numpy(targets)[:, None]


def _input(config: WeakConfig, image: Path) -> NDArray[np.float32]:
    """Grey values with mean 0 and standard deviation 1, on the U-Net's grid."""
    grey = resize(read_picture(image), (config.size, config.size))
    normal: NDArray[np.float32] = (grey - grey.mean()) / max(float(grey.std()), 1.0)
    return normal


def _mask(config: WeakConfig, path: Path) -> NDArray[np.float32]:
    mask = read_picture_mask(path).astype(np.float32)
    return resize(mask, (config.size, config.size), nearest=True)


def _loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus 1 - Dice of each picture."""
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, masks)
    probability = logits.sigmoid()
    both = (probability * masks).sum(dim=(1, 2, 3))
    size = probability.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3))
    return entropy + 1 - ((2 * both + 1) / (size + 1)).mean()


@torch.no_grad()
def _outline(
    config: WeakConfig, network: nn.Module, items: Sequence[_Item], folder: Path, device: str
) -> None:
    for item in items:
        tensor = torch.from_numpy(_input(config, item.image))[None, None].to(device)
        probability = network(tensor).sigmoid()[0, 0].cpu().numpy()
        shape = read_picture(item.image).shape
        mask = resize(probability, shape) > 0.5
        save_png(folder / f"{item.id}.png", mask.astype(np.uint8) * 255)


def _dice(items: Sequence[_Item], folder: Path) -> float | None:
    known = [i for i in items if i.truth is not None]
    if not known:
        return None
    return float(
        np.mean(
            [
                overlap(read_picture_mask(i.truth), read_picture_mask(folder / f"{i.id}.png"))[0]
                for i in known
                if i.truth is not None
            ]
        )
    )


def load_config(path: str | Path) -> WeakConfig:
    """Read a JSON file.

    Raises:
        InputError: when it cannot be read or is of another kind.
    """
    values = read_json(path)
    if not isinstance(values, dict) or values.get("kind") != KIND:
        raise InputError(f'{path} is no configuration of this loop: it needs "kind": "{KIND}".')
    return WeakConfig.from_dict(values)
