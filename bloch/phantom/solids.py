"""Distances to simple solids, from which the body phantoms are painted. Lengths in mm; x, y, z towards L, P, S."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.grid import voxel_centres
from bloch.phantom.map_checks import Matrix, VoxelSize, check_voxel_size

Triple = tuple[float, float, float]


def millimetre_points(matrix: Matrix, voxel_size: VoxelSize) -> Tensor:
    """Voxel centres ``(z, y, x, 3)``, mm, float32."""
    check_voxel_size(voxel_size)
    return (voxel_centres(matrix, voxel_size) * 1e3).float()


def ellipsoid(points: Tensor, centre: Triple, radii: Triple) -> Tensor:
    """About the distance to an ellipsoid, negative inside; exact on its surface, to first order near it.

    ``d ≈ |q| (|q| − 1) / |q/a|`` with ``q = (r − c)/a``.

    Args:
        points: ``(..., 3)``, mm.
        centre: c, mm.
        radii: a, mm.

    Returns:
        Distance ``(...)``, mm.

    Source: Taubin, IEEE Trans PAMI 13:1115 (1991): a surface f = 0 lies about f/|∇f| away.
    """
    a = points.new_tensor(radii)
    q = (points - points.new_tensor(centre)) / a
    size = q.norm(dim=-1)
    return (size - 1) * _stretch(size, (q / a).norm(dim=-1), min(radii))


def column(points: Tensor, centre: tuple[float, float], radii: tuple[Tensor | float, Tensor | float]) -> Tensor:
    """About the distance to an elliptic cylinder along z, whose radii may change slowly with z.

    Args:
        points: ``(..., 3)``, mm.
        centre: of its axis ``(x, y)``, mm.
        radii: ``(x, y)``, mm, numbers or ``(...)``.

    Returns:
        Distance ``(...)``, mm, negative inside.
    """
    a, b = (torch.as_tensor(r, dtype=points.dtype, device=points.device) for r in radii)
    u, v = (points[..., 0] - centre[0]) / a, (points[..., 1] - centre[1]) / b
    size = torch.hypot(u, v)
    return (size - 1) * _stretch(size, torch.hypot(u / a, v / b), float(torch.minimum(a, b).min()))


def union(*distances: Tensor) -> Tensor:
    """Distance to what is in any of the bodies."""
    return torch.stack(distances).amin(0)


def intersection(*distances: Tensor) -> Tensor:
    """Distance to what is in all bodies."""
    return torch.stack(distances).amax(0)


def _stretch(size: Tensor, slope: Tensor, centre: float) -> Tensor:
    """|q| / |q/a|, which is 0/0 in the middle: there the smallest radius."""
    return torch.where(size > 1e-4, size / slope.clamp_min(1e-12), centre)
