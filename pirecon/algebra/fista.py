"""Accelerated proximal gradients: min f(x) + g(x) with smooth f and g known by its proximal map."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def fista(
    gradient: Callable[[Tensor], Tensor],
    proximal: Callable[[Tensor], Tensor],
    x0: Tensor,
    *,
    step: float | Tensor,
    n_iterations: int,
    n_averaged: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """x ← prox(z − s ∇f(z)), z ← x + β (x − x_old), each batch element on its own.

    Momentum starts anew in an element whose step points against it, so inexact proximal maps do not make it diverge.

    Args:
        gradient: ∇f.
        proximal: argmin_x ½‖x − v‖² + s g(x) for its argument v; it may differ from call to call (random shifts).
        x0: start, complex ``(*batch, z, y, x)``.
        step: s ≤ 1 / ‖∇f‖_Lipschitz, number or ``(*batch, 1, 1, 1)``.
        n_iterations: iterations.
        n_averaged: the result is the mean of this many last iterates: with a random proximal map that is its average.
        progress: called with the number of each finished iteration, from 1.

    Returns:
        x, shape of ``x0``.

    Source: Beck and Teboulle, SIAM J Imaging Sci 2:183 (2009); restart: O'Donoghue and Candès, Found Comput Math
    15:715 (2015), section 3.2, gradient scheme.
    """
    x, z = x0, x0
    t = torch.ones_like(x0.real[..., :1, :1, :1])
    mean = torch.zeros_like(x0)
    n_averaged = min(n_averaged, n_iterations)
    for iteration in range(n_iterations):
        x_next = proximal(torch.sub(z, gradient(z).mul_(step)))
        change = x_next - x
        uphill = _inner(z - x_next, change) > 0
        t_next = torch.where(uphill, 1.0, (1 + torch.sqrt(1 + 4 * t * t)) / 2)
        momentum = torch.where(uphill, 0.0, (t - 1) / t_next)
        x, z, t = x_next, x_next + momentum * change, t_next
        if iteration >= n_iterations - n_averaged:
            mean += x / n_averaged
        if progress is not None:
            progress(iteration + 1)
    return mean if n_iterations else x0


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Re ⟨a, b⟩ of each image, ``(*batch, 1, 1, 1)``."""
    products = torch.view_as_real(a) * torch.view_as_real(b)
    return products.sum(dim=(-4, -3, -2, -1))[..., None, None, None]
