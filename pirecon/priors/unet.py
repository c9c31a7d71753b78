"""A bias-free residual U-Net, conditioned on the noise level."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pirecon.priors.image_prior import ImagePrior


class UNet(ImagePrior):
    """Residual blocks on several resolutions, with skips that are added.

    No layer has a bias: f(a·image, a·noise_level) = a·f(image, noise_level) for every a > 0, so that a network trained
    at some SNRs meets no foreign amplitude at others.

    Args:
        widths: channels at full resolution and after each halving.
        blocks: residual blocks at each resolution, on the way down and on the way up.

    Source: Ronneberger et al., MICCAI (2015); residual blocks, noise map and strided resampling as in DRUNet,
    Zhang et al., IEEE Trans Pattern Anal Mach Intell 44:6360 (2022); bias-free as in Mohan et al., ICLR (2020).
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 128, 128), blocks: Sequence[int] = (1, 1, 2, 1)) -> None:
        super().__init__()
        if len(widths) != len(blocks):
            raise ValueError(f"widths {tuple(widths)} and blocks {tuple(blocks)} must name as many resolutions")
        self.widths, self.blocks = tuple(widths), tuple(blocks)
        self.multiple = 2 ** (len(widths) - 1)
        steps = list(itertools.pairwise(widths))
        self.head = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.down = nn.ModuleList(_residual_blocks(w, b) for w, b in zip(widths[:-1], blocks[:-1], strict=True))
        self.downsample = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in steps)
        self.body = _residual_blocks(widths[-1], blocks[-1])
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=False) for fine, coarse in steps
        )
        self.up = nn.ModuleList(_residual_blocks(w, b) for w, b in zip(widths[:-1], blocks[:-1], strict=True))
        self.tail = nn.Conv2d(widths[0], 2, 3, padding=1, bias=False)
        nn.init.zeros_(self.tail.weight)  # starts as the identity: the unrolled network starts as plain CG-SENSE
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def change(self, channels: Tensor) -> Tensor:
        """See :meth:`ImagePrior.change`."""
        x = self.head(channels.contiguous(memory_format=torch.channels_last))
        skips = []
        for down, downsample in zip(self.down, self.downsample, strict=True):
            x = down(x)
            skips.append(x)
            x = downsample(x)
        x = self.body(x)
        for up, upsample, skip in zip(reversed(self.up), reversed(self.upsample), reversed(skips), strict=True):
            x = up(upsample(x) + skip)
        return self.tail(x)


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(torch.relu(self.first(x)))


def _residual_blocks(width: int, n_blocks: int) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock(width) for _ in range(n_blocks)))
