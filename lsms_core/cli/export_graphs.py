"""``lsms export``: give a model the graphs that ONNX Runtime needs."""

from __future__ import annotations

from pathlib import Path

import click

compared_ct = click.option(
    "--ct",
    "volumes",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="CT on which both runtimes are compared, beside the synthetic one.",
)


@click.command("export")
@click.argument("bundle")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--version", help="Version of the new model; default: as before.")
@compared_ct
def command(bundle: str, output: Path, version: str | None, volumes: tuple[Path, ...]) -> None:
    """Write BUNDLE (a name or a folder) with graphs, so that it runs without torch.

    The weights' file stays as it is. Both runtimes have to draw the same, or nothing is written.
    """
    from lsms_core.io.volumes import read_volume
    from lsms_core.training.graph_agreement import add_graphs

    agreement = add_graphs(
        bundle, output, [read_volume(p).volume for p in volumes], version=version
    )
    click.echo(f"Wrote {output}")
    if agreement is not None:
        click.echo(
            f"Both runtimes draw the same: Dice at least {agreement.dice:.4f}, probabilities "
            f"within {agreement.difference:.5f}."
        )
