"""Take the smooth phase out of an image, so that a prior sees almost real anatomy whatever the scanner did.

A prior wrapped this way commutes exactly with a global phase and with any linear phase whose correlation between
neighbours is not zero, and nearly with every phase that is smooth over the width of the blur.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def smooth_phase(image: Tensor, *, blur: float = 3.0) -> Tensor:
    """Unit phasor of the image's smooth phase: mean phase slope, then the phase of a Gaussian blur.

    The slope along an axis is the phase of the lag-one autocorrelation Σ x[n+1] x*[n], which a linear phase shifts by
    exactly its slope (Ahn and Cho, IEEE Trans Med Imaging 6:32 (1987)); the rest follows the low-pass phase
    (Noll et al., IEEE Trans Med Imaging 10:154 (1991)).

    Args:
        image: complex ``(*batch, y, x)``.
        blur: standard deviation of the Gaussian, voxels.

    Returns:
        Complex phasor of modulus 1, shape of ``image``; 1 where the image is zero.
    """
    # Mixed precision would blur the phase in bfloat16: three digits are too few for a phase.
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        phasor = _linear_phasor(image)
        return _unit(phasor * _gaussian_blur(image * phasor.conj(), blur))


def _linear_phasor(image: Tensor) -> Tensor:
    ramps = []
    for axis in (-2, -1):
        n = image.shape[axis]
        lag = (image.narrow(axis, 1, n - 1) * image.narrow(axis, 0, n - 1).conj()).sum(dim=(-2, -1), keepdim=True)
        index = torch.arange(n, dtype=image.real.dtype, device=image.device) - n // 2
        slope = lag.angle() * (index[:, None] if axis == -2 else index)
        ramps.append(slope)
    turns = ramps[0] + ramps[1]
    return torch.polar(torch.ones_like(turns), turns)


def _gaussian_blur(image: Tensor, blur: float) -> Tensor:
    # Separable convolution with zeros outside: the image's edge may not leak to the opposite side.
    radius = math.ceil(2.5 * blur)
    offset = torch.arange(-radius, radius + 1, dtype=image.real.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (offset / blur) ** 2)
    kernel = kernel / kernel.sum()
    channels = torch.view_as_real(image).movedim(-1, -3).reshape(-1, 1, *image.shape[-2:])
    channels = torch.nn.functional.conv2d(channels, kernel[None, None, :, None], padding=(radius, 0))
    channels = torch.nn.functional.conv2d(channels, kernel[None, None, None, :], padding=(0, radius))
    blurred = channels.reshape(*image.shape[:-2], 2, *image.shape[-2:]).movedim(-3, -1)
    return torch.view_as_complex(blurred.contiguous())


def _unit(x: Tensor) -> Tensor:
    magnitude = x.abs()
    return torch.where(magnitude > 0, x / magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny), torch.ones_like(x))
