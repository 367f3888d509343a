"""Small pictures of answers, without a drawing library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.errors import OutputError
from lsms_core.io.atomic import replacing

WINDOW_HU = (-160.0, 240.0)
TARGET_COLOUR = (80, 220, 100)
ANSWER_COLOUR = (255, 150, 30)


def outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels just outside a mask's border."""
    padded = np.pad(mask, 1)
    grown = (
        padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2]
        | padded[1:-1, 2:]
    )  # fmt: skip
    edge: NDArray[np.bool_] = grown & ~mask
    return edge


def draw(
    image: NDArray[Any],
    target: NDArray[np.bool_] | None = None,
    predicted: NDArray[np.bool_] | None = None,
    *,
    magnify: int = 1,
) -> NDArray[np.uint8]:
    """Draw a slice with outlines: the target green, the answer orange.

    Args:
        image: (rows, columns), HU, canonical.
        target: what was named.
        predicted: what was answered.
        magnify: whole factor.

    Returns:
        (rows, columns, 3).
    """
    low, high = WINDOW_HU
    grey = np.clip((image.astype(np.float32) - low) / (high - low), 0, 1) * 255
    grey = grey.repeat(magnify, 0).repeat(magnify, 1).astype(np.uint8)
    picture = np.stack([grey] * 3, axis=-1)
    for mask, colour in ((target, TARGET_COLOUR), (predicted, ANSWER_COLOUR)):
        if mask is not None:
            picture[outline(mask.repeat(magnify, 0).repeat(magnify, 1))] = colour
    return picture


def save_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write an 8-bit picture, (rows, columns) or (rows, columns, 3), all or nothing.

    Raises:
        OutputError: when it cannot be written.
    """
    image = sitk.GetImageFromArray(picture, isVector=picture.ndim == 3)
    with replacing(path) as partial:
        try:
            sitk.WriteImage(image, str(partial))
        except RuntimeError as error:
            raise OutputError(f"{path} cannot be written: {error}") from error
