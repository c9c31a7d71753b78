"""DnCNN: a chain of convolutions that learns the noise."""

from __future__ import annotations

from torch import nn

from pirecon.priors.convolutional import CHANNELS_IN, CHANNELS_OUT, ConvolutionalPrior, convolution, normalisation


class DnCNN(ConvolutionalPrior):
    """Seventeen 3 × 3 convolutions with ReLU; what they find is taken for noise and added with a learned sign.

    Args:
        depth: convolutions: 17 in the paper for a known noise level, 20 for blind denoising.
        width: channels, 64 in the paper.
        batch_norm: normalise between convolution and ReLU of the inner layers, as in the paper. Off by default because
            this prior is told the noise level; see :func:`pirecon.priors.convolutional.normalisation`.
        n_axes: 2: slice by slice; 3: a volume as a whole.

    Source: Zhang et al., IEEE Trans Image Process 26:3142 (2017), section III-A; noise level as an input and
    no batch normalisation as in DRUNet, Zhang et al., IEEE Trans Pattern Anal Mach Intell 44:6360 (2022).
    """

    def __init__(self, depth: int = 17, width: int = 64, batch_norm: bool = False, n_axes: int = 2) -> None:
        if depth < 2:
            raise ValueError(f"depth is {depth}; a first and a last convolution make 2")
        layers = [convolution(CHANNELS_IN, width, n_axes), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers.append(convolution(width, width, n_axes))
            if batch_norm:
                layers.append(normalisation(width, n_axes))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(nn.Sequential(*layers), convolution(width, CHANNELS_OUT, n_axes), n_axes=n_axes)
