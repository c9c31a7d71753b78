"""The orthonormal Daubechies wavelet transform of images and volumes, as dense matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from functools import lru_cache

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.proximal import as_complex, as_planes

AXES = (-3, -2, -1)
# Scaling filter with two vanishing moments, four taps: Daubechies, Comm Pure Appl Math 41:909 (1988), table 1, N = 2.
SCALING_FILTER = tuple(
    tap / (4 * math.sqrt(2)) for tap in (1 + math.sqrt(3), 3 + math.sqrt(3), 3 - math.sqrt(3), 1 - math.sqrt(3))
)


class Wavelet(LinearOperator):
    """c = W x, the periodic Daubechies-2 transform of (z, y, x) in nested corners (Mallat's pyramid).

    The first ``coarse_shape`` entries of the axes hold the approximation, the rest the details. An axis whose size is
    no multiple of 2^levels is zero-filled at its end, which keeps W.H W = 1; W is square and orthonormal otherwise.

    Each level is one dense product an axis: on images of a few hundred voxels that is faster than a four-tap
    filter, which is bound by memory, and filling and shifting cost nothing because the first matrix contains them.

    Args:
        shape: (z, y, x) of the image. Axes shorter than 8 are left alone.
        max_levels: most levels on any axis; an axis keeps a coarse size of at least 4.
        dtype: real dtype of the matrices.
        device: where the matrices live.

    Source: Mallat, IEEE Trans Pattern Anal Mach Intell 11:674 (1989).
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        max_levels: int = 4,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        self.levels = tuple(_levels(n, max_levels) for n in shape)
        filled = tuple(-(-n // 2**level) * 2**level for n, level in zip(shape, self.levels, strict=True))
        super().__init__(tuple(shape), filled)
        self.coarse_shape = tuple(n >> level for n, level in zip(filled, self.levels, strict=True))
        self._matrices = [
            [
                _analysis_matrix(n >> level).to(dtype=dtype, device=device) if level < levels else None
                for n, levels in zip(filled, self.levels, strict=True)
            ]
            for level in range(max(self.levels))
        ]
        self._unshifted = list(self._matrices[0]) if self._matrices else []
        self._set_shift((0, 0, 0))

    def shifted(self, shift: Sequence[int]) -> Wavelet:
        """The transform on a grid moved by ``shift`` (z, y, x) voxels; shifts beyond 2^levels repeat."""
        moved = copy(self)
        moved._matrices = list(self._matrices)
        moved._set_shift(shift)
        return moved

    def _set_shift(self, shift: Sequence[int]) -> None:
        if self._matrices:
            self._matrices[0] = [
                None if matrix is None else matrix.roll(int(s), dims=1)[:, :n].contiguous()
                for matrix, s, n in zip(self._unshifted, shift, self.domain_shape, strict=True)
            ]

    def _forward(self, x: Tensor) -> Tensor:
        return as_complex(self.analyse(as_planes(x)))

    def _adjoint(self, y: Tensor) -> Tensor:
        return as_complex(self.synthesise(as_planes(y)))

    def analyse(self, planes: Tensor) -> Tensor:
        """W on real planes ``(2, *batch, z, y, x)``, real part first, as :func:`as_planes` gives them."""
        corner = c = planes
        for level, matrices in enumerate(self._matrices):
            for axis, matrix in zip(AXES, matrices, strict=True):
                if matrix is not None:
                    corner = _multiply(matrix, corner, axis)
            if level == 0:
                c = corner
            else:
                self._corner(c, level).copy_(corner)
            corner = self._corner(c, level + 1)
        return c

    def synthesise(self, planes: Tensor) -> Tensor:
        """W.H on real planes, the adjoint of :meth:`analyse`."""
        c = planes.clone() if len(self._matrices) > 1 else planes
        for level in reversed(range(len(self._matrices))):
            corner = self._corner(c, level)
            for axis, matrix in zip(AXES, self._matrices[level], strict=True):
                if matrix is not None:
                    corner = _multiply(matrix.T, corner, axis)
            if level == 0:
                return corner
            self._corner(c, level).copy_(corner)
        return c

    def _corner(self, c: Tensor, level: int) -> Tensor:
        """The part of ``c`` that level ``level`` transforms further: the whole for 0."""
        for axis, n, levels in zip(AXES, self.codomain_shape, self.levels, strict=True):
            c = c.narrow(axis, 0, n >> min(level, levels))
        return c

    def detail_mask(self) -> Tensor:
        """1 on detail coefficients, 0 on the approximation; real, ``codomain_shape``."""
        mask = torch.ones(self.codomain_shape)
        mask[tuple(slice(n) for n in self.coarse_shape)] = 0
        return mask


def _levels(n: int, max_levels: int) -> int:
    return min(max_levels, max(1, int(math.log2(n / 8)))) if n >= 8 else 0


@lru_cache(maxsize=64)
def _analysis_matrix(n: int) -> Tensor:
    """One level of the periodic transform of length n (even): n/2 low-pass rows, then n/2 high-pass rows."""
    matrix = torch.zeros(n, n, dtype=torch.float64)
    row = torch.arange(n // 2)
    for tap, h in enumerate(SCALING_FILTER):
        matrix[row, (2 * row + tap) % n] = h
        # Quadrature mirror: g[t] = (-1)^t h[3 - t].
        matrix[n // 2 + row, (2 * row + 3 - tap) % n] = h * (-1) ** (3 - tap)
    return matrix


def _multiply(matrix: Tensor, x: Tensor, axis: int) -> Tensor:
    if axis == -1:
        return torch.matmul(x, matrix.T)
    if axis == -2:
        return torch.matmul(matrix, x)
    return torch.matmul(matrix, x.flatten(-2)).unflatten(-1, x.shape[-2:])
