"""The Cartesian Fourier encoding by the gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.algebra.linear_operator import LinearOperator


class Fourier(LinearOperator):
    """Centred orthonormal transform of the trailing (z, y, x) axes.

    Args:
        shape: trailing shape, for coil images ``(coil, z, y, x)``; only the last three axes are transformed.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__(tuple(shape), tuple(shape))

    def _forward(self, x: Tensor) -> Tensor:
        return centred_fft(x, (-3, -2, -1))

    def _adjoint(self, y: Tensor) -> Tensor:
        return centred_ifft(y, (-3, -2, -1))

    def _normal(self, x: Tensor) -> Tensor:
        return x
