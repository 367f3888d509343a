"""The mean of several states' weights: one network that errs less than each of them.

A network that went on learning gains what it was shown and loses a little of what it knew; the
mean of the weights before and after keeps most of both (Wortsman et al., "Robust fine-tuning of
zero-shot models", arXiv 2109.01903). Runs that went on from one state in different ways have a
mean, too (Wortsman et al., "Model soups", arXiv 2203.05482). It only makes sense for states that
began with one of them.
"""

from __future__ import annotations

from typing import Any

import torch

from lsms_core.errors import BundleError
from lsms_core.models.architectures import Model


def with_mean_weights(model: Model, *others: Model) -> Model:
    """Return a network whose weights are the means of several states'.

    Args:
        model: one state; it is changed.
        others: the one that it began with, and others that began there, of the same shape.

    Raises:
        BundleError: when they have other shapes.
    """
    states: list[dict[str, Any]] = [dict(one.state_dict()) for one in (model, *others)]
    shapes = [{name: tuple(value.shape) for name, value in one.items()} for one in states]
    if any(type(one) is not type(model) for one in others) or shapes.count(shapes[0]) < len(shapes):
        raise BundleError(
            "Only weights of networks of one shape have a mean: give those of one run."
        )
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    model.load_state_dict(mean)
    return model
