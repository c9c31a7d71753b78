"""VDSR: twenty convolutions that learn the residual."""

from __future__ import annotations

from torch import nn

from pirecon.priors.convolutional import CHANNELS_IN, CHANNELS_OUT, ConvolutionalPrior, convolution


class VDSR(ConvolutionalPrior):
    """A plain chain of 3 × 3 convolutions with ReLU between them, added to the image.

    Like VDSR itself it works on the fine grid: there after interpolation, here on the grid of the encoding operator.

    Args:
        depth: convolutions, 20 in the paper.
        width: channels, 64 in the paper.
        n_axes: 2: slice by slice; 3: a volume as a whole.

    Source: Kim, Lee and Lee, CVPR (2016), section 3.1.
    """

    def __init__(self, depth: int = 20, width: int = 64, n_axes: int = 2) -> None:
        if depth < 2:
            raise ValueError(f"depth is {depth}; a first and a last convolution make 2")
        layers = []
        for n_in in [CHANNELS_IN] + [width] * (depth - 2):
            layers += [convolution(n_in, width, n_axes), nn.ReLU(inplace=True)]
        super().__init__(nn.Sequential(*layers), convolution(width, CHANNELS_OUT, n_axes), n_axes=n_axes)
