"""What the convolutional families share: layers over two or three axes, in one line from channels to change."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pirecon.priors.image_prior import ImagePrior
from pirecon.priors.planar_convolution import PlanarConvolution, planar_pays, suits_planar

CHANNELS_IN, CHANNELS_OUT = 3, 2  # real, imaginary part and noise level; change of real and imaginary part


class ConvolutionalPrior(ImagePrior):
    """image + last(body(channels)); the last layer starts at zero, so that a fresh prior is the identity.

    Args:
        body: layers from 3 channels to those that ``last`` takes.
        last: convolution to 2 channels.
        n_axes: 2: slice by slice; 3: a volume as a whole.
    """

    def __init__(self, body: nn.Module, last: nn.Module, *, n_axes: int) -> None:
        super().__init__()
        self.n_axes, self.body, self.last = n_axes, body, last
        start_at_zero(last)
        self._planar = n_axes == 2 and planar_pays(self)
        # Otherwise twice as fast on a processor with the channels side by side.
        self._format = torch.channels_last if n_axes == 2 else torch.channels_last_3d
        self.to(memory_format=self._format)  # type: ignore[call-overload]

    def change(self, channels: Tensor) -> Tensor:
        """See :meth:`ImagePrior.change`."""
        planar = self._planar and suits_planar(channels)
        layout = torch.contiguous_format if planar else self._format
        change: Tensor = self.last(self.body(channels.contiguous(memory_format=layout)))
        return change


class Residual(nn.Module):
    """x + scale · layers(x)."""

    def __init__(self, *layers: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.layers, self.scale = nn.Sequential(*layers), scale

    def forward(self, x: Tensor) -> Tensor:
        """Shape as ``x``."""
        return x + self.scale * self.layers(x)


def convolution(n_in: int, n_out: int, n_axes: int, *, size: int = 3) -> nn.Module:
    """Convolution with an odd kernel that keeps the grid (zeros outside), with a bias as in the papers.

    A bias does no harm to scale equivariance: :class:`ImagePrior` divides by the noise level first.

    Raises:
        ValueError: other than 2 or 3 axes, or an even kernel.
    """
    if n_axes not in (2, 3):
        raise ValueError(f"n_axes is {n_axes}; a prior works on 2 axes (slices) or 3 (volumes)")
    if size % 2 == 0:
        raise ValueError(f"a kernel of {size} voxels has no middle and would shift the image; give an odd size")
    if n_axes == 2:
        return PlanarConvolution(n_in, n_out, size)
    return nn.Conv3d(n_in, n_out, size, padding=size // 2)


def normalisation(width: int, n_axes: int) -> nn.Module:
    """Batch normalisation, which the papers of 2017 have and these priors leave out unless asked.

    It divides by the statistics of a training batch, in which scans of different noise levels, matrices and contrasts
    meet; a prior that is told the noise level would have its amplitudes blurred, and would behave otherwise
    when it is evaluated. EDSR and ESRGAN took it out of super-resolution networks for artefacts of this kind.
    """
    return nn.BatchNorm2d(width) if n_axes == 2 else nn.BatchNorm3d(width)


def start_at_zero(layer: nn.Module) -> None:
    """Weights and bias of a last layer to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
