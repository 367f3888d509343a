"""A contrastive run from configuration to BiomedCLIP's published layout."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from lsms_core.errors import InputError
from lsms_core.io.text_files import write_text
from lsms_core.models.medclip_sam.clip import ClipConfig, ClipModel, TextShape
from lsms_core.models.medclip_sam.contrastive_losses import dhn_nce, info_nce
from lsms_core.models.medclip_sam.open_clip_format import load_clip, save_clip
from lsms_core.models.medclip_sam.vision import VisionShape
from lsms_core.models.spelling_tokenizer import tokenizer_of
from lsms_core.training.medclip.contrastive_config import ContrastiveConfig
from lsms_core.training.medclip.pairs import FolderPairs, GeneratedPairs, Pairs
from lsms_core.training.medclip.retrieval import retrieval
from lsms_core.training.schedule import warmup_cosine

logger = logging.getLogger(__name__)

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LONGEST = 64
_PLACES = 0.5
_GREY, _CONTRAST = (0.5, 0.5, 0.5), (0.15, 0.15, 0.15)
Report = dict[str, dict[str, Any]]


def train(config: ContrastiveConfig, output: str | Path, *, resume: bool = False) -> Report:
    """Train with each loss of a configuration, from the same start on the same batches.

    Args:
        config: the run.
        output: folder; each loss gets ``<loss>/biomedclip`` in the published layout, and
            ``report.json`` compares them.
        resume: go on where the run stopped, with the very next batch.

    Returns:
        By loss: retrieval on held-out pairs before and after, the loss's course, seconds.

    Raises:
        InputError: when there is nothing to resume, or a run is there already.
    """
    folder = Path(output)
    begun = (folder / "config.json").is_file()
    if resume and not begun:
        raise InputError(f"No run in {folder}: start it without --resume.")
    if begun and not resume:
        raise InputError(f"{folder} holds a run already: add --resume or choose another folder.")
    write_text(folder / "config.json", config.to_json())
    report: Report = {}
    for loss in config.losses:
        done = folder / loss / "report.json"
        if not done.is_file():
            result = _train_one(config, loss, folder / loss)
            write_text(done, json.dumps(result, indent=1) + "\n")
        report[loss] = json.loads(done.read_text(encoding="utf-8"))
    write_text(folder / "report.json", json.dumps(report, indent=1) + "\n")
    write_text(folder / "report.md", table(report))
    return report


def table(report: Report) -> str:
    """Compare the losses' retrieval, as Markdown."""
    columns = ("image_to_text_at_1", "image_to_text_at_5", "text_to_image_at_1")
    head = " | ".join(c.replace("_", " ") for c in columns)
    lines = [f"| loss | steps | {head} | seconds |", "|---|---|---|---|---|---|"]
    for loss, row in report.items():
        figures = " | ".join(f"{100 * row['after'][c]:.1f} %" for c in columns)
        lines.append(f"| {loss} | {row['steps']} | {figures} | {row['seconds']:.0f} |")
    after = next(iter(report.values()))["after"]
    one, five = (f"{100 * after[f'chance_at_{rank}']:.1f} %" for rank in (1, 5))
    lines.append(f"| chance | | {one} | {five} | {one} | |")
    return "\n".join(lines) + "\n"


class ContrastiveTraining(lightning.LightningModule):
    """Trains both towers with one loss.

    Args:
        clip: the model.
        tokenizer: its tokenizer.
        config: the run.
        loss: "dhn-nce" or "info-nce".
    """

    def __init__(
        self,
        clip: ClipModel,
        tokenizer: Any,  # noqa: ANN401
        config: ContrastiveConfig,
        loss: str,
    ) -> None:
        super().__init__()
        self.clip = clip.train()
        self.tokenizer = tokenizer
        self._config = config
        self._loss = loss
        self.course: list[float] = []

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:  # noqa: ARG002
        """Return the loss of one batch."""
        config = self._config
        # Dropout is a function of the step, so that a resumed run goes the same way.
        torch.manual_seed(1_000_003 * config.seed + self.global_step)
        images = self.clip.image_embedding(self.clip.normalise(batch["image"]))
        texts = self.clip.embed_texts(batch["text"], self.tokenizer)
        if self._loss == "info-nce":
            loss = info_nce(images, texts, tau=config.info_tau)
        else:
            loss = dhn_nce(
                images,
                texts,
                tau=config.tau,
                beta1=config.beta1,
                beta2=config.beta2,
                constant_weights=config.constant_weights,
                reduction="mean",
            )
        self.course.append(float(loss.detach()))
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401
        """AdamW with warm-up and a cosine; the unused temperature of CLIP stays as it is."""
        config = self._config
        decayed = [p for n, p in self.clip.named_parameters() if p.ndim > 1]
        plain = [p for n, p in self.clip.named_parameters() if p.ndim <= 1 and n != "logit_scale"]
        optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
        )
        return warmup_cosine(optimizer, config.steps, config.warmup_share)


