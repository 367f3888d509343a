"""``lsms segment``: outline what a text names in a CT."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lsms_core.cli.inputs import Job, all_texts, input_options, plan, run_jobs

if TYPE_CHECKING:
    from lsms_core.anatomy.findings import Finding
    from lsms_core.inference.predictor import Predictor
    from lsms_core.inference.result import Prediction
    from lsms_core.io.segments import Segment
    from lsms_core.io.volumes import LoadedVolume

_RESEARCH = "Research use only; not a medical device."


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
@input_options
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def command(
    volumes: tuple[Path, ...],
    texts: tuple[str, ...],
    text_file: Path | None,
    output: Path | None,
    picture: Path | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Segment what each TEXT names in each of the VOLUMES.

    A volume is a NIfTI, NRRD or MetaImage file, a DICOM file, the folder of a DICOM series, or a
    zip of one of these. With several volumes write {name} into --output and --picture; --json
    then prints one object a line. A text that fits nothing is answered "nothing found"; that is
    no error.
    """
    asked = all_texts(texts, text_file)
    jobs = plan(volumes, output, picture)
    kept: dict[str, Predictor] = {}
    run_jobs(jobs, lambda job: _segment(job, asked, kept, as_json=as_json, **options), as_json)


def _segment(
    job: Job,
    texts: list[str],
    kept: dict[str, Predictor],
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
    series: str | None,
    phase: str | None,
    resample: bool,
    as_json: bool,
) -> dict[str, Any] | None:
    """Do one volume; return its report where JSON is wanted."""
    volume, output, picture = job.volume, job.output, job.picture
    started = time.monotonic()
    from lsms_core.anatomy.findings import measure_mask
    from lsms_core.anatomy.geometry import SlicePlane
    from lsms_core.errors import InputError, LsmsError, OutputError
    from lsms_core.inference.texts import clean_texts
    from lsms_core.io.figure import check_drawing
    from lsms_core.io.output import check_output, check_target
    from lsms_core.io.volumes import read_volume

    asked = list(dict.fromkeys(clean_texts(texts)))
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise InputError(f"The threshold is {threshold:g}: use a number between 0 and 1.")
    plane: str | int = int(axis) if axis in ("0", "1", "2") else axis
    chosen = _slices(single, span, whole)
    if picture is not None:
        _check_picture(picture, output)
        check_drawing()
    if output is not None:
        check_target(output, volume)
    loaded = read_volume(volume, series, phase=phase, resample=resample)
    seen = SlicePlane.of(loaded.volume, plane)
    indices = chosen(seen.count(loaded.volume.shape))
    notes = [*loaded.notes]
    if output is not None:
        notes += check_output(output, loaded)

    predictions = _predict(
        loaded, asked, kept, weights=weights, engine=engine, device=device, threads=threads,
        plane=plane, slices=indices, threshold=threshold, largest=largest,
    )  # fmt: skip
    # A single slice of another plane has no axial extent to measure.
    alone = len(predictions[0].slices) == 1
    where = seen.plane if alone else "axial"
    findings = [measure_mask(loaded.volume, p.mask, seen.axis, where) for p in predictions]
    written, failure = None, ""
    try:
        written, more = _write(output, picture, loaded, predictions, findings)
        notes += more
    except LsmsError as error:
        # The answers are told all the same.
        failure = str(error)
        picture = picture if picture is not None and picture.is_file() else None
    seconds = time.monotonic() - started
    if as_json:
        report = _report(loaded, predictions, findings, written, picture, notes, seconds)
        return report | {"read": loaded.read, "error": failure or None}
    if loaded.read and not any(note.startswith("Read ") for note in notes):
        click.echo(f"Read {loaded.read}.", err=True)
    _print(predictions, findings, notes)
    for path in filter(None, (written, picture)):
        click.echo(f"Wrote {path}")
    if failure:
        raise OutputError(failure)
    return None


