"""The smooth function that fits weighted measurements on a grid, and how smooth it should be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient

FWHM = 2.86  # of the point spread 1/(1 + (ℓω)⁴), in ℓ
HIGHEST = 5.0  # ωℓ beyond which the point spread passes less than 1/600, and the cosines are left out
TREND_DEGREE = 2


def smooth_fit(
    values: Tensor, weights: Tensor, *, voxel_size: Sequence[float], resolution: float, n_iterations: int = 60
) -> Tensor:
    """A second-order polynomial plus the residual that is smooth where there are data and fades where there are none.

        f = p + g,  min over g of ½ Σ w/w̄ (p + g − v)² + ½ ℓ⁴ ‖Δg‖²

    with p by weighted least squares and g a sum of cosines, in which the Laplacian Δ is diagonal. Where all weights
    are equal g is filtered by 1/(1 + (ℓω)⁴), a point spread 2.86 ℓ wide; ``resolution`` is this width.

    Args:
        values: v, real ``(z, y, x)``.
        weights: w ≥ 0, one over the variance; 0 where nothing is known.
        voxel_size: ``(z, y, x)``, m.
        resolution: full width at half maximum, m.
        n_iterations: of conjugate gradients.

    Returns:
        f ``(z, y, x)``; zero if all weights are.

    Source: Funai A. K. et al., IEEE Trans Med Imaging 27:1484 (2008), for the penalty and its point spread; cosines:
        Garcia D., Comput Stat Data Anal 54:1167 (2010).
    """
    total = weights.sum()
    if not bool(total > 0):
        return torch.zeros_like(values)
    weights = weights * (total / weights.square().sum())
    trend = polynomial_trend(values, weights)
    waves, pass_band = _cosines(values, voxel_size, resolution / FWHM)

    def synthesis(u: Tensor) -> Tensor:
        return _along_axes(u * pass_band, waves)

    def analysis(f: Tensor) -> Tensor:
        return _along_axes(f, [w.T for w in waves]) * pass_band

    def normal(u: Tensor) -> Tensor:
        return analysis(weights * synthesis(u)) + (1 - pass_band.square()) * u

    u = conjugate_gradient(
        normal, analysis(weights * (values - trend)), n_iterations=n_iterations, tolerance=1e-5, n_axes=3
    )
    return trend + synthesis(u)


def choose_resolution(values: Tensor, weights: Tensor, *, voxel_size: Sequence[float]) -> float:
    """The resolution that best predicts voxels that the fit has not seen.

    Half of the voxels (a checkerboard of 2 × 2 columns) are fitted, the other half is predicted, at resolutions from
    the whole grid down to 2 voxels, each half of the one before, until the weighted squared error no longer falls. No
    noise level is needed, but noise that is much alike in neighbours, as in images filled up with zeros, passes for
    detail.

    Args:
        values: real ``(z, y, x)``.
        weights: as in :func:`smooth_fit`.
        voxel_size: ``(z, y, x)``, m.

    Returns:
        Full width at half maximum, m.

    Source: Stone M., J R Stat Soc B 36:111 (1974).
    """
    sizes = [s for s, n in zip(voxel_size, values.shape, strict=True) if n > 1] or [voxel_size[-1]]
    extent = max(s * n for s, n in zip(voxel_size, values.shape, strict=True))
    z, y, x = (torch.arange(n, device=values.device) for n in values.shape)
    black = (z[:, None, None] + y[:, None] // 2 + x // 2) % 2 == 0
    best, least, worse = extent, math.inf, 0
    width = extent
    while width >= 2 * min(sizes) and worse < 2:
        error = 0.0
        for seen in (black, ~black):
            fit = smooth_fit(values, weights * seen, voxel_size=voxel_size, resolution=width, n_iterations=25)
            error += float((weights * ~seen * (fit - values).square()).sum())
        worse = worse + 1 if error >= least else 0
        if error < least:
            best, least = width, error
        width /= 2
    return best


def polynomial_trend(values: Tensor, weights: Tensor, degree: int = TREND_DEGREE) -> Tensor:
    """The polynomial of x, y, z, of this degree or less, that fits best; ``(z, y, x)``."""
    axes = [torch.linspace(-1, 1, n, dtype=values.dtype, device=values.device) for n in values.shape]
    z, y, x = axes[0][:, None, None], axes[1][:, None], axes[2]
    powers = [
        (a, b, c)
        for a in range(min(degree, values.shape[0] - 1) + 1)
        for b in range(min(degree, values.shape[1] - 1) + 1)
        for c in range(min(degree, values.shape[2] - 1) + 1)
        if a + b + c <= degree
    ]
    basis = torch.stack([(z**a * y**b * x**c).expand(values.shape) for a, b, c in powers], dim=-1)  # (z, y, x, term)
    known = weights > 0
    rows, w, v = basis[known], weights[known], values[known]
    gram = rows.T @ (w.unsqueeze(1) * rows)
    # A ridge far below any real weight keeps terms that few voxels cannot tell apart from growing.
    gram = gram + 1e-6 * gram.diagonal().mean() * torch.eye(len(powers), dtype=values.dtype, device=values.device)
    return basis @ torch.linalg.solve(gram, rows.T @ (w * v))


def _cosines(like: Tensor, voxel_size: Sequence[float], length: float) -> tuple[list[Tensor], Tensor]:
    """Orthonormal cosines ``(n, frequency)`` of each axis, and √(point spread) of their products."""
    waves, squares = [], []
    for n, size in zip(like.shape, voxel_size, strict=True):
        omega = math.pi * torch.arange(n, dtype=like.dtype, device=like.device) / (n * size)  # rad/m
        omega = omega[omega * length <= HIGHEST]
        places = size * (torch.arange(n, dtype=like.dtype, device=like.device) + 0.5)
        wave = torch.cos(places[:, None] * omega) * math.sqrt(2 / n)
        wave[:, 0] = 1 / math.sqrt(n)
        waves.append(wave)
        squares.append(omega.square())
    laplacian = squares[0][:, None, None] + squares[1][:, None] + squares[2]
    return waves, (1 + length**4 * laplacian.square()).rsqrt()


def _along_axes(x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    for axis, matrix in zip((-3, -2, -1), matrices, strict=True):
        x = torch.movedim(torch.movedim(x, axis, -1) @ matrix.T, -1, axis)
    return x
