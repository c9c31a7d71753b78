"""The untrained network whose structure is the deep image prior."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

SKIP = 4  # channels that pass by each level


class Hourglass(nn.Module):
    """Fixed noise → image: convolutions that halve the grid and bring it back, with thin skips.

    Args:
        inputs: channels of the noise.
        width: channels of every level.
        levels: halvings.

    Source: Ulyanov D. et al., Int J Comput Vis 128:1867 (2020); the halving is by strides, the way back bilinear.
    """

    def __init__(self, inputs: int = 16, width: int = 32, levels: int = 4) -> None:
        super().__init__()
        widths = [inputs] + [width] * levels
        self.multiple = 2**levels
        self.down = nn.ModuleList(
            nn.Sequential(_layer(a, b, stride=2), _layer(b, b)) for a, b in itertools.pairwise(widths)
        )
        self.skip = nn.ModuleList(nn.Conv2d(a, SKIP, 1) for a in widths[:-1])
        self.up = nn.ModuleList(_layer(width + SKIP, width) for _ in range(levels))
        self.tail = nn.Conv2d(width, 2, 1)

    def forward(self, noise: Tensor) -> Tensor:
        """Complex images ``(batch, y, x)`` of order 1 from noise ``(batch, inputs, y, x)``; any size."""
        y, x = noise.shape[-2:]
        value = nn.functional.pad(noise, (0, -x % self.multiple, 0, -y % self.multiple), mode="replicate")
        passed = []
        for down, skip in zip(self.down, self.skip, strict=True):
            passed.append(skip(value))
            value = down(value)
        for up, beside in zip(self.up, reversed(passed), strict=True):
            value = nn.functional.interpolate(value, scale_factor=2, mode="bilinear", align_corners=False)
            value = up(torch.cat((value, beside), 1))
        parts = self.tail(value)[..., :y, :x]
        return torch.complex(parts[:, 0], parts[:, 1])


def _layer(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, padding_mode="replicate")
    return nn.Sequential(convolution, nn.GroupNorm(4, outputs), nn.LeakyReLU(0.2))
