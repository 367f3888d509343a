"""Checks a request from the network before it is used."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import InputError
from lsms_core.service.limits import Limits
from lsms_core.worker.protocol import Message

KINDS = ("search", "ask", "segment", "explain", "load", "unload")
_ABOUT_AN_IMAGE = ("search", "ask", "segment", "explain")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class WireRequest:
    """A request whose every entry is of the right type and size.

    Attributes:
        kind: one of :data:`KINDS`.
        number: the client's own number.
        image: the image's hash, "" for a request that is about none.
        fields: the entries that an engine needs, and no others.
        affine: (4, 4) IJK to RAS, mm, None for a request that is about no image.
        ct: the image, None where it was not sent along.
    """

    kind: str
    number: int
    image: str
    fields: dict[str, Any]
    affine: NDArray[np.float64] | None = field(default=None, compare=False)
    ct: NDArray[Any] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls, message: Message, limits: Limits, models: Mapping[str, str], device: str
    ) -> WireRequest:
        """Check a message.

        Args:
            message: what was received.
            limits: of the server.
            models: the server's models, what to load by name.
            device: where the server runs them; what the client says of that does not count.

        Raises:
            InputError: when it cannot be done.
        """
        kind, said = message.type, message.fields
        if kind not in KINDS:
            raise InputError(f"The server knows no request {_shown(kind)}.")
        if message.altered:
            raise InputError("The image changed while it was being sent; press Run again.")
        number = said.get("request", 0)
        _check(type(number) is int and 0 <= number < 1 << 53, "request", number)
        fields: dict[str, Any] = {}
        if kind != "unload":
            fields["model"] = _model(said.get("model"), models, device)
        if kind not in _ABOUT_AN_IMAGE:
            return cls(kind, number, "", fields)
        image, affine = said.get("volume_key"), said.get("affine")
        _check(isinstance(image, str) and bool(_HASH.fullmatch(image)), "volume_key", image)
        _check(_is_affine(affine), "affine", affine)
        plane = said.get("plane")
        _check(
            plane in ("axial", "coronal", "sagittal") or (type(plane) is int and 0 <= plane < 3),
            "plane",
            plane,
        )
        threshold = said.get("threshold")
        _check(threshold is None or (_is_number(threshold) and 0 < threshold < 1), "threshold",
               threshold)  # fmt: skip
        fields |= {"volume_key": image, "affine": affine, "plane": plane, "threshold": threshold}
        if kind == "explain":
            _check(type(said.get("index")) is int, "index", said.get("index"))
            fields |= {"index": said["index"], "text": _texts([said.get("text")], limits)[0]}
        else:
            fields["slices"] = _slices(said.get("slices"))
        if kind in ("ask", "segment"):
            fields["texts"] = _texts(said.get("texts"), limits)
        if kind == "search":
            fields["texts"] = _texts(said["texts"], limits) if said.get("texts") else []
        if kind == "ask":
            fields["masks"] = bool(said.get("masks", True))
        ct = message.arrays.get("ct")
        if ct is not None:
            _check(ct.ndim == 3 and ct.size > 0, "ct", ct.shape)
            if ct.nbytes > limits.image_bytes:
                raise InputError(
                    f"The image is larger than the server takes ({limits.image_bytes >> 20} MiB)."
                )
        return cls(kind, number, str(image), fields, np.asarray(affine, np.float64), ct)


def _check(good: bool, name: str, value: object) -> None:
    if not good:
        raise InputError(f"The request's {name} cannot be used ({_shown(value)}).")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_affine(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 4
        and all(isinstance(row, list) and len(row) == 4 for row in value)
        and all(_is_number(one) for row in value for one in row)
    )


def _model(said: object, models: Mapping[str, str], device: str) -> dict[str, Any]:
    _check(isinstance(said, Mapping), "model", said)
    assert isinstance(said, Mapping)
    name = said.get("weights") or next(iter(models))
    engine = said.get("engine")
    _check(engine is None or isinstance(engine, str), "engine", engine)
    if not isinstance(name, str) or name not in models:
        raise InputError(
            f"The server has no model {_shown(name)}: choose {' or '.join(models)}, or ask who "
            "runs it."
        )
    return {"weights": models[name], "engine": engine or None, "device": device}


def _slices(said: object) -> list[int] | None:
    if said is None:
        return None
    good = isinstance(said, list) and 0 < len(said) <= 1 << 16
    _check(good and all(type(one) is int for one in said), "slices", said)  # type: ignore[attr-defined]
    return list(said)  # type: ignore[call-overload]


def _texts(said: object, limits: Limits) -> list[str]:
    # What they say is shown to nobody, not even in an error.
    if not isinstance(said, list) or not said or not all(isinstance(one, str) for one in said):
        raise InputError("The request's texts cannot be used: send one text or more.")
    if len(said) > limits.texts:
        raise InputError(f"The request has more than {limits.texts} texts.")
    if max(map(len, said)) > limits.text_length:
        raise InputError(f"A text is longer than {limits.text_length} characters.")
    return list(said)
