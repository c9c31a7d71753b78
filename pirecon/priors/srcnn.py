"""SRCNN: three convolutions, the first network for super-resolution."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from pirecon.priors.convolutional import CHANNELS_IN, CHANNELS_OUT, ConvolutionalPrior, convolution


class SRCNN(ConvolutionalPrior):
    """Patch extraction, non-linear mapping, reconstruction: kernels 9–1–5, 64 and 32 channels.

    Like SRCNN itself it works on the fine grid (there after interpolation, here on the grid of the encoding operator).
    Unlike it, it changes the image instead of making it, as every prior here.

    Args:
        widths: channels after the first and the second layer, n₁ and n₂.
        sizes: edges of the three kernels f₁, f₂, f₃, voxels; odd.
        n_axes: 2: slice by slice; 3: a volume as a whole.

    Source: Dong et al., ECCV (2014) and IEEE Trans Pattern Anal Mach Intell 38:295 (2016), section 3.1.
    """

    def __init__(self, widths: Sequence[int] = (64, 32), sizes: Sequence[int] = (9, 1, 5), n_axes: int = 2) -> None:
        if len(widths) != 2 or len(sizes) != 3:
            raise ValueError(f"SRCNN has two widths and three kernel sizes; found {tuple(widths)} and {tuple(sizes)}")
        super().__init__(
            nn.Sequential(
                convolution(CHANNELS_IN, widths[0], n_axes, size=sizes[0]),
                nn.ReLU(),
                convolution(widths[0], widths[1], n_axes, size=sizes[1]),
                nn.ReLU(),
            ),
            convolution(widths[1], CHANNELS_OUT, n_axes, size=sizes[2]),
            n_axes=n_axes,
        )
