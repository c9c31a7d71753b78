"""How much a forward operator can lengthen an image."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.power_iteration import largest_eigenvalue
from pirecon.encoding import CartesianSense

ITERATIONS = 10


@torch.no_grad()
def norm_bound(E: LinearOperator, like: Tensor) -> Tensor | float:
    """L ≥ ‖E.N‖: max Σ_c |S_c|² · max w² on the grid, by power iteration for every other operator.

    Args:
        E: forward operator.
        like: image ``(*batch, z, y, x)`` that gives shape, dtype and device.

    Returns:
        Real number or ``(*batch, 1, 1, 1)``.
    """
    if isinstance(E, CartesianSense):
        coils = E.maps.abs().square().sum(-4).amax((-3, -2, -1), keepdim=True)
        return coils * E.weights.square().squeeze(-4).amax((-3, -2, -1), keepdim=True)
    return largest_eigenvalue(E.normal, like, n_iterations=ITERATIONS)
