"""Reads pictures in common formats: 8-bit PNG, JPEG, BMP or TIFF, grey or in colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.errors import InputError

# ITU-R BT.601, the weights of PNG and JPEG tools for grey from red, green, blue.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def read_picture(path: str | Path) -> NDArray[np.float32]:
    """Read a picture as grey values.

    Colours become their luminance; a fourth channel (transparency) is ignored; 16-bit values
    are scaled from their own range.

    Returns:
        (rows, columns), 0 to 255.

    Raises:
        InputError: when it cannot be read, or is no 2-D picture.
    """
    try:
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: it is missing, damaged or no picture.") from error
    return to_grey(array, str(path))


def read_picture_mask(path: str | Path) -> NDArray[np.bool_]:
    """Read a mask picture; every value above half of the largest belongs to it.

    Some sets were stored as JPEG, whose edges ring. An all-black picture is an empty mask.
    """
    grey = read_picture(path)
    highest = float(grey.max(initial=0.0))
    mask: NDArray[np.bool_] = grey > 0.5 * highest
    return mask


def to_grey(array: NDArray[Any], name: str = "The image") -> NDArray[np.float32]:
    """Turn (rows, columns) or (rows, columns, 1 to 4) values into grey, 0 to 255.

    Raises:
        InputError: for any other shape.
    """
    if array.ndim == 3 and array.shape[0] == 1 and array.shape[-1] > 4:
        array = array[0]  # some writers add a slice axis
    if array.ndim == 3 and array.shape[-1] in (3, 4):
        grey = array[..., :3].astype(np.float32) @ _LUMA
    elif array.ndim == 3 and array.shape[-1] in (1, 2):
        grey = array[..., 0].astype(np.float32)
    elif array.ndim == 2:
        grey = array.astype(np.float32)
    else:
        raise InputError(f"{name} has the shape {array.shape}: a 2-D picture is needed.")
    if array.dtype == np.uint8:
        return grey
    low, high = float(grey.min(initial=0.0)), float(grey.max(initial=0.0))
    return (grey - low) * np.float32(255.0 / max(high - low, 1e-6))
