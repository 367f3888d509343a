"""The mean of two states' weights: one network that errs less than either.

A network that went on learning gains what it was shown and loses a little of what it knew; the
mean of the weights before and after keeps most of both (Wortsman et al., "Robust fine-tuning of
zero-shot models", arXiv 2109.01903). It only makes sense for two states of one run, of which one
began with the other.
"""

from __future__ import annotations

from typing import Any

import torch

from lsms_core.errors import BundleError
from lsms_core.models.architectures import Model


def with_mean_weights(model: Model, earlier: Model) -> Model:
    """Return a network whose weights are the means of two states'.

    Args:
        model: the later state; it is changed.
        earlier: the one that it began with, of the same shape.

    Raises:
        BundleError: when the two have another shape.
    """
    ours: dict[str, Any] = dict(model.state_dict())
    theirs = earlier.state_dict()
    shapes = [{name: tuple(value.shape) for name, value in one.items()} for one in (ours, theirs)]
    if type(model) is not type(earlier) or shapes[0] != shapes[1]:
        raise BundleError("Only weights of networks of one shape have a mean: give two of one run.")
    mean = {
        name: torch.lerp(value, theirs[name], 0.5) if value.is_floating_point() else value
        for name, value in ours.items()
    }
    model.load_state_dict(mean)
    return model
