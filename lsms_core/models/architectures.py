"""The networks by name: built, restored, combined and extended in one way."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import torch

from lsms_core.errors import BundleError
from lsms_core.models.baselines.lavt import LAVTModel, lavt_config
from lsms_core.models.baselines.unet import UNetConfig, UNetModel
from lsms_core.models.lsms.kinds import LESIONS
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.model import READERS, LSMSModel, drawing_alone
from lsms_core.models.lsms.text_encoder import NoText, TextEncoder

Model = LSMSModel | UNetModel

DEFAULT = "lsms"
# "unet" draws all lesions, independently of the text.
ARCHITECTURES = (DEFAULT, "lavt", "unet")
# Parts of the names of the weights that are trained in :mod:`lsms_core.training.listening`.
LISTENS = (".language.", "decoder.classify.", "text_head.", "pixel_head.")
# Learnt queries of each text head, beside the mean of the words.
_QUERIES = 2
# Channels of the detail path at strides 1 and 2.
_DETAIL = (16, 32)
# The first convolutions, whose shape depends on the input channels.
_ENCODER_FIRST = "lsms.encoder.downsample.0.0.weight"
_OUTLINE = "lsms.outline."
_DETAIL_PATH = "lsms.detail."
_OTHERS = "lsms.others."
_OUTLINE_FIRST = "down.0.0.weight"


def new_model(
    architecture: str,
    variant: str,
    text_encoder: TextEncoder | None,
    align_stride: int,
    in_channels: int = 3,
    **changes: Any,  # noqa: ANN401
) -> Model:
    """Build a model with random weights around a text encoder.

    Args:
        architecture: one of ARCHITECTURES.
        variant: its size; LSMS's names, "unet" has "tiny" and "small".
        text_encoder: reads the text; None for a network that only draws: "unet", or LSMS without
            words (:func:`drawing_config`).
        align_stride: stride of the decoder's grid, 8 or 4; LSMS only.
        in_channels: how many slices it sees.
        changes: of the configuration of an LSMS that only draws.

    Raises:
        BundleError: for an unknown architecture or variant, and for one that needs words.
    """
    check(architecture)
    if architecture == "unet":
        return UNetModel(replace(UNetConfig.variant(variant), in_channels=in_channels))
    if text_encoder is None:
        if architecture != DEFAULT:
            raise BundleError(f"{architecture!r} draws nothing without a text: give it one.")
        shape = {"align_stride": align_stride, "in_channels": in_channels, **changes}
        return LSMSModel(drawing_config(variant, **shape), NoText())
    shape = {"text_width": text_encoder.width, "in_channels": in_channels}
    if architecture == "lavt":
        return LAVTModel(lavt_config(variant, **shape), text_encoder)
    config = LSMSConfig.variant(variant, align_stride=align_stride, **shape)
    return LSMSModel(config, text_encoder)


def drawing_config(variant: str, **changes: Any) -> LSMSConfig:  # noqa: ANN401
    """Return the configuration of an LSMS that only draws, made to learn from few pictures.

    Layer scale, norm, drop path and dropout are not the paper's: those suit long runs from public
    weights (docs/history/).
    """
    return LSMSConfig.variant(
        variant,
        **{
            "align_stride": 4,
            "draws": True,
            "words": False,
            "detail": _DETAIL,
            "norm": "instance",
            "layer_scale": 1.0,
            "drop_path": 0.0,
            "dropout": 0.0,
            "text_width": NoText.width,
            **changes,
        },
    )


def restore_model(architecture: str, model: Mapping[str, Any], text: Mapping[str, Any]) -> Model:
    """Build a model from what a bundle's config.json says, with random weights.

    Args:
        architecture: one of ARCHITECTURES.
        model: the entries of the network's configuration.
        text: the entries of the text encoder's configuration.

    Raises:
        BundleError: for an unknown architecture or entry.
    """
    check(architecture)
    if architecture == "unet":
        return UNetModel(UNetConfig.from_dict(model))
    config = LSMSConfig.from_dict(model)
    if not config.words:
        return LSMSModel(config, NoText())
    kind = LAVTModel if architecture == "lavt" else LSMSModel
    return kind(config, TextEncoder.from_config(dict(text)))


def with_slices(model: Model, before: Sequence[float], after: Sequence[float]) -> Model:
    """Return a model with more input slices; before further training its answers are the same.

    Args:
        model: any.
        before: the offsets of the slices that it sees, mm.
        after: the offsets of those that it will see, among them all of ``before``.

    Raises:
        BundleError: when a slice would be lost.
    """
    if not set(before) <= set(after):
        raise BundleError(
            f"The weights see slices at {list(before)} mm, the configuration has {list(after)}: "
            "keep all of them, and add to them."
        )
    wider = type(model)(
        replace(model.config, in_channels=len(after)),  # type: ignore[arg-type]
        *((model.text_encoder,) if isinstance(model, LSMSModel) else ()),
    )
    state = dict(model.state_dict())
    places = [after.index(offset) for offset in before]
    for name in filter(_is_first, list(state)):
        weight = wider.state_dict()[name].zero_()
        # The maps of the outline, if they are input channels, stay behind the slices.
        weight[:, len(after) :] = state[name][:, len(before) :]
        weight[:, places] = state[name][:, : len(before)]
        state[name] = weight
    wider.load_state_dict(state)
    return wider


def _is_first(name: str) -> bool:
    """Whether a weight belongs to a convolution over the slices themselves."""
    if name.startswith(_OTHERS):
        name = "lsms." + name.removeprefix(_OTHERS).split(".", 1)[1]
    drawn = name.startswith((_OUTLINE, _DETAIL_PATH))
    return name == _ENCODER_FIRST or (drawn and name.endswith(_OUTLINE_FIRST))


def with_outline(model: LSMSModel, *outlines: UNetModel) -> LSMSModel:
    """Return LSMS with trained U-Nets as its outline; its choice by the text is unchanged.

    Args:
        model: with an outline, which is replaced, or without one.
        outlines: one U-Net, or several whose mean counts.

    Raises:
        BundleError: when they see other images, or are not of one shape.
    """
    for seen in (outline.config.in_channels for outline in outlines):
        if seen != model.config.in_channels:
            raise BundleError(
                f"The outline sees {seen} neighbouring slices and the model "
                f"{model.config.in_channels}: train them with the same preprocessing."
            )
    shapes = {outline.config.dims for outline in outlines}
    if len(shapes) != 1:
        raise BundleError(f"The outlines have the shapes {sorted(shapes)}: use one for all.")
    config = replace(model.config, outline=shapes.pop(), outlines=len(outlines))
    joined = type(model)(config, model.text_encoder)
    state = {k: v for k, v in model.state_dict().items() if not k.startswith(_OUTLINE)}
    for number, outline in enumerate(outlines):
        place = _OUTLINE if len(outlines) == 1 else f"{_OUTLINE}{number}."
        state |= {f"{place}{k}": v for k, v in outline.lsms.outline.state_dict().items()}
    first = state[_ENCODER_FIRST]
    padding = joined.state_dict()[_ENCODER_FIRST].shape[1] - first.shape[1]
    state[_ENCODER_FIRST] = torch.nn.functional.pad(first, (0, 0, 0, 0, 0, padding))
    return _filled(joined, state, "lsms.kinds.")


def with_reading(
    drawing: LSMSModel, reader: LSMSModel, trust: float = 0.0, *, listens: bool = False
) -> LSMSModel:
    """Return an LSMS with the maps of one model, and the U-Nets and text parts of another.

    Its maps are the mean of its own and of the other's U-Nets, if there are any. Its language
    branches are new: with ``trust`` 0 they do not count, and are not computed, until they have
    been trained.

    Args:
        drawing: an LSMS without words.
        reader: an LSMS with words; its text encoder and its text heads are kept.
        trust: the power of the network's own choice.
        listens: leave out the other's text heads; the language branches must then be trained
            (:mod:`lsms_core.training.listening`), and ``trust`` does not count.

    Raises:
        BundleError: when one of the two is not such a model, or they see other slices.
    """
    if not drawing.config.draws or drawing.config.words or not reader.config.words:
        raise BundleError("A network that only draws and one that reads are needed, in this order.")
    if drawing.config.in_channels != reader.config.in_channels:
        raise BundleError(
            f"The networks see {drawing.config.in_channels} and {reader.config.in_channels} "
            "neighbouring slices: train them with the same preprocessing."
        )
    own = {f.name: getattr(drawing.config, f.name) for f in fields(LSMSConfig)}
    kept: tuple[str, ...] = (
        "outline",
        "outlines",
        "lobes",
        "attenuation_window",
        "asked",
        "sections",
        "queries",
    )
    kept = kept[:2] if listens else kept
    read = {name: getattr(reader.config, name) for name in (*kept, "text_width", "max_tokens")}
    spoken = {"words": True, "listens": listens, "trust": 1.0 if listens else trust}
    config = LSMSConfig(**{**own, **read, **spoken})
    joined = LSMSModel(config, reader.text_encoder)
    heads = () if listens else tuple(f"lsms.{name}." for name in READERS)
    parts = (_OUTLINE, "text_encoder.", *heads)
    state = {k: v for k, v in reader.state_dict().items() if k.startswith(parts)}
    if reader.config.listens and listens:
        # The training of the language branches continues.
        state |= {k: v for k, v in reader.state_dict().items() if any(p in k for p in LISTENS)}
    joined.load_state_dict({**state, **drawing.state_dict()}, strict=False)
    return joined


def without_outlines(model: Model) -> Model:
    """Return an LSMS that draws alone, without the U-Nets beside it.

    Raises:
        BundleError: when it draws nothing itself.
    """
    if not isinstance(model, LSMSModel) or not model.config.draws:
        raise BundleError("Only an LSMS that draws by itself can do without its U-Nets.")
    if not model.config.outline:
        return model
    alone = type(model)(replace(model.config, outline=(), outlines=1), model.text_encoder)
    alone.load_state_dict(
        {k: v for k, v in model.state_dict().items() if not k.startswith(_OUTLINE)}
    )
    return alone.eval()


def with_members(model: LSMSModel, *others: LSMSModel) -> LSMSModel:
    """Return an LSMS whose maps are the mean of its own and those of others, trained apart.

    Args:
        model: draws; what it reads from words stays.
        others: draw, in the same shape; only what draws is taken.

    Raises:
        BundleError: when one of them does not draw, or has another shape.
    """
    config = replace(model.config, members=model.config.members + len(others))
    for other in others:
        if not other.config.draws or drawing_alone(other.config) != drawing_alone(model.config):
            raise BundleError("Networks that draw together have to be of one shape.")
        if other.config.members > 1:
            raise BundleError("Give each network that is to draw with others on its own.")
    joined = type(model)(config, model.text_encoder)
    state = dict(model.state_dict())
    alone = LSMSModel(drawing_alone(model.config), NoText()).state_dict()
    for number, other in enumerate(others, start=model.config.members - 1):
        theirs = other.state_dict()
        state |= {f"{_OTHERS}{number}.{name.removeprefix('lsms.')}": theirs[name] for name in alone}
    joined.load_state_dict(state)
    return joined.eval()


def with_lesion_logit(model: Model, added: float) -> Model:
    """Return an LSMS that draws, with a number added to the logits of its lesions.

    The loss counts a pixel of a small lesion several times (:mod:`lsms_core.models.lsms.map_loss`),
    so that the logits are too high by about a constant; this number corrects it.

    Raises:
        BundleError: when it draws nothing itself.
    """
    if not isinstance(model, LSMSModel) or not model.config.draws:
        raise BundleError("Only an LSMS that draws by itself has logits of its own for lesions.")
    shifted = copy.deepcopy(model)
    members = ["lsms.", *(f"{_OTHERS}{n}." for n in range(model.config.members - 1))]
    state = shifted.state_dict()
    for member in members:
        state[f"{member}detail.classify.bias"][LESIONS] += added
    return shifted


def with_words(model: LSMSModel, window_hu: tuple[float, float], trust: float) -> LSMSModel:
    """Return LSMS with all text heads.

    Heads that are new, or of another shape than before, have no effect yet.

    Args:
        model: with an outline; one that has all heads already is returned as it is.
        window_hu: of its preprocessing.
        trust: the power of the network's own choice, 0 to 1.
    """
    config = replace(
        model.config,
        lobes=True,
        attenuation_window=tuple(window_hu),
        asked=True,
        sections=True,
        queries=_QUERIES,
        trust=trust,
    )
    if config == model.config:
        return model
    joined = type(model)(config, model.text_encoder)
    heads = tuple(f"lsms.{name}." for name in READERS)
    state = model.state_dict()
    if config.queries != model.config.queries:
        state = {k: v for k, v in state.items() if not k.startswith(heads)}
    return _filled(joined, state, *heads)


def _filled(model: LSMSModel, state: Mapping[str, torch.Tensor], *new: str) -> LSMSModel:
    """Give a model the weights of another; only the ``new`` parts keep their own."""
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(k.startswith(new) for k in missing)
    return model


def reads_text(model: Model) -> bool:
    """Whether a model's answer depends on the text."""
    return not isinstance(model, UNetModel) and model.config.words


def check(architecture: str) -> None:
    """Refuse an architecture that does not exist.

    Raises:
        BundleError: when it is unknown.
    """
    if architecture not in ARCHITECTURES:
        raise BundleError(
            f"Unknown architecture {architecture!r}: use one of {', '.join(ARCHITECTURES)}, "
            "or a newer version of this software."
        )
