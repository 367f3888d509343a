"""``lsms benchmark``: measure speed and memory on this machine."""

from __future__ import annotations

import json

import click


@click.command("benchmark")
@click.option("--describe", is_flag=True, help="Count parameters and GMAC; measure nothing.")
@click.option(
    "--floors", is_flag=True, help="Count the tiny LSMS beside LAVT and the U-Net; measure nothing."
)
@click.option(
    "--runtimes",
    is_flag=True,
    help="Compare ONNX Runtime and torch with --weights (default: lsms-tiny); nothing else.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="With --runtimes: how often each is measured, in turn.",
)
@click.option(
    "--variants",
    default="tiny,small,base,large",
    show_default=True,
    help="Networks to measure, with random weights; 'none' for none.",
)
@click.option(
    "--sizes", default="224,352,480", show_default=True, help="Edges of their grid, pixels."
)
@click.option("--weights", help="Measure this bundle (name or folder) on its own grid, too.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: torch's choice.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option(
    "--slices",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Slices of the volume that is run.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 600),
    default=2.0,
    show_default=True,
    help="Time for each measurement; more is less noisy.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    describe: bool,
    floors: bool,
    runtimes: bool,
    rounds: int,
    variants: str,
    sizes: str,
    weights: str | None,
    threads: int | None,
    device: str,
    slices: int,
    seconds: float,
    as_json: bool,
) -> None:
    """Measure speed and memory: each model in a fresh process, then the worker's round trip."""
    from lsms_core.benchmarking.tables import benchmark_table, description_rows, description_table

    if floors:
        from lsms_core.benchmarking.floors import comparison_table

        click.echo(comparison_table((176, 224)))
        return
    if describe:
        from lsms_core.benchmarking.describe import describe_all

        descriptions = describe_all()
        if as_json:
            click.echo(json.dumps(description_rows(descriptions), indent=1))
        else:
            click.echo(description_table(descriptions))
        return
    from lsms_core.cli.progress import bar

    if runtimes:
        from lsms_core.benchmarking.runtimes import compare, runtimes_table

        with bar("measurements") as progress:
            measured = compare(
                weights or "lsms-tiny",
                device=device,
                threads=threads,
                slices=slices,
                budget_s=seconds,
                rounds=rounds,
                progress=progress,
            )
        click.echo(json.dumps(measured, indent=1) if as_json else runtimes_table(measured))
        return
    from lsms_core.benchmarking.measure_models import BenchmarkConfig, benchmark

    config = BenchmarkConfig(
        variants=_variants(variants),
        sizes=_sizes(sizes),
        weights=weights,
        threads=threads,
        device=device,
        slices=slices,
        budget_s=seconds,
    )
    with bar("measurements") as progress:
        report = benchmark(config, progress)
    click.echo(json.dumps(report, indent=1) if as_json else benchmark_table(report))


def _variants(text: str) -> tuple[str, ...]:
    from lsms_core.errors import InputError
    from lsms_core.models.lsms.lsms_config import VARIANTS

    names = [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]
    for name in names:
        if name not in VARIANTS:
            raise InputError(f"Unknown variant {name!r}: use {', '.join(VARIANTS)}, or none.")
    return tuple(name for name in VARIANTS if name in names)


def _sizes(text: str) -> tuple[int, ...]:
    from lsms_core.errors import InputError

    try:
        sizes = [int(size) for size in text.split(",") if size.strip()]
    except ValueError:
        sizes = []
    if not sizes or not all(64 <= size <= 1024 for size in sizes):
        raise InputError(f"The sizes are {text!r}: use pixels from 64 to 1024, such as 224,352.")
    return tuple(sorted(set(sizes)))
