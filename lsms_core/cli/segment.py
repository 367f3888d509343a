"""``lsms segment``: outline what a text names in a CT."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lsms_core.cli.answering_network import Network, Source, network_of
from lsms_core.cli.given_outlines import given_candidates
from lsms_core.cli.inputs import Job, all_texts, input_options, plan, run_jobs
from lsms_core.cli.reported import (
    ReportFiles,
    answers_to,
    print_skipped,
    report_options,
    skipped_of,
    statements_of,
    write_reports,
)

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.io.volumes import LoadedVolume
    from lsms_core.language.report_text import Statement


@click.command("segment")
@click.argument("volumes", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--text", "texts", multiple=True, help=(
    "What to outline; may be given several times."
))  # fmt: skip
@click.option("--slice", "single", type=int, help="Run one slice, counted from 0.")
@click.option("--slices", "span", metavar="A:B", help="Run the slices A to B, both included.")
@click.option("--all", "whole", is_flag=True, help="Run every slice (the default).")
@click.option("--axis", default="axial", help="axial, coronal, sagittal, or array axis 0, 1, 2.")
@click.option("--output", type=click.Path(path_type=Path), help=(
    "Write the masks: .seg.nrrd (3D Slicer), .nii.gz, .nrrd, or .dcm (DICOM SEG)."
))  # fmt: skip
@click.option("--picture", type=click.Path(path_type=Path), help="Write a picture (.png).")
@click.option("--weights", default="lsms-tiny", help="Model: a name or a folder.")
@click.option("--engine", help="Engine; default: the one that the model names.")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.")
@click.option("--threshold", type=float, help="Cut at this probability, between 0 and 1.")
@click.option("--largest", is_flag=True, help="Keep only the largest lesion of each text.")
@click.option("--lesions", "outlines", type=click.Path(path_type=Path), help=(
    "Take the lesions of this segmentation instead of the network's: .seg.nrrd, a label map, or "
    "DICOM SEG."
))  # fmt: skip
@click.option("--liver", type=click.Path(path_type=Path), help=(
    "With --lesions: the liver, its lobes or Couinaud's segments, where that file has none; "
    "'network' for the network's liver (the default then), 'none' to do without."
))  # fmt: skip
@click.option("--then", "corrections", multiple=True, help=(
    "Correct the answers in words, in order: 'not the one in segment 7', '2 mm larger', 'undo'."
))  # fmt: skip
@click.option("--server", metavar="URL", help=(
    "Ask the engine of `lsms serve` there; its token is $LSMS_SERVER_TOKEN or in --token-file."
))  # fmt: skip
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the server's token.")
@click.option("--server-cert", type=click.Path(path_type=Path), help=(
    "Certificate (PEM) that signed the server's, where this computer does not know it."
))  # fmt: skip
@input_options
@report_options
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def command(
    volumes: tuple[Path, ...],
    texts: tuple[str, ...],
    text_file: Path | None,
    output: Path | None,
    picture: Path | None,
    as_json: bool,
    server: str | None,
    token_file: Path | None,
    server_cert: Path | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Segment what each TEXT names in each of the VOLUMES.

    A volume is a NIfTI, NRRD or MetaImage file, a DICOM file, the folder of a DICOM series, or a
    zip of one of these. With several volumes write {name} into --output and --picture; --json
    then prints one object a line.

    Lesions are searched once; each text then keeps some of them, and says why it drops the
    others. A text that fits nothing is answered "nothing found"; that is no error.
    """
    reports = ReportFiles.taken(options)
    reports.check(output, len(volumes))
    # A report asks by itself.
    asked = [] if reports.text and not (texts or text_file) else all_texts(texts, text_file)
    jobs = plan(volumes, output, picture)
    with network_of(server, token_file, server_cert) as network:

        def segment(job: Job) -> dict[str, Any] | None:
            return _segment(job, asked, network, reports, as_json=as_json, **options)

        run_jobs(jobs, segment, as_json)


def _segment(
    job: Job,
    texts: list[str],
    network: Network,
    reports: ReportFiles,
    *,
    single: int | None,
    span: str | None,
    whole: bool,
    axis: str,
    weights: str,
    engine: str | None,
    device: str,
    threads: int | None,
    threshold: float | None,
    largest: bool,
    outlines: Path | None,
    liver: Path | None,
    corrections: tuple[str, ...],
    series: str | None,
    phase: str | None,
    resample: bool,
    as_json: bool,
) -> dict[str, Any] | None:
    """Segment one volume; return its report where JSON is wanted."""
    volume, output, picture = job.volume, job.output, job.picture
    started = time.monotonic()
    from lsms_core.anatomy.geometry import SlicePlane
    from lsms_core.cli.answers import print_answers, report
    from lsms_core.errors import LsmsError, OutputError
    from lsms_core.inference.correct import corrected_in_order
    from lsms_core.inference.texts import clean_texts
    from lsms_core.io.output import check_output
    from lsms_core.io.volumes import read_volume

    asked = list(dict.fromkeys(clean_texts(texts))) if texts else []
    statements = statements_of(reports.text) if reports.text else []
    _check_threshold(threshold, outlines)
    plane: str | int = int(axis) if axis in ("0", "1", "2") else axis
    chosen = _slices(single, span, whole)
    _check_targets(output, picture, volume)
    loaded = read_volume(volume, series, phase=phase, resample=resample)
    seen = SlicePlane.of(loaded.volume, plane)
    indices = chosen(seen.count(loaded.volume.shape))
    notes = [*loaded.notes, *(check_output(output, loaded) if output is not None else [])]

    source = Source(network, weights, engine, device, threads)
    answers, more = _answers(
        loaded, asked, statements, source, plane, indices, threshold, largest, outlines, liver
    )
    notes += more
    if not answers:
        return _nothing_asked(loaded, statements, as_json)
    if corrections:
        answers = [corrected_in_order(answer, corrections) for answer in answers]
    written, failure, told_in = None, "", list[Path]()
    try:
        written, more = _write(output, picture, loaded, answers)
        notes += more
        if reports:
            told_in, more = write_reports(reports, loaded, answers, written, weights, engine)
            notes += more
    except LsmsError as error:
        # The answers are printed all the same.
        failure = str(error)
        picture = picture if picture is not None and picture.is_file() else None
    seconds = time.monotonic() - started
    if as_json:
        told = report(loaded, answers, written, picture, notes, seconds)
        told |= {"reports": [str(path) for path in told_in]} if reports else {}
        told |= {"skipped": skipped_of(statements)} if reports.text else {}
        return told | {"read": loaded.read, "error": failure or None}
    if loaded.read and not any(note.startswith("Read ") for note in notes):
        click.echo(f"Read {loaded.read}.", err=True)
    print_answers(answers, notes)
    print_skipped(statements)
    for path in filter(None, (written, picture, *told_in)):
        click.echo(f"Wrote {path}")
    if failure:
        raise OutputError(failure)
    return None


