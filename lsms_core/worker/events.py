"""The events of the worker's client, and the common entries of requests about an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class WorkerEvent:
    """Something the worker reported.

    Attributes:
        kind: "ready", "progress", "result", "candidates", "answers", "one_text",
            "explanation", "follow_up", "cancelled", "error", "loaded", "unloaded" or "died".
        request: the request it belongs to, 0 where it belongs to none (an "unloaded" that the
            worker decided on, because nothing was asked for a while).
        fields: the message's entries; ``message`` for "error" and "died"; for "died" also
            ``requests``, the numbers that :meth:`WorkerClient.retry` takes, and
            ``diagnostics``, the worker's last words.
        arrays: the message's arrays.
    """

    kind: str
    request: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def about(
    affine: NDArray[np.float64],
    model: Mapping[str, Any],
    plane: str | int,
    slices: Sequence[int] | None,
    volume_key: str | None,
) -> dict[str, Any]:
    """Return the entries for the image, the slices and the model."""
    return {
        "plane": plane,
        "slices": None if slices is None else [int(i) for i in slices],
        "affine": np.asarray(affine, np.float64).tolist(),
        "model": dict(model),
        "volume_key": volume_key,
    }
