"""A training run from configuration to bundle: folds, checkpoints, exact resume."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader

from lsms_core.dataset.look_pictures import LookPictures
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sampling import ReferringSamples
from lsms_core.dataset.sources import CaseArrays, list_cases, load_case, split_folds
from lsms_core.dataset.text_free_pictures import HardPlace, TextFreePictures
from lsms_core.errors import InputError
from lsms_core.io.text_files import write_text
from lsms_core.models.architectures import (
    DEFAULT,
    Model,
    new_model,
    with_outline,
    with_slices,
    with_words,
)
from lsms_core.models.baselines.unet import UNetModel
from lsms_core.models.bundle import load_bundle, save_bundle
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.models.spelling_tokenizer import spelling_tokenizer
from lsms_core.training.config import TrainingConfig
from lsms_core.training.guesses import guesses, read_guesses, with_guesses, write_guesses
from lsms_core.training.hard_places import hard_places, read_hard_places, write_hard_places
from lsms_core.training.listening import ListeningLoss, new_listening_run
from lsms_core.training.module import LSMSTraining
from lsms_core.training.pictures import SamplePictures
from lsms_core.training.run_devices import Devices
from lsms_core.training.teacher import Teacher
from lsms_core.training.text import load_text_encoder
from lsms_core.training.text_free import learn_to_draw, new_run
from lsms_core.training.waiting import in_first_process, progress


def split_cases(config: TrainingConfig) -> tuple[list[CaseArrays], list[str]]:
    """Load the patients that a run trains on; returns them and the names of those left out.

    Raises:
        InputError: when the fold or a patient left out does not exist.
    """
    if config.fold is not None and not 0 <= config.fold < config.folds:
        raise InputError(f"Fold {config.fold} does not exist: use 0 to {config.folds - 1}.")
    cases = list_cases(config.cases)
    # They join the folds of their patients, and otherwise train: the folds stay the same.
    singles = list_cases(config.single_slices) if config.single_slices else []
    listed = progress([*cases, *singles], "reading", "case")
    arrays = [load_case(case, config.preprocessing) for case in listed]
    weights = {a.case.name: int(a.lesions.any(axis=(1, 2)).sum()) for a in arrays[: len(cases)]}
    unknown = set(config.held_out) - {a.case.group for a in arrays}
    if unknown:
        raise InputError(f"No case is of the patient {sorted(unknown)[0]!r} in held_out.")
    groups = set(config.held_out)
    if config.fold is not None:
        groups |= split_folds(cases, weights, config.folds)[config.fold]
    trained = [a for a in arrays if a.case.group not in groups]
    return trained, [a.case.name for a in arrays if a.case.group in groups]


def build(config: TrainingConfig) -> LSMSTraining:
    """Build the model of a run; its weights depend on the seed alone.

    Raises:
        BundleError: for an architecture or variant that does not exist.
        InputError: when a bundle is of another architecture than it has to be, or the outline is
            for a network that has none.
    """
    lightning.seed_everything(config.seed, verbose=False)
    if config.start_from is None:
        encoder, tokenizer = None, None
        if config.architecture == "unet":
            # It does not read the text: any tokenizer will do.
            tokenizer = spelling_tokenizer()
        else:
            encoder, tokenizer = load_text_encoder(config.text_encoder, config.text_layers)
        model = new_model(
            config.architecture,
            config.variant,
            encoder,
            config.align_stride,
            len(config.preprocessing.slice_offsets_mm),
        )
    else:
        model, tokenizer = _trained(
            config.start_from, config.architecture, "to start from", config.preprocessing
        )
    if config.outline_from:
        if config.architecture != DEFAULT:
            raise InputError("Only LSMS has an outline: leave outline_from out.")
        bundles = config.outline_from
        outlines = []
        for bundle in (bundles,) if isinstance(bundles, str) else bundles:
            outline, _ = _trained(bundle, "unet", "for the outline", config.preprocessing)
            assert isinstance(outline, UNetModel)
            outlines.append(outline)
        assert isinstance(model, LSMSModel)
        model = with_outline(model, *outlines)
    if isinstance(model, LSMSModel) and model.config.outline:
        model = with_words(model, config.preprocessing.window_hu, config.trust)
    return LSMSTraining(model, tokenizer, config)


def _trained(
    bundle: str, architecture: str, purpose: str, seen: PreprocessingConfig
) -> tuple[Model, Any]:
    """Return the model, for the slices ``seen``, and tokenizer of a bundle of an architecture."""
    loaded = load_bundle(bundle)
    found = loaded.model.architecture
    if found != architecture:
        raise InputError(
            f"The bundle {purpose} is {found!r}, the configuration wants {architecture!r}: "
            "make the two the same."
        )
    before = PreprocessingConfig.from_dict(loaded.preprocessing).slice_offsets_mm
    if tuple(before) == tuple(seen.slice_offsets_mm):
        return loaded.model, loaded.tokenizer
    return with_slices(loaded.model, before, seen.slice_offsets_mm), loaded.tokenizer


def train(config: TrainingConfig, output: str | Path, *, resume: bool = False) -> Path:
    """Train and export a bundle.

    Args:
        config: the run.
        output: folder of the run.
        resume: go on from the run's last checkpoint, with the very next sample.

    Returns:
        The bundle's folder.

    Raises:
        InputError: when there is nothing to resume, or a run is there already.
    """
    folder = Path(output)
    checkpoint = folder / "checkpoints" / "last.ckpt"
    if resume and not checkpoint.is_file():
        raise InputError(f"No checkpoint in {folder}: start the run without --resume.")
    if not resume and checkpoint.is_file():
        raise InputError(f"{folder} holds a run already: add --resume or choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "config.json", config.to_json())
    if config.listen_with or config.text_free:
        return _train_on_devices(config, folder, resume=resume)
    module = build(config)
    trainer = _trainer(config, folder)
    # Every device draws its own batch, so a step uses up one batch a device.
    step_samples = config.batch_size * trainer.world_size
    done = 0
    if resume:
        # Lightning's checkpoints are this run's own; only plain tensors and numbers are read.
        done = int(torch.load(checkpoint, weights_only=True, map_location="cpu")["global_step"])
    trained, held_out = split_cases(config)
    _write_split(folder, trained, held_out)
    samples = ReferringSamples(
        trained,
        config.preprocessing,
        config.sampling,
        seed=config.seed,
        count=module.steps * step_samples,
        first=done * step_samples,
    )
    loader: DataLoader[dict[str, object]] = DataLoader(
        samples, config.batch_size, num_workers=config.workers, shuffle=False
    )
    if config.samples:
        trainer.fit(module, loader, ckpt_path=str(checkpoint) if resume else None)
        trainer.save_checkpoint(checkpoint)
    return export(module.averaged, module.tokenizer, config, folder / "bundle")


def _train_on_devices(config: TrainingConfig, folder: Path, *, resume: bool) -> Path:
    """Train to draw or to listen; of several processes the first one writes the files."""
    devices = Devices(config)
    if config.listen_with:
        run, tokenizer = new_listening_run(config)
    else:
        run, tokenizer = new_run(config), spelling_tokenizer()
    devices.place(run.model, run.averaged)
    if resume:
        run.load(folder / "checkpoints" / "last.ckpt")
    trained, held_out = split_cases(config)
    if in_first_process():
        _write_split(folder, trained, held_out)
    if config.listen_with:
        looks = LookPictures(
            trained, config.preprocessing, config.looks, seed=config.seed, count=config.samples
        )
        learn_to_draw(config, run, looks, folder, devices, ListeningLoss(tokenizer, config))
    else:
        learn_to_draw(config, run, _pictures(config, trained, folder, devices), folder, devices)
    bundle = folder / "bundle"

    def write() -> None:
        export(run.averaged.cpu(), tokenizer, config, bundle)

    devices.first(write)
    return bundle


def _pictures(
    config: TrainingConfig, trained: list[CaseArrays], folder: Path, devices: Devices
) -> TextFreePictures:
    trained = _taught(config, trained, folder, devices)
    return TextFreePictures(
        trained,
        config.preprocessing,
        config.pictures,
        seed=config.seed,
        count=config.samples,
        hard=_hard_places(config, trained, folder, devices),
    )


def _taught(
    config: TrainingConfig, trained: list[CaseArrays], folder: Path, devices: Devices
) -> list[CaseArrays]:
    if config.teacher is None:
        return trained
    bundle, kept = config.teacher, folder / "guesses.safetensors"

    def look() -> None:
        write_guesses(kept, guesses(trained, Teacher.opened(bundle), config.preprocessing))

    devices.once(kept, look)
    return with_guesses(trained, read_guesses(kept))


def _hard_places(
    config: TrainingConfig, trained: list[CaseArrays], folder: Path, devices: Devices
) -> list[HardPlace]:
    if config.mistakes_of is None:
        return []
    bundle, kept = config.mistakes_of, folder / "mistakes.json"

    def look() -> None:
        places = hard_places(trained, Teacher.opened(bundle), config.preprocessing)
        write_hard_places(kept, places)

    devices.once(kept, look)
    return read_hard_places(kept)


def _write_split(folder: Path, trained: list[CaseArrays], held_out: list[str]) -> None:
    split = {"trained": [a.case.name for a in trained], "held_out": held_out}
    write_text(folder / "split.json", json.dumps(split, indent=2) + "\n")


def _trainer(config: TrainingConfig, folder: Path) -> lightning.Trainer:
    saver = ModelCheckpoint(
        folder / "checkpoints",
        save_last=True,
        save_top_k=0,
        train_time_interval=timedelta(minutes=config.checkpoint_minutes),
        enable_version_counter=False,
    )
    trainer = lightning.Trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        precision=config.precision,
        gradient_clip_val=1.0,
        callbacks=[saver, TQDMProgressBar(refresh_rate=20), SamplePictures(folder / "pictures")],
        logger=[CSVLogger(folder, name="logs"), *_tensorboard(folder)],
        log_every_n_steps=1 if config.samples < 50 * config.batch_size else 20,
        enable_model_summary=False,
        max_epochs=1,
    )
    # Known only now: every device takes its own batch in a step.
    trainer.fit_loop.epoch_loop.max_steps = max(
        config.samples // (config.batch_size * trainer.world_size), 1
    )
    return trainer


def _tensorboard(folder: Path) -> list[TensorBoardLogger]:
    """TensorBoard's logs beside the CSV, where TensorBoard is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return []
    return [TensorBoardLogger(folder, name="tensorboard")]


def export(
    averaged: Model,
    tokenizer: Any,  # noqa: ANN401
    config: TrainingConfig,
    folder: Path,
) -> Path:
    """Write the averaged weights as a bundle."""
    return save_bundle(
        folder,
        averaged,
        tokenizer,
        preprocessing=asdict(config.preprocessing),
        postprocessing={"mask_threshold": config.mask_threshold, "edges_mm": config.edges_mm},
        card=(
            f"# {config.architecture.upper()} {config.variant}\n\n"
            f"Trained with seed {config.seed} on {config.samples} samples; fold {config.fold} of "
            f"{config.folds} left out. Not calibrated.\n"
            "Research use only; not a medical device.\n"
        ),
        name=f"{config.architecture}-{config.variant}",
        version="0.0.0",
    )
