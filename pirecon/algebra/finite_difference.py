"""Forward differences between neighbouring voxels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator


class FiniteDifference(LinearOperator):
    """(D x)_a[i] = x[i + e_a] − x[i] along each axis a longer than 1, and 0 at its last voxel.

    The free end (no wrap) costs nothing at the border of a slab that cuts through the head.

    Args:
        shape: (z, y, x).

    Source: Chambolle, J Math Imaging Vis 20:89 (2004), section 2; ‖D‖² ≤ 4 per axis.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.axes = tuple(axis for axis, n in zip((-3, -2, -1), shape, strict=True) if n > 1)
        super().__init__(tuple(shape), (len(self.axes), *shape))
        self.squared_norm = 4 * len(self.axes)

    def _forward(self, x: Tensor) -> Tensor:
        differences = [torch.nn.functional.pad(torch.diff(x, dim=a), _at_end(a)) for a in self.axes]
        return torch.stack(differences, dim=-4) if differences else x.unsqueeze(-4)[..., :0, :, :, :]

    def _adjoint(self, y: Tensor) -> Tensor:
        x = torch.zeros_like(y[..., 0, :, :, :]) if self.axes else y.sum(dim=-4)
        for component, axis in zip(y.unbind(dim=-4), self.axes, strict=True):
            n = component.shape[axis]
            inner = component.narrow(axis, 0, n - 1)
            x.narrow(axis, 0, n - 1).sub_(inner)
            x.narrow(axis, 1, n - 1).add_(inner)
        return x


def _at_end(axis: int) -> tuple[int, ...]:
    """One zero after the last entry of ``axis``, in the order of torch's padding."""
    return (0, 0) * (-axis - 1) + (0, 1)
