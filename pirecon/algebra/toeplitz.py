"""A.H W A of a non-uniform transform A as a convolution, without visiting the samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.nufft import Nufft, check_points

AXES = (-3, -2, -1)


class Toeplitz(LinearOperator):
    """T x = A.H W A x, which is Σ_s t[r − s] x[s] with t[d] = 1/N Σ_j w_j exp(2πi p_j·d/n).

    The matrix is constant along its diagonals, so zero-filling x to twice its size turns it into one product between
    two Fourier transforms; the kernel costs one adjoint NUFFT. Axes of length 1 stay as they are.

    Args:
        kernel: what :func:`toeplitz_spectrum` gives: real ``(*batch, z', y', x')``; its batch axes broadcast against
            those of the argument.
        shape: of the image, (z, y, x).

    Source: Fessler J. A. et al., IEEE Trans Signal Process 53:3393 (2005); Wajer F. T. A. W., Pruessmann K. P., ISMRM
    2001, p. 767.
    """

    def __init__(self, kernel: Tensor, shape: Sequence[int]) -> None:
        super().__init__(tuple(shape), tuple(shape))
        self.kernel = kernel
        self._sizes = {axis: kernel.shape[axis] for axis, n in zip(AXES, shape, strict=True) if n > 1}

    def _forward(self, x: Tensor) -> Tensor:
        # Axis by axis, so that the transforms along the first ones do not run over zeros. x is contiguous: last first.
        y = x
        for axis in reversed(self._sizes):
            y = torch.fft.fft(y, n=self._sizes[axis], dim=axis)
        in_place = torch.broadcast_shapes(y.shape, self.kernel.shape) == y.shape and y is not x
        y = y.mul_(self.kernel) if in_place and not self.kernel.requires_grad else y * self.kernel
        for axis in self._sizes:
            y = torch.fft.ifft(y, dim=axis).narrow(axis, 0, self.domain_shape[axis])
        return y

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._forward(y)  # the kernel is real


def toeplitz_spectrum(
    points: Tensor, shape: Sequence[int], weights: Tensor, *, accuracy: float | None = None
) -> Tensor:
    """Fourier transform of t on a grid of at least 2n − 1 entries an axis; real, for t[−d] = conj t[d].

    Args:
        points: of A, ``(*samples, 3)``, cycles per extent of the grid.
        shape: of the image, (z, y, x).
        weights: w ≥ 0, real ``(*batch, *samples)``: squares of what the samples are multiplied with.
        accuracy: of the NUFFT, as there.

    Returns:
        Real ``(*batch, z', y', x')`` of the weights' precision.

    Raises:
        ValueError: as :class:`~pirecon.algebra.nufft.Nufft`, or weights of another shape.
    """
    check_points(points, shape)
    doubled = tuple(next_fast_len(2 * n - 1) if n > 1 else 1 for n in shape)
    stretch = torch.tensor([m / n for m, n in zip(doubled, shape, strict=True)], dtype=torch.float64)
    fine = Nufft(points.double() * stretch.to(points.device), doubled, accuracy=accuracy)
    kernel = fine.adjoint(torch.complex(weights, torch.zeros_like(weights)))
    # Differences that no two voxels have: zero, so that what is left is Hermitian and its transform real.
    for axis, (n, m) in enumerate(zip(shape, doubled, strict=True)):
        if n > 1:
            kernel.narrow(axis - 3, 0, m // 2 - (n - 1)).zero_()
            kernel.narrow(axis - 3, m // 2 + n, m - m // 2 - n).zero_()
    # The adjoint has 1/√(number of doubled voxels), t has 1/N.
    scale = torch.tensor(doubled, dtype=torch.float64).prod().sqrt() / torch.tensor(shape, dtype=torch.float64).prod()
    return torch.fft.fftn(torch.fft.ifftshift(kernel, dim=AXES), dim=AXES).real * float(scale)
