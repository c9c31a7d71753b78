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
        n_axes: 2: slice by slice; 3: a volume as a whole, halved along z too.

    Source: Ronneberger et al., MICCAI (2015); residual blocks, noise map and strided resampling as in DRUNet,
    Zhang et al., IEEE Trans Pattern Anal Mach Intell 44:6360 (2022); bias-free as in Mohan et al., ICLR (2020).
    """

    def __init__(
        self, widths: Sequence[int] = (32, 64, 128, 128), blocks: Sequence[int] = (1, 1, 2, 1), n_axes: int = 2
    ) -> None:
        super().__init__()
        if n_axes not in (2, 3):
            raise ValueError(f"n_axes is {n_axes}; a prior works on 2 axes (slices) or 3 (volumes)")
        if len(widths) != len(blocks):
            raise ValueError(f"widths {tuple(widths)} and blocks {tuple(blocks)} must name as many resolutions")
        self.widths, self.blocks, self.n_axes = tuple(widths), tuple(blocks), n_axes
        self.multiple = 2 ** (len(widths) - 1)
        conv = nn.Conv2d if n_axes == 2 else nn.Conv3d
        transposed = nn.ConvTranspose2d if n_axes == 2 else nn.ConvTranspose3d
        steps = list(itertools.pairwise(widths))
        stages = list(zip(widths, blocks, strict=True))
        self.head = conv(3, widths[0], 3, padding=1, bias=False)
        self.down = nn.ModuleList(_residual_blocks(w, b, conv) for w, b in stages[:-1])
        self.downsample = nn.ModuleList(conv(fine, coarse, 2, stride=2, bias=False) for fine, coarse in steps)
        self.body = _residual_blocks(*stages[-1], conv)
        self.upsample = nn.ModuleList(transposed(coarse, fine, 2, stride=2, bias=False) for fine, coarse in steps)
        self.up = nn.ModuleList(_residual_blocks(w, b, conv) for w, b in stages[:-1])
        self.tail = conv(widths[0], 2, 3, padding=1, bias=False)
        nn.init.zeros_(self.tail.weight)  # starts as the identity: the unrolled network starts as plain CG-SENSE
        self._format = torch.channels_last if n_axes == 2 else torch.channels_last_3d
        self.to(memory_format=self._format)  # type: ignore[call-overload]

    def change(self, channels: Tensor) -> Tensor:
        """See :meth:`ImagePrior.change`."""
        x = self.head(channels.contiguous(memory_format=self._format))
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
    def __init__(self, width: int, conv: type[nn.Conv2d] | type[nn.Conv3d]) -> None:
        super().__init__()
        self.first = conv(width, width, 3, padding=1, bias=False)
        self.second = conv(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(torch.relu(self.first(x)))


def _residual_blocks(width: int, n_blocks: int, conv: type[nn.Conv2d] | type[nn.Conv3d]) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock(width, conv) for _ in range(n_blocks)))
