"""Retrieval: recall of the text for each picture, and of the picture for each text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RANKS = (1, 5)


def retrieval(
    images: NDArray[np.float32], texts: NDArray[np.float32], names: Sequence[str]
) -> dict[str, float]:
    """Recall at 1 and 5, both ways, and what chance would give.

    Args:
        images: (N, D) embeddings of length 1.
        texts: (N, D); row i belongs to image i.
        names: the texts; equal ones answer for each other.

    Returns:
        "image_to_text_at_1" and so on, and "chance_at_1" and so on.
    """
    labels = np.array(names)
    same = labels[:, None] == labels
    similarity = images @ texts.T
    result = {}
    for name, scores in (("image_to_text", similarity), ("text_to_image", similarity.T)):
        order = np.argsort(-scores, axis=1, kind="stable")
        right = np.take_along_axis(same, order, axis=1)
        for rank in RANKS:
            result[f"{name}_at_{rank}"] = float(right[:, :rank].any(axis=1).mean())
    count = len(labels)
    matches = same.sum(axis=1)
    for rank in RANKS:
        missed = np.ones(count)
        for drawn in range(min(rank, count)):
            missed *= np.clip(count - matches - drawn, 0, None) / (count - drawn)
        result[f"chance_at_{rank}"] = float(1 - missed.mean())
    return result
