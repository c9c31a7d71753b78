"""Steps that pull an image back to the measured k-space."""

from __future__ import annotations

from torch import Tensor, nn

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator


class ProximalStep(nn.Module):
    """x = argmin ½‖Ex − y‖² + λ/2 ‖x − z‖², by conjugate gradients from z.

    Args:
        cg_iterations: conjugate-gradient iterations.

    Source: Aggarwal et al., IEEE Trans Med Imaging 38:394 (2019), Eq. 7.
    """

    def __init__(self, cg_iterations: int = 4) -> None:
        super().__init__()
        self.cg_iterations = cg_iterations

    def forward(self, z: Tensor, adjoint: Tensor, E: LinearOperator, weight: Tensor) -> Tensor:
        """Solve.

        Args:
            z: the prior's image, complex ``(*batch, z, y, x)``.
            adjoint: E.H(y), same shape.
            E: forward operator.
            weight: λ > 0; with data in SNR units 1/λ is the variance of the prior's error.
        """
        return conjugate_gradient(
            E.normal, adjoint + weight * z, regularisation=weight, n_iterations=self.cg_iterations, x0=z, n_axes=3
        )


def gradient_step(z: Tensor, adjoint: Tensor, E: LinearOperator, *, weight: Tensor, bound: Tensor | float) -> Tensor:
    """x = z − (E.N z − E.H y) / (L + λ): one gradient step, a fraction of the proximal step's work.

    ``1 / (L + λ)`` is the exact proximal step for fully sampled single-coil data, and stable for every λ > 0.

    Args:
        z, adjoint, E, weight: as in :class:`ProximalStep`.
        bound: L ≥ ‖E.N‖, see :func:`pirecon.unrolled.norm_bound.norm_bound`.

    Source: Hammernik et al., Magn Reson Med 79:3055 (2018), Eq. 5.
    """
    return z - (E.normal(z) - adjoint) / (bound + weight)
