"""Proximal gradients: the variational network."""

from __future__ import annotations

from torch import Tensor

from pirecon.unrolled.data_consistency import gradient_step
from pirecon.unrolled.norm_bound import norm_bound
from pirecon.unrolled.schemes.scheme import Problem, Scheme


class ProximalGradient(Scheme):
    """z_k = prior_k(x_k);  x_{k+1} = z_k − (E.N z_k − E.H y) / (L + λ_k).

    Source: Hammernik et al., Magn Reson Med 79:3055 (2018), Eq. 5; Sriram et al., MICCAI (2020), Eq. 6.
    """

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""
        x, bound = problem.start, norm_bound(problem.E, problem.start)
        for k in range(problem.n_iterations):
            z = problem.improve(k, x, 1.0)
            x = gradient_step(z, problem.adjoint, problem.E, weight=problem.weights[k], bound=bound)
        return x
