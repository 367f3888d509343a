"""What a network begins with: a U-Net's finest levels, public convolutions."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor

from lsms_core.errors import BundleError
from lsms_core.models.baselines.unet import UNetModel
from lsms_core.models.lsms.backbone import Backbone
from lsms_core.models.lsms.model import LSMSModel

# How the weights' names begin.
BACKBONE = "lsms.backbone."
_DETAIL = "lsms.detail."


def with_detail_from(model: LSMSModel, unet: UNetModel) -> LSMSModel:
    """Return an LSMS whose detail path begins as a U-Net's two finest levels.

    Args:
        model: an LSMS that draws; its detail path must be as wide as these levels.
        unet: trained, on the same slices and pixels.

    Raises:
        BundleError: when the widths differ.
    """
    dims = unet.config.dims
    if model.config.detail != dims[:2] or dims[2] != 2 * dims[1] or dims[-1] != dims[0]:
        raise BundleError(
            f"The detail path has the widths {model.config.detail}, the U-Net {dims}: set "
            f"network.detail to {list(dims[:2])}."
        )
    begun = copy.deepcopy(model)
    state = unet.lsms.outline.state_dict()
    taken = {"down.0.": "down.0.", "down.1.": "down.1.", "up.2.": "up.0.", "up.3.": "up.1."}
    taken["classify."] = "classify."
    begun.load_state_dict(
        {
            f"{_DETAIL}{mine}{name.removeprefix(theirs)}": value
            for theirs, mine in taken.items()
            for name, value in state.items()
            if name.startswith(theirs)
        },
        strict=False,
    )
    return begun


def with_backbone_from(model: LSMSModel, weights: Mapping[str, Tensor]) -> LSMSModel:
    """Return an LSMS whose backbone begins with public weights.

    Args:
        model: an LSMS with a backbone.
        weights: as published (:mod:`lsms_core.models.lsms.backbone`).

    Raises:
        BundleError: when the model has no backbone, or the weights are of another network.
    """
    if not model.config.backbone:
        raise BundleError("There is no backbone to begin: set network.backbone.")
    public = Backbone()
    try:
        public.begin_with(weights)
    except ValueError as error:
        raise BundleError(str(error)) from error
    begun = copy.deepcopy(model)
    begun.load_state_dict(
        {f"{BACKBONE}{name}": value for name, value in public.state_dict().items()}, strict=False
    )
    return begun
