"""The polynomial phase that makes neighbouring voxels of an image agree best."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

DEGREES = {2: (2, 4, 8), 3: (2, 3, 5)}  # total degrees, one after another, by number of axes: at last 44 and 55 terms
BLOCK = {2: 4, 3: 8}  # voxels within which a smooth phase has about one slope
N_STEPS = 5  # for each degree
DAMPING = 1e-3  # of the diagonal: terms that only air would tell stay where they are


def polynomial_phasor(image: Tensor, *, n_axes: int = 2) -> Tensor:
    """exp(iψ) with the polynomial ψ that maximises Σ_a Σ_b w_ab cos(arg c_ab − ∂_a ψ(b)).

    c_ab = Σ_{n in block b} x[n + e_a] x*[n] is the lag-one autocorrelation along axis a; its phase is the local slope
    of the image's phase (Ahn and Cho, IEEE Trans Med Imaging 6:32 (1987)), so nothing has to be unwrapped; w = |c|. The
    mean slope of the image is taken out first, then low degrees, which reach across the air where the noise would lead
    high ones astray. A step maximises the parabola that touches the sum from below, so the sum never falls. The second
    time round the slopes that are left are alike within a block, wherever in it the image is bright.

    Where the image is multiplied by exp(iθ) with such a polynomial θ, ψ becomes ψ + θ but for a constant.

    Args:
        image: complex ``(*batch, *grid)``.
        n_axes: axes of the grid, 2 or 3.

    Returns:
        Complex phasor of modulus 1, shape of ``image``.
    """
    x = image.reshape(-1, *image.shape[-n_axes:])
    phasor = _fitted_phasor(x)
    return (phasor * _fitted_phasor(x * phasor.conj())).reshape(image.shape)


def _fitted_phasor(x: Tensor) -> Tensor:
    """exp(iψ) for ``(batch, *grid)``."""
    grid, n_axes = x.shape[1:], x.ndim - 1
    mean_slopes, products = [], []
    for axis in range(1, n_axes + 1):
        n = x.shape[axis]
        lag = x.narrow(axis, 1, n - 1) * x.narrow(axis, 0, n - 1).conj()
        blocks = _block_sums(lag, grid)
        slope = blocks.sum(dim=1, keepdim=True).angle()  # (batch, 1)
        mean_slopes.append(slope)
        products.append(blocks * torch.polar(torch.ones_like(slope), -slope))
    terms = _Terms.of(tuple(grid), x.device, x.real.dtype)
    coefficients = _fit(torch.cat(products, dim=1), terms)
    for axis, slope in enumerate(mean_slopes):
        coefficients[:, terms.linear[axis]] += slope[:, 0] * grid[axis] / 2  # P_1(u) = u has slope 2/n
    phase = terms.evaluate(coefficients)
    return torch.polar(torch.ones_like(phase), phase)


def _block_sums(lag: Tensor, grid: Sequence[int]) -> Tensor:
    """Sums over blocks of the grid, ``(batch, blocks)``; what the lag or the last block lacks counts as zero."""
    sizes = [_block(n, len(grid)) for n in grid]
    wanted = [-(-n // size) * size for n, size in zip(grid, sizes, strict=True)]
    missing = [want - have for have, want in zip(lag.shape[1:], wanted, strict=True)]
    fill = [amount for n in reversed(missing) for amount in (0, n)]
    planes = torch.nn.functional.pad(torch.view_as_real(lag), [0, 0, *fill])
    for axis, size in enumerate(sizes, start=1):
        planes = planes.unflatten(axis, (-1, size)).sum(dim=axis + 1)
    return torch.view_as_complex(planes).flatten(1)


def _block(n: int, n_axes: int) -> int:
    return min(BLOCK[n_axes], max(1, n // 4))


def _fit(products: Tensor, terms: _Terms) -> Tensor:
    """Coefficients ``(batch, terms)`` from c ``(batch, axes·blocks)``."""
    angle, weight = products.angle(), products.abs()
    mean = weight.mean(dim=1, keepdim=True)
    weight = weight / torch.where(mean > 0, mean, torch.ones_like(mean))
    matrix = torch.einsum("bs,ks,ls->bkl", weight, terms.slopes, terms.slopes)
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    diagonal += DAMPING * diagonal + torch.finfo(angle.dtype).eps * terms.slopes.square().sum()
    coefficients = angle.new_zeros(len(products), len(terms.slopes))
    for n_terms in terms.counts:
        # Unchecked: an image that is not a number gives such a phase, and the training says in which batch.
        factor = torch.linalg.cholesky_ex(matrix[:, :n_terms, :n_terms]).L
        slopes = terms.slopes[:n_terms]
        for _ in range(N_STEPS):
            misfit = weight * torch.sin(angle - coefficients @ terms.slopes)
            coefficients[:, :n_terms] += torch.cholesky_solve((misfit @ slopes.T)[..., None], factor)[..., 0]
    return coefficients


class _Terms:
    """Products of Legendre polynomials up to a total degree, without the constant, on one grid."""

    def __init__(self, grid: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> None:
        degrees, n_axes = DEGREES[len(grid)], len(grid)
        degree = degrees[-1]
        self.n_degrees = degree + 1
        powers = itertools.product(range(degree + 1), repeat=n_axes)
        self.powers = sorted((p for p in powers if 0 < sum(p) <= degree), key=sum)
        self.counts = [sum(sum(p) <= d for p in self.powers) for d in degrees]
        self.linear = [self.powers.index(tuple(int(a == axis) for a in range(n_axes))) for axis in range(n_axes)]
        index = [np.ravel_multi_index(p, (degree + 1,) * n_axes) for p in self.powers]
        self._index = torch.tensor(index, device=device)
        self._values = [
            torch.from_numpy(_legendre(np.arange(n), n, degree)[0]).to(device, dtype) for n in grid
        ]  # each (degree + 1, n)
        self.slopes = torch.from_numpy(self._block_slopes(grid, degree)).to(device, dtype)

    @staticmethod
    @lru_cache(maxsize=32)
    def of(grid: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> _Terms:
        """The terms of a grid, made once."""
        return _Terms(grid, device, dtype)

    def _block_slopes(self, grid: tuple[int, ...], degree: int) -> np.ndarray:
        """∂_a of each term at the middle of each block, rad per voxel, ``(terms, axes·blocks)``."""
        parts = []
        for axis in range(len(grid)):
            factors = []
            for a, n in enumerate(grid):
                size = _block(n, len(grid))
                last = n - 1 if a == axis else n  # lags lie between voxels, one fewer than there are voxels
                start = np.arange(0, n, size)
                middle = (start + np.maximum(np.minimum(start + size, last), start + 1) - 1 + (a == axis)) / 2
                factors.append(_legendre(middle, n, degree)[int(a == axis)])
            product = np.ones((len(self.powers), 1))
            for factor, orders in zip(factors, zip(*self.powers, strict=True), strict=True):
                product = (product[:, :, None] * factor[list(orders)][:, None, :]).reshape(len(self.powers), -1)
            parts.append(product)
        return np.concatenate(parts, axis=1)

    def evaluate(self, coefficients: Tensor) -> Tensor:
        """Σ_k c_k P_k(r), ``(batch, *grid)``."""
        n_axes = len(self._values)
        cube = coefficients.new_zeros(len(coefficients), self.n_degrees**n_axes)
        cube[:, self._index] = coefficients
        phase = cube.unflatten(1, (self.n_degrees,) * n_axes)
        for values in self._values:
            phase = torch.tensordot(phase, values, dims=([1], [0]))  # the axis moves to the end: after all, in order
        return phase


def _legendre(position: np.ndarray, n: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """P_0 … P_degree and their slopes per voxel at ``position`` voxels on an axis of n, both ``(degree + 1, len)``."""
    u = (2 * position - (n - 1)) / n
    values = np.polynomial.legendre.legvander(u, degree).T
    slopes = [np.polynomial.legendre.legval(u, np.polynomial.legendre.legder(row)) for row in np.eye(degree + 1)]
    return values, 2 / n * np.stack([np.broadcast_to(s, u.shape) for s in slopes])
