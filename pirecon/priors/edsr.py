"""EDSR: residual blocks without batch normalisation."""

from __future__ import annotations

from torch import nn

from pirecon.priors.convolutional import CHANNELS_IN, CHANNELS_OUT, ConvolutionalPrior, Residual, convolution


class EDSR(ConvolutionalPrior):
    """Sixteen residual blocks between two convolutions, with a skip around them all; the paper's baseline model.

    The paper's tail, a pixel shuffle to a finer grid, is left out: the grid finer than acquired is already that of the
    encoding operator, whose data consistency would be lost by another change of grid.

    Args:
        n_blocks: residual blocks: 16 in the baseline, 32 in the large model.
        width: channels: 64 in the baseline, 256 in the large model.
        residual_scale: factor of each block's change: 1 in the baseline, 0.1 in the large model, which would
            not train without.
        n_axes: 2: slice by slice; 3: a volume as a whole.

    Source: Lim et al., CVPR Workshops (2017), sections 3.1–3.2, table 1.
    """

    def __init__(self, n_blocks: int = 16, width: int = 64, residual_scale: float = 1.0, n_axes: int = 2) -> None:
        blocks = [
            Residual(
                convolution(width, width, n_axes),
                nn.ReLU(inplace=True),
                convolution(width, width, n_axes),
                scale=residual_scale,
            )
            for _ in range(n_blocks)
        ]
        super().__init__(
            nn.Sequential(
                convolution(CHANNELS_IN, width, n_axes), Residual(*blocks, convolution(width, width, n_axes))
            ),
            convolution(width, CHANNELS_OUT, n_axes),
            n_axes=n_axes,
        )
