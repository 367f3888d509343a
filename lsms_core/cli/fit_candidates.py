"""``lsms fit-candidates``: fit the classifier of lesions and false positives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lsms_core.dataset.sources import Case

_LARGE_MM = 10.0


@click.command("fit-candidates")
@click.argument("cases", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--weights",
    required=True,
    multiple=True,
    help="The model: a folder, or the name of an installed one. Several: one for each fold.",
)
@click.option(
    "--only",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The split.json of the run that made the model: only cases that it was kept from. "
    "With several models, one for each.",
)
@click.option("--threshold", default=0.4, show_default=True, help="Of the probability.")
@click.option(
    "--patients",
    help="Only these, with commas between: patients that the model's run was kept from.",
)
@click.option("--threads", type=int, help="CPU threads.")
@click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def command(
    cases: tuple[Path, ...],
    weights: tuple[str, ...],
    only: tuple[Path, ...],
    threshold: float,
    patients: str | None,
    threads: int | None,
    output: Path,
) -> None:
    """Fit the candidate classifier on folders of CASES, best of patients new to the model.

    Writes it as JSON for ``lsms release --classifier``, and says how well it does on each patient
    when it was fitted on the others. With the models of a cross-validation (--weights and --only
    for each fold) it is fitted on all patients, each searched by a model that has not seen it.
    """
    from lsms_core.dataset.sources import cases_of, held_out
    from lsms_core.errors import InputError
    from lsms_core.inference.predictor import Predictor
    from lsms_core.io.text_files import write_text
    from lsms_core.training.candidate_fitting import (
        fit_classifier,
        gather_candidates,
        joined,
        left_out_probabilities,
    )

    if not 0 < threshold < 1:
        raise InputError(f"The threshold is {threshold}: use a number between 0 and 1.")
    named = None if patients is None else [p.strip() for p in patients.split(",") if p.strip()]
    if len(only) != len(weights) and (only or len(weights) > 1):
        raise InputError("Give one --only split.json for each of the --weights.")
    left = cases_of(cases, named)
    tables = []
    for number, model in enumerate(weights):
        predictor = Predictor.from_pretrained(model, "cpu", threads=threads)
        names = held_out(only[number]) if only else [case.name for case in left]
        new = [case for case in left if case.name in names]
        # A case that several runs were kept from counts once.
        left = [case for case in left if case.name not in names]
        tables.append(gather_candidates(predictor, new, _say))
    table = joined(tables)
    data = table.features, table.lesion, table.patients
    classifier = fit_classifier(*data, threshold=threshold)
    write_text(output, json.dumps(classifier.to_dict(), indent=2) + "\n")
    if len(set(table.patients)) > 1:
        kept = left_out_probabilities(*data) >= threshold
        large = table.longest_mm >= _LARGE_MM
        for name, some in (("all", large | True), ("10 mm and more", large)):
            truth = table.lesion & some
            click.echo(
                f"{name}: {truth.sum()} of {some.sum()} candidates are lesions; of the "
                f"{(kept & some).sum()} kept {(truth & kept).sum()} (patients left out)"
            )
    click.echo(f"The classifier is in {output}")


def _say(case: Case, count: int) -> None:
    click.echo(f"{case.name}: {count} candidates")