class _Batches(IterableDataset[dict[str, Any]]):
    """Pairs from number ``first`` on, one by one."""

    def __init__(self, pairs: Pairs, first: int, last: int) -> None:
        self._pairs, self._first, self._last = pairs, first, last

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in range(self._first, self._last):
            image, text = self._pairs.training(number)
            yield {"image": torch.from_numpy(image)[None], "text": text}


def open_pairs(config: ContrastiveConfig, size: int) -> Pairs:
    """Open the pairs that a configuration names, at a picture size in pixels."""
    if config.pairs == "generated":
        return GeneratedPairs(config.seed, size, min(config.held_out, 144))
    return FolderPairs(config, size)


def start(config: ContrastiveConfig) -> tuple[ClipModel, Any, Pairs]:
    """Return the model that a run starts from, its tokenizer, and the pairs."""
    torch.manual_seed(config.seed)
    if config.start != "scratch":
        clip, tokenizer = load_clip(config.start)
        return clip, tokenizer, open_pairs(config, clip.config.vision.image_size)
    pairs = open_pairs(config, config.image_size)
    tokenizer = word_tokenizer(pairs.texts)
    vision = VisionShape(
        config.image_size, config.patch_size, config.width, config.depth, config.embed_dim
    )
    text = TextShape(
        vocabulary=len(tokenizer),
        width=config.width,
        depth=config.text_depth,
        intermediate=2 * config.width,
        positions=_LONGEST,
        context_length=_LONGEST,
        projection="linear",
    )
    clip = ClipModel(ClipConfig(vision, text, mean=_GREY, std=_CONTRAST))
    # At BERT's size of initial values a small model takes long to tell places apart.
    torch.nn.init.normal_(clip.visual.trunk.pos_embed, std=_PLACES)
    for module in clip.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return clip, tokenizer, pairs


def word_tokenizer(texts: Any) -> Any:  # noqa: ANN401
    """Make a BERT tokenizer whose vocabulary is the texts' own words."""
    words = sorted({w for text in texts for w in re.findall(r"\w+|[^\w\s]", text.lower())})
    return tokenizer_of((*_SPECIAL, *words))


def measure(clip: ClipModel, tokenizer: Any, pairs: Pairs) -> dict[str, float]:  # noqa: ANN401
    """Measure retrieval on the held-out pairs."""
    held = pairs.held_out()
    device = clip.logit_scale.device
    training = clip.training
    clip.eval()
    with torch.no_grad():
        pictures = torch.from_numpy(np.stack([image for image, _ in held]))[:, None].to(device)
        images = torch.cat(
            [clip.image_embedding(clip.normalise(part)) for part in pictures.split(64)]
        )
        names = [text for _, text in held]
        texts = torch.cat(
            [clip.embed_texts(names[i : i + 64], tokenizer) for i in range(0, len(names), 64)]
        )
    clip.train(training)
    return retrieval(images.cpu().numpy(), texts.cpu().numpy(), names)


def _train_one(config: ContrastiveConfig, loss: str, folder: Path) -> dict[str, Any]:
    clip, tokenizer, pairs = start(config)
    before = measure(clip, tokenizer, pairs)
    checkpoint = folder / "checkpoints" / "last.ckpt"
    done = 0
    if checkpoint.is_file():
        # The run's own checkpoint; only plain tensors and numbers are read.
        done = int(torch.load(checkpoint, weights_only=True, map_location="cpu")["global_step"])
    module = ContrastiveTraining(clip, tokenizer, config, loss)
    batches = _Batches(pairs, done * config.batch_size, config.steps * config.batch_size)
    trainer = lightning.Trainer(
        max_steps=config.steps,
        gradient_clip_val=1.0,
        devices=1,
        callbacks=[
            ModelCheckpoint(
                folder / "checkpoints",
                save_last=True,
                save_top_k=0,
                every_n_train_steps=config.checkpoint_steps,
                enable_version_counter=False,
            )
        ],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    started = time.monotonic()
    loader: DataLoader[dict[str, Any]] = DataLoader(batches, config.batch_size)
    trainer.fit(module, loader, ckpt_path=str(checkpoint) if done else None)
    seconds = time.monotonic() - started
    clip.cpu()
    save_clip(folder / "biomedclip", clip, tokenizer)
    return {
        "loss": loss,
        "steps": config.steps,
        "seconds": seconds,
        "before": before,
        "after": measure(clip, tokenizer, pairs),
        "course": module.course,
    }
