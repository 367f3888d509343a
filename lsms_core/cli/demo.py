"""``lsms demo``: name lesions of a synthetic CT in words and compare the answers with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lsms_core.inference.answer import Answer
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
    from lsms_core.cli.progress import bar
    from lsms_core.errors import DependencyError
    from lsms_core.inference.answer_segments import segments_of
    from lsms_core.inference.predictor import Predictor
    from lsms_core.io.atomic import check_writable
    from lsms_core.io.figure import check_drawing, save_figure
    from lsms_core.io.nifti import write_nifti
    from lsms_core.io.seg_nrrd import write_seg_nrrd

    names = ("ct.nii.gz", "truth.nii.gz", "found.seg.nrrd", "demo.png")
    written = ct_file, truth_file, found_file, picture = [output / name for name in names]
    no_picture = ""
    try:
        check_drawing()
    except DependencyError:
        no_picture = f"No {picture.name}: pictures need Pillow: pip install 'lsms-core[pictures]'"
        written.remove(picture)
    for path in written:
        check_writable(path)
    predictor = Predictor.from_pretrained(weights, device, threads=threads)
    phantom = _make(seed)
    volume = phantom.ct
    texts = [text for text, _ in QUESTIONS]
    with bar("slices") as progress:
        answers = predictor.segment(volume, texts, progress=progress, keep_probability=False)
    truths = [phantom.instances == n if n else np.zeros(volume.shape, bool) for _, n in QUESTIONS]
    write_nifti(ct_file, volume.array, volume.affine, "synthetic CT, no patient's data")
    write_nifti(truth_file, phantom.instances.astype(np.uint8), volume.affine, "true lesions")
    write_seg_nrrd(found_file, volume, segments_of(answers))
    if picture in written:
        save_figure(picture, _panels(phantom, answers, truths))

    click.echo(
        f"A synthetic CT (seed {seed}) with {len(phantom.lesions)} lesions; "
        f"asked {answers[0].model} on {answers[0].device}."
    )
    for answer, truth, (_, number) in zip(answers, truths, QUESTIONS, strict=True):
        click.echo("")
        for line in _compare(phantom, answer, truth, number):
            click.echo(line)
    click.echo("")
    for path in written:
        click.echo(f"Wrote {path}")
    if no_picture:
        click.echo(no_picture)
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


def _compare(phantom: Phantom, answer: Answer, truth: NDArray[np.bool_], number: int) -> list[str]:
    """Return lines that compare an answer with the truth."""
    from lsms_core.cli.answers import told_lesions
    from lsms_core.evaluation.scores import overlap

    lines = [answer.message, *(f"  {line}" for line in told_lesions(answer))]
    if not number:
        right = "as it should be" if not answer.present else "a false alarm"
        return [*lines, f"  truth: there is none in this CT; {right}."]
    known = phantom.lesions[number - 1]
    levels = np.flatnonzero(truth.any(axis=(1, 2)))
    lines.append(
        f"  truth: {known.longest_mm:.0f} mm axial, {known.volume_ml:.1f} mL, mean "
        f"{known.mean_hu:.0f} HU, slices {levels[0]} to {levels[-1]}, {known.side} lobe"
    )
    lines.append(f"  overlap with the truth (Dice): {overlap(truth, answer.mask)[0]:.2f}")
    return lines


def _panels(
    phantom: Phantom,
    answers: Sequence[Answer],
    truths: Sequence[NDArray[np.bool_]],
) -> list[Panel]:
    """One panel a text, in the slice where the truth (else the answer) is largest."""
    from lsms_core.anatomy.terminology import colours_of
    from lsms_core.cli.answer_panels import describe
    from lsms_core.evaluation.scores import overlap
    from lsms_core.io.figure import Outline, Panel

    panels = []
    column_mm, row_mm, _ = phantom.ct.spacing_mm
    colours = colours_of([a.text for a in answers])
    for answer, truth, colour in zip(answers, truths, colours, strict=True):
        shown = truth if truth.any() else answer.mask
        areas = shown.sum(axis=(1, 2))
        index = int(areas.argmax()) if areas.any() else len(areas) // 2
        lines = [f"axial slice {index}, {answer.model}, score {answer.score:.2f}"]
        lines += describe(answer.kept) if answer.present else [answer.message]
        if truth.any():
            lines.append(f"White: the truth; Dice {overlap(truth, answer.mask)[0]:.2f}.")
        lines.append("Synthetic CT. Research use only; not a medical device.")
        panels.append(
            Panel(
                image=phantom.ct.array[index],
                spacing_mm=(row_mm, column_mm),
                plane="axial",
                title=answer.text,
                lines=lines,
                outlines=[
                    Outline(truth[index], _TRUTH_COLOUR),
                    Outline(answer.mask[index], colour),
                ],
                colour=colour,
            )
        )
    return panels
