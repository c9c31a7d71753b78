"""Which samples of the Cartesian grid were measured, and how well."""

from __future__ import annotations

from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator


class Sampling(LinearOperator):
    """y = w · x with w = 0 where nothing was measured and √(n / n_max) where n of n_max averages were.

    Args:
        weights: real, ``(*batch, 1 or coil, kz, ky, kx)``.
        n_coils: size of the coil axis.
    """

    def __init__(self, weights: Tensor, n_coils: int) -> None:
        shape = (n_coils, *weights.shape[-3:])
        super().__init__(shape, shape)
        self.weights = weights

    def _forward(self, x: Tensor) -> Tensor:
        return self.weights * x

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.weights * y

    def _normal(self, x: Tensor) -> Tensor:
        return self.weights.square() * x
