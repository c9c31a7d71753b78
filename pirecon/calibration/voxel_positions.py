"""Where every voxel lies."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata.geometry import Geometry


def voxel_positions(geometry: Geometry) -> Tensor:
    """Centres of the voxels in patient coordinates.

        r = centre + (z − n_z//2) Δz e_z + (y − n_y//2) Δy e_y + (x − n_x//2) Δx e_x

    Args:
        geometry: of one or several slices or slabs.

    Returns:
        float64 ``(slice, z, y, x, 3)``, LPS, m; the last axis is (left, posterior, superior).
    """
    steps = np.asarray(geometry.directions, dtype=float) * np.asarray(geometry.voxel_size, dtype=float)[:, None]
    z, y, x = (np.arange(n) - n // 2 for n in geometry.matrix)
    within = z[:, None, None, None] * steps[0] + y[:, None, None] * steps[1] + x[:, None] * steps[2]
    centres = np.asarray(geometry.centres, dtype=float).reshape(-1, 1, 1, 1, 3)
    return torch.from_numpy(centres + within)
