"""The detail path: boundaries and small lesions, at the strides that the encoder leaves out.

The encoder begins at stride 4, which is 6 mm in a picture of 1.6 mm pixels: a lesion of 8 mm is
one position of its finest grid. This path adds features at strides 2 and 1:

    E1  = 2 x (LeakyReLU IN Conv3x3)(image)                       stride 1
    E2  = 2 x (LeakyReLU IN Conv3x3)(MaxPool E1)                  stride 2, seen by the stem, too
    U2  = 2 x (LeakyReLU IN Conv3x3)([E2; Up(Conv1x1 D)])         stride 2
    U1  = 2 x (LeakyReLU IN Conv3x3)([E1; Up U2])                 stride 1
    M   = Conv1x1 U1                                              right lobe, left lobe, lesions

D are the features of the full-scale decoder, made without words. While learning, maps at strides 2
and 4 are drawn from U2 and D as well (deep supervision).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.models.lsms.decoder import INITIAL_LOGIT
from lsms_core.models.lsms.outline import KINDS, TwoConvolutions, Up


class DetailPath(nn.Module):
    """Fine features going down, and text-independent maps on the way up.

    Args:
        in_channels: of the image.
        channels: at strides 1 and 2.
        decoder_width: channels of D.
    """

    def __init__(self, in_channels: int, channels: Sequence[int], decoder_width: int) -> None:
        super().__init__()
        fine, coarse = channels
        self.down = nn.ModuleList(
            [TwoConvolutions(in_channels, fine), TwoConvolutions(fine, coarse)]
        )
        self.squeeze = nn.Conv2d(decoder_width, 2 * coarse, 1)
        self.up = nn.ModuleList(
            [Up(2 * coarse, coarse, coarse, coarse), Up(coarse, coarse, fine, fine)]
        )
        self.classify = _maps(fine)
        self.coarse = nn.ModuleList([_maps(coarse), _maps(decoder_width)])

    def look(self, image: Tensor, added: Sequence[Tensor] = ()) -> list[Tensor]:
        """Return E1 and E2 of (B, C, H, W) images; E2 has H / 2 rows, rounded up.

        Args:
            image: (B, C, H, W).
            added: what is added to E1 and E2, from the backbone, if there is one.
        """
        first = self.down[0](image)
        second = self.down[1](F.max_pool2d(first, 2, ceil_mode=True))
        if not added:
            return [first, second]
        return [first + added[0], second + added[1]]

    def forward(self, pixels: Tensor, levels: Sequence[Tensor]) -> list[Tensor]:
        """Return the maps' logits, (B, 3, ., .), at stride 1 and, while learning, 2 and 4.

        Args:
            pixels: (B, decoder_width, H / 4, W / 4) D, rounded up.
            levels: E1 and E2 from :meth:`look`.
        """
        second = self.up[0](self.squeeze(pixels), levels[1])
        finest = self.classify(self.up[1](second, levels[0]))
        if not self.training:
            return [finest]
        return [finest, self.coarse[0](second), self.coarse[1](pixels)]


def _maps(channels: int) -> nn.Conv2d:
    maps = nn.Conv2d(channels, len(KINDS), 1)
    nn.init.constant_(maps.bias, INITIAL_LOGIT)  # type: ignore[arg-type]
    return maps
