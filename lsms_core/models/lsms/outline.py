"""The outline: a U-Net that draws lobes and lesions for every text; the text then chooses.

The paper's encoder starts from public pretrained weights. Trained from random weights on about ten
patients, it finds fewer lesions than a plain U-Net on the same pictures
(docs/history/up-to-0.9.md), but it chooses well among those that it finds. So both are combined:

    M   = U-Net(image)                                right lobe, left lobe, lesions; no words
    S   = LSMS([image; M], words)                     which of them the text means
    P_c = sigmoid(M_c)                                lesions in and around the lobes only
    k_c                                               whether the text is about kind c
    e_l                                               whether the text excludes lobe l
    a_d                                               whether the text excludes attenuation d
    p   = (1 - prod_c (1 - k_c P_c)) * prod_l (1 - e_l Q_l) * prod_d (1 - a_d A_d) * sigmoid(S)^t

where Q_l is the share of lobe l in the liver around a pixel, and A_d the share of attenuation d
in the outlined lesions around it (:mod:`lsms_core.models.lsms.attenuation`); k, e and a depend on
the text only (:mod:`lsms_core.models.lsms.reading`). Left and right must never be wrong, but a
network learns them last. So the text decides about the lobes, and the maps show where they are.
With few patients S rejects some lesions that the text means; t < 1 reduces this effect. In
training, t is 1.

No gradient goes from p into M: otherwise the U-Net would learn to leave out, for every text, the
lesions that one text does not name.

U-Nets with different initial weights make different mistakes; where there are several, M is their
mean (docs/history/up-to-0.9.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.models.lsms.decoder import INITIAL_LOGIT
from lsms_core.models.lsms.kinds import KINDS, LESIONS
from lsms_core.models.lsms.mixers import full_precision

# Largest distance of a lesion from the lobes, pixels: the lobes' maps have holes at large lesions.
_REACH = 4
# The grid, in pixels, on which the surroundings are looked at; their widths on it, and their
# weights: the closest decide, the wider ones where a large lesion has left a hole in the maps.
_CELL = 4
_AROUND = ((3, 1.0), (7, 0.1), (17, 0.01))
# How often a picture of a training batch gets false lesions.
_TEMPTED = 0.5
_SMALLEST = 1e-5
# Probabilities are clipped at this value, so that logits are finite.
_SURE = 1e-6

# torch has it from 2.7 on; before, no graphs are exported.
_is_exporting: Callable[[], bool] = getattr(torch.compiler, "is_exporting", lambda: False)


class TwoConvolutions(nn.Sequential):
    """Twice: 3x3 convolution, instance norm, leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers += [
                nn.Conv2d(channels, out_channels, 3, padding=1, bias=False),
                nn.InstanceNorm2d(out_channels, affine=True),
                nn.LeakyReLU(0.1, inplace=True),
            ]
        super().__init__(*layers)