def _write(
    output: Path | None,
    picture: Path | None,
    loaded: LoadedVolume,
    predictions: Sequence[Prediction],
    findings: Sequence[Sequence[Finding]],
) -> tuple[Path | None, list[str]]:
    """Write picture and masks; return the masks' file and notes."""
    from lsms_core.io.figure import save_figure
    from lsms_core.io.output import write_masks

    if picture is not None:
        from lsms_core.cli.pictures import answer_panels

        save_figure(picture, answer_panels(loaded.volume, predictions, findings))
    if output is None:
        return None, []
    name, _, version = predictions[0].model.rpartition(" ")
    absent = [p.text for p in predictions if not p.present]
    about = {"LSMS_NothingFound": "; ".join(absent)} if absent else {}
    return write_masks(
        output, loaded, segments_of(predictions), model=name, model_version=version, about=about
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


def _check_picture(picture: Path, output: Path | None) -> None:
    from lsms_core.errors import InputError
    from lsms_core.io.atomic import check_writable

    if picture.suffix.lower() != ".png":
        raise InputError(f"{picture} has no known picture format: use a name that ends in .png.")
    if output is not None and output.resolve() == picture.resolve():
        raise InputError("--output and --picture name the same file.")
    check_writable(picture)


def _predict(
    loaded: LoadedVolume,
    texts: list[str],
    kept: dict[str, Predictor],
    *,
    weights: str,
    engine: str | None,
    device: str,
    threads: int | None,
    plane: str | int,
    slices: Sequence[int] | None,
    threshold: float | None,
    largest: bool,
) -> list[Prediction]:
    from dataclasses import replace

    from lsms_core.cli.progress import bar
    from lsms_core.inference.predictor import Predictor

    if weights not in kept:  # several volumes of a call share one model
        kept[weights] = Predictor.from_pretrained(weights, device, engine, threads=threads)
    predictor = kept[weights]
    with bar("slices") as progress:
        return predictor.segment(
            loaded.volume,
            texts,
            plane=plane,
            slices=slices,
            progress=progress,
            threshold=threshold,
            postprocessing=replace(predictor.postprocessing, keep_largest=True)
            if largest
            else None,
            keep_probability=False,
        )


def segments_of(predictions: Sequence[Prediction]) -> list[Segment]:
    """The masks that are there; a text that fits nothing gives no segment."""
    from lsms_core.anatomy.terminology import colours_of, terminology_of
    from lsms_core.io.segments import Segment

    date = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    colours = colours_of([p.text for p in predictions])
    segments = []
    for prediction, colour in zip(predictions, colours, strict=True):
        if not prediction.present:
            continue
        terms = terminology_of(prediction.text)
        run = prediction.slices
        tags = {
            "prompt": prediction.text,
            "model": prediction.model,
            "engine": prediction.engine,
            "score": f"{prediction.score:.4f}",
            "threshold": f"{prediction.threshold:g}",
            "plane": prediction.plane,
            "slices": str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}",
            "date": date,
            "laterality": terms.laterality.meaning if terms.laterality else "",
            "finding": terms.type.meaning,
            "region": terms.region.meaning if terms.region else "",
        }
        # The names that the Slicer module reads back (lsms_core.mrml.meta).
        kept = {f"LSMS.{name}": value for name, value in tags.items() if value}
        segments.append(Segment(prediction.text, prediction.mask, terms, colour, kept))
    return segments


def _report(
    loaded: LoadedVolume,
    predictions: Sequence[Prediction],
    findings: Sequence[Sequence[Finding]],
    written: Path | None,
    picture: Path | None,
    notes: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    first = predictions[0]
    results = []
    for prediction, found in zip(predictions, findings, strict=True):
        largest = max(found, key=lambda f: f.longest_mm, default=None)
        axial = largest if largest and largest.plane == "axial" else None
        voxels = int(prediction.mask.sum())
        mean = sum(f.mean_hu * f.volume_ml for f in found) / sum(f.volume_ml for f in found) if (
            found
        ) else None  # fmt: skip
        results.append(
            {
                "text": prediction.text,
                "present": prediction.present,
                "score": round(prediction.score, 4),
                "threshold": prediction.threshold,
                "slices": list(prediction.found_slices) if prediction.found_slices else None,
                "longest_axial_mm": round(axial.longest_mm, 1) if axial else None,
                "perpendicular_mm": round(axial.perpendicular_mm, 1) if axial else None,
                "area_mm2": round(prediction.area_mm2, 1),
                "volume_ml": round(sum(f.volume_ml for f in found), 3),
                "mean_hu": None if mean is None else round(mean, 1),
                "voxels": voxels,
                "lesions": [f.to_dict() for f in found],
                "warnings": list(prediction.warnings),
            }
        )
    return {
        "volume": str(loaded.path),
        "shape": list(loaded.volume.shape),
        "spacing_mm": [round(s, 4) for s in reversed(loaded.volume.spacing_mm)],
        "model": first.model,
        "engine": first.engine,
        "device": first.device,
        "fallback": first.fallback,
        "plane": first.plane,
        "axis": first.axis,
        "slices_run": [first.slices[0], first.slices[-1]],
        "seconds": round(seconds, 2),
        "output": None if written is None else str(written),
        "picture": None if picture is None else str(picture),
        "notes": list(notes),
        "results": results,
        "use": _RESEARCH,
    }


def _print(
    predictions: Sequence[Prediction], findings: Sequence[Sequence[Finding]], notes: Sequence[str]
) -> None:
    from lsms_core.cli.pictures import describe

    told = dict.fromkeys([*notes, *(w for p in predictions for w in p.warnings)])
    if predictions[0].fallback:
        told[predictions[0].fallback] = None
    for note in told:
        click.echo(f"Note: {note}", err=True)
    for prediction, found in zip(predictions, findings, strict=True):
        if not prediction.present:
            click.echo(f'Nothing found for "{prediction.text}" (score {prediction.score:.2f}).')
            continue
        count = "1 lesion" if len(found) == 1 else f"{len(found)} lesions"
        click.echo(f'Found "{prediction.text}": {count}, score {prediction.score:.2f}.')
        for line in describe(found, limit=8):
            click.echo(f"  {line}")
