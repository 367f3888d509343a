"""Releases a trained model: threshold, model card, bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.errors import BundleError, InputError
from lsms_core.evaluation.calibration import OperatingPoint, choose_threshold
from lsms_core.evaluation.report import tables
from lsms_core.evaluation.scores import SampleScore
from lsms_core.inference.candidate_classifier import CandidateClassifier
from lsms_core.inference.evidence_calibration import EvidenceCalibration
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.models.architectures import (
    Model,
    with_lesion_logit,
    with_members,
    without_outlines,
)
from lsms_core.models.bundle import load_bundle, save_bundle
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.models.weight_mean import with_mean_weights
from lsms_core.training.graph_agreement import add_graphs, check_exporter

_INTRODUCTION = """# {name} {version}

Text in, mask of the named liver lesion out: LSMS (arXiv 2408.17347, own implementation), variant
{variant}. **Research use only, non-commercial; not a medical device, not for diagnosis or
treatment.**

{notes}

## Operating point

{operating}
"""
_SCORE = """An answer counts as *found* from a score of **{threshold}**. The threshold has the best
mean of recall and no-target accuracy on held-out patients ({recall:.0%} of the named lesions
answered, {quiet:.0%} of the texts that name nothing answered with nothing, at this threshold)."""
_JUDGED = """What is drawn is judged by a classifier over its neighbourhood: what it takes for a
lesion with a probability under **{threshold}** is dropped from answers, with that probability as
the reason. On held-out patients {recall:.0%} of the named lesions are answered, and {quiet:.0%} of
the texts that name nothing are answered with nothing."""


@dataclass(frozen=True)
class Release:
    """What is released.

    Attributes:
        name: the model's name.
        version: its version.
        notes: where data, terms and training are described, Markdown.
        evaluations: title and report of each evaluation that the card shows.
    """

    name: str
    version: str
    notes: str
    evaluations: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Networks:
    """What becomes of a run's network.

    Attributes:
        alone: U-Nets whose maps would be averaged with LSMS's own are left out.
        members: bundles of further networks that draw; the mean of all maps counts.
        mean_with: bundles of the state that the run began with, or of runs that went on from
            there in another way; the mean of all weights is released.
        lesion_logit: added to the logits of the lesions that LSMS draws.
    """

    alone: bool = False
    members: Sequence[str | Path] = ()
    mean_with: Sequence[str | Path] = ()
    lesion_logit: float = 0.0


@dataclass(frozen=True)
class Settings:
    """How slices are seen and what is drawn is judged; None keeps the bundle's own.

    Attributes:
        classifier: decides which candidates are lesions.
        evidence: the looks that LSMS sees.
        mask_threshold: of the map.
        focus_mm: how far around the liver is looked at.
        pixel_mm: of the grid on which slices are seen, which shows as much of the body as before.
            A little coarser than in training the network invents less (docs/history/lsms-draws.md).
    """

    classifier: CandidateClassifier | None = None
    evidence: EvidenceCalibration | None = None
    mask_threshold: float | None = None
    focus_mm: float | None = None
    pixel_mm: float | None = None


def operating_point(report: Mapping[str, Any]) -> OperatingPoint:
    """Choose the presence threshold from a report made with ``--presence 0.01``.

    Where a classifier judged the candidates, its threshold is the one that counts, as it is.

    Raises:
        InputError: when the report was cut at a higher presence threshold.
    """
    about = report["about"]
    samples = [SampleScore(**s) for s in report["samples"]]
    parts = about.get("folds", [about])
    judges = [part["postprocessing"].get("classifier") for part in parts]
    if all(judges):
        named = [s.present for s in samples if s.has_target]
        others = [not s.present for s in samples if not s.has_target]
        shares = [sum(some) / max(len(some), 1) for some in (named, others)]
        return OperatingPoint(float(judges[0]["threshold"]), *shares)
    for part in parts:
        if part["postprocessing"]["presence_threshold"] > 0.05:
            raise InputError(
                "This report hides low scores: make it with lsms evaluate --presence 0.01."
            )
    return choose_threshold(samples)


def release(
    bundle: str | Path,
    output: str | Path,
    point: OperatingPoint,
    content: Release,
    networks: Networks | None = None,
    settings: Settings | None = None,
    *,
    volumes: Sequence[CTVolume] = (),
) -> Path:
    """Write a trained bundle under its name, with threshold, card and graphs.

    Args:
        bundle: the bundle of a run.
        output: the folder of the released model.
        point: the operating point.
        content: name, version and what the card says.
        networks: what becomes of its network; None for what it is.
        settings: of an answer; None for the bundle's own.
        volumes: CT on which both runtimes are compared, beside the synthetic one.

    Returns:
        The folder.

    Raises:
        BundleError: when the graphs draw otherwise than torch does, or the networks do not fit
            together; nothing is written.
        DependencyError: when the packages that make graphs are missing.
    """
    check_exporter()
    networks, settings = networks or Networks(), settings or Settings()
    source = load_bundle(bundle)
    postprocessing = _judged(source.postprocessing, point, settings)
    operating, judge = _SCORE, postprocessing.classifier
    if judge is not None:
        # The classifier decides, so the presence threshold must drop nothing.
        postprocessing = replace(postprocessing, presence_threshold=postprocessing.mask_threshold)
        operating = _JUDGED
    operating = operating.format(
        threshold=point.threshold if judge is None else judge.threshold,
        recall=point.recall,
        quiet=point.no_target_accuracy,
    )
    model = _network(source.model, networks)
    config: Any = model.config
    variant = f"with dims {config.dims}"
    if getattr(config, "outline", ()):
        count = "an outline" if config.outlines == 1 else f"{config.outlines} outlines"
        variant += f" and {count} with dims {config.outline}"
    if getattr(config, "members", 1) > 1:
        variant += f", the mean of {config.members} networks"
    card = _INTRODUCTION.format(
        name=content.name,
        version=content.version,
        variant=variant,
        notes=content.notes.strip(),
        operating=operating,
    )
    for title, report in content.evaluations.items():
        card += f"\n## {title}\n\n" + "\n".join(tables(report, level=3))
    with tempfile.TemporaryDirectory() as scratch:
        plain = save_bundle(
            Path(scratch) / content.name,
            model,
            source.tokenizer,
            preprocessing=_seen(source.preprocessing, settings),
            postprocessing=postprocessing.to_dict(),
            card=card,
            name=content.name,
            version=content.version,
        )
        add_graphs(plain, output, volumes)
    return Path(output)


def _judged(
    postprocessing: Mapping[str, Any], point: OperatingPoint, settings: Settings
) -> PostprocessingConfig:
    names = ("mask_threshold", "classifier", "evidence")
    given = {name: getattr(settings, name) for name in names}
    return replace(
        PostprocessingConfig.from_dict(postprocessing),
        presence_threshold=point.threshold,
        **{name: value for name, value in given.items() if value is not None},
    )


def _network(model: Model, networks: Networks) -> Model:
    if networks.mean_with:
        model = with_mean_weights(model, *(load_bundle(one).model for one in networks.mean_with))
    if networks.alone:
        model = without_outlines(model)
    if networks.members:
        model = _joined(model, [load_bundle(member).model for member in networks.members])
    if networks.lesion_logit:
        model = with_lesion_logit(model, networks.lesion_logit)
    return model


def _joined(model: Model, others: Sequence[Model]) -> Model:
    kept = [one for one in (model, *others) if isinstance(one, LSMSModel)]
    if len(kept) != 1 + len(others):
        raise BundleError("Only LSMS networks draw together.")
    return with_members(*kept)


def _seen(preprocessing: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    config = PreprocessingConfig.from_dict(preprocessing)
    if settings.focus_mm is not None:
        config = replace(config, focus_mm=settings.focus_mm)
    if settings.pixel_mm is not None:
        config = config.at_pixel(settings.pixel_mm)
    return asdict(config)
