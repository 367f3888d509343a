"""Draws the reliability diagram: the share of texts with a target against the score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lsms_core.evaluation.mistake_pictures import save_png
from lsms_core.io.figure import check_drawing

SIZE = 420
_MARGIN = 60
_BARS = 70
_BACKGROUND = (255, 255, 255)
_INK = (40, 40, 40)
_PALE = (200, 200, 200)
_POINTS = (20, 90, 170)


def draw_reliability(path: Path, reliability: Mapping[str, Any]) -> None:
    """Draw the bins of :func:`lsms_core.evaluation.calibration.reliability` as a PNG.

    Points on the diagonal are calibrated; vertical lines are 95 % intervals over patients.
    The bars below show how many answers have each score.

    Raises:
        DependencyError: without Pillow.
        OutputError: when the file cannot be written.
    """
    check_drawing()
    from PIL import Image, ImageDraw, ImageFont

    width, height = SIZE + 2 * _MARGIN, SIZE + 2 * _MARGIN + _BARS
    picture = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(14)
    bottom = _MARGIN + SIZE

    def at(score: float, share: float) -> tuple[float, float]:
        return _MARGIN + SIZE * score, bottom - SIZE * share

    for step in range(6):
        value = step / 5
        draw.line([at(value, 0), at(value, 1)], _PALE)
        draw.line([at(0, value), at(1, value)], _PALE)
        x, y = at(value, value)
        draw.text((_MARGIN - 8, y), f"{value:.1f}", _INK, font, anchor="rm")
        draw.text((x, height - _MARGIN + 6), f"{value:.1f}", _INK, font, anchor="mt")
    draw.rectangle([at(0, 1), at(1, 0)], outline=_INK)
    draw.line([at(0, 0), at(1, 1)], _INK)
    most = max([row["count"] for row in reliability["bins"]] + [1])
    floor = height - _MARGIN
    points = []
    for row in reliability["bins"]:
        if not row["count"]:
            continue
        tall = max(round((_BARS - 12) * row["count"] / most), 1)
        left, right = at(row["from"], 0)[0] + 2, at(row["to"], 0)[0] - 2
        draw.rectangle([left, floor - tall, right, floor], fill=_PALE)
        low, high = row.get("interval", (None, None))
        if low is not None:
            draw.line([at(row["score"], low), at(row["score"], high)], _POINTS, 2)
        points.append(at(row["score"], row["share"]))
    if len(points) > 1:
        draw.line(points, _POINTS, 1)
    for x, y in points:
        draw.ellipse([x - 5, y - 5, x + 5, y + 5], fill=_POINTS)
    draw.text(
        (width / 2, 14), "share of answers where something was named", _INK, font, anchor="mt"
    )
    draw.text((width / 2, 34), f"ECE {reliability['ece']:.3f}", _INK, font, anchor="mt")
    draw.text((width / 2, height - 8), "score; bars: number of answers", _INK, font, anchor="mb")
    save_png(path, np.asarray(picture))
