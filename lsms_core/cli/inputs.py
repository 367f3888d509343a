"""The inputs of ``lsms segment``: one CT or several, series and phase, and a file of texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_LARGEST_TEXT_FILE = 1 << 20


@dataclass(frozen=True)
class Job:
    """One volume of a call.

    Attributes:
        volume: the CT's file or folder.
        output: where its masks go, if anywhere.
        picture: where its picture goes, if anywhere.
    """

    volume: Path
    output: Path | None
    picture: Path | None


def input_options(command: F) -> F:
    """Add the options that choose what is read."""
    options = [
        click.option("--text-file", type=click.Path(path_type=Path), help=(
            "Read further texts from a file, one a line."
        )),
        click.option("--series", help=(
            "Of several DICOM series: SeriesNumber, UID, part of its description, or #2 for the "
            "second in the list."
        )),
        click.option("--phase", help=(
            "Of several phases in one DICOM series: time, acquisition, or position in the list."
        )),
        click.option("--resample", is_flag=True, help=(
            "Interpolate uneven or tilted slices to an even, upright stack."
        )),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def all_texts(texts: Sequence[str], file: Path | None) -> list[str]:
    """Return the texts of the options, then those of a file.

    Empty lines and lines that begin with ``#`` are left out.

    Raises:
        InputError: for a file that cannot be read or holds no text.
    """
    from lsms_core.errors import InputError

    found = list(texts)
    if file is not None:
        try:
            if file.stat().st_size > _LARGEST_TEXT_FILE:
                raise InputError(f"{file} is larger than 1 MiB: give a file with one text a line.")
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeError) as error:
            raise InputError(f"{file} cannot be read as UTF-8 text: {error}") from error
        more = [line.strip() for line in lines]
        more = [line for line in more if line and not line.startswith("#")]
        if not more:
            raise InputError(f"{file} holds no text: write one text a line.")
        found += more
    if not found:
        raise click.UsageError("Missing option '--text' (or '--text-file').")
    return found


def plan(volumes: Sequence[Path], output: Path | None, picture: Path | None) -> list[Job]:
    """Give each volume its own output and picture.

    With several volumes the names of both hold ``{name}``, which stands for the volume's name.

    Raises:
        InputError: when two volumes would be written to one file.
    """
    from lsms_core.errors import InputError

    jobs = []
    for volume in volumes:
        name = short_name(volume)
        jobs.append(Job(volume, _named(output, name), _named(picture, name)))
    for option, paths in (
        ("--output", [j.output for j in jobs]),
        ("--picture", [j.picture for j in jobs]),
    ):
        given = [p for p in paths if p is not None]
        if len(set(given)) < len(given):
            raise InputError(
                f"{option} names the same file for several volumes: put {{name}} into it, such as "
                "masks/{name}.seg.nrrd, and give volumes of different names."
            )
    return jobs


def short_name(volume: Path) -> str:
    """Return a volume's name without its folder and its suffix."""
    name = re.sub(
        r"\.(nii|nii\.gz|nrrd|nhdr|mha|mhd|dcm|zip)$", "", volume.name, flags=re.IGNORECASE
    )
    return name or volume.resolve().name


def _named(path: Path | None, name: str) -> Path | None:
    return None if path is None else Path(str(path).replace("{name}", name))


def run_jobs(
    jobs: Sequence[Job], run: Callable[[Job], dict[str, Any] | None], as_json: bool
) -> None:
    """Run one volume after the other; one that fails does not stop the others.

    Args:
        jobs: from :func:`plan`.
        run: does one, and returns its report where JSON is wanted.
        as_json: whether it is.

    Raises:
        LsmsError: of the only volume, or that some of several failed.
    """
    from lsms_core.errors import InputError, LsmsError

    if len(jobs) == 1:
        report = run(jobs[0])
        if report is not None:
            click.echo(json.dumps(report, indent=2, ensure_ascii=False))
            _raise_for(report)
        return
    failed = 0
    for job in jobs:
        try:
            if not as_json:
                click.echo(f"{job.volume}:")
            report = run(job)
            if report is not None:
                # One object a line, as soon as it is there.
                click.echo(json.dumps(report, ensure_ascii=False))
                failed += bool(report.get("error"))
        except LsmsError as error:  # noqa: PERF203 - each volume is on its own
            failed += 1
            click.echo(f"lsms: {error}", err=True)
    if failed:
        raise InputError(f"{failed} of {len(jobs)} volumes failed; see above.")


def _raise_for(report: dict[str, Any]) -> None:
    from lsms_core.errors import OutputError

    if report.get("error"):
        raise OutputError(report["error"])
