"""Steps that pull an image back to the measured k-space."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.priors.polynomial_phase import polynomial_phasor
from pirecon.unrolled.prior_error import spectral_precision

AXES = (-3, -2, -1)


class ProximalStep(nn.Module):
    """x = argmin ½‖Ex − y‖² + ½ (x − z)ᴴ Λ (x − z), by conjugate gradients from z.

    Λ is the number λ, or D F.H Λ(k) F D.H where the prior has a relative error
    (:func:`~pirecon.unrolled.prior_error.spectral_precision`). D multiplies by the polynomial phase of z: Λ(k) is
    that of the anatomy, whatever phase the scanner gave it and wherever its k-space peaks, between two samples too.

    Args:
        cg_iterations: conjugate-gradient iterations.
        relative_error: start of the learned ε; 0 leaves it out.

    Source: Aggarwal et al., IEEE Trans Med Imaging 38:394 (2019), Eq. 7.
    """

    def __init__(self, cg_iterations: int = 4, relative_error: float = 0.0) -> None:
        super().__init__()
        if relative_error < 0:
            raise ValueError(
                f"the prior's relative error is {relative_error}; give a share ≥ 0, such as 0.05, 0 for none"
            )
        self.cg_iterations = cg_iterations
        start = nn.Parameter(torch.tensor(math.log(relative_error))) if relative_error > 0 else None
        self.log_relative_error = start

    def forward(self, z: Tensor, adjoint: Tensor, E: LinearOperator, weight: Tensor) -> Tensor:
        """Solve.

        Args:
            z: the prior's image, complex ``(*batch, z, y, x)``.
            adjoint: E.H(y), same shape.
            E: forward operator.
            weight: λ > 0; with data in SNR units 1/λ is the variance of the prior's error.
        """
        if self.log_relative_error is not None:
            with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
                phasor = polynomial_phasor(z, n_axes=2 if z.shape[-3] == 1 else 3)
            precision = spectral_precision(z * phasor.conj(), weight, self.log_relative_error.exp())
            return _preconditioned(z, adjoint, E, precision, phasor, n_iterations=self.cg_iterations)
        return conjugate_gradient(
            E.normal, adjoint + weight * z, regularisation=weight, n_iterations=self.cg_iterations, x0=z, n_axes=3
        )


def _preconditioned(
    z: Tensor, adjoint: Tensor, E: LinearOperator, precision: Tensor, phasor: Tensor, *, n_iterations: int
) -> Tensor:
    """(E.N + D F.H Λ F D.H) (x − z) = E.H y − E.N z for x − z = D F.H M u with M = (1 + Λ)^-½, in k-space.

    M makes one of a fully sampled scan, and costs nothing: Λ needs the transforms anyway.
    """
    scale = (1 + precision).rsqrt()
    share = precision * scale.square()

    def to_image(u: Tensor) -> Tensor:
        return phasor * torch.fft.ifftn(scale * u, dim=AXES, norm="ortho")

    def to_kspace(x: Tensor) -> Tensor:
        return scale * torch.fft.fftn(phasor.conj() * x, dim=AXES, norm="ortho")

    def normal(u: Tensor) -> Tensor:
        return to_kspace(E.normal(to_image(u))) + share * u

    residual = to_kspace(adjoint - E.normal(z))
    return z + to_image(conjugate_gradient(normal, residual, n_iterations=n_iterations, n_axes=3))


def gradient_step(z: Tensor, adjoint: Tensor, E: LinearOperator, *, weight: Tensor, bound: Tensor | float) -> Tensor:
    """x = z − (E.N z − E.H y) / (L + λ): one gradient step, a fraction of the proximal step's work.

    ``1 / (L + λ)`` is the exact proximal step for fully sampled single-coil data, and stable for every λ > 0.

    Args:
        z, adjoint, E, weight: as in :class:`ProximalStep`.
        bound: L ≥ ‖E.N‖, see :func:`pirecon.unrolled.norm_bound.norm_bound`.

    Source: Hammernik et al., Magn Reson Med 79:3055 (2018), Eq. 5.
    """
    return z - (E.normal(z) - adjoint) / (bound + weight)
