"""The alternating direction method of multipliers: what prior and data disagree about is remembered."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.unrolled.data_consistency import ProximalStep
from pirecon.unrolled.schemes.scheme import Problem, Scheme


class Admm(Scheme):
    """v = prior_k(x − u);  x = argmin ½‖Ex − y‖² + λ_k/2 ‖x − (v + u)‖²;  u ← u + v − x.

    u is the dual variable over λ, and is scaled anew where λ changes.

    Args:
        cg_iterations: conjugate-gradient iterations of one step.
        relative_error: as in :class:`~pirecon.unrolled.schemes.modl.Modl`.

    Source: Boyd et al., Found Trends Mach Learn 3:1 (2011), sections 3.1.1 and 3.4.1; Yang et al., NeurIPS (2016).
    """

    def __init__(self, cg_iterations: int = 4, relative_error: float = 0.0) -> None:
        super().__init__()
        self.step = ProximalStep(cg_iterations, relative_error)

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""
        x, u = problem.start, torch.zeros_like(problem.start)
        for k in range(problem.n_iterations):
            if k > 0:
                u = u * (problem.weights[k - 1] / problem.weights[k])
            v = problem.improve(k, x - u, 1.0)
            x = self.step(v + u, problem.adjoint, problem.E, problem.weights[k])
            u = u + v - x
        return x
