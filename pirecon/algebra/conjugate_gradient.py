"""Conjugate gradients for (A + λ) x = b with Hermitian positive semi-definite A."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def conjugate_gradient(
    normal: Callable[[Tensor], Tensor],
    b: Tensor,
    *,
    regularisation: float | Tensor = 0.0,
    n_iterations: int = 30,
    tolerance: float = 0.0,
    x0: Tensor | None = None,
    n_axes: int = 3,
) -> Tensor:
    """Solve (A + λ) x = b, each batch element on its own; differentiable by unrolling.

    Args:
        normal: applies A to a tensor shaped like ``b``.
        b: right-hand side, complex, ``(*batch, *trailing)`` with ``n_axes`` trailing axes that form one vector.
        regularisation: λ ≥ 0, a number or a tensor that broadcasts against ``b``.
        n_iterations: most iterations.
        tolerance: stop when every residual norm is below this fraction of ‖b‖; 0 never looks at the norms (no
            synchronisation with the device).
        x0: start, shape of ``b``; zero by default.
        n_axes: number of trailing axes of one vector.

    Returns:
        x, shape and dtype of ``b``.

    Source: Hestenes and Stiefel, J Res Natl Bur Stand 49:409 (1952).
    """

    def inner(u: Tensor, v: Tensor) -> Tensor:
        product = torch.linalg.vecdot(u.flatten(-n_axes), v.flatten(-n_axes)).real
        return product[(..., *[None] * n_axes)]

    tiny = torch.finfo(b.real.dtype).tiny
    if x0 is None:
        x, residual = torch.zeros_like(b), b.clone()
    else:
        x, residual = x0.clone(), b - normal(x0) - regularisation * x0
    direction, energy_now = residual.clone(), inner(residual, residual)
    stop_at = tolerance**2 * inner(b, b) if tolerance > 0 else None
    for _ in range(n_iterations):
        if stop_at is not None and bool((energy_now <= stop_at).all()):
            break
        image = normal(direction) + regularisation * direction
        curvature = inner(direction, image)
        # A vector that is already solved (zero residual) must stay, not become 0/0.
        step = energy_now / curvature.clamp_min(tiny)
        x = _add_scaled(x, step, direction, recycled=x)
        residual = _add_scaled(residual, -step, image, recycled=residual)
        energy_next = inner(residual, residual)
        direction = _add_scaled(residual, energy_next / energy_now.clamp_min(tiny), direction, recycled=direction)
        energy_now = energy_next
    return x


def _add_scaled(u: Tensor, scale: Tensor, v: Tensor, *, recycled: Tensor) -> Tensor:
    """u + scale · v, in the memory of ``recycled``, which is not needed any more, unless gradients are recorded."""
    scale = scale.to(v.dtype)
    recorded = torch.is_grad_enabled() and (u.requires_grad or v.requires_grad or scale.requires_grad)
    fits = torch.broadcast_shapes(u.shape, v.shape, scale.shape) == recycled.shape
    return torch.addcmul(u, v, scale, out=None if recorded or not fits else recycled)
