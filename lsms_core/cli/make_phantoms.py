"""``lsms make-phantoms``: synthetic cases to train on, or to try the commands without data."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("make-phantoms")
@click.argument("output", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(1, 1000), default=4, help="How many bodies.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1000,
    help="Of the first body; the demo shows seed 0.",
)
@click.option("--small", is_flag=True, help="Coarse ones, in under a second each.")
def command(output: Path, count: int, seed: int, small: bool) -> None:
    """Write synthetic CTs with liver lesions to OUTPUT/phantom_SEED, beside the cases there.

    No patient's data are in them. Each is a case as `lsms train` and `lsms build-dataset` take
    it: image.nii.gz in HU, and label.nii.gz with 0 background, 1 liver, 2 lesion.
    """
    from lsms_core.anatomy.regions import LESION_LABEL
    from lsms_core.cli.progress import bar
    from lsms_core.errors import OutputError
    from lsms_core.io.nifti import write_nifti
    from lsms_core.phantom import DEFAULT_SHAPE, SMALL_SHAPE, make_phantom

    folders = [output / f"phantom_{number:05d}" for number in range(seed, seed + count)]
    for folder in folders:
        if folder.exists():
            raise OutputError(f"{folder} exists already: choose another --seed or folder.")
    with bar("phantoms") as progress:
        for number, folder in enumerate(folders):
            progress(number, count)
            phantom = make_phantom(seed + number, shape=SMALL_SHAPE if small else DEFAULT_SHAPE)
            label = phantom.liver.astype("uint8")
            label[phantom.instances > 0] = LESION_LABEL
            affine, about = phantom.ct.affine, "synthetic, no patient's data"
            # The image last: without one, a folder is no case.
            write_nifti(folder / "label.nii.gz", label, affine, about)
            write_nifti(folder / "image.nii.gz", phantom.ct.array, affine, about)
        progress(count, count)
    click.echo(f"{count} synthetic cases are in {output}.")
