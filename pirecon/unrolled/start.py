"""The image that a network starts from, and its noise level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator

FIRST_WEIGHT = 0.05  # λ of the start: mild Tikhonov in SNR units
FIRST_ITERATIONS = 8


@torch.no_grad()
def cg_sense_start(adjoint: Tensor, E: LinearOperator) -> tuple[Tensor, Tensor]:
    """x₀ = argmin ½‖Ex − y‖² + λ₀/2 ‖x‖² by a few conjugate gradients, and its noise level σ(r).

    σ(r) comes from one replica of unit noise through the very same linear steps (pseudo-replica: Robson et al., Magn
    Reson Med 60:895 (2008)), so coil geometry and sampling reach the prior as a number it understands.

    Args:
        adjoint: E.H(y), complex ``(*batch, z, y, x)``, SNR units.
        E: forward operator.

    Returns:
        Image and σ of its real and of its imaginary part, both of the shape of ``adjoint``.
    """
    image, replica = (
        conjugate_gradient(E.normal, b, regularisation=FIRST_WEIGHT, n_iterations=FIRST_ITERATIONS, n_axes=3)
        for b in (adjoint, noise_replica(adjoint, E))
    )
    return image, local_level(replica)


@torch.no_grad()
def zero_filled_start(adjoint: Tensor, E: LinearOperator) -> tuple[Tensor, Tensor]:
    """x₀ = α E.H y with α = ‖E.H y‖² / ‖E E.H y‖², the scale that explains the samples best, and its noise level σ(r).

    α is 1 for fully sampled data with normalised maps. Arguments and result as in :func:`cg_sense_start`.
    """
    axes = (-3, -2, -1)
    overlap = adjoint.abs().square().sum(axes, keepdim=True)
    explained = (adjoint.conj() * E.normal(adjoint)).real.sum(axes, keepdim=True)
    scale = torch.where(explained > 0, overlap / explained, torch.ones_like(overlap))
    return scale * adjoint, scale * local_level(noise_replica(adjoint, E))


def noise_replica(adjoint: Tensor, E: LinearOperator) -> Tensor:
    """E.H n of white noise n, standard deviation 1 in both parts, the same on every device and in every run."""
    shape = (*adjoint.shape[: adjoint.ndim - len(E.domain_shape)], *E.codomain_shape)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((*shape, 2), generator=generator, dtype=adjoint.real.dtype)
    return E.adjoint(torch.view_as_complex(noise).to(adjoint.device))


def local_level(replica: Tensor, width: int = 15) -> Tensor:
    """Root mean square of the real and imaginary parts over a window of ``width`` × ``width`` voxels."""
    variance = (replica.abs().square() / 2).reshape(-1, 1, *replica.shape[-2:])
    for _ in range(2):  # twice a box is nearly a Gaussian
        variance = nn.functional.avg_pool2d(variance, width, stride=1, padding=width // 2, count_include_pad=False)
    return variance.reshape(replica.shape).sqrt()
