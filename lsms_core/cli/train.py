"""``lsms train``: train a model from a configuration file."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import click


@click.command("train")
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--cases", type=click.Path(path_type=Path), help="Folder of cases.")
@click.option("--fold", type=int, help="Leave out this patient fold.")
@click.option("--samples", type=click.IntRange(min=1), help="Length of the run.")
@click.option(
    "--start-from", type=click.Path(file_okay=False, path_type=Path), help="Begin with this bundle."
)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def command(
    config: Path,
    output: Path,
    cases: Path | None,
    fold: int | None,
    samples: int | None,
    start_from: Path | None,
    resume: bool,
) -> None:
    """Train a model as CONFIG (JSON) says and write its bundle to OUTPUT/bundle."""
    from lsms_core.io.text import read_json
    from lsms_core.training.config import TrainingConfig
    from lsms_core.training.medclip.config import KIND, ContrastiveConfig
    from lsms_core.training.run import train

    # Its tips and device lists say nothing that the progress bar does not.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    values = read_json(config)
    if isinstance(values, dict) and values.get("kind") == KIND:
        from lsms_core.training.medclip.contrastive import table
        from lsms_core.training.medclip.contrastive import train as train_pairs

        click.echo(table(train_pairs(ContrastiveConfig.from_dict(values), output, resume=resume)))
        click.echo(f"The model and the report are in {output}")
        return
    run = TrainingConfig.load(config)
    if cases is not None:
        run = replace(run, cases=str(cases))
    if fold is not None:
        run = replace(run, fold=fold)
    if samples is not None:
        run = replace(run, samples=samples)
    if start_from is not None:
        run = replace(run, start_from=str(start_from))
    click.echo(f"The model is in {train(run, output, resume=resume)}")
