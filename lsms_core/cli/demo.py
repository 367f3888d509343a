"""``lsms demo``: name lesions of a synthetic CT in words and compare the answers with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lsms_core.anatomy.findings import Finding
    from lsms_core.inference.result import Prediction
    from lsms_core.io.figure import Panel
    from lsms_core.phantom import Phantom

# Slices of about 4 mm: the demo shall be quick on two processor cores.
_SHAPE = (40, 272, 368)
# What is asked, and which of the lesions of `_lesions` is meant; 0 for none.
QUESTIONS: tuple[tuple[str, int], ...] = (
    ("left lobe hypodense lesion", 1),
    ("right lobe hypodense lesion", 2),
    ("gallbladder stone", 0),
)
_TRUTH_COLOUR = (255, 255, 255)


@click.command("demo")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("out/demo"),
    help="Folder for the CT, the masks and the picture (default: out/demo).",
)
@click.option("--weights", default="lsms-tiny", help="Model: a name or a folder.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Another seed, another body.")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.")
def command(output: Path, weights: str, seed: int, device: str, threads: int | None) -> None:
    """Segment named lesions on a synthetic CT.

    Makes an abdominal CT without anybody's data, with one lesion in each lobe of the liver, asks
    for each of them and for something that is not there, and compares the answers with the truth.
    """
    from lsms_core.anatomy.findings import measure_mask
    from lsms_core.cli.progress import bar
    from lsms_core.cli.segment import segments_of
    from lsms_core.inference.predictor import Predictor
    from lsms_core.io.atomic import check_writable
    from lsms_core.io.figure import check_drawing, save_figure
    from lsms_core.io.nifti import write_nifti
    from lsms_core.io.seg_nrrd import write_seg_nrrd

    check_drawing()
    names = ("ct.nii.gz", "truth.nii.gz", "found.seg.nrrd", "demo.png")
    ct_file, truth_file, found_file, picture = (output / name for name in names)
    for path in (ct_file, truth_file, found_file, picture):
        check_writable(path)
    predictor = Predictor.from_pretrained(weights, device, threads=threads)
    phantom = _make(seed)
    volume = phantom.ct
    texts = [text for text, _ in QUESTIONS]
    with bar("slices") as progress:
        predictions = predictor.segment(volume, texts, progress=progress, keep_probability=False)
    findings = [measure_mask(volume, p.mask) for p in predictions]
    truths = [phantom.instances == n if n else np.zeros(volume.shape, bool) for _, n in QUESTIONS]
    write_nifti(ct_file, volume.array, volume.affine, "synthetic CT, no patient's data")
    write_nifti(truth_file, phantom.instances.astype(np.uint8), volume.affine, "true lesions")
    write_seg_nrrd(found_file, volume, segments_of(predictions))
    save_figure(picture, _panels(phantom, predictions, truths, findings))

    click.echo(
        f"A synthetic CT (seed {seed}) with {len(phantom.lesions)} lesions; "
        f"asked {predictions[0].model} on {predictions[0].device}."
    )
    for prediction, truth, found, (_, number) in zip(
        predictions, truths, findings, QUESTIONS, strict=True
    ):
        click.echo("")
        for line in _compare(phantom, prediction, truth, found, number):
            click.echo(line)
    click.echo("")
    for path in (ct_file, truth_file, found_file, picture):
        click.echo(f"Wrote {path}")
    click.echo("Research use only; not a medical device.")


def _make(seed: int) -> Phantom:
    from lsms_core.phantom import PlacedLesion, make_phantom
    from lsms_core.phantom.synthesis.spec import LesionSpec

    lesions = [
        # Far from the border between the lobes, where no reader would doubt the side.
        PlacedLesion("left", LesionSpec(22.0, -52.0, irregularity=0.12), clear_mm=32.0),
        PlacedLesion("right", LesionSpec(38.0, -55.0, irregularity=0.15), inner=True),
    ]
    return make_phantom(seed, lesions=lesions, shape=_SHAPE)


def _compare(
    phantom: Phantom,
    prediction: Prediction,
    truth: NDArray[np.bool_],
    found: Sequence[Finding],
    number: int,
) -> list[str]:
    """Say what was found, beside what is there."""
    from lsms_core.anatomy.regions import label_components
    from lsms_core.cli.pictures import describe
    from lsms_core.evaluation.scores import overlap

    score = f"score {prediction.score:.2f}"
    if not prediction.present:
        lines = [f'"{prediction.text}": nothing found ({score}).']
    else:
        count = "1 lesion" if len(found) == 1 else f"{len(found)} lesions"
        lines = [f'"{prediction.text}": {count} found ({score}).']
        labels, _ = label_components(prediction.mask)  # in the order of the findings
        for n, (finding, words) in enumerate(
            zip(found[:3], describe(found, 3), strict=False), start=1
        ):
            place = _place(phantom, labels == n, finding.diameter_slice)
            lines.append(f"  found: {words}, {place}")
        if len(found) > 3:
            lines.append(f"  found: {describe(found, 3)[-1]}")
    if not number:
        right = "as it should be" if not prediction.present else "a false alarm"
        return [*lines, f"  truth: there is none in this CT; {right}."]
    known = phantom.lesions[number - 1]
    levels = np.flatnonzero(truth.any(axis=(1, 2)))
    lines.append(
        f"  truth: {known.longest_mm:.0f} mm axial, {known.volume_ml:.1f} mL, mean "
        f"{known.mean_hu:.0f} HU, slices {levels[0]} to {levels[-1]}, {known.side} lobe"
    )
    lines.append(f"  overlap with the truth (Dice): {overlap(truth, prediction.mask)[0]:.2f}")
    return lines


def _place(phantom: Phantom, lesion: NDArray[np.bool_], index: int) -> str:
    """Say in which lobe a lesion lies in slice ``index``, by the same rule as in training."""
    from lsms_core.anatomy.laterality import cantlie_offset_mm, midline_column, side_of

    liver, part = phantom.liver[index], lesion[index]
    if np.mean(liver[part]) < 0.5:
        return "outside the liver"
    column_mm, row_mm, _ = phantom.ct.spacing_mm
    spacing = (row_mm, column_mm)
    middle = midline_column(phantom.ct.array[index], spacing)
    side = side_of(cantlie_offset_mm(middle, liver, spacing), part)
    return f"{side} lobe" if side else "between the lobes"


def _panels(
    phantom: Phantom,
    predictions: Sequence[Prediction],
    truths: Sequence[NDArray[np.bool_]],
    findings: Sequence[Sequence[Finding]],
) -> list[Panel]:
    """One panel a text, in the slice where the truth (else the answer) is largest."""
    from lsms_core.anatomy.terminology import colours_of
    from lsms_core.cli.pictures import describe
    from lsms_core.evaluation.scores import overlap
    from lsms_core.io.figure import Outline, Panel

    panels = []
    column_mm, row_mm, _ = phantom.ct.spacing_mm
    colours = colours_of([p.text for p in predictions])
    for prediction, truth, found, colour in zip(
        predictions, truths, findings, colours, strict=True
    ):
        shown = truth if truth.any() else prediction.mask
        areas = shown.sum(axis=(1, 2))
        index = int(areas.argmax()) if areas.any() else len(areas) // 2
        lines = [f"axial slice {index}, {prediction.model}, score {prediction.score:.2f}"]
        lines += describe(found) if prediction.present else ["Nothing found."]
        if truth.any():
            lines.append(f"White: the truth; Dice {overlap(truth, prediction.mask)[0]:.2f}.")
        lines.append("Synthetic CT. Research use only; not a medical device.")
        panels.append(
            Panel(
                image=phantom.ct.array[index],
                spacing_mm=(row_mm, column_mm),
                plane="axial",
                title=prediction.text,
                lines=lines,
                outlines=[
                    Outline(truth[index], _TRUTH_COLOUR),
                    Outline(prediction.mask[index], colour),
                ],
                colour=colour,
            )
        )
    return panels