def _answers(
    loaded: LoadedVolume,
    asked: list[str],
    statements: list[Statement],
    source: Source,
    plane: str | int,
    slices: Sequence[int] | None,
    threshold: float | None,
    largest: bool,
    outlines: Path | None,
    liver: Path | None,
) -> tuple[list[Answer], list[str]]:
    """Answer the texts and a report's statements; return notes, too."""
    from lsms_core.errors import InputError

    if outlines is not None:
        found, notes = given_candidates(loaded, outlines, liver, source.load, plane, slices)
        found = found.at_threshold(keep_largest=largest)
        answers = [found.answer(text) for text in asked]
        return answers + answers_to(found, statements, loaded), notes
    if liver is not None:
        raise InputError("--liver goes with --lesions: the network outlines its own liver.")
    answers = []
    if asked:
        answers = source.predict(loaded, asked, plane, slices, threshold, largest)
    if any(not statement.skipped for statement in statements):
        found = source.search(loaded, plane, slices, threshold, largest)
        answers += answers_to(found, statements, loaded)
    return answers, []


def _nothing_asked(
    loaded: LoadedVolume, statements: Sequence[Statement], as_json: bool
) -> dict[str, Any] | None:
    """Answer a report that names no lesion of the liver."""
    if as_json:
        return {"volume": str(loaded.path), "results": [], "skipped": skipped_of(statements)}
    click.echo("No sentence of the report's findings is about a focal liver lesion.")
    print_skipped(statements)
    return None


def _write(
    output: Path | None,
    picture: Path | None,
    loaded: LoadedVolume,
    answers: Sequence[Answer],
) -> tuple[Path | None, list[str]]:
    """Write picture and masks; return the masks' file and notes."""
    from lsms_core.inference.answer_report import model_of
    from lsms_core.inference.answer_segments import segments_of
    from lsms_core.io.figure import save_figure
    from lsms_core.io.output import write_masks

    if picture is not None:
        from lsms_core.cli.answer_panels import answer_panels

        save_figure(picture, answer_panels(loaded.volume, answers))
    if output is None:
        return None, []
    name, version = model_of(answers[0])
    absent = [a.text for a in answers if not a.present]
    about = {"LSMS_NothingFound": "; ".join(absent)} if absent else {}
    return write_masks(
        output, loaded, segments_of(answers), model=name, model_version=version, about=about
    )


def _slices(
    single: int | None, span: str | None, whole: bool
) -> Callable[[int], Sequence[int] | None]:
    """Check the choice of slices; the count is known only once the CT is read."""
    from lsms_core.errors import InputError

    if sum((single is not None, span is not None, whole)) > 1:
        raise InputError("Use only one of --slice, --slices and --all.")
    match = re.fullmatch(r"\s*(\d*)\s*:\s*(\d*)\s*", span) if span is not None else None
    if span is not None and match is None:
        raise InputError(f"--slices is {span!r}: use two numbers such as 40:60, counted from 0.")

    def choose(count: int) -> Sequence[int] | None:
        if single is not None:
            if not 0 <= single < count:
                raise InputError(f"Slice {single} is outside the volume: use 0 to {count - 1}.")
            return [single]
        if match is None:
            return None
        first, last = int(match[1] or 0), int(match[2] or count - 1)
        if first > last:
            raise InputError(f"--slices {span} is empty: the first number must be the smaller one.")
        if last >= count:
            raise InputError(f"Slice {last} is outside the volume: use 0 to {count - 1}.")
        return range(first, last + 1)

    return choose


def _check_threshold(threshold: float | None, outlines: Path | None) -> None:
    from lsms_core.errors import InputError

    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"The threshold is {threshold:g}: use a number between 0 and 1.")
    if threshold is not None and outlines is not None:
        raise InputError("--threshold cuts the network's map: leave it out with --lesions.")


def _check_targets(output: Path | None, picture: Path | None, volume: Path) -> None:
    from lsms_core.io.figure import check_drawing
    from lsms_core.io.output import check_target

    if picture is not None:
        _check_picture(picture, output)
        check_drawing()
    if output is not None:
        check_target(output, volume)


def _check_picture(picture: Path, output: Path | None) -> None:
    from lsms_core.errors import InputError
    from lsms_core.io.atomic import check_writable

    if picture.suffix.lower() != ".png":
        raise InputError(f"{picture} has no known picture format: use a name that ends in .png.")
    if output is not None and output.resolve() == picture.resolve():
        raise InputError("--output and --picture name the same file.")
    check_writable(picture)
