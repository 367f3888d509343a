"""``lsms medclip-sam``: put the second engine together, look inside it, compare it."""

from __future__ import annotations

import json
from pathlib import Path

import click

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("medclip-sam")
def command() -> None:
    """MedCLIP-SAM: weights, pictures, evaluation. See docs/medclip-sam.md."""


@command.command("assemble")
@click.argument("biomedclip", type=_FOLDER)
@click.argument("sam", type=_FOLDER)
@click.argument("output", type=_FOLDER)
@click.option("--version", type=click.Choice(["v1", "v2"]), default="v1", help="Whose pipeline.")
@click.option("--saliency", type=click.Choice(["gscorecam", "m2ib"]))
@click.option("--cleanup", type=click.Choice(["crf", "kmeans"]))
@click.option("--prompt", type=click.Choice(["box", "boxes", "points", "box+points"]))
@click.option("--sam-mask", type=click.Choice(["single", "best"]))
@click.option("--neutral-margin", type=float, help="By how much a text must beat neutral ones.")
@click.option("--convert", is_flag=True, help="Turn a published .bin into safetensors.")
def assemble(
    biomedclip: Path,
    sam: Path,
    output: Path,
    version: str,
    saliency: str | None,
    cleanup: str | None,
    prompt: str | None,
    sam_mask: str | None,
    neutral_margin: float | None,
    convert: bool,
) -> None:
    """Make the bundle OUTPUT of the folders BIOMEDCLIP and SAM; nothing is downloaded."""
    from dataclasses import replace

    from lsms_core.models.medclip_sam.files import assemble as put_together
    from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig

    chosen = {
        "saliency": saliency,
        "cleanup": cleanup,
        "prompt": prompt,
        "sam_mask": sam_mask,
        "neutral_margin": neutral_margin,
    }
    given = {k: v for k, v in chosen.items() if v is not None}
    config = replace(MedClipSamConfig.version(version), **given)  # type: ignore[arg-type]
    made = put_together(biomedclip, sam, output, config, version=version, convert=convert)
    click.echo(f"The model is in {made}")


@command.command("convert")
@click.argument("weights", type=_FILE)
@click.option("--output", type=_FILE, help="Default: open_clip_model.safetensors beside it.")
def convert(weights: Path, output: Path | None) -> None:
    """Turn a published WEIGHTS.bin into safetensors; code inside it is never run."""
    from lsms_core.models.medclip_sam.open_clip_format import WEIGHTS_NAME, convert_pickle

    click.echo(f"Written: {convert_pickle(weights, output or weights.with_name(WEIGHTS_NAME))}")


@command.command("fetch")
@click.argument("folder", type=_FOLDER)
@click.option("--version", type=click.Choice(["v1", "v2"]), default="v1")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def fetch(folder: Path, version: str, yes: bool) -> None:
    """Download BiomedCLIP and SAM from their publishers into FOLDER, after asking."""
    from lsms_core.models.medclip_sam import files

    size = files.DOWNLOAD_SIZES[version]
    names = f"{files.CLIP_REPOSITORY} and {files.SAM_REPOSITORIES[version]}"
    if not yes:
        click.confirm(f"Download {names} ({size}) to {folder}?", abort=True)
    clip, sam = files.fetch(version, folder)
    click.echo(f"Now run: lsms medclip-sam assemble {clip} {sam} MODELS/medclip-sam --convert")


