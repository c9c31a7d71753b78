"""The primal-dual hybrid gradient method, with the prior for a proximal map."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.unrolled.norm_bound import norm_bound
from pirecon.unrolled.schemes.scheme import Problem, Scheme


class PrimalDual(Scheme):
    """q ← (q + σ (E x̄ − y)) / (1 + σ);  x ← prior_k(x − τ E.H q);  x̄ = 2x − x_old, in k-space and image in turn.

    σ = λ_k / √L and τ = 1 / (λ_k √L) with L ≥ ‖E.N‖, so that σ τ L = 1 whatever is learned.

    Source: Chambolle and Pock, J Math Imaging Vis 40:120 (2011), Algorithm 1; unrolled: Adler and Öktem, IEEE Trans Med
    Imaging 37:1322 (2018), Algorithm 2.
    """

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""
        x, extrapolated = problem.start, problem.start
        q = torch.zeros_like(problem.kspace)
        length = torch.as_tensor(norm_bound(problem.E, x), dtype=x.real.dtype, device=x.device).sqrt()
        for k in range(problem.n_iterations):
            tau = 1 / (problem.weights[k] * length)
            sigma = _over_samples(problem.weights[k] / length, q)
            q = (q + sigma * (problem.E.forward(extrapolated) - problem.kspace)) / (1 + sigma)
            x_old, x = x, problem.improve(k, x - tau * problem.E.adjoint(q), 1.0)
            extrapolated = 2 * x - x_old
        return x


def _over_samples(per_image: Tensor, kspace: Tensor) -> Tensor:
    """``(*batch, 1, 1, 1)`` of images, or a number, with as many axes of length 1 as the samples of ``kspace`` have."""
    if per_image.ndim < 3:
        return per_image
    batch = per_image.shape[:-3]
    return per_image.reshape(*batch, *(1,) * (kspace.ndim - len(batch)))
