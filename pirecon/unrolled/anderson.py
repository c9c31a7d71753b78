"""Fixed points by Anderson's mixing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

RIDGE = 1e-4  # of the residuals' Gram matrix over its mean diagonal: they become nearly parallel
N_AXES = 3


@torch.no_grad()
def anderson(
    function: Callable[[Tensor], Tensor], start: Tensor, *, n_iterations: int, history: int = 5, tolerance: float = 1e-4
) -> Tensor:
    """x with f(x) ≈ x: x ← Σ α_i f(x_i) with weights α of sum 1 that make the last residuals' combination smallest.

    Each batch element has its own weights, and returns with the f(x_i) of its smallest residual: where f contracts in
    no direction the mixing may go astray, and must not do harm.

    Args:
        function: f, differentiable or not; gradients are not recorded.
        start: complex ``(*batch, z, y, x)``.
        n_iterations: most evaluations of f.
        history: most residuals that are combined; 1 is plain iteration, x ← f(x).
        tolerance: stop when every ‖f(x) − x‖ ≤ tolerance · ‖f(x)‖.

    Raises:
        ValueError: a history below 1.

    Source: Walker and Ni, SIAM J Numer Anal 49:1715 (2011), Algorithm AA.
    """
    if history < 1:
        raise ValueError(f"history is {history}; expected at least 1: the last residual has to count")
    x, best = start, start
    smallest = torch.full_like(start.real[..., :1, :1, :1], torch.inf)
    values: list[Tensor] = []
    residuals: list[Tensor] = []
    for _ in range(n_iterations):
        value = function(x)
        values, residuals = [*values, value][-history:], [*residuals, value - x][-history:]
        error = _norm(residuals[-1])
        best = torch.where(error < smallest, value, best)
        smallest = torch.minimum(error, smallest)
        if bool((smallest <= tolerance * _norm(best)).all()):
            break
        x = _mix(values, residuals)
    return best


def _mix(values: list[Tensor], residuals: list[Tensor]) -> Tensor:
    stack = torch.view_as_real(torch.stack(residuals, dim=-1 - N_AXES)).flatten(-1 - N_AXES)
    gram = stack @ stack.mT  # (*batch, history, history)
    mean = gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None].clamp_min(torch.finfo(gram.dtype).tiny)
    identity = torch.eye(len(values), dtype=gram.dtype, device=gram.device)
    weights = torch.linalg.solve(gram / mean + RIDGE * identity, torch.ones_like(gram[..., :1]))
    weights = weights / weights.sum(-2, keepdim=True)  # (*batch, history, 1)
    shares = weights.squeeze(-1)[..., None, None, None].movedim(-1 - N_AXES, 0)
    return torch.stack([share * value for share, value in zip(shares, values, strict=True)]).sum(0)


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=(-3, -2, -1), keepdim=True)
