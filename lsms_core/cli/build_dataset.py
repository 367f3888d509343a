"""``lsms build-dataset``: from images and lesion masks to expressions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lsms_core.dataset.records import Record


@click.command("build-dataset")
@click.argument("cases", type=click.Path(file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(file_okay=False, path_type=Path))
@click.option("--per-slice", type=click.IntRange(1, 50), default=4, help="Expressions a slice.")
@click.option(
    "--no-target",
    type=click.FloatRange(0, 1),
    default=0.25,
    help="Share of expressions that name nothing.",
)
@click.option(
    "--words",
    type=click.Choice(["train", "held-out", "paraphrases"]),
    default="train",
    help="Words and templates; those held out, and paraphrases, never occur in training.",
)
@click.option("--noise", type=click.FloatRange(0, 1), default=0.1, help="Rate of typing mistakes.")
@click.option("--seed", type=click.IntRange(min=0), default=0)
@click.option("--link", is_flag=True, help="Link the images instead of copying them.")
@click.option("--synthetic", type=click.IntRange(min=1), metavar="N", help=(
    "Add 2 to 4 lesions, some on each side, to one slice in every N, and speak about those only."
))  # fmt: skip
@click.option("--from-pairs", is_flag=True, help=(
    "CASES holds pictures, masks and texts (RefHL-Seg style) instead."
))  # fmt: skip
@click.option("--pixel-mm", type=float, help="With --from-pairs: the pictures' pixel size, mm.")
def command(
    cases: Path,
    output: Path,
    per_slice: int,
    no_target: float,
    words: str,
    noise: float,
    seed: int,
    link: bool,
    synthetic: int | None,
    from_pairs: bool,
    pixel_mm: float | None,
) -> None:
    """Write a referring data set to OUTPUT from CASES, folders of image.nii.gz and label.nii.gz.

    Labels are 0 background, 1 liver, 2 lesion, as in LiTS. A manifest.csv beside the cases gives
    patient_group for several studies of one patient.

    With --from-pairs CASES is a folder with a table pairs.csv (columns image, mask, text; and
    patient, spacing_mm where known), or with the folders images, masks and texts.
    """
    from lsms_core.cli.progress import bar
    from lsms_core.dataset.building import BuildingConfig, build_dataset
    from lsms_core.dataset.sources import list_cases

    if from_pairs:
        from lsms_core.dataset.importing import import_pairs

        with bar("pictures") as progress:
            _tell(import_pairs(cases, output, pixel_mm=pixel_mm, progress=progress), output)
        return
    config = BuildingConfig(
        per_slice=per_slice,
        no_target_share=no_target,
        split=words,  # type: ignore[arg-type]
        noise=noise,
        seed=seed,
        link=link,
        synthetic_every=synthetic,
    )
    found = list_cases(cases)
    for case in found:
        if not case.lesions_labelled:
            click.echo(f"Skipped {case.name}: its lesions are not outlined.", err=True)
    with bar("cases") as progress:
        records = build_dataset(found, output, config, progress)
    _tell(records, output)


def _tell(records: list[Record], output: Path) -> None:
    named = sum(bool(r.instances) for r in records)
    slices = len({(r.image, r.slice) for r in records})
    click.echo(
        f"{len(records)} expressions about {slices} slices of "
        f"{len({r.patient for r in records})} patients; {named} name a lesion, "
        f"{len(records) - named} name nothing. They are in {output}."
    )
