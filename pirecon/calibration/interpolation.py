"""Smooth functions of position, from a coarse grid to the voxels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def positions(n: int) -> Tensor:
    """Voxel centres (j − n//2) / n of an axis, in fields of view."""
    return (torch.arange(n, dtype=torch.float64) - n // 2) / n


def coarse_positions(n: int, n_most: int) -> Tensor:
    """At most ``n_most`` equidistant positions from the first to the last voxel of an axis."""
    voxels = positions(n)
    if n <= n_most:
        return voxels
    return torch.linspace(float(voxels[0]), float(voxels[-1]), n_most, dtype=torch.float64)


def interpolate_grid(values: Tensor, grid: Sequence[Tensor], matrix: Sequence[int]) -> Tensor:
    """Cubic interpolation of ``(*batch, z, y, x)`` on ``grid`` to the voxels of ``matrix``."""
    for axis, (known, n) in enumerate(zip(grid, matrix, strict=True)):
        if known.numel() == n:
            continue
        weights = _cubic_weights(known, positions(n)).to(dtype=values.dtype, device=values.device)
        values = torch.movedim(torch.movedim(values, axis - 3, -1) @ weights.T, -1, axis - 3)
    return values


def _cubic_weights(known: Tensor, wanted: Tensor) -> Tensor:
    """Matrix ``(wanted, known)`` of the cubic polynomial through the four nearest of equidistant points (Lagrange)."""
    step = known[1] - known[0]
    place = (wanted - known[0]) / step
    first = (place.floor().long() - 1).clamp(0, known.numel() - 4)
    weights = torch.zeros(wanted.numel(), known.numel(), dtype=torch.float64)
    for i in range(4):
        factor = torch.ones_like(place)
        for j in range(4):
            if j != i:
                factor = factor * (place - first - j) / (i - j)
        weights[torch.arange(wanted.numel()), first + i] = factor
    return weights
