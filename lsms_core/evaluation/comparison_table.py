"""Compares the reports of several models in one table, with their text tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsms_core.errors import InputError
from lsms_core.evaluation.text_tests import KINDS

_PARTS = {"about", "summary", "text_tests", "samples"}
_EXPLANATION = (
    "Dice to the lesion that the right text names, when the same slice is asked with each text. A "
    "model that reads its text is high under *right* and low under all others; one that is blind "
    "to it is as high under all of them. *No-target accuracy* is the share of texts that name "
    "nothing in the slice and are answered with nothing."
)


def label_of(report: Mapping[str, Any]) -> str:
    """Name a report's model, or those of pooled folds, as a row of the table."""
    about = report["about"]
    folds = about.get("folds", [about])
    return " / ".join(dict.fromkeys(f"{one['engine']}, {one['model']}" for one in folds))


def check_comparable(reports: Mapping[str, Mapping[str, Any]]) -> None:
    """See that reports can stand in one table.

    Args:
        reports: by model, as :func:`lsms_core.evaluation.evaluate_records.evaluate` returns them.

    Raises:
        InputError: when one is no such report or has no text tests, or when they are about
            different records.
    """
    records: set[str] = set()
    for name, report in reports.items():
        if not isinstance(report, Mapping) or not report.keys() >= _PARTS:
            raise InputError(f"{name} is no report of lsms evaluate: give its .json file.")
        if not any(report["text_tests"].get(kind, {}).get("count") for kind in KINDS):
            raise InputError(
                f"The report of {name} holds no text tests: evaluate without --no-text-tests and "
                "--oracle, on records that name a lesion."
            )
        these = {sample["id"] for sample in report["samples"]}
        if records and these != records:
            raise InputError(
                f"The report of {name} is about other records than the first one: evaluate all "
                "models on the same data set and cases."
            )
        records = these


def comparison_table(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Write one row a model, as Markdown; the records are the same for all.

    Args:
        reports: by model; see :func:`check_comparable`.

    Raises:
        InputError: when they cannot be compared.
    """
    check_comparable(reports)
    first = next(iter(reports.values()))
    nothing = first["summary"]["no_target_accuracy"]["count"]
    counts = [str(first["text_tests"][kind]["count"]) for kind in KINDS]
    lines = [
        _EXPLANATION,
        "",
        "| model | " + " | ".join(KINDS) + " | no-target accuracy |",
        "|---|" + "---|" * (len(KINDS) + 1),
        f"| texts asked | {' | '.join(counts)} | {nothing} |",
    ]
    for name, report in reports.items():
        cells = [_dice(report["text_tests"][kind]["dice_to_right_lesion"]) for kind in KINDS]
        accuracy = report["summary"]["no_target_accuracy"]["value"]
        cells.append("-" if accuracy is None else f"{100 * accuracy:.0f} %")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _dice(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
