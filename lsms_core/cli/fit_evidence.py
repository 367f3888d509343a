"""``lsms fit-evidence``: test and calibrate a model's evidence for appearances."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("fit-evidence")
@click.argument("cases", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--weights", required=True, help="The model: a folder, or the name of an installed one."
)
@click.option("--pictures", default=400, show_default=True, help="How many are drawn.")
@click.option("--seed", default=0, show_default=True)
@click.option("--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def command(cases: tuple[Path, ...], weights: str, pictures: int, seed: int, output: Path) -> None:
    """Put synthetic lesions into the livers of CASES, new to the model, and ask for their looks.

    Writes the calibration as JSON for ``lsms release --evidence``; a look that does not beat chance
    by enough is left out.
    """
    from lsms_core.cli.progress import bar
    from lsms_core.dataset.look_pictures import LookConfig, LookPictures
    from lsms_core.dataset.preprocessing import PreprocessingConfig
    from lsms_core.dataset.sources import cases_of, load_case
    from lsms_core.errors import InputError
    from lsms_core.io.text_files import write_text
    from lsms_core.models.bundle import load_bundle
    from lsms_core.models.installed import default_weights
    from lsms_core.models.lsms.model import LSMSModel
    from lsms_core.training.look_evidence import fit_evidence, gather_looks, told

    if pictures < 1:
        raise InputError(f"{pictures} pictures: use 1 or more.")
    bundle = load_bundle(default_weights(weights, None))
    if not isinstance(bundle.model, LSMSModel):
        raise InputError("Only LSMS listens: give its weights.")
    preprocessing = PreprocessingConfig.from_dict(bundle.preprocessing)
    listed = cases_of(cases)
    arrays = [load_case(case, preprocessing) for case in listed]
    drawn = LookPictures(
        arrays, preprocessing, LookConfig(kept_back=True), seed=seed, count=pictures
    )
    with bar("picture") as progress:
        table = gather_looks(
            bundle.model, bundle.tokenizer, drawn, lambda done: progress(done, pictures)
        )
    for line in told(table, seed):
        click.echo(line)
    write_text(output, json.dumps(fit_evidence(table, seed).to_dict(), indent=2) + "\n")
    click.echo(f"The calibration is in {output}")
