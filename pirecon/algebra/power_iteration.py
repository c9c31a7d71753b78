"""The largest eigenvalue of a Hermitian positive semi-definite map."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SAFETY = 1.05  # Power iteration approaches from below; a step size needs a bound from above.


def largest_eigenvalue(normal: Callable[[Tensor], Tensor], like: Tensor, *, n_iterations: int = 20) -> Tensor:
    """λ ≈ max ‖A v‖ / ‖v‖ by v ← A v / ‖A v‖ from a fixed random start, raised by 5 %.

    Args:
        normal: applies A.
        like: image ``(*batch, z, y, x)`` that gives shape, dtype and device; its values are not used.
        n_iterations: applications of A.

    Returns:
        Real ``(*batch, 1, 1, 1)``, one value an image.

    Source: Golub and Van Loan, Matrix Computations, 4th edition, section 7.3.
    """
    axes = (-3, -2, -1)
    v = torch.randn(like.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)).to(like)
    tiny = torch.finfo(like.real.dtype).tiny
    eigenvalue = torch.ones_like(like.real[..., :1, :1, :1])
    for _ in range(n_iterations):
        v = v / torch.linalg.vector_norm(v, dim=axes, keepdim=True).clamp_min(tiny)
        v = normal(v)
        eigenvalue = torch.linalg.vector_norm(v, dim=axes, keepdim=True)
    return SAFETY * eigenvalue
