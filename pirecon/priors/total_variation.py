"""Total variation: images are piecewise flat."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.algebra.finite_difference import FiniteDifference
from pirecon.algebra.proximal import as_complex, as_planes
from pirecon.priors.proximal_prior import ProximalPrior


class TotalVariation(ProximalPrior):
    """argmin_x ½‖x − image‖² + s Σ_r ‖(D x)(r)‖₂ by fast gradient projection on its dual.

    The iterations are those of ``pirecon.algebra.proximal.total_variation_proximal``, written so that a gradient flows
    to s and through an image with flat parts.

    Args:
        strength: s at the start, in units of the noise level.
        n_iterations: iterations of the projection.
        n_axes: 2: slice by slice; 3: differences over z as well.

    Source: Rudin, Osher and Fatemi, Physica D 60:259 (1992); Beck and Teboulle, IEEE Trans Image Process 18:2419
    (2009), algorithm FGP.
    """

    def __init__(self, strength: float = 1.0, n_iterations: int = 20, n_axes: int = 2) -> None:
        super().__init__(strength, n_axes=n_axes)
        self.n_iterations = n_iterations

    def denoise(self, image: Tensor, strength: Tensor) -> Tensor:
        """See :meth:`ProximalPrior.denoise`."""
        D = FiniteDifference(image.shape[-3:])
        g = as_planes(image)
        step = 1 / max(D.squared_norm, 1)
        p = q = torch.zeros_like(D.forward(g))
        t = 1.0
        for _ in range(self.n_iterations):
            p_next = _project(q + step * D.forward(g - D.adjoint(q)), strength)
            t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
            p, q, t = p_next, p_next + (t - 1) / t_next * (p_next - p), t_next
        return as_complex(g - D.adjoint(p))


def _project(p: Tensor, radius: Tensor) -> Tensor:
    """Shorten the vectors of ``p`` ``(2, batch, axis, z, y, x)`` to at most ``radius``."""
    tiny = torch.finfo(p.dtype).tiny
    length = (p.square().sum(dim=0).sum(dim=-4, keepdim=True) + tiny).sqrt()
    return p * (radius / torch.maximum(length, radius))
