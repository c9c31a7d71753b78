"""SRResNet: the body of SRGAN's generator."""

from __future__ import annotations

from torch import nn

from pirecon.priors.convolutional import (
    CHANNELS_IN,
    CHANNELS_OUT,
    ConvolutionalPrior,
    Residual,
    convolution,
    normalisation,
)


class SRResNet(ConvolutionalPrior):
    """Sixteen residual blocks with PReLU between two 9 × 9 convolutions, with a skip around the blocks.

    The paper's tail, pixel shuffles to a finer grid, is left out: the grid finer than acquired is already that of the
    encoding operator.

    Args:
        n_blocks: residual blocks, 16 in the paper.
        width: channels, 64 in the paper.
        size: edge of the first and the last kernel, 9 voxels in the paper; odd.
        batch_norm: as in the paper; off by default because this prior is told the noise level, see
            :func:`pirecon.priors.convolutional.normalisation`.
        n_axes: 2: slice by slice; 3: a volume as a whole.

    Source: Ledig et al., CVPR (2017), section 2.1 and figure 4.
    """

    def __init__(
        self, n_blocks: int = 16, width: int = 64, size: int = 9, batch_norm: bool = False, n_axes: int = 2
    ) -> None:
        def unit() -> list[nn.Module]:
            norm = [normalisation(width, n_axes)] if batch_norm else []
            return [convolution(width, width, n_axes), *norm]

        blocks = [Residual(*unit(), nn.PReLU(), *unit()) for _ in range(n_blocks)]
        super().__init__(
            nn.Sequential(convolution(CHANNELS_IN, width, n_axes, size=size), nn.PReLU(), Residual(*blocks, *unit())),
            convolution(width, CHANNELS_OUT, n_axes, size=size),
            n_axes=n_axes,
        )
