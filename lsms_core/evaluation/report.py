"""Formats the report as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lsms_core.evaluation.summary import PRECISION_AT


def percent(value: float | None) -> str:
    """Format a share."""
    return "-" if value is None else f"{100 * value:.0f} %"


def with_interval(figure: Mapping[str, Any] | float | None, as_percent: bool = False) -> str:
    """Format a figure with its 95 % interval; older reports have some without."""
    if not isinstance(figure, Mapping):
        figure = {"value": figure, "low": None, "high": None}
    if figure["value"] is None:
        return "-"
    show = percent if as_percent else "{:.2f}".format
    text = show(figure["value"])
    if figure["low"] is not None:
        text += f" ({show(figure['low'])} to {show(figure['high'])})"
    return text


def _of_row(row: Mapping[str, Any], name: str, as_percent: bool = False) -> str:
    """Format a figure of a row that keeps its limits under "intervals"."""
    low, high = row.get("intervals", {}).get(name, (None, None))
    return with_interval({"value": row[name], "low": low, "high": high}, as_percent)


def markdown(
    report: Mapping[str, Any],
    command: str = "",
    pictures: str = "",
    reliability: str | None = None,
) -> str:
    """Write the report as Markdown.

    Args:
        report: as :func:`lsms_core.evaluation.evaluate_records.evaluate` returns it.
        command: the command that made it.
        pictures: folder of the gallery, relative to the page.
        reliability: the reliability picture, relative to the page.
    """
    lines = ["# Evaluation", ""]
    if command:
        lines += ["```", command, "```", ""]
    lines += tables(report)
    if reliability:
        lines += [f"![score against share of texts that name something]({reliability})", ""]
    if report.get("gallery"):
        lines += _gallery(report["gallery"], pictures)
    return "\n".join(lines)


def tables(report: Mapping[str, Any], level: int = 2) -> list[str]:
    """Return the report's tables as lines of Markdown; headings start at ``level``."""
    table = report["summary"]
    heading = "#" * level
    lines = [
        f"{table['samples']} expressions about {table['cases']} patients, {table['named']} of them "
        "name a lesion. In brackets: 95 % intervals by bootstrap over patients.",
        "",
        "| figure | value |",
        "|---|---|",
        f"| Dice to the named lesion, mean over expressions | {with_interval(table['dice'])} |",
        f"| IoU, mean over expressions | {with_interval(table['iou'])} |",
        f"| Dice, mean over patients | {with_interval(table['dice_over_cases'])} |",
        f"| IoU, mean over patients | {with_interval(table['iou_over_cases'])} |",
        f"| oIoU | {with_interval(table['oiou'])} |",
    ]
    lines += [
        f"| Precision at IoU {at} | {with_interval(table[f'precision_at_{at}'], True)} |"
        for at in PRECISION_AT
    ]
    about = report.get("about", {})
    notes = {part["oracle"] for part in about.get("folds", [about]) if "oracle" in part}
    lines[1:1] = [line for note in sorted(notes) for line in ("", f"**{note}**")]
    recall = with_interval(table["target_recall"], as_percent=True)
    lines += [
        f"| named lesions, answered with something | {recall} |",
        f"| ... that touches the lesion | {with_interval(table['target_hit'], True)} |",
        "| nothing named, answered with nothing | "
        f"{with_interval(table['no_target_accuracy'], True)} |",
        "",
        f"{heading} By size",
        "",
        "| longest diameter of the named lesion | expressions | Dice | answered |",
        "|---|---|---|---|",
    ]
    lines += _groups(table["by_size"])
    lines += _contrasts(table.get("by_contrast", {}), heading)
    lines += _styles(table.get("by_style", {}), heading)
    sides = report["sides"]
    lines += [
        "",
        f"{heading} Left and right",
        "",
        f"{sides['slices']} slices of {sides['cases']} patients have lesions on both sides. The "
        f"right side was chosen for {_of_row(sides, 'right_side_chosen', True)} of the "
        f"texts{_of_lobes(sides)}, for both texts of a slice in "
        f"{_of_row(sides, 'both_right', True)}; the two answers differ in "
        f"{_of_row(sides, 'different', True)}." + _of_answered(sides),
        "",
        f"{heading} Text tests",
        "",
        "| the slice is asked with | times | Dice to the right text's lesion | "
        "Dice to this text's own | answered | changed |",
        "|---|---|---|---|---|---|",
    ]
    for kind, row in report["text_tests"].items():
        lines.append(
            f"| {kind} text | {row['count']} | {_of_row(row, 'dice_to_right_lesion')} | "
            f"{_of_row(row, 'dice_to_own_lesion')} | {_of_row(row, 'answered', True)} | "
            f"{_of_row(row, 'changed', True)} |"
        )
    lines += _failures(report.get("failures", {}), heading)
    lines += [
        "",
        f"{heading} Reliability of the score",
        "",
        "| score | answers | something named |",
    ]
    lines.append("|---|---|---|")
    for row in report["reliability"]["bins"]:
        low, high = row.get("interval", (None, None))
        lines.append(
            f"| {row['from']:.1f} to {row['to']:.1f} | {row['count']} | "
            f"{with_interval({'value': row['share'], 'low': low, 'high': high}, True)} |"
        )
    lines += ["", f"Expected calibration error: {report['reliability']['ece']:.3f}", ""]
    return lines


