"""``lsms release``: give a trained model its threshold, card and name."""

from __future__ import annotations

from pathlib import Path

import click

from lsms_core.cli.export_graphs import compared_ct

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("release")
@click.argument("bundle", type=click.Path(file_okay=False, path_type=Path))
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option(
    "--calibrate",
    type=_FILE,
    required=True,
    help="Report on held-out patients, made with --presence 0.01; chooses the threshold.",
)
@click.option("--notes", type=_FILE, required=True, help="Data, terms, training (Markdown).")
@click.option(
    "--report",
    "reports",
    type=(str, _FILE),
    multiple=True,
    help="Title and report of an evaluation that the card shows.",
)
@click.option("--classifier", type=_FILE, help="From lsms fit-candidates; default: the bundle's.")
@click.option("--evidence", type=_FILE, help="From lsms fit-evidence; default: the bundle's.")
@click.option(
    "--lsms-draws-alone",
    is_flag=True,
    help="Leave out U-Nets whose maps would be averaged with LSMS's own.",
)
@click.option(
    "--member",
    "members",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    help="Bundle of a further LSMS, trained apart; the mean of their maps counts.",
)
@click.option(
    "--mean-with",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    help="Bundle that the run began with (--start-from), or of another run that did; the mean of "
    "all weights is released.",
)
@click.option(
    "--lesion-logit",
    default=0.0,
    show_default=True,
    help="Added to the logits of the lesions that LSMS draws, chosen on held-out patients.",
)
@click.option("--mask-threshold", type=float, help="Of the map; default: the bundle's.")
@click.option(
    "--focus-mm",
    type=float,
    help="How far around the liver slices are looked at, 0 for all; default: the bundle's.",
)
@click.option(
    "--pixel-mm", type=float, help="Of the grid on which slices are seen; default: the bundle's."
)
@click.option("--name", help="Default: the output folder's name.")
@click.option("--version", default="0.1.0", show_default=True)
@compared_ct
def command(
    bundle: Path,
    output: Path,
    calibrate: Path,
    notes: Path,
    reports: tuple[tuple[str, Path], ...],
    classifier: Path | None,
    evidence: Path | None,
    lsms_draws_alone: bool,
    members: tuple[Path, ...],
    lesion_logit: float,
    mask_threshold: float | None,
    focus_mm: float | None,
    pixel_mm: float | None,
    mean_with: tuple[Path, ...],
    name: str | None,
    version: str,
    volumes: tuple[Path, ...],
) -> None:
    """Write the trained BUNDLE as a model that others use."""
    from lsms_core.errors import InputError
    from lsms_core.inference.candidate_classifier import CandidateClassifier
    from lsms_core.inference.evidence_calibration import EvidenceCalibration
    from lsms_core.io.text_files import read_json
    from lsms_core.io.volumes import read_volume
    from lsms_core.training.release import (
        Networks,
        Release,
        Settings,
        operating_point,
        release,
    )

    try:
        text = notes.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{notes} cannot be read: {error}") from error
    point = operating_point(read_json(calibrate))
    content = Release(
        name or output.name, version, text, {title: read_json(path) for title, path in reports}
    )
    judge = None if classifier is None else CandidateClassifier.from_dict(read_json(classifier))
    looks = None if evidence is None else EvidenceCalibration.from_dict(read_json(evidence))
    folder = release(
        bundle,
        output,
        point,
        content,
        Networks(lsms_draws_alone, members, mean_with, lesion_logit),
        Settings(judge, looks, mask_threshold, focus_mm, pixel_mm),
        volumes=[read_volume(path).volume for path in volumes],
    )
    click.echo(
        f"{content.name} {version}: found from a score of {point.threshold} "
        f"(recall {point.recall:.0%}, no-target accuracy {point.no_target_accuracy:.0%}). "
        f"It is in {folder}."
    )
