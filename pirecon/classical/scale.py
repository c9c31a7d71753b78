"""How strongly E acts: the step size and the unit of regularisation that the classical methods share."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.power_iteration import largest_eigenvalue
from pirecon.encoding.sense import CartesianSense

IMAGE = (-3, -2, -1)
SAMPLES = (-4, -3, -2, -1)


def lipschitz_constant(E: LinearOperator, like: Tensor) -> Tensor:
    """An upper bound of ‖E.H E‖, the Lipschitz constant of the gradient of ½‖Ex − y‖².

    For Cartesian sampling max_r Σ_c |S_c(r)|² · max_k w(k)², because the Fourier transform is unitary; for any
    other operator the largest eigenvalue by power iteration.

    Args:
        E: forward operator.
        like: an image ``(*batch, z, y, x)`` of the shape, dtype and device in question.

    Returns:
        Real, broadcasts against ``like``.
    """
    if isinstance(E, CartesianSense):
        return _squared_sensitivity(E) * E.weights.square().amax(dim=SAMPLES, keepdim=True)[..., 0, :, :, :]
    return largest_eigenvalue(E.normal, like)


def step_size(E: LinearOperator, like: Tensor) -> Tensor:
    """1 / :func:`lipschitz_constant`, and 1 where E is zero. Args and Returns as there."""
    bound = lipschitz_constant(E, like)
    return torch.where(bound > 0, 1 / bound, 1.0)


def noise_gain(E: LinearOperator, like: Tensor) -> Tensor:
    """Standard deviation of the real part of a voxel of E.H n for unit noise n: √(mean diagonal of E.H E).

    It is 1 for fully sampled data with normalised maps and falls as 1/√R. What a threshold in E.H(y − Ex) has to
    exceed scales with it, so a regularisation strength counted in it means the same at every acceleration.

    Args and Returns: as :func:`lipschitz_constant`.
    """
    if isinstance(E, CartesianSense):
        n_voxels = torch.Size(E.domain_shape).numel()
        density = E.weights.square().sum(dim=IMAGE, keepdim=True).amax(dim=-4) / n_voxels
        return (_squared_sensitivity(E) * density).sqrt()
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(like.shape, dtype=torch.complex64, generator=generator).to(like)
    # Hutchinson: the expectation of v.H A v over white v is the trace of A.
    energy = (probe.conj() * E.normal(probe)).real.sum(dim=IMAGE, keepdim=True)
    return (energy / probe.abs().square().sum(dim=IMAGE, keepdim=True)).sqrt()


def threshold(E: LinearOperator, like: Tensor, *, strength: float) -> Tensor:
    """λ = strength · :func:`noise_gain`.

    Raises:
        ValueError: the strength is negative or not finite.
    """
    if not 0 <= strength < math.inf:
        raise ValueError(
            f"the strength is {strength}, but it must be zero or positive: it counts the standard deviations of noise "
            "that the penalty removes; 1 to 2 suits most data, 0 is least squares"
        )
    return strength * noise_gain(E, like)


def _squared_sensitivity(E: CartesianSense) -> Tensor:
    return E.maps.abs().square().sum(dim=-4).amax(dim=IMAGE, keepdim=True)
