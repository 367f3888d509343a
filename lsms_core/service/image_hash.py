"""Identifies an image in requests by a hash of its voxels and its geometry."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray


def image_hash(ct: NDArray[np.generic], affine: NDArray[np.float64]) -> str:
    """Return the SHA-256 of an image, in 64 hexadecimal digits.

    Args:
        ct: (slices, rows, columns), HU.
        affine: (4, 4) IJK to RAS, mm.
    """
    little = np.ascontiguousarray(ct, ct.dtype.newbyteorder("<"))
    digest = hashlib.sha256(json.dumps([little.dtype.str, list(little.shape)]).encode())
    digest.update(np.ascontiguousarray(affine, "<f8").reshape(-1).view(np.uint8).data)
    digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
