"""Writes a measurement report as one HTML page or as plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.target_lesions import PROPOSAL
from lsms_core.io.measurement_report import RESEARCH, MeasuredAnswer, MeasurementReport

_COLUMNS = (
    "Lesion", "Longest diameter, mm", "Perpendicular, mm", "Area, mm²", "Volume, mL",
    "Mean, HU", "Deviation, HU", "Place", "Slices",
)  # fmt: skip
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; }
body { padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 1.8rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8886; }
th { font-weight: 600; } .number { text-align: right; }
.quiet { color: #777; } .note { color: #a60; }
footer { margin-top: 2.5rem; font-size: .85rem; color: #777; overflow-wrap: anywhere; }
"""


def html_page(report: MeasurementReport) -> str:
    """Return the report as one HTML page that refers to nothing outside it."""
    head = "".join(
        f'<th scope="col"{_side(n)}>{escape(name)}</th>' for n, name in enumerate(_COLUMNS)
    )
    parts = []
    for answer in report.answers:
        parts.append(f"<h2>{escape(answer.text)}</h2>")
        if answer.reading:
            parts.append(f'<p class="quiet">Read as: {escape(answer.reading)}</p>')
        parts += [f'<p class="note">{escape(note)}</p>' for note in answer.notes]
        if not answer.lesions:
            parts.append("<p>Nothing found.</p>")
            continue
        rows = "".join(
            "<tr>"
            + "".join(f"<td{_side(n)}>{escape(cell)}</td>" for n, cell in enumerate(row))
            + "</tr>"
            for row in _rows(answer)
        )
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    sum_line, *rest = _targets(report)
    parts.append(f"<h2>Target lesions</h2><p>{escape(sum_line)}</p>")
    parts += [f'<p class="quiet">{escape(line)}</p>' for line in rest]
    title = f"Measurements: {report.study}" if report.study else "Measurements"
    about = " · ".join(escape(line) for line in _about(report))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + f"\n<footer>{about}</footer>"
        "</body></html>\n"
    )


def plain_text(report: MeasurementReport) -> str:
    """Return the report as plain text."""
    lines = [f"Measurements: {report.study}" if report.study else "Measurements", ""]
    for answer in report.answers:
        lines.append(f'"{answer.text}"')
        if answer.reading:
            lines.append(f"  read as: {answer.reading}")
        lines += [f"  note: {note}" for note in answer.notes]
        if not answer.lesions:
            lines.append("  nothing found")
        for number, lesion in enumerate(answer.lesions, 1):
            lines.append(f"  {number}. {_sentence(lesion)}")
        lines.append("")
    lines += [*_targets(report), "", *_about(report)]
    return "\n".join(lines) + "\n"


def place_of(lesion: Lesion) -> str:
    """Return a lesion's lobe and segment in words, "" where neither is known."""
    segment = f"segment {' or '.join(lesion.segments)}" if lesion.segments else ""
    return ", ".join(filter(None, (lesion.place, segment)))


def _rows(answer: MeasuredAnswer) -> list[list[str]]:
    return [
        [
            str(number),
            _number(lesion.longest_mm, 1),
            _number(lesion.perpendicular_mm, 1),
            _number(lesion.area_mm2, 0),
            _number(lesion.volume_ml, 2),
            _number(lesion.mean_hu, 0),
            _number(lesion.sd_hu, 0),
            place_of(lesion) or "–",
            _span(lesion.slices),
        ]
        for number, lesion in enumerate(answer.lesions, 1)
    ]


def _sentence(lesion: Lesion) -> str:
    size = f"{_number(lesion.longest_mm, 1)} x {_number(lesion.perpendicular_mm, 1)} mm"
    hu = f"{_number(lesion.mean_hu, 0)} ± {_number(lesion.sd_hu, 0)} HU"
    parts = (
        f"{size} {lesion.plane}", f"{_number(lesion.area_mm2, 0)} mm²",
        f"{_number(lesion.volume_ml, 2)} mL", hu, place_of(lesion),
        f"slices {_span(lesion.slices)}",
    )  # fmt: skip
    return ", ".join(part for part in parts if part)


def _targets(report: MeasurementReport) -> list[str]:
    targets = report.targets
    smallest = f"{round(targets.measurable_mm, 1):g} mm or more"
    if not targets.lesions:
        return [f"No lesion of {smallest} to propose as a target."]
    listed = " + ".join(f"{lesion.longest_mm:.1f}" for lesion in targets.lesions)
    return [
        f"Sum of the longest axial diameters: {listed} = {targets.sum_mm:.1f} mm.",
        f"This is {PROPOSAL} (RECIST 1.1: {smallest}, at most two an organ).",
    ]


def _about(report: MeasurementReport) -> list[str]:
    algorithm = report.algorithm
    lines = [f"Measured by {algorithm.name} {algorithm.version}".strip()]
    if algorithm.engine:
        lines[0] += f" (engine {algorithm.engine})"
    if algorithm.sha256:
        lines.append(f"bundle SHA-256 {algorithm.sha256}")
    if report.date:
        lines.append(report.date)
    return [*lines, RESEARCH]


def _side(column: int) -> str:
    return ' class="number"' if 1 <= column <= 6 else ""


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _span(slices: Sequence[int]) -> str:
    first, last = slices
    return str(first) if first == last else f"{first} to {last}"
