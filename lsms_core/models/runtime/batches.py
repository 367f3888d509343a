"""Runs images in small batches, and in smaller ones where memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

# More at once are slower on a CPU (docs/performance.md).
AT_ONCE = {"cuda": 32, "directml": 8, "coreml": 4, "mps": 4, "cpu": 2}

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def in_batches(run: Run, images: NDArray[np.float32], device: str) -> NDArray[np.float32]:
    """Run images in batches of a size that suits the device, and join what comes out.

    Args:
        run: takes and returns arrays whose first axis is the image; raises MemoryError where
            memory runs out.
        images: (P, C, H, W).
        device: where it runs, as :attr:`~lsms_core.models.runtime.Runtime.device` says.

    Raises:
        MemoryError: when one image alone is too much.
    """
    size = AT_ONCE.get(device.partition(":")[0], 1)
    parts: list[NDArray[np.float32]] = []
    start = 0
    while start < len(images):
        some = np.ascontiguousarray(images[start : start + size])
        try:
            parts.append(run(some))
        except MemoryError:
            if len(some) == 1:
                raise
            size = len(some) // 2
            logger.warning("memory ran out on %s: continuing with %d at once", device, size)
            continue
        start += len(some)
    return np.concatenate(parts)