class Up(nn.Module):
    """Doubles the grid, joins what came down at this level, and convolves twice."""

    def __init__(self, below: int, up: int, skip: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(below, up, 2, stride=2)
        self.convolutions = TwoConvolutions(skip + up, out_channels)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Return (B, C, H, W) of the size of ``skip``, which may be odd."""
        x = self.up(below)
        rows, columns = skip.shape[-2] - x.shape[-2], skip.shape[-1] - x.shape[-1]
        # An exported graph has to take every size, so it pads whether or not there is need.
        if _is_exporting() or rows or columns:
            x = F.pad(x, (0, columns, 0, rows), mode="replicate")
        out: Tensor = self.convolutions(torch.cat([skip, x], dim=1))
        return out


class Outline(nn.Module):
    """A U-Net of the shape of MONAI's BasicUNet (Falk et al., 2019) with one map a kind.

    Args:
        in_channels: of the image.
        dims: channels of the five levels going down, then of the last level going up.
    """

    def __init__(self, in_channels: int, dims: Sequence[int]) -> None:
        super().__init__()
        *down, last = dims
        self.down = nn.ModuleList(
            TwoConvolutions(before, after)
            for before, after in zip((in_channels, *down[:-1]), down, strict=True)
        )
        # The last level keeps its channels; above the others they halve on the way up.
        self.up = nn.ModuleList(
            [
                *(Up(down[i + 1], down[i + 1] // 2, down[i], down[i]) for i in (3, 2, 1)),
                Up(down[1], down[1], down[0], last),
            ]
        )
        self.classify = nn.Conv2d(last, len(KINDS), 1)
        nn.init.constant_(self.classify.bias, INITIAL_LOGIT)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, 3, H, W) logits of the kinds for (B, C, H, W) images."""
        x, levels = image, []
        for i, level in enumerate(self.down):
            x = level(F.max_pool2d(x, 2) if i else x)
            levels.append(x)
        for up, skip in zip(self.up, levels[-2::-1], strict=True):
            x = up(x, skip)
        out: Tensor = self.classify(x)
        return out


class Outlines(nn.ModuleList):
    """Several outlines of one shape, trained apart, whose mean counts.

    Args:
        count: how many.
        in_channels: of the image.
        dims: as for :class:`Outline`.
    """

    def __init__(self, count: int, in_channels: int, dims: Sequence[int]) -> None:
        super().__init__(Outline(in_channels, dims) for _ in range(count))

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, 3, H, W) logits of the mean probability of each kind."""
        return mean_of([outline(image) for outline in self])


def mean_of(drawn: Sequence[Tensor]) -> Tensor:
    """Return the logits of the mean probability of (B, 3, H, W) logits of several networks."""
    return as_logits(torch.stack([logits.float().sigmoid() for logits in drawn]).mean(0))


def as_logits(drawn: Tensor) -> Tensor:
    """Return finite logits of probabilities, of any shape."""
    return torch.logit(drawn, eps=_SURE)


def lobe_shares(drawn: Tensor) -> Tensor:
    """Return Q_l, (B, 2, H, W), for (B, 3, H, W) probabilities; they add up to 1 at most."""
    lobes = F.avg_pool2d(drawn[:, :LESIONS].float(), _CELL, ceil_mode=True)
    around = torch.zeros_like(lobes)
    for width, weight in _AROUND:
        around = around + weight * F.avg_pool2d(lobes, width, stride=1, padding=width // 2)
    shares = around / around.sum(1, keepdim=True).clamp_min(_SMALLEST)
    return F.interpolate(shares, size=drawn.shape[-2:], mode="bilinear", align_corners=False)


def probabilities(drawn: Tensor) -> Tensor:
    """Return P_c for (B, 3, H, W) logits: a liver's lesion lies in or beside a lobe."""
    kinds = drawn.float().sigmoid()
    lobes = kinds[:, :LESIONS].amax(1, keepdim=True)
    liver = F.max_pool2d(lobes, 2 * _REACH + 1, stride=1, padding=_REACH)
    return torch.cat([kinds[:, :LESIONS], kinds[:, LESIONS:] * liver], dim=1)


def choose(
    chosen: Tensor,
    drawn: Tensor,
    kinds: Tensor,
    ruled_out: Sequence[tuple[Tensor, Tensor]] = (),
    trust: float = 1.0,
) -> Tensor:
    """Return the (B, 1, H, W) logit of p (see the top of this file).

    Args:
        chosen: (B, 1, H, W) logits S.
        drawn: (B, 3, H, W) probabilities P_c.
        kinds: (B, 3) logits of k_c.
        ruled_out: (B, N) exclusion logits, and (B, N, H, W) shares of each pixel, with a sum of
            at most 1; lobes and attenuations.
        trust: the power t.
    """
    with full_precision(chosen):
        share = kinds.float().sigmoid()[:, :, None, None] * drawn.float()
        absent = torch.log1p(-share.clamp(max=1 - _SMALLEST)).sum(1, keepdim=True)
        present = torch.log((-torch.expm1(absent)).clamp_min(_SMALLEST))
        both = present + trust * F.logsigmoid(chosen.float())
        for words, shares in ruled_out:
            lost = words.float().sigmoid()[:, :, None, None] * shares
            both = both + torch.log1p(-lost.clamp(max=1 - _SMALLEST)).sum(1, keepdim=True)
        return both - torch.log((-torch.expm1(both)).clamp_min(_SMALLEST))


def tempt(drawn: Tensor) -> Tensor:
    """Give some pictures of a training batch the lesions of the picture before, inside the liver.

    On its training patients a U-Net has few false positives, on others it has more. Without these
    false lesions, the choice would learn to accept all outlined lesions.

    Args:
        drawn: (B, 3, H, W) probabilities; none is changed in place.
    """
    others = drawn[:, LESIONS].roll(1, dims=0)
    liver = drawn[:, :LESIONS].amax(1)
    tempted = torch.rand((len(drawn), 1, 1), device=drawn.device) < _TEMPTED
    invented = torch.where(tempted, others * (liver > 0.5), torch.zeros_like(others))
    lesions = torch.maximum(drawn[:, LESIONS], invented)
    return torch.cat([drawn[:, :LESIONS], lesions[:, None]], dim=1)
