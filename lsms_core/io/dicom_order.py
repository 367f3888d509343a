"""Sorts the DICOM files of a loaded volume into the order of its slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import DependencyError, InputError

# How far a slice may lie from where its file says, in pixels.
_TOLERANCE = 0.1
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def in_slice_order(files: Sequence[Path], affine: NDArray[np.float64], slices: int) -> list[Path]:
    """Return files in the order of a volume's slices.

    Args:
        files: one single-frame DICOM file a slice, in any order.
        affine: (4, 4) IJK to RAS of the volume.
        slices: how many it has.

    Raises:
        DependencyError: without pydicom.
        InputError: when the volume's slices are not those of the files.
    """
    try:
        import pydicom
    except ImportError as error:
        raise DependencyError(
            "DICOM files need pydicom: pip install 'lsms-core[dicom]'."
        ) from error
    message = (
        "The volume's slices are not those of its DICOM files (resampled, cropped or several "
        "frames in a file): a DICOM report would not fit them."
    )
    if len(files) != slices:
        raise InputError(message)
    ordered: dict[int, Path] = {}
    to_index = np.linalg.inv(affine)
    for file in files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        position = getattr(header, "ImagePositionPatient", None)
        if position is None:
            raise InputError(message)
        ras = np.asarray(position, float) * _LPS_TO_RAS
        index = to_index @ np.append(ras, 1.0)
        number = round(float(index[2]))
        if np.abs(index[:3] - (0, 0, number)).max() > _TOLERANCE or not 0 <= number < slices:
            raise InputError(message)
        ordered[number] = file
    if len(ordered) != slices:
        raise InputError(message)
    return [ordered[number] for number in range(slices)]
