"""B1+: how much of the nominal flip angle a voxel gets."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.map_checks import Matrix, VoxelSize, check_voxel_size
from bloch.phantom.random_field import seeded, smooth_field


def random_transmit_field(
    generator: torch.Generator | int,
    matrix: Matrix,
    voxel_size: VoxelSize,
    *,
    spread: float = 0.05,
    length: float = 0.15,
) -> Tensor:
    """A smooth B1+ map: ``1 + spread · g(r)``, with g a random field of unit standard deviation.

    A model of the map's smoothness and size, not of a coil: at low field B1+ follows the coil's windings (a few
    percent over a head in a well-made solenoid), at 3 T and above the body's own currents (20 % and more).

    Args:
        generator: source of randomness, or a seed.
        matrix: voxels ``(z, y, x)``.
        voxel_size: ``(z, y, x)``, m.
        spread: standard deviation, relative; below 0.3, so that the field stays positive.
        length: distance between independent values, m.

    Returns:
        B1+ relative to the nominal one, ``(z, y, x)``, float32, at least 0.1, for ``Phantom.transmit_field``.

    Raises:
        ValueError: spread or length is out of range.
    """
    check_voxel_size(voxel_size)
    if not 0 <= spread < 0.3 or not length > 0:
        raise ValueError(
            f"spread is {spread} and length {length} m; expected a spread of 0 to 0.3 and a length above 0. "
            "If the spread is in percent, divide by 100."
        )
    z, y, x = (max(length / edge, 1.0) for edge in voxel_size)
    field = smooth_field(seeded(generator), matrix, (z, y, x))[0]
    return (1 + spread * field).clamp_min(0.1)
