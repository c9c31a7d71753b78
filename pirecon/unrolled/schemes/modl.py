"""Model-based deep learning: conjugate gradients against the prior's image."""

from __future__ import annotations

from torch import Tensor

from pirecon.unrolled.data_consistency import ProximalStep
from pirecon.unrolled.schemes.scheme import Problem, Scheme


class Modl(Scheme):
    """z_k = prior_k(x_k);  x_{k+1} = argmin ½‖Ex − y‖² + λ_k/2 ‖x − z_k‖².

    Args:
        cg_iterations: conjugate-gradient iterations of one step.
        relative_error: start of the prior's learned relative error ε; 0 for none, see
            :class:`~pirecon.unrolled.data_consistency.ProximalStep`.

    Source: Aggarwal et al., IEEE Trans Med Imaging 38:394 (2019), Eq. 6 and 7.
    """

    def __init__(self, cg_iterations: int = 4, relative_error: float = 0.0) -> None:
        super().__init__()
        self.step = ProximalStep(cg_iterations, relative_error)

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""
        x = problem.start
        for k in range(problem.n_iterations):
            x = self.step(problem.improve(k, x, 1.0), problem.adjoint, problem.E, problem.weights[k])
        return x
