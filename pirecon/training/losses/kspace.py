"""Losses in k-space, through the coil maps."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense


def measured_misfit(image: Tensor, kspace: Tensor, E: LinearOperator) -> Tensor:
    """½ Σ|E x − y|² / n, the mean over the scans; n counts the measured samples of all channels.

    In SNR units its expected value is 1 for the truth, and lower for an image that follows the noise: alone it has no
    opinion on what was not measured and rewards noise below 1. Meant beside another term, or without any truth.

    Args:
        image: x, complex ``(batch, z, y, x)``, SNR units.
        kspace: y, complex ``(batch, coil, *samples)``, SNR units; exactly 0 where nothing was measured.
        E: forward operator.
    """
    axes = tuple(range(1, kspace.ndim))
    residual = torch.view_as_real(E(image) - kspace).square().sum(-1).sum(axes)
    return (0.5 * residual / (kspace != 0).sum(axes).clamp_min(1)).mean()


def true_misfit(image: Tensor, truth: Tensor, E: LinearOperator) -> Tensor:
    """Mean over k of √Σ_c |F S_c (x − t)|², on the whole grid of k, measured or not.

    The norm of all channels at one k counts by its modulus, not by its square: by Parseval's theorem the square would
    be the L2 loss of the image again, and the centre of k-space would drown the rest. Where x is the truth with unit
    noise it is √(π/2) ≈ 1.25 for one channel and below √2 for any number of channels.

    Args:
        image: x, complex ``(batch, z, y, x)``, SNR units.
        truth: t, same shape and unit.
        E: the scan's operator; a Cartesian one lends its coil maps, every other is used as it is, on its samples.
    """
    if isinstance(E, CartesianSense):
        grid = E.maps.real.new_ones((1,) * (E.maps.ndim - 3) + E.domain_shape)
        E = CartesianSense(E.maps, grid)
    coils = torch.view_as_real(E(image - truth)).square().sum(-1).sum(1)
    # The root of 0 has no derivative.
    return coils.clamp_min(torch.finfo(coils.dtype).tiny).sqrt().mean()
