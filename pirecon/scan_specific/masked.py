"""E restricted to a part of its samples."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense


class Masked(LinearOperator):
    """M E x: the samples of E that are kept, zero elsewhere; for any E.

    Args:
        encoding: E, image ``(z, y, x)`` → ``(coil, *samples)``.
        kept: M, bool ``(1, *samples)``.
    """

    def __init__(self, encoding: LinearOperator, kept: Tensor) -> None:
        super().__init__(encoding.domain_shape, encoding.codomain_shape)
        self.encoding, self.kept = encoding, kept

    def _forward(self, x: Tensor) -> Tensor:
        return self.kept * self.encoding.forward(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.encoding.adjoint(self.kept * y)


def restrict(E: LinearOperator, kept: Tensor) -> LinearOperator:
    """E on the kept samples only, in its fast form where it has one. Args as :class:`Masked`."""
    if isinstance(E, CartesianSense):
        return CartesianSense(E.maps, E.weights * kept.to(E.weights.dtype))
    return Masked(E, kept)


def measured_samples(kspace: Tensor, E: LinearOperator) -> Tensor:
    """Which samples were measured, bool ``(*batch, 1, *samples)``: where E weighs them, or where any coil is not 0."""
    if isinstance(E, CartesianSense):
        return torch.broadcast_to(E.weights != 0, (*kspace.shape[:-4], 1, *kspace.shape[-3:]))
    return (kspace != 0).any(dim=-len(E.codomain_shape), keepdim=True)
