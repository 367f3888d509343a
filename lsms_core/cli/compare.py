"""``lsms compare``: the lesions of two studies of a patient, and how they changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lsms_core.anatomy.alignment import Alignment
    from lsms_core.anatomy.follow_up import FollowUp, LesionChange
    from lsms_core.anatomy.lesion import Lesion
    from lsms_core.cohort.follow_up_study import LoadedStudy
    from lsms_core.inference.predictor import Predictor

_RESEARCH = "Research use only; not a medical device."
_FILE = click.Path(exists=True, path_type=Path)


@click.command("compare")
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
@click.option("--before-ct", type=_FILE, help="The CT of BEFORE, where that is a segmentation.")
@click.option("--after-ct", type=_FILE, help="The CT of AFTER, likewise.")
@click.option("--before-liver", type=_FILE, help=(
    "A segmentation of the liver, where BEFORE has none; default: the network outlines it."
))  # fmt: skip
@click.option("--after-liver", type=_FILE, help="Likewise for AFTER.")
@click.option("--text", default="", help="Compare only the lesions that this names.")
@click.option("--no-alignment", is_flag=True, help=(
    "Take the places as the scanner gives them, for two series of one examination."
))  # fmt: skip
@click.option("--weights", default="lsms-tiny", help="Model: a name or a folder.")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help=(
    "Also write the table: .csv or .json."
))  # fmt: skip
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help=(
    "Write a picture (.png): each lesion before and after; needs both CTs."
))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    before: Path,
    after: Path,
    before_ct: Path | None,
    after_ct: Path | None,
    before_liver: Path | None,
    after_liver: Path | None,
    text: str,
    no_alignment: bool,
    weights: str,
    device: str,
    threads: int | None,
    output: Path | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Match the lesions of two studies of a patient: BEFORE and AFTER.

    Each is a segmentation with the lesions (.seg.nrrd, label map, DICOM SEG), the CT itself,
    whose lesions are then searched, or the folder of a study that lsms batch made. The later
    liver is brought onto the earlier one by a rigid motion first.
    """
    from lsms_core.anatomy.follow_up import follow_up
    from lsms_core.cohort.follow_up_study import StudyFiles, load_study
    from lsms_core.errors import InputError
    from lsms_core.io.atomic import check_writable

    if output is not None:
        if output.suffix.lower() not in (".csv", ".json"):
            raise InputError(
                f"{output} has no known format: use a name that ends in .csv or .json."
            )
        check_writable(output)
    if picture is not None:
        from lsms_core.io.figure import check_drawing

        if picture.suffix.lower() != ".png":
            raise InputError(f"{picture}: use a name that ends in .png.")
        check_writable(picture)
        check_drawing()
    models: list[Predictor] = []

    def predictor() -> Predictor:
        from lsms_core.inference.predictor import Predictor

        if not models:
            models.append(Predictor.from_pretrained(weights, device, threads=threads))
        return models[0]

    one = load_study(StudyFiles(before, before_ct, before_liver), predictor, text)
    two = load_study(StudyFiles(after, after_ct, after_liver), predictor, text)
    if picture is not None and (one.volume is None or two.volume is None):
        raise InputError("--picture shows the CTs: give --before-ct and --after-ct, too.")
    alignment, notes = _alignment(one, two, no_alignment)
    found = follow_up(one.study, two.study, alignment)
    notes = [*one.notes, *two.notes, *notes]
    report = {
        "before": str(before), "after": str(after), "notes": notes, **found.to_dict(),
        "use": _RESEARCH,
    }  # fmt: skip
    if output is not None:
        _write(output, found, report)
    if picture is not None:
        from lsms_core.cli.follow_up_picture import save_follow_up

        save_follow_up(picture, found, one, two)
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for note in dict.fromkeys(notes):
        click.echo(f"Note: {note}", err=True)
    for line in _lines(found):
        click.echo(line)
    for path in filter(None, (output, picture)):
        click.echo(f"Wrote {path}")


def _alignment(
    one: LoadedStudy, two: LoadedStudy, no_alignment: bool
) -> tuple[Alignment, list[str]]:
    from lsms_core.anatomy.alignment import IDENTITY, align_livers

    if no_alignment:
        return IDENTITY, []
    if one.liver is None or two.liver is None:
        which = "Neither study has" if one.liver is two.liver else (
            "The earlier study has no" if one.liver is None else "The later study has no"
        )  # fmt: skip
        what = "an outlined liver" if which.startswith("Neither") else "outlined liver"
        return IDENTITY, [
            f"{which} {what}: the places were taken as the scanner gives them. Give the CT, or "
            "--before-liver and --after-liver."
        ]
    return align_livers(one.liver, two.liver), []


def _lines(found: FollowUp) -> list[str]:
    overlap = found.alignment.overlap
    lines = []
    if overlap is not None:
        lines.append(
            f"The later liver was moved by {found.alignment.shift_mm:.0f} mm and turned by "
            f"{found.alignment.turn_degrees:.0f} degrees; the livers' overlap is {overlap:.2f}."
        )
    lines += [_line(change) for change in found.changes] or ["No lesion in either study."]
    targets = found.targets_before
    if targets.lesions:
        said = "cannot be compared (a target lesion merged or split)"
        if found.sum_after_mm is not None:
            percent = found.sum_change_percent or 0.0
            said = f"{targets.sum_mm:.1f} mm -> {found.sum_after_mm:.1f} mm ({percent:+.0f} %)"
        lines.append(
            f"Sum of the earlier study's target lesions, a proposal by size alone: {said}."
        )
    return [*lines, _RESEARCH]


def _line(change: LesionChange) -> str:
    if change.before is not None and change.after is not None:
        return (
            f"{_said(change.before)} -> {_said(change.after)}: {change.size_change_mm:+.1f} mm "
            f"({change.size_change_percent:+.0f} %), volume {change.volume_change_percent:+.0f} %"
        )
    lesion = change.before or change.after
    assert lesion is not None
    more = {
        "merged": f" with the one that became lesion {change.partner}",
        "split": f" off lesion {change.partner}",
    }.get(change.fate, "")
    return f"{_said(lesion)}: {change.fate}{more}"


def _said(lesion: Lesion) -> str:
    place = f", {lesion.place}" if lesion.place else ""
    return f"lesion {lesion.number} ({lesion.longest_mm:.1f} mm, {lesion.volume_ml:.2f} mL{place})"


def _write(output: Path, found: FollowUp, report: dict[str, object]) -> None:
    from lsms_core.io.text_files import write_text

    if output.suffix.lower() == ".json":
        write_text(output, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        return
    import csv
    from io import StringIO

    columns = ["fate", "partner", "gap_mm"]
    measures = ["number", "longest_mm", "perpendicular_mm", "volume_ml", "mean_hu"]
    columns += [f"{when}_{name}" for when in ("before", "after") for name in measures]
    columns += ["size_change_mm", "size_change_percent", "volume_change_percent"]
    text = StringIO(newline="")
    table = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    for change in found.changes:
        told = change.to_dict()
        row = {**told}
        for when in ("before", "after"):
            row |= {f"{when}_{name}": (told[when] or {}).get(name) for name in measures}
        table.writerow(row)
    write_text(output, text.getvalue())
