"""A phantom whose every voxel holds its own place in the patient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from pirecon.image.image import Image
from pirecon.rawdata.geometry import Geometry

OFFSET = 500.0  # mm, so that coordinates survive the magnitude


@pytest.fixture
def place_phantom() -> Callable[[Geometry], Image]:
    """Image of three contrasts: 500 + the voxel's L, P and S coordinate in mm, under a phase that magnitudes must drop.

    Whatever a writer flips, permutes or shifts, these numbers no longer agree with the file's geometry.
    """

    def place(geometry: Geometry) -> Image:
        coordinates = np.zeros((3, len(geometry.centres), *geometry.matrix))
        for s, z, y, x in np.ndindex(coordinates.shape[1:]):
            position = geometry.centres[s].copy()
            for axis, index in enumerate((z, y, x)):
                steps = index - geometry.matrix[axis] // 2
                position += steps * geometry.voxel_size[axis] * geometry.directions[axis]
            coordinates[:, s, z, y, x] = OFFSET + 1e3 * position
        phase = np.exp(1j * np.linspace(0, 20, coordinates.size)).reshape(coordinates.shape)
        data = torch.from_numpy(coordinates * phase).to(torch.complex64)
        if len(geometry.centres) == 1:
            return Image(data[:, 0], geometry, batch_axes=("contrast",))
        return Image(data, geometry, batch_axes=("contrast", "slice"))

    return place


@pytest.fixture
def rotation() -> Callable[..., np.ndarray]:
    """Rotation matrix from angles in degrees about x, then y, then z."""

    def rotate(a: float, b: float, c: float) -> np.ndarray:
        (sa, sb, sc), (ca, cb, cc) = np.sin(np.deg2rad([a, b, c])), np.cos(np.deg2rad([a, b, c]))
        about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
        about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
        about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
        return np.asarray(about_z @ about_y @ about_x)

    return rotate
