"""Proximal maps: prox_f(g) = argmin_x ½‖x − g‖² + f(x), for the penalties of compressed sensing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.algebra.finite_difference import FiniteDifference


def as_planes(x: Tensor) -> Tensor:
    """Real tensor ``(2, *x.shape)``, real part first: real arithmetic is faster where no complex product is needed."""
    return torch.stack([x.real, x.imag])


def as_complex(planes: Tensor) -> Tensor:
    """Inverse of :func:`as_planes`."""
    return torch.complex(planes[0], planes[1])


def soft_threshold(planes: Tensor, threshold: float | Tensor) -> Tensor:
    """prox of Σ t|c|: max(1 − t/|c|, 0) c; the modulus is over the leading axis, so the phase stays.

    Args:
        planes: real ``(2, *shape)`` as :func:`as_planes` gives.
        threshold: t ≥ 0, a number or a tensor that broadcasts against ``shape``.

    Source: Donoho, IEEE Trans Inf Theory 41:613 (1995); complex form: Lustig et al., Magn Reson Med 58:1182 (2007).
    """
    modulus = torch.hypot(planes[0], planes[1])
    tiny = torch.finfo(planes.dtype).tiny
    return planes * (1 - threshold / modulus.clamp_min(tiny)).clamp_min_(0)


def project_to_ball(p: Tensor, radius: float | Tensor) -> Tensor:
    """Shorten each vector of ``p`` to at most ``radius``: prox of the indicator dual to the isotropic l1 norm.

    Args:
        p: real ``(2, *batch, n, z, y, x)``; one vector is the entries over the first axis and axis −4.
        radius: ≥ 0, a number or a tensor that broadcasts against ``(*batch, 1, z, y, x)``.
    """
    length = p.square().sum(dim=0).sum(dim=-4, keepdim=True).sqrt_()
    longest = torch.clamp(length, min=radius).clamp_min_(torch.finfo(p.dtype).tiny)  # a ball of radius 0 has one point
    return p * (radius / longest)


def total_variation_proximal(
    image: Tensor, difference: FiniteDifference, strength: float | Tensor, *, dual: Tensor, n_iterations: int
) -> tuple[Tensor, Tensor]:
    """Approach argmin_x ½‖x − g‖² + λ Σ_r ‖(D x)(r)‖₂ through its dual, started from a near dual variable.

    The dual is min over ‖p(r)‖₂ ≤ λ of ½‖D.H p − g‖² and x = g − D.H p; fast gradient projection with step 1/‖D‖².

    Args:
        image: g as real planes ``(2, *batch, z, y, x)``.
        difference: D.
        strength: λ ≥ 0, number or ``(*batch, 1, 1, 1)``.
        dual: p ``(2, *batch, n_axes, z, y, x)``, zero or what the last call returned.
        n_iterations: iterations.

    Returns:
        x as real planes, and p for the next call.

    Source: Beck and Teboulle, IEEE Trans Image Process 18:2419 (2009), algorithm FGP.
    """
    radius = strength.unsqueeze(-4) if isinstance(strength, Tensor) else strength
    step = 1 / difference.squared_norm if difference.squared_norm else 0.0
    p, q, t = dual, dual, 1.0
    for _ in range(n_iterations):
        x = image - difference.adjoint(q)
        p_next = project_to_ball(difference.forward(x).mul_(step).add_(q), radius)
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        q = torch.lerp(p, p_next, 1 + (t - 1) / t_next)
        p, t = p_next, t_next
    return image - difference.adjoint(p), p
