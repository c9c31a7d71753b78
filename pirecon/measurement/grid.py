"""The grid that the image is reconstructed on."""

from __future__ import annotations

import math
from typing import cast

from pirecon.rawdata import Geometry

Matrix = tuple[int, int, int]


def choose_matrix(geometry: Geometry, *, matrix: Matrix | None, voxel: float | None) -> Matrix:
    """The reconstruction grid: given, or from the voxel size, or as acquired.

    Raises:
        ValueError: both or a nonsensical one given, or coarser than acquired.
    """
    if matrix is not None and voxel is not None:
        raise ValueError("give the matrix or the voxel size of the reconstruction, not both")
    if voxel is not None:
        if not 0 < voxel < 1:
            raise ValueError(f"the voxel size is {voxel} m; expected something like 0.001 (1 mm)")
        sides = [n * s for n, s in zip(geometry.matrix, geometry.voxel_size, strict=True)]
        finer = (1 if n == 1 else math.ceil(s / voxel - 1e-6) for n, s in zip(geometry.matrix, sides, strict=True))
        matrix = cast(Matrix, tuple(finer))
    if matrix is None:
        return geometry.matrix
    if any(new < old for new, old in zip(matrix, geometry.matrix, strict=True)):
        edges = " × ".join(f"{1e3 * s:.2f}" for s in geometry.voxel_size)
        raise ValueError(
            f"a reconstruction matrix of {matrix} (z, y, x) is coarser than the acquired {geometry.matrix} "
            f"(voxels of {edges} mm): measured samples would be thrown away; ask for at least the acquired matrix"
        )
    if matrix[0] > 1 and geometry.matrix[0] == 1:
        raise ValueError(f"these are 2D slices: the reconstruction matrix must have z = 1, found {matrix}")
    return matrix
