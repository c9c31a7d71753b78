"""Where the voxels are in the patient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """A stack of parallel slices, or one 3D slab, in patient coordinates.

    Attributes:
        matrix: voxels ``(z, y, x)`` of one slice or slab; a 2D slice has z = 1.
        voxel_size: edge lengths ``(z, y, x)`` in m.
        centres: centre of each slice or slab, shape ``(n_slices, 3)``, LPS patient coordinates (DICOM: towards
            left, posterior, superior), m. "Centre" is the point of index ``n // 2`` on each axis, where the Fourier
            transform has its origin.
        directions: rows are the unit vectors along which the z, y and x index grows, shape ``(3, 3)``, LPS.
    """

    matrix: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    centres: np.ndarray
    directions: np.ndarray

    def with_matrix(self, matrix: tuple[int, int, int]) -> Geometry:
        """The same field of view cut into another number of voxels."""
        z, y, x = (s * n / m for s, n, m in zip(self.voxel_size, self.matrix, matrix, strict=True))
        return replace(self, matrix=matrix, voxel_size=(z, y, x))
