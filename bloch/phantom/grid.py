"""Where the voxels of a phantom are."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.map_checks import Matrix, VoxelSize


def voxel_centres(matrix: Matrix, voxel_size: VoxelSize, *, device: torch.device | None = None) -> Tensor:
    """Coordinates of every voxel centre.

    ``r = ((i_x − n_x//2) Δx, (i_y − n_y//2) Δy, (i_z − n_z//2) Δz)``: voxel ``n // 2`` of each axis is the origin.

    Args:
        matrix: voxels ``(z, y, x)``.
        voxel_size: edge lengths ``(z, y, x)``, m.
        device: of the result.

    Returns:
        Coordinates ``(z, y, x, 3)`` in the order x, y, z, m, float64.
    """
    axes = [
        (torch.arange(n, dtype=torch.float64, device=device) - n // 2) * edge
        for n, edge in zip(matrix, voxel_size, strict=True)
    ]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], -1)
