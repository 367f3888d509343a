"""Draws answers: the slice with outlines, orientation letters, a scale and the measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import DependencyError
from lsms_core.io.atomic import replacing

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

WINDOW_HU = (-160.0, 240.0)
_LETTERS = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}
_INK = (235, 235, 235)
_QUIET = (160, 160, 160)
_PAPER = (16, 16, 18)
_MARGIN = 14
_NARROWEST = 320


@dataclass(frozen=True)
class Outline:
    """A mask to outline.

    Attributes:
        mask: (rows, columns), canonical.
        colour: red, green, blue.
    """

    mask: NDArray[np.bool_]
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class Panel:
    """One slice with the outlines and texts to draw.

    Attributes:
        image: (rows, columns) HU, canonical.
        spacing_mm: (row, column).
        plane: "axial", "coronal" or "sagittal".
        title: the text that was asked.
        lines: further lines under it.
        outlines: masks.
        colour: of the title.
    """

    image: NDArray[Any]
    spacing_mm: tuple[float, float]
    plane: str
    title: str
    lines: Sequence[str] = ()
    outlines: Sequence[Outline] = field(default_factory=tuple)
    colour: tuple[int, int, int] = _INK


def check_drawing() -> None:
    """Find out whether pictures can be drawn.

    Raises:
        DependencyError: saying what to install.
    """
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            "Pictures need Pillow: pip install 'lsms-core[pictures]', or leave the picture out."
        ) from error


def draw_slice(panel: Panel, longest_side: int = 720) -> Image:
    """Draw a slice with outlines, letters and a scale; pixels are square in mm.

    Args:
        panel: what to draw; its texts are left out.
        longest_side: pixels.

    Raises:
        DependencyError: without Pillow.
    """
    check_drawing()
    from PIL import Image, ImageDraw

    rows, columns = panel.image.shape
    height_mm, width_mm = rows * panel.spacing_mm[0], columns * panel.spacing_mm[1]
    pixels_per_mm = longest_side / max(height_mm, width_mm)
    size = (max(round(width_mm * pixels_per_mm), 1), max(round(height_mm * pixels_per_mm), 1))
    low, high = WINDOW_HU
    values = np.nan_to_num(panel.image.astype(np.float32), nan=low)
    grey = (np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    scaled = Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC)
    pixels = np.stack([np.asarray(scaled)] * 3, axis=-1)
    for outline in panel.outlines:
        pixels[_contour(outline.mask, size)] = outline.colour
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    font, small = _font(20 if longest_side >= 500 else 15), _font(15 if longest_side >= 500 else 12)
    width, height = size
    if edges := _LETTERS.get(panel.plane):
        places = (
            (6, height / 2, "lm"), (width - 6, height / 2, "rm"),
            (width / 2, 6, "mt"), (width / 2, height - 6, "mb"),
        )  # fmt: skip
        for letter, (x, y, anchor) in zip(edges, places, strict=True):
            draw.text(
                (x, y), letter, _INK, font, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0)
            )
    _scale_bar(draw, pixels_per_mm, width - 12, height - 12, small)
    return picture


def draw_panel(panel: Panel, longest_side: int = 720) -> Image:
    """Draw a slice as :func:`draw_slice` does, with its texts below.

    Raises:
        DependencyError: without Pillow.
    """
    picture = draw_slice(panel, longest_side)
    from PIL import Image, ImageDraw

    width = max(picture.width, _NARROWEST)
    font, small = _font(20), _font(15)
    title = _wrap(panel.title, font, width)
    lines = [line for text in panel.lines for line in _wrap(text, small, width)]
    caption = len(title) * 26 + len(lines) * 20 + _MARGIN
    size = (width + 2 * _MARGIN, picture.height + caption + 2 * _MARGIN)
    canvas = Image.new("RGB", size, _PAPER)
    canvas.paste(picture, (_MARGIN, _MARGIN))
    draw = ImageDraw.Draw(canvas)
    y = _MARGIN + picture.height + 8
    for line in title:
        draw.text((_MARGIN, y), line, panel.colour, font)
        y += 26
    for line in lines:
        draw.text((_MARGIN, y), line, _QUIET, small)
        y += 20
    return canvas


def draw_figure(panels: Sequence[Panel], longest_side: int = 720) -> Image:
    """Draw panels side by side, at most three in a row.

    Raises:
        DependencyError: without Pillow.
    """
    from math import ceil

    drawn = [draw_panel(panel, longest_side) for panel in panels]
    if len(drawn) == 1:
        return drawn[0]
    from PIL import Image

    across = min(len(drawn), 3)
    width = max(p.width for p in drawn)
    height = max(p.height for p in drawn)
    canvas = Image.new("RGB", (across * width, ceil(len(drawn) / across) * height), _PAPER)
    for number, part in enumerate(drawn):
        canvas.paste(part, ((number % across) * width, (number // across) * height))
    return canvas


def save_figure(path: str | Path, panels: Sequence[Panel], longest_side: int = 720) -> None:
    """Write a PNG file, all or nothing.

    Raises:
        DependencyError: without Pillow.
        OutputError: when it cannot be written.
    """
    picture = draw_figure(panels, longest_side)
    with replacing(path) as partial, partial.open("wb") as file:
        picture.save(file, "PNG", optimize=False)


def jpeg(picture: Image, quality: int = 88) -> bytes:
    """Return a picture as JPEG."""
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _contour(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A line of two pixels around a mask, in the picture's size (width, height)."""
    from PIL import Image

    scaled = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    inside = np.asarray(scaled) >= 128
    # A mask of a pixel or two may vanish in the smoothing; its own pixels are shown then.
    if mask.any() and not inside.any():
        nearest = Image.fromarray(mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
        inside = np.asarray(nearest) > 0
    wide = inside
    for _ in range(2):
        padded = np.pad(wide, 1)
        wide = (
            padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2]
            | padded[1:-1, 2:]
        )  # fmt: skip
    line: NDArray[np.bool_] = wide & ~inside
    return line


def _scale_bar(
    draw: Any,  # noqa: ANN401
    pixels_per_mm: float,
    right: float,
    bottom: float,
    font: FreeTypeFont | ImageFont,
) -> None:
    length_mm = 50.0 if pixels_per_mm * 50 < 200 else 10.0
    left = right - length_mm * pixels_per_mm
    for width, colour in ((5, (0, 0, 0)), (2, _INK)):
        draw.line([(left, bottom), (right, bottom)], colour, width)
        for x in (left, right):
            draw.line([(x, bottom - 5), (x, bottom + 5)], colour, width)
    draw.text(
        ((left + right) / 2, bottom - 9), f"{length_mm / 10:g} cm", _INK, font, anchor="mb",
        stroke_width=2, stroke_fill=(0, 0, 0),
    )  # fmt: skip


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _wrap(text: str, font: FreeTypeFont | ImageFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_shorten(line, font, width) for line in lines]


def _shorten(line: str, font: FreeTypeFont | ImageFont, width: int) -> str:
    while len(line) > 1 and font.getlength(line) > width:
        line = line[:-2] + "…"
    return line