@command.command("picture")
@click.argument("image", type=_FILE)
@click.argument("text")
@click.option("--weights", default="medclip-sam", help="Bundle: a name or a folder.")
@click.option("--output", type=_FILE, required=True, help="The mask (PNG, 0 or 255).")
@click.option("--explain", type=_FILE, help="Picture of every stage (PNG).")
@click.option("--times", is_flag=True, help="Show the time spent in each stage.")
@click.option("--device", default="auto")
def picture(
    image: Path,
    text: str,
    weights: str,
    output: Path,
    explain: Path | None,
    times: bool,
    device: str,
) -> None:
    """Segment what TEXT names in a PNG or JPEG IMAGE, grey or in colour."""
    import numpy as np

    from lsms_core.dataset.picture_files import read_picture
    from lsms_core.evaluation.mistake_pictures import save_png
    from lsms_core.inference.explain import explain as explained
    from lsms_core.inference.medclip_engine import MedClipSamEngine, picture_predictor

    grey = read_picture(image)
    predictor = picture_predictor(weights, device)
    (found,) = predictor.segment(grey, text, spacing_mm=(1.0, 1.0))
    save_png(output, found.mask.astype(np.uint8) * 255)
    engine = predictor.model
    if times and isinstance(engine, MedClipSamEngine):
        click.echo(engine.stage_report())
    if explain is not None:
        shown = explained(predictor, grey, text, spacing_mm=(1.0, 1.0))
        save_png(explain, shown.draw())
        click.echo(shown.verdict)
    for warning in found.warnings:
        click.echo(warning, err=True)
    if found.present:
        click.echo(f"Found: {int(found.mask.sum())} pixels. The mask is in {output}")
    else:
        click.echo(f"Nothing found. The mask in {output} is empty.")


@command.command("evaluate")
@click.argument("name", type=click.Choice(["busi", "udiat", "figshare-brain", "covid-qu-ex"]))
@click.argument("folder", type=_FOLDER)
@click.option("--weights", default="medclip-sam", help="Bundle: a name or a folder.")
@click.option("--text", help="Asked of every picture instead of the set's own text.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many pictures.")
@click.option("--text-tests/--no-text-tests", default=True, help="Ask in other words, too.")
@click.option("--output", type=_FILE, required=True, help="Report (JSON); a page beside it.")
@click.option("--device", default="auto")
def evaluate(
    name: str,
    folder: Path,
    weights: str,
    text: str | None,
    limit: int | None,
    text_tests: bool,
    output: Path,
    device: str,
) -> None:
    """Score a model on a published set in FOLDER, beside the papers' figures."""
    from lsms_core.cli.progress import bar
    from lsms_core.evaluation.medclip_sets import SETS
    from lsms_core.evaluation.medclip_table import blindness_table, evaluate_set, results_table
    from lsms_core.inference.medclip_engine import picture_predictor
    from lsms_core.io.text_files import write_text

    cases = SETS[name].cases(folder)[:limit]
    predictor = picture_predictor(weights, device)
    with bar("pictures") as progress:
        report = evaluate_set(
            SETS[name], cases, predictor, text=text, text_tests=text_tests, progress=progress
        )
    page = results_table([report])
    write_text(output, json.dumps(report, indent=1) + "\n")
    if text_tests:
        page += "\n" + blindness_table({report["model"]: report})
    write_text(output.with_suffix(".md"), page)
    click.echo(page + f"\nReport: {output} and {output.with_suffix('.md')}")


@command.command("table")
@click.argument("reports", nargs=-1, required=True, type=_FILE)
def table(reports: tuple[Path, ...]) -> None:
    """Print the papers' table beside REPORTS of lsms medclip-sam evaluate."""
    from lsms_core.evaluation.medclip_table import results_table
    from lsms_core.io.text_files import read_json

    click.echo(results_table([read_json(path) for path in reports]))


