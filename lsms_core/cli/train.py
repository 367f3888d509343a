"""``lsms train``: train a model from a configuration file."""

from __future__ import annotations

import copy
import json
import logging
import sys
from pathlib import Path
from typing import Any

import click


@click.command("train")
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--cases", type=click.Path(path_type=Path), help="Folder of cases.")
@click.option("--fold", type=int, help="Leave out this patient fold.")
@click.option("--samples", type=click.IntRange(min=0), help="Length of the run.")
@click.option(
    "--start-from", type=click.Path(file_okay=False, path_type=Path), help="Begin with this bundle."
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change one entry, such as sampling.synthetic_share=0; can be given several times.",
)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def command(
    config: Path,
    output: Path,
    cases: Path | None,
    fold: int | None,
    samples: int | None,
    start_from: Path | None,
    changes: tuple[str, ...],
    resume: bool,
) -> None:
    """Train a model as CONFIG (JSON) says and write its bundle to OUTPUT/bundle."""
    from lsms_core.errors import LsmsError
    from lsms_core.io.text_files import read_json
    from lsms_core.training.config import TrainingConfig
    from lsms_core.training.medclip.contrastive_config import KIND, ContrastiveConfig
    from lsms_core.training.run import train
    from lsms_core.training.waiting import in_first_process

    # Its tips and device lists say nothing that the progress bar does not.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    values = read_json(config)
    if isinstance(values, dict) and values.get("kind") == KIND:
        from lsms_core.training.medclip.contrastive import table
        from lsms_core.training.medclip.contrastive import train as train_pairs

        click.echo(table(train_pairs(ContrastiveConfig.from_dict(values), output, resume=resume)))
        click.echo(f"The model and the report are in {output}")
        return
    given = {"cases": cases, "fold": fold, "samples": samples, "start_from": start_from}
    options = {k: str(v) if isinstance(v, Path) else v for k, v in given.items() if v is not None}
    run = TrainingConfig.from_dict({**_changed(values, changes), **options})
    try:
        bundle = train(run, output, resume=resume)
    except LsmsError:
        if in_first_process():
            raise
        # All devices' processes find the same, and one of them says it.
        sys.exit(2)
    if in_first_process():
        click.echo(f"The model is in {bundle}")


def _changed(values: dict[str, Any], changes: tuple[str, ...]) -> dict[str, Any]:
    """Return a configuration with entries such as ("sampling.crop=[96, 96]",) replaced."""
    changed = copy.deepcopy(values)
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals:
            raise click.UsageError(f"--set {change} has no value: write NAME=VALUE.")
        *outer, last = name.split(".")
        entries = changed
        for key in outer:
            entries = entries.setdefault(key, {})
            if not isinstance(entries, dict):
                raise click.UsageError(f"--set {change}: {key} has no entries of its own.")
        try:
            entries[last] = json.loads(text)
        except ValueError:
            entries[last] = text
    return changed
