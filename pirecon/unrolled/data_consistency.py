"""Steps that pull an image back to the measured k-space."""

from __future__ import annotations

from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator


def proximal_step(z: Tensor, adjoint: Tensor, E: LinearOperator, *, weight: Tensor, n_iterations: int) -> Tensor:
    """x = argmin ½‖Ex − y‖² + λ/2 ‖x − z‖², by conjugate gradients from z.

    Args:
        z: the prior's image, complex ``(*batch, z, y, x)``.
        adjoint: E.H(y), same shape.
        E: forward operator.
        weight: λ > 0; with data in SNR units 1/λ is the variance of the prior's error.
        n_iterations: conjugate-gradient iterations.

    Source: Aggarwal et al., IEEE Trans Med Imaging 38:394 (2019), Eq. 7.
    """
    return conjugate_gradient(
        E.normal, adjoint + weight * z, regularisation=weight, n_iterations=n_iterations, x0=z, n_axes=3
    )


def gradient_step(z: Tensor, adjoint: Tensor, E: LinearOperator, *, weight: Tensor) -> Tensor:
    """x = z − (E.N z − E.H y) / (1 + λ): one gradient step, a fraction of the proximal step's work.

    ``1 / (1 + λ)`` is the exact proximal step for fully sampled single-coil data and, since ‖E‖ ≤ 1, always stable.

    Source: Hammernik et al., Magn Reson Med 79:3055 (2018), Eq. 5.
    """
    return z - (E.normal(z) - adjoint) / (1 + weight)
