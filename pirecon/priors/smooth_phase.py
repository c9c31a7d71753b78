"""Take the smooth phase out of an image, so that a prior sees almost real anatomy whatever the scanner did.

A prior wrapped this way commutes with a global phase, with any linear phase whose correlation between neighbours is not
zero, and nearly with every smooth phase, of several wraps too: what a polynomial cannot follow, a blur does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.priors.polynomial_phase import polynomial_phasor


def smooth_phase(image: Tensor, *, blur: float = 3.0, n_axes: int = 2) -> Tensor:
    """Unit phasor of the image's smooth phase: a polynomial, then the phase of a Gaussian blur of what is left.

    The blur alone would fade where the phase changes by a radian within its width, and leave that phase in the image;
    the polynomial takes such slopes out first. The low-pass phase is that of Noll et al., IEEE Trans Med Imaging 10:154
    (1991).

    Args:
        image: complex ``(*batch, y, x)``, or ``(*batch, z, y, x)`` where ``n_axes`` is 3.
        blur: standard deviation of the Gaussian, voxels.
        n_axes: last axes over which the phase is smooth, 2 or 3.

    Returns:
        Complex phasor of modulus 1, shape of ``image``; 1 where the image is zero.
    """
    # Mixed precision would blur the phase in bfloat16: three digits are too few for a phase.
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        phasor = polynomial_phasor(image, n_axes=n_axes)
        return _unit(phasor * _gaussian_blur(image * phasor.conj(), blur, n_axes))


def _gaussian_blur(image: Tensor, blur: float, n_axes: int) -> Tensor:
    """Gaussian blur with zeros outside, since the image's edge may not leak to the opposite side."""
    planes = torch.stack((image.real, image.imag))
    for axis in range(-n_axes, 0):
        offset = torch.arange(image.shape[axis], dtype=planes.dtype, device=image.device)
        distance = offset[:, None] - offset
        # A dense product: a convolution of one channel is ten times slower.
        matrix = torch.exp(-0.5 * (distance / blur) ** 2) * (distance.abs() <= math.ceil(2.5 * blur))
        planes = torch.tensordot(planes, matrix / matrix[len(matrix) // 2].sum(), dims=([axis], [0]))
        planes = planes.movedim(-1, axis)
    return torch.complex(planes[0], planes[1])


def _unit(x: Tensor) -> Tensor:
    magnitude = x.abs()
    return torch.where(magnitude > 0, x / magnitude.clamp_min(torch.finfo(magnitude.dtype).tiny), torch.ones_like(x))
