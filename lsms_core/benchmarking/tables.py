"""The figures as plain text: one line a model, ratios side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lsms_core.benchmarking.describe import (
    SPECIFIED_GMACS,
    SPECIFIED_HEADS,
    SPECIFIED_PARAMETERS,
    TEXT_WIDTHS,
    TOKENS,
    Description,
)

_TOLERANCE = 0.03


def description_rows(descriptions: Sequence[Description]) -> list[dict[str, Any]]:
    """Return one entry a figure: what was counted, what is specified, and the ratio."""
    rows = []
    for one in descriptions:
        vision, decoder, language, total = SPECIFIED_PARAMETERS[one.variant]
        width = one.text_width
        pairs = [
            ("vision", one.vision / 1e6, vision),
            ("decoder", one.decoder / 1e6, decoder),
            ("contrastive heads", one.heads / 1e6, SPECIFIED_HEADS[one.variant][width]),
            ("language", one.language / 1e6, language[width]),
            ("total", one.total / 1e6, total[width]),
        ]
        figures = [(name, "M parameters", counted, table) for name, counted, table in pairs]
        if width == TEXT_WIDTHS[-1]:  # the specification counts GMAC at this width only
            figures += [
                (f"{pixels} x {pixels}", "GMAC", counted, table)
                for (pixels, counted), table in zip(
                    one.gmacs, SPECIFIED_GMACS[one.variant], strict=True
                )
            ]
        rows += [
            {
                "variant": one.variant,
                "text_width": width,
                "what": name,
                "unit": unit,
                "counted": counted,
                "specified": table,
                "ratio": counted / table,
                # The table is rounded; half of its last digit is no deviation.
                "within": abs(counted - table) <= _TOLERANCE * table + 0.5 * _digit(unit),
            }
            for name, unit, counted, table in figures
        ]
    return rows


def _digit(unit: str) -> float:
    return 0.1 if unit == "GMAC" else 0.01


def description_table(descriptions: Sequence[Description]) -> str:
    """Return the variants' parameters and GMAC beside the specification's."""
    lines = [
        f"Without the text encoder; three input channels; GMAC for one slice, {TOKENS} tokens.",
        "",
    ]
    cells = [["variant", "D_text", "", "counted", "specified", "ratio", ""]]
    cells += [
        [
            row["variant"],
            str(row["text_width"]),
            row["what"],
            f"{row['counted']:.2f} {row['unit']}",
            f"{row['specified']:g}",
            f"{row['ratio']:.3f}",
            "" if row["within"] else "more than 3 % off",
        ]
        for row in description_rows(descriptions)
    ]
    return "\n".join([*lines, table(cells)])


def benchmark_table(report: Mapping[str, Any]) -> str:
    """Return the measurements; times are medians, ratios are against the first line."""
    models = report["models"]
    if not models:
        return "Nothing was measured."
    first = models[0]
    header = ["model", "grid", "cold start", "first", "network", "slice", "per text of 3"]
    header += ["slices/s", "peak memory", "GMAC", "GFLOP/s", "of peak", "time", "work"]
    cells = [header, *(_model_cells(one, first) for one in models)]
    lines = [
        f"{first['machine']}, {first['device']}, {first['threads']} threads; matrix-multiply peak "
        f"{min(m['peak_gflops'] for m in models):.0f} to "
        f"{max(m['peak_gflops'] for m in models):.0f} GFLOP/s (float32, measured beside each).",
        "",
        table(cells),
        "",
        "Other precisions, network alone, against float32:",
        table(_precision_cells(models)),
    ]
    worker = report.get("worker")
    if worker:
        lines += [
            "",
            "Worker, one 512 x 512 slice, beyond the model's own "
            f"{_ms(worker['model_s'])}: {_ms(worker['sent_s'])} when the slice is sent, "
            f"{_ms(worker['kept_s'])} when the worker has it.",
        ]
    return "\n".join(lines)


def _model_cells(one: Mapping[str, Any], first: Mapping[str, Any]) -> list[str]:
    return [
        one["model"],
        "{} x {}".format(*one["grid"]),
        f"{one['cold_start_s']:.2f} s",
        _ms(one["first_slice_s"]),
        _ms(one["network_s"]),
        _ms(one["slice_s"]),
        _ms(one["text_s"]),
        f"{one['slices_per_s']:.2f}",
        _mib(one["peak_memory_mib"]),
        f"{one['gmac']:.2f}",
        f"{one['gflops']:.0f}",
        f"{one['share_of_peak']:.0%}",
        f"x {one['network_s'] / first['network_s']:.2f}",
        f"x {one['gmac'] / first['gmac']:.2f}",
    ]


def _precision_cells(models: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    cells = [["model", "grid", "float32", "bfloat16", "speed", "largest change", "CUDA graph"]]
    for one in models:
        graph = one["graph_s"]
        cells.append(
            [
                one["model"],
                "{} x {}".format(*one["grid"]),
                _ms(one["network_s"]),
                _ms(one["bf16_s"]),
                f"x {one['network_s'] / one['bf16_s']:.2f}",
                f"{one['bf16_difference']:.4f}",
                "-" if graph is None else f"{_ms(graph)}, x {one['network_s'] / graph:.2f}",
            ]
        )
    return cells


def table(cells: Sequence[Sequence[str]]) -> str:
    """Align columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 0.1 else f"{1000 * seconds:.0f} ms"


def _mib(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} MiB"