@command.command("text-test")
@click.argument("dataset", required=False, type=_FOLDER)
@click.option("--weights", multiple=True, default=("lsms-tiny", "medclip-sam"), help=(
    "Bundle; give it again for each model."
))  # fmt: skip
@click.option("--report", "known", multiple=True, type=_FILE, help=(
    "A report of lsms evaluate on the same data set (JSON) instead of asking its model anew."
))  # fmt: skip
@click.option("--only", type=_FILE, help="JSON file with the cases to use: a list.")
@click.option("--output", type=_FILE, required=True, help=(
    "The table (Markdown); each model's report is written beside it (JSON)."
))  # fmt: skip
@click.option("--device", default="auto")
def text_test(
    dataset: Path | None,
    weights: tuple[str, ...],
    known: tuple[Path, ...],
    only: Path | None,
    output: Path,
    device: str,
) -> None:
    """Ask each model the right text and wrong ones on DATASET, in one table.

    Without DATASET, the table is made of the reports alone.
    """
    from typing import Any

    from lsms_core.cli.progress import bar
    from lsms_core.errors import InputError
    from lsms_core.evaluation.comparison_table import check_comparable, comparison_table, label_of
    from lsms_core.evaluation.evaluate_records import evaluate as score
    from lsms_core.evaluation.medclip_table import blindness_table
    from lsms_core.inference.predictor import Predictor
    from lsms_core.io.text_files import read_json, write_text
    from lsms_core.models.installed import inspect_bundle

    if dataset is None and not known:
        raise InputError("Which data set? Give the folder that lsms build-dataset made.")
    reports: dict[str, Any] = {}

    def add(report: Any, source: str) -> None:  # noqa: ANN401 - JSON
        check_comparable({**reports, source: report})
        name = label_of(report)
        reports[name if name not in reports else f"{name} ({source})"] = report

    for path in known:
        add(read_json(path), str(path))
    cases = read_json(only) if only is not None else None
    if dataset is not None:
        for chosen in weights:
            inspect_bundle(chosen)  # before hours are spent on the first
        for number, chosen in enumerate(weights, 1):
            predictor = Predictor.from_pretrained(chosen, device, verify=False)
            with bar("slices") as progress:
                report = score(dataset, predictor, only=cases, progress=progress)
            beside = output.with_name(f"{output.stem}.{number}-{predictor.name}.json")
            write_text(beside, json.dumps(report, indent=1) + "\n")
            click.echo(f"Report: {beside}")
            add(report, chosen)
    page = comparison_table(reports) + "\n" + blindness_table(reports)
    write_text(output, page)
    click.echo(page + f"\nThe table is in {output}")


@command.command("times")
@click.option("--weights", help="Bundle; default: random weights in the real sizes.")
@click.option("--version", type=click.Choice(["v1", "v2"]), default="v1", show_default=True, help=(
    "Whose sizes and pipeline the random weights have."
))  # fmt: skip
@click.option("--saliency", type=click.Choice(["gscorecam", "m2ib"]), help=(
    "Another saliency method than the model's."
))  # fmt: skip
@click.option("--channels", type=click.IntRange(min=1), help="Channels that gScoreCAM keeps.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: torch's choice.")
def times(
    weights: str | None,
    version: str,
    saliency: str | None,
    channels: int | None,
    device: str,
    threads: int | None,
) -> None:
    """Measure each stage for two texts about one 512 x 512 picture."""
    from dataclasses import replace

    import torch

    from lsms_core.errors import InputError
    from lsms_core.models.bundle import load_bundle
    from lsms_core.models.medclip_sam import timing
    from lsms_core.models.medclip_sam.medclip_pipeline import MedClipSam
    from lsms_core.models.runtime.choose import torch_device

    place = torch.device(torch_device(device))
    if threads is not None:
        torch.set_num_threads(threads)
    model = timing.random_model(version) if weights is None else load_bundle(weights).model
    if not isinstance(model, MedClipSam):
        raise InputError(f"{weights} is no model of MedCLIP-SAM: leave --weights out, or see info.")
    if saliency is not None:
        model.config = replace(model.config, saliency=saliency)
    model.to(place)
    name = f"random weights of {version}" if weights is None else weights
    click.echo(f"{name}, {model.config.saliency}, on {place}, {torch.get_num_threads()} threads\n")
    click.echo(timing.table(timing.measure(model, channels=channels)))


@command.command("weak")
@click.argument("config", type=_FILE)
@click.option("--output", type=_FOLDER, required=True)
@click.option("--resume", is_flag=True, help="Go on where the run stopped.")
@click.option("--device", default="auto")
def weak(config: Path, output: Path, resume: bool, device: str) -> None:
    """Train a U-Net on MedCLIP-SAM's zero-shot masks, the whole loop, as CONFIG says."""
    from lsms_core.cli.progress import bar
    from lsms_core.inference.medclip_engine import picture_predictor
    from lsms_core.models.runtime.choose import torch_device
    from lsms_core.training.medclip.weak import load_config, run

    settings = load_config(config)
    with bar("steps") as progress:
        report = run(
            settings,
            output,
            resume=resume,
            predictor=lambda: picture_predictor(settings.weights, device),
            device=torch_device(device),
            progress=progress,
        )
    for key, value in report.items():
        shown = format(value, ".3f") if isinstance(value, float) else value
        click.echo(f"{key.replace('_', ' ')}: {'-' if value is None else shown}")
    click.echo(f"The masks are in {output / 'weak'}")
