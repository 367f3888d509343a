"""``lsms batch``: answer prompts for many studies, resumably."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from lsms_core.cohort.coordinator import CohortSummary, Executor

_SAY_EVERY_S = 30.0


@click.command("batch")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--prompts", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=(
    "A CSV with the column prompt, and study for prompts of one study; or a text file with one "
    "prompt a line."
))  # fmt: skip
@click.option("--text", "texts", multiple=True, help="A prompt for every study; repeatable.")
@click.option("--output", required=True, type=click.Path(file_okay=False, path_type=Path), help=(
    "Folder of the results; what is finished there is not done again."
))  # fmt: skip
@click.option("--weights", default="lsms-tiny", help="Model: a name or a folder.")
@click.option("--engine", help="Engine; default: the one that the model names.")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--threshold", type=float, help="Cut at this probability, between 0 and 1.")
@click.option("--processes", type=click.IntRange(min=1), help=(
    "Processes, each with its own model (default: 1; with --ray: as many as there is room for)."
))  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), help=(
    "CPU threads of a process; default: the cores divided among the processes."
))  # fmt: skip
@click.option("--dicom", is_flag=True, help=(
    "For DICOM series also write DICOM SEG and a DICOM measurement report."
))  # fmt: skip
@click.option("--ray", "ray_address", is_flag=False, flag_value="", metavar="[ADDRESS]", help=(
    "Use a Ray cluster: auto, host:port or ray://host:port; without an address Ray is started on "
    "this machine."
))  # fmt: skip
@click.option("--gpus", type=click.FloatRange(min=0), default=0.0, help=(
    "With --ray: graphics cards of a worker; a share such as 0.5 is possible."
))  # fmt: skip
@click.option("--retry-errors", is_flag=True, help="Try the studies that failed once more.")
def command(
    source: Path,
    prompts: Path | None,
    texts: tuple[str, ...],
    output: Path,
    weights: str,
    engine: str | None,
    device: str,
    threshold: float | None,
    processes: int | None,
    threads: int | None,
    dicom: bool,
    ray_address: str | None,
    gpus: float,
    retry_errors: bool,
) -> None:
    """Answer prompts for every study of INPUT.

    INPUT is a folder with volumes or DICOM series at any depth, one volume, or a CSV table with
    the column path. OUTPUT gets one folder a study, results.csv and results.parquet with a row a
    lesion, errors.csv, and index.html to look through. The same command goes on after any stop.
    """
    from lsms_core.cohort.answering import FACTORY
    from lsms_core.cohort.coordinator import run_cohort
    from lsms_core.cohort.prompts import read_prompts
    from lsms_core.cohort.store import CohortStore
    from lsms_core.cohort.studies import find_studies
    from lsms_core.cohort.work import Recipe
    from lsms_core.errors import InputError
    from lsms_core.models.installed import default_weights, find_bundle, inspect_bundle
    from lsms_core.models.manifest import sha256

    if prompts is None and not texts and source.suffix.lower() not in (".csv", ".tsv"):
        raise InputError("What is asked? Give --prompts FILE or --text.")
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"The threshold is {threshold:g}: use a number between 0 and 1.")
    if gpus and ray_address is None:
        raise InputError("--gpus goes with --ray; on one machine --device chooses.")
    studies = find_studies(source)
    asked = read_prompts(prompts, texts)
    folder = find_bundle(default_weights(weights, engine))
    info = inspect_bundle(folder)
    mark = sha256(folder / "manifest.json")
    executor, workers = _executor(ray_address, processes, gpus, threads)
    recipe = Recipe(
        FACTORY,
        {
            "weights": str(folder), "engine": engine, "device": device, "threshold": threshold,
            "threads": threads or _threads(workers), "sha256": mark, "dicom": dicom,
        },
    )  # fmt: skip
    settings: dict[str, Any] = {
        "model": info.name, "version": info.version, "sha256": mark, "engine": engine,
        "threshold": threshold, "dicom": dicom,
    }  # fmt: skip
    summary = run_cohort(
        studies, asked, CohortStore(output), recipe, executor, settings,
        retry_errors=retry_errors, progress=_teller(),
    )  # fmt: skip
    _print(summary, output)


def _executor(
    ray_address: str | None, processes: int | None, gpus: float, threads: int | None
) -> tuple[Executor, int]:
    from lsms_core.cohort.local import run_here, run_processes

    if ray_address is not None:
        from lsms_core.cohort.ray_cluster import Cluster, check_ray, run_on_ray

        check_ray()
        cluster = Cluster(ray_address, processes, cpus=float(threads or 1), gpus=gpus)
        return partial(run_on_ray, cluster=cluster), os.cpu_count() or 1
    if processes is None or processes == 1:
        return run_here, 1
    return partial(run_processes, processes=processes), processes


def _threads(workers: int) -> int:
    return max(1, (os.cpu_count() or 1) // workers)


def _teller() -> Callable[[int, int, int, float | None], None]:
    """Show progress, without the names of studies: a bar in a terminal, else single lines."""
    from lsms_core.cli.progress import duration

    last = time.monotonic()

    def tell(done: int, total: int, failed: int, left: float | None) -> None:
        nonlocal last
        rest = "" if left is None else f", {duration(left)} left"
        line = f"{done} of {total} studies{f', {failed} failed' if failed else ''}{rest}"
        if sys.stderr.isatty():
            click.echo(f"\r{line}   ", err=True, nl=done == total)
        elif time.monotonic() - last >= _SAY_EVERY_S or done == total:
            last = time.monotonic()
            click.echo(line, err=True)

    return tell


def _print(summary: CohortSummary, output: Path) -> None:
    from lsms_core.cli.progress import duration

    here = summary.finished - summary.before
    before = f" ({summary.before} of them before)" if summary.before else ""
    click.echo(
        f"{summary.finished} of {summary.studies} studies are finished{before}, {summary.failed} "
        f"failed; {here} took {duration(summary.seconds)}."
    )
    if summary.failed:
        click.echo(f"Why they failed: {output / 'errors.csv'}")
    click.echo(f"{summary.rows} rows: {output / 'results.csv'} and {output / 'results.parquet'}")
    click.echo(f"To look through: {output / 'index.html'}")
