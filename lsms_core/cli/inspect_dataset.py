"""``lsms inspect-dataset``: show a referring data set as pictures."""

from __future__ import annotations

import base64
import html
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lsms_core.dataset.records import Record
    from lsms_core.io.figure import Panel

_STYLE = """
:root { color-scheme: dark light }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .15rem .9rem .15rem 0; text-align: left }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1.2rem }
figure { margin: 0; border: 1px solid #8886; border-radius: 6px; overflow: hidden }
figure img { width: 100%; display: block; background: #000 }
figcaption { padding: .5rem .7rem } q { font-weight: 600 } small { opacity: .75; display: block }
.none { color: #c0392b } .named { color: #2e9e5b }
"""


@click.command("inspect-dataset")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help=(
    "A page (.html) or a folder for one PNG a record; default: DATASET/inspection.html."
))  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), default=200, help=(
    "At most so many records, spread evenly over the data set."
))  # fmt: skip
@click.option("--patient", help="Only this patient's.")
@click.option("--kind", type=click.Choice(["all", "named", "none"]), default="all", help=(
    "Only records that name a lesion, or only those that name nothing."
))  # fmt: skip
@click.option("--size", type=click.IntRange(128, 2048), default=360, help="Longest side, pixels.")
def command(
    dataset: Path, output: Path | None, limit: int, patient: str | None, kind: str, size: int
) -> None:
    """Show the records of DATASET: the slice, the lesions that the text names, and the text.

    Named lesions are outlined in green, other lesions of the slice in grey.
    """
    from lsms_core.cli.progress import bar
    from lsms_core.dataset.records import read_records
    from lsms_core.errors import InputError
    from lsms_core.io.atomic import check_writable
    from lsms_core.io.figure import check_drawing, save_figure
    from lsms_core.io.text_files import write_text

    check_drawing()
    every = read_records(dataset)
    wanted = [
        r
        for r in every
        if (patient is None or r.patient == patient)
        and (kind == "all" or bool(r.instances) == (kind == "named"))
    ]
    if not wanted:
        patients = ", ".join(sorted({r.patient for r in every})[:12])
        raise InputError(f"No record fits; the data set has the patients {patients}.")
    shown = [
        wanted[i * len(wanted) // min(limit, len(wanted))] for i in range(min(limit, len(wanted)))
    ]
    target = output or dataset / "inspection.html"
    page = target.suffix.lower() in (".html", ".htm")
    check_writable(target if page else target / "x.png")
    with bar("records") as progress:
        if page:
            write_text(target, _page(dataset, every, shown, size, progress))
        else:
            for number, record in enumerate(shown):
                progress(number, len(shown))
                save_figure(target / f"{record.id}.png", [record_panel(dataset, record)], size)
    click.echo(f"{len(shown)} of {len(every)} records are in {target}.")


def record_panel(dataset: Path, record: Record) -> Panel:
    """The slice of a record: what its text names in green, other lesions in grey."""
    from lsms_core.anatomy.geometry import SlicePlane
    from lsms_core.dataset.records import load_image, load_slice_label
    from lsms_core.evaluation.mistake_pictures import TARGET_COLOUR
    from lsms_core.io.figure import Outline, Panel

    volume = load_image(dataset, record)
    plane = SlicePlane.of(volume, record.axis)
    labels = plane.to_canonical(load_slice_label(dataset, record))
    named = sum((labels == n for n in record.instances), start=labels < 0)
    others = (labels > 0) & ~named
    details = [
        f"{record.id}, {plane.plane} slice {record.slice}, patient {record.patient}",
        f"names {len(record.instances)} of {len(set(labels[labels > 0].tolist()))} lesions"
        if record.instances
        else "names nothing",
    ]
    return Panel(
        image=plane.extract(volume.array, record.slice),
        spacing_mm=plane.spacing_mm,
        plane=plane.plane,
        title=record.text,
        lines=details,
        outlines=[Outline(others, (150, 150, 150)), Outline(named, TARGET_COLOUR)],
    )


def _page(
    dataset: Path,
    every: Sequence[Record],
    shown: Sequence[Record],
    size: int,
    progress: Callable[..., None],
) -> str:
    from lsms_core.io.figure import draw_slice, jpeg

    figures = []
    for number, record in enumerate(shown):
        progress(number, len(shown))
        panel = record_panel(dataset, record)
        picture = base64.b64encode(jpeg(draw_slice(panel, size))).decode()
        facts = ", ".join(f"{k} {v}" for k, v in record.attributes.items() if k != "patient")
        kind = "named" if record.instances else "none"
        figures.append(
            f'<figure><img alt="" src="data:image/jpeg;base64,{picture}">'
            f"<figcaption><q>{html.escape(record.text)}</q>"
            f'<small class="{kind}">{html.escape(panel.lines[1])}</small>'
            f"<small>{html.escape(panel.lines[0])}</small>"
            f"<small>{html.escape(facts)}</small></figcaption></figure>"
        )
    name = html.escape(dataset.resolve().name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{name}</h1>{_summary(every)}<p>{len(shown)} of {len(every)} records. Green: the "
        "lesions that the text names; grey: other lesions of the slice. Pictures show -160 to "
        "240 HU, the patient's right on the left.</p>"
        f"<main>{''.join(figures)}</main></body></html>\n"
    )


def _summary(records: Sequence[Record]) -> str:
    kinds = Counter(str(r.attributes.get("kind", "not said")) for r in records)
    sides = Counter(str(r.attributes["side"]) for r in records if r.attributes.get("side"))
    rows = [
        ("Records", f"{len(records):,}"),
        ("Patients", str(len({r.patient for r in records}))),
        ("Slices", f"{len({(r.image, r.axis, r.slice) for r in records}):,}"),
        ("Texts", f"{len({r.text for r in records}):,} different"),
        ("Naming nothing", f"{sum(not r.instances for r in records):,}"),
        ("Kinds", ", ".join(f"{k} {n}" for k, n in kinds.most_common())),
    ]
    if sides:
        rows.append(("Sides", ", ".join(f"{k} {n}" for k, n in sides.most_common())))
    cells = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in rows)
    return f"<table>{cells}</table>"
