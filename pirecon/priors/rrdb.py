"""RRDB: residual-in-residual dense blocks, the generator of ESRGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pirecon.priors.convolutional import CHANNELS_IN, CHANNELS_OUT, ConvolutionalPrior, Residual, convolution

SLOPE = 0.2  # of the leaky ReLU


class RRDB(ConvolutionalPrior):
    """Blocks of three dense blocks each, every residual scaled by β, with a skip around them all.

    The paper's tail up to a finer grid is left out but for its convolutions: the grid finer than acquired is already
    that of the encoding operator.

    Args:
        n_blocks: residual-in-residual dense blocks: 23 in the paper, 16 in its smaller model.
        width: channels between the blocks, 64 in the paper.
        growth: channels that each convolution of a dense block adds, 32 in the paper's code.
        residual_scale: β, 0.2 in the paper.
        n_axes: 2: slice by slice; 3: a volume as a whole.

    Source: Wang et al., ECCV Workshops (2018), section 3.1 and figure 4.
    """

    def __init__(
        self, n_blocks: int = 23, width: int = 64, growth: int = 32, residual_scale: float = 0.2, n_axes: int = 2
    ) -> None:
        def dense() -> nn.Module:
            return Residual(_DenseBlock(width, growth, n_axes), scale=residual_scale)

        blocks = [Residual(dense(), dense(), dense(), scale=residual_scale) for _ in range(n_blocks)]
        # A block of three residuals is itself x + changes: as in the paper, its output is scaled, not its change.
        super().__init__(
            nn.Sequential(
                convolution(CHANNELS_IN, width, n_axes),
                Residual(*blocks, convolution(width, width, n_axes)),
                convolution(width, width, n_axes),
                nn.LeakyReLU(SLOPE, inplace=True),
            ),
            convolution(width, CHANNELS_OUT, n_axes),
            n_axes=n_axes,
        )


class _DenseBlock(nn.Module):
    """Five convolutions; each reads what all before it wrote."""

    def __init__(self, width: int, growth: int, n_axes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            convolution(width + k * growth, growth if k < 4 else width, n_axes) for k in range(5)
        )

    def forward(self, x: Tensor) -> Tensor:
        written = [x]
        for layer in self.layers[:-1]:
            written.append(nn.functional.leaky_relu(layer(torch.cat(written, dim=1)), SLOPE))
        change: Tensor = self.layers[-1](torch.cat(written, dim=1))
        return change
