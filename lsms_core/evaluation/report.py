"""The report as a page that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lsms_core.evaluation.summary import PRECISION_AT


def percent(value: float | None) -> str:
    """Format a share."""
    return "-" if value is None else f"{100 * value:.0f} %"


def with_interval(figure: Mapping[str, Any], as_percent: bool = False) -> str:
    """Format a figure with its 95 % interval."""
    if figure["value"] is None:
        return "-"
    show = percent if as_percent else "{:.2f}".format
    text = show(figure["value"])
    if figure["low"] is not None:
        text += f" ({show(figure['low'])} to {show(figure['high'])})"
    return text


def markdown(report: Mapping[str, Any], command: str = "", pictures: str | None = None) -> str:
    """Write the report as Markdown.

    Args:
        report: as :func:`lsms_core.evaluation.run.evaluate` returns it.
        command: the command that made it.
        pictures: folder of the gallery, relative to the page; shows the worst answers.
    """
    lines = ["# Evaluation", ""]
    if command:
        lines += ["```", command, "```", ""]
    lines += tables(report)
    if pictures:
        lines += _gallery(report["samples"], pictures)
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
        f"| Dice, mean over patients | {_number(table['dice_over_cases'])} |",
        f"| IoU, mean over patients | {_number(table['iou_over_cases'])} |",
        f"| oIoU | {_number(table['oiou'])} |",
    ]
    lines += [
        f"| Precision at IoU {at} | {with_interval(table[f'precision_at_{at}'], True)} |"
        for at in PRECISION_AT
    ]
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
    for name, row in table["by_size"].items():
        lines.append(
            f"| {name} | {row['dice']['count']} | {with_interval(row['dice'])} | "
            f"{with_interval(row['recall'], True)} |"
        )
    sides = report["sides"]
    lines += [
        "",
        f"{heading} Left and right",
        "",
        f"{sides['slices']} slices of {sides['cases']} patients have lesions on both sides. The "
        f"right side was chosen for {percent(sides['right_side_chosen'])} of the texts, for both "
        f"texts of a slice in {percent(sides['both_right'])}; the two answers differ in "
        f"{percent(sides['different'])}.",
        "",
        f"{heading} Text tests",
        "",
        "| the slice is asked with | times | Dice to the right text's lesion | "
        "Dice to this text's own | answered | changed |",
        "|---|---|---|---|---|---|",
    ]
    for kind, row in report["text_tests"].items():
        lines.append(
            f"| {kind} text | {row['count']} | {_number(row['dice_to_right_lesion'])} | "
            f"{_number(row['dice_to_own_lesion'])} | {percent(row['answered'])} | "
            f"{percent(row['changed'])} |"
        )
    lines += [
        "",
        f"{heading} Reliability of the score",
        "",
        "| score | answers | something named |",
    ]
    lines.append("|---|---|---|")
    for row in report["reliability"]["bins"]:
        lines.append(
            f"| {row['from']:.1f} to {row['to']:.1f} | {row['count']} | {percent(row['share'])} |"
        )
    lines += ["", f"Expected calibration error: {report['reliability']['ece']:.3f}", ""]
    return lines


def _gallery(samples: Sequence[Mapping[str, Any]], folder: str) -> list[str]:
    named = [s for s in samples if s["target_area_mm2"] > 0]
    worst = sorted(named, key=lambda s: s["dice"])[:8]
    false = [s for s in samples if s["target_area_mm2"] == 0 and s["present"]][:4]
    lines = ["## Failures", "", "Green: named; orange: answered.", ""]
    for sample in [*worst, *false]:
        lines += [
            f"**{sample['text']}** (Dice {sample['dice']:.2f}, score {sample['score']:.2f})",
            "",
            f"![{sample['id']}]({folder}/{sample['id']}.png)",
            "",
        ]
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
