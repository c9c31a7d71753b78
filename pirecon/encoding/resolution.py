"""The window of k-space that was acquired, seen from a finer grid."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pirecon.algebra.fft import crop_or_pad_centre
from pirecon.algebra.linear_operator import LinearOperator


class Resolution(LinearOperator):
    """Keep the central k-space window of the acquired matrix: super-resolution is part of E.

    Args:
        shape: trailing k-space shape on the fine grid, for example ``(coil, kz, ky, kx)``.
        acquired: acquired matrix ``(kz, ky, kx)``, on no axis larger than the fine grid.

    Raises:
        ValueError: the acquired matrix exceeds the grid.
    """

    def __init__(self, shape: Sequence[int], acquired: Sequence[int]) -> None:
        check_window(shape, acquired)
        super().__init__(tuple(shape), (*shape[:-3], *acquired))

    def _forward(self, x: Tensor) -> Tensor:
        return crop_or_pad_centre(x, self.codomain_shape[-3:])

    def _adjoint(self, y: Tensor) -> Tensor:
        return crop_or_pad_centre(y, self.domain_shape[-3:])


def check_window(shape: Sequence[int], acquired: Sequence[int]) -> None:
    """Refuse a reconstruction grid coarser than the acquired matrix, since it would throw measured samples away."""
    if any(fine < coarse for fine, coarse in zip(tuple(shape)[-3:], acquired, strict=True)):
        raise ValueError(
            f"the reconstruction grid (z, y, x) = {tuple(shape)[-3:]} is coarser than the acquired matrix "
            f"{tuple(acquired)}; acquired samples would be lost: ask for at least the acquired matrix on every axis"
        )
