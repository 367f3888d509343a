"""``lsms evaluate``: score weights on a referring data set."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lsms_core.evaluation.parallel import Model


@click.command("evaluate")
@click.argument("dataset", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--weights", default="lsms-tiny", help="Bundle: a name or a folder.")
@click.option("--engine", help="Engine; default: the one that the bundle names.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Report (JSON); a readable page is written beside it.",
)
@click.option("--readings", type=click.Path(path_type=Path), help=(
    "Score the reading of texts instead: JSON lines with a text and what to expect of it."
))  # fmt: skip
@click.option("--only", type=click.Path(dir_okay=False, path_type=Path), help=(
    "JSON file with the cases to use: a list, or the split.json of a training run, "
    "whose held-out cases are used."
))  # fmt: skip
@click.option("--candidates", type=click.Choice(["network", "labels"]), default="network", help=(
    "What the words choose among: what WEIGHTS find, or the true outlines (the words alone)."
))  # fmt: skip
@click.option(
    "--presence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Presence threshold; default: the model's own.",
)
@click.option("--text-tests/--no-text-tests", default=True, help="Ask in other words, too.")
@click.option("--oracle", is_flag=True, help=(
    "Keep of each answer what belongs to the named lesion: how far a perfect selection would get."
))  # fmt: skip
@click.option("--save-masks", type=click.Path(file_okay=False, path_type=Path), help=(
    "Write each answer as <id>.png."
))  # fmt: skip
@click.option("--pictures", is_flag=True, help=(
    "Show the worst answers of each kind in the readable page; they are images of patients."
))  # fmt: skip
@click.option("--device", default="auto")
@click.option("--threads", type=click.IntRange(min=1))
@click.option("--processes", type=click.IntRange(min=1), default=1, help=(
    "Processes that share the slices, each with its own model; the report is the same."
))  # fmt: skip
@click.option(
    "--pool",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Pool these reports (the folds of a cross-validation) instead of evaluating.",
)
def command(
    dataset: Path | None,
    weights: str,
    engine: str | None,
    output: Path | None,
    readings: Path | None,
    only: Path | None,
    candidates: str,
    presence: float | None,
    text_tests: bool,
    oracle: bool,
    save_masks: Path | None,
    pictures: bool,
    device: str,
    threads: int | None,
    processes: int,
    pool: tuple[Path, ...],
) -> None:
    """Score WEIGHTS on DATASET, a folder made by lsms build-dataset."""
    if readings is not None:
        _evaluate_readings(readings, output)
        return
    from lsms_core.cli.progress import bar
    from lsms_core.dataset.sources import held_out
    from lsms_core.errors import InputError
    from lsms_core.evaluation.evaluate_records import evaluate
    from lsms_core.evaluation.evaluate_records import pool as pool_reports
    from lsms_core.evaluation.failures import Gallery
    from lsms_core.evaluation.report import markdown
    from lsms_core.io.text_files import read_json, write_text

    if output is None:
        raise InputError("Where should the report go? Give --output REPORT.json.")
    if pictures and pool:
        raise InputError("Pooled reports hold no images: make the pictures with each fold.")
    gallery = Gallery() if pictures else None
    if pool:
        report = pool_reports([read_json(path) for path in pool])
    elif dataset is None:
        raise InputError("Which data set? Give the folder that lsms build-dataset made.")
    else:
        cases = None if only is None else held_out(only)
        predictor: Model | None = None
        if candidates == "network":
            predictor = _model(weights, device, engine, threads, presence, processes)
        elif oracle or presence is not None:
            raise InputError("--candidates labels has no network to test: leave --oracle and "
                             "--presence out.")  # fmt: skip
        with bar("slices") as progress:
            report = evaluate(
                dataset,
                predictor,
                only=cases,
                text_tests=text_tests,
                oracle=oracle,
                save_masks=save_masks,
                gallery=gallery,
                processes=processes,
                progress=progress,
            )
    command_line = "lsms " + " ".join(shlex.quote(a) for a in sys.argv[1:])
    report["about"]["command"] = command_line
    folder = output.with_name(f"{output.stem}_pictures")
    if gallery:
        report["gallery"] = gallery.write(folder)
    picture = _reliability(report, output)
    write_text(output, json.dumps(report, indent=1) + "\n")
    page = markdown(report, command_line, folder.name, picture)
    write_text(output.with_suffix(".md"), page)
    summary = report["summary"]
    for name in ("dice", "iou", "target_recall", "no_target_accuracy"):
        value = summary[name]["value"]
        click.echo(f"{name.replace('_', ' ')}: {'-' if value is None else format(value, '.3f')}")
    click.echo(f"Report: {output} and {output.with_suffix('.md')}")


def _evaluate_readings(path: Path, output: Path | None) -> None:
    """Print how well the texts of a file are read; needs no network."""
    from lsms_core.evaluation.readings import score_readings
    from lsms_core.io.text_files import write_text

    scores = score_readings(path)
    for mistake in scores.mistakes:
        click.echo(
            f"{mistake.text!r}: {mistake.name} is {json.dumps(mistake.got)}, "
            f"expected {json.dumps(mistake.expected)}"
        )
    for title, table in (("entry", scores.by_field), ("kind", scores.by_kind)):
        for name, (right, of) in sorted(table.items()):
            click.echo(f"{title} {name}: {right} of {of}")
    click.echo(f"wrong sides: {len(scores.wrong_sides)}")
    click.echo(f"texts read rightly: {scores.right} of {scores.texts} ({scores.share:.1%})")
    if output is not None:
        write_text(output, json.dumps(scores.to_dict(), indent=1, ensure_ascii=False) + "\n")
        click.echo(f"Report: {output}")


def _model(
    weights: str,
    device: str,
    engine: str | None,
    threads: int | None,
    presence: float | None,
    processes: int,
) -> Model:
    from lsms_core.evaluation.parallel import Model

    if threads is None and processes > 1:
        threads = max(1, (os.cpu_count() or 1) // processes)
    return Model(weights, engine, device, threads, presence)


def _reliability(report: dict[str, Any], output: Path) -> str | None:
    """Draw the reliability beside the report; None where pictures cannot be drawn."""
    from lsms_core.errors import DependencyError
    from lsms_core.evaluation.reliability_picture import draw_reliability

    path = output.with_name(f"{output.stem}_reliability.png")
    try:
        draw_reliability(path, report["reliability"])
    except DependencyError as error:
        click.echo(f"No reliability picture: {error}", err=True)
        return None
    return path.name
