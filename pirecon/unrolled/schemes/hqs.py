"""Half-quadratic splitting: the penalty between image and prior grows, and the prior does less and less."""

from __future__ import annotations

from torch import Tensor

from pirecon.unrolled.data_consistency import ProximalStep
from pirecon.unrolled.schemes.scheme import Problem, Scheme


class Hqs(Scheme):
    """z_k = prior_k(x_k, σ/√λ_k);  x_{k+1} = argmin ½‖Ex − y‖² + λ_k/2 ‖x − z_k‖², with λ_k that never fall.

    The proximal map of the prior at penalty λ is its denoiser at variance 1/λ, in units of the noise.

    Args:
        cg_iterations: conjugate-gradient iterations of one step.
        relative_error: as in :class:`~pirecon.unrolled.schemes.modl.Modl`.

    Source: Geman and Yang, IEEE Trans Image Process 4:932 (1995); Zhang et al., IEEE Trans Pattern Anal Mach Intell
    44:6360 (2022), Eq. 6.
    """

    def __init__(self, cg_iterations: int = 4, relative_error: float = 0.0) -> None:
        super().__init__()
        self.step = ProximalStep(cg_iterations, relative_error)

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""
        x, weights = problem.start, problem.weights.cummax(0).values
        for k in range(problem.n_iterations):
            z = problem.improve(k, x, weights[k].rsqrt())
            x = self.step(z, problem.adjoint, problem.E, weights[k])
        return x