def _of_lobes(sides: Mapping[str, Any]) -> str:
    """The two lobes' own shares; reports of earlier versions have none."""
    if sides.get("left_chosen") is None:
        return ""
    left, right = (_of_row(sides, f"{lobe}_chosen", True) for lobe in ("left", "right"))
    return f" (left lobe {left}, right lobe {right})"


def _of_answered(sides: Mapping[str, Any]) -> str:
    if sides.get("right_side_of_answered") is None:
        return ""
    share = _of_row(sides, "right_side_of_answered", True)
    return f" Of the texts whose answer touches a lesion, {share} are answered on the right side."


def _groups(groups: Mapping[str, Any]) -> list[str]:
    return [
        f"| {name} | {row['dice']['count']} | {with_interval(row['dice'])} | "
        f"{with_interval(row['recall'], True)} |"
        for name, row in groups.items()
    ]


def _contrasts(by_contrast: Mapping[str, Any], heading: str) -> list[str]:
    """The groups that hold something; none in reports of earlier versions."""
    groups = {name: row for name, row in by_contrast.items() if row["dice"]["count"]}
    if not groups:
        return []
    return [
        "",
        f"{heading} By contrast",
        "",
        "| the largest named lesion, against the liver around it | expressions | Dice | answered |",
        "|---|---|---|---|",
        *_groups(groups),
    ]


def _styles(by_style: Mapping[str, Any], heading: str) -> list[str]:
    if not by_style:
        return []
    lines = [
        "",
        f"{heading} By wording",
        "",
        "| style | name a lesion | Dice | answered | name nothing | answered with nothing |",
        "|---|---|---|---|---|---|",
    ]
    for style, row in by_style.items():
        lines.append(
            f"| {style} | {row['dice']['count']} | {with_interval(row['dice'])} | "
            f"{with_interval(row['recall'], True)} | {row['no_target_accuracy']['count']} | "
            f"{with_interval(row['no_target_accuracy'], True)} |"
        )
    return lines


def _failures(table: Mapping[str, Any], heading: str) -> list[str]:
    if not table:
        return []
    lines = ["", f"{heading} Mistakes", "", "| mistake | of | share |", "|---|---|---|"]
    for kind, row in table.items():
        of = "texts that name nothing" if kind == "invented" else "texts that name a lesion"
        lines.append(f"| {kind} | {row['count']} {of} | {with_interval(row, True)} |")
    return lines


def _gallery(entries: Sequence[Mapping[str, str]], folder: str) -> list[str]:
    lines = ["## Failures", "", "The worst of each kind. Green: named; orange: answered.", ""]
    for kind in dict.fromkeys(e["kind"] for e in entries):
        lines += [f"### {kind.capitalize()}", ""]
        for entry in entries:
            if entry["kind"] == kind:
                picture = f"![{entry['id']}]({folder}/{entry['id']}.png)"
                lines += [_escape(entry["caption"]), "", picture, ""]
    return lines


def _escape(text: str) -> str:
    """Keep Markdown from reading marks in what people typed."""
    return "".join(f"\\{c}" if c in "\\*_[]<>#|`" else c for c in text)
