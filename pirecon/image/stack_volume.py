"""The volume that several stacks of slices share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pirecon.rawdata.geometry import Geometry

MOST_VOXELS = 3e8


def common_volume(stacks: Sequence[Geometry], voxel: float) -> Geometry:
    """An isotropic grid that holds every slice of every stack, along the axes of the first.

    Where a stack has an axis of its plane along an axis of the grid, the grid's voxels lie on that stack's, so that
    equal voxels need no interpolation.

    Args:
        stacks: at least one.
        voxel: edge length, m.

    Returns:
        Geometry of one volume.

    Raises:
        ValueError: the voxel is not positive, or there are too many of them.
    """
    if not (math.isfinite(voxel) and voxel > 0):
        raise ValueError(f"the voxel's edge must be above 0 m, but is {voxel}")
    axes = np.asarray(stacks[0].directions, dtype=float)
    corners = np.concatenate([_corners(g) for g in stacks]) @ axes.T
    matrix, centre = [], np.zeros(3)
    for axis in range(3):
        anchor = _anchor(stacks, axes[axis])
        low = math.floor(round((corners[:, axis].min() - anchor) / voxel + 0.5, 6))
        high = math.ceil(round((corners[:, axis].max() - anchor) / voxel - 0.5, 6))
        matrix.append(max(high - low + 1, 2))
        centre += (anchor + (low + matrix[-1] // 2) * voxel) * axes[axis]
    n_voxels = math.prod(matrix)
    if n_voxels > MOST_VOXELS:
        raise ValueError(
            f"{matrix} voxels of {1e3 * voxel:.3g} mm would be needed to hold all stacks; take larger voxels. Is the "
            "voxel in the right unit, and do the stacks lie near each other?"
        )
    z, y, x = matrix
    return Geometry((z, y, x), (voxel, voxel, voxel), centre[None], axes)


def _corners(geometry: Geometry) -> np.ndarray:
    """Outer corners of all slices, ``(corner, 3)``, LPS m."""
    steps = np.asarray(geometry.directions, dtype=float) * np.asarray(geometry.voxel_size)[:, None]
    ends = [(-(n // 2) - 0.5, n - n // 2 - 0.5) for n in geometry.matrix]
    index = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    centres = np.reshape(np.asarray(geometry.centres, dtype=float), (-1, 1, 3))
    return np.asarray((centres + index @ steps).reshape(-1, 3))


def _anchor(stacks: Sequence[Geometry], axis: np.ndarray) -> float:
    """Where a voxel's centre shall lie along an axis, m."""
    for geometry in stacks:
        if np.abs(np.asarray(geometry.directions, dtype=float)[1:] @ axis).max() > 1 - 1e-6:
            return float(np.reshape(geometry.centres, (-1, 3))[0] @ axis)
    return float(np.reshape(stacks[0].centres, (-1, 3))[0] @ axis)
