"""Where the voxels of a slice or volume lie in a randomly shaped head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bloch.phantom.random_field import Lengths, Shape, smooth_field, uniform

Orientation = Literal["transaxial", "coronal", "sagittal"]

# Rows: directions in which z, y and x index grow, in LPS patient coordinates (towards left, posterior, superior).
DIRECTIONS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "transaxial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "sagittal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
HEAD_CENTRE = (0.0, -18.0, 8.0)  # MNI (x, y, z), mm: middle of the head's outline
SLICE_RANGE = {"transaxial": (-52.0, 62.0), "coronal": (-72.0, 56.0), "sagittal": (-58.0, 58.0)}  # mm from the centre


@dataclass(frozen=True)
class Placement:
    """Voxel centres in the head.

    Attributes:
        points: MNI coordinates ``(x, y, z)`` (towards right, anterior, superior) of every voxel, after deformation,
            shape ``(z, y, x, 3)``, mm.
        voxel: edge lengths ``(z, y, x)``, mm.
        deformation: how strongly this head differs from the average one; 1 is usual.
    """

    points: Tensor
    voxel: tuple[float, float, float]
    deformation: float = 1.0

    @property
    def shape(self) -> Shape:
        """Voxels ``(z, y, x)``."""
        z, y, x = self.points.shape[:3]
        return z, y, x

    def in_voxels(self, length: float) -> Lengths:
        """A length in mm as a number of voxels along each axis."""
        z, y, x = (max(length / edge, 1.0) for edge in self.voxel)
        return z, y, x


def straight_points(shape: Shape, voxel: tuple[float, float, float], orientation: Orientation) -> Tensor:
    """LPS coordinates of a straight grid centred (index n // 2) on the origin, mm, ``(z, y, x, 3)``."""
    directions = torch.tensor(DIRECTIONS[orientation], dtype=torch.float32)
    axes = [(torch.arange(n) - n // 2) * size for n, size in zip(shape, voxel, strict=True)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([z, y, x], -1) @ directions


def random_placement(
    generator: torch.Generator,
    shape: Shape,
    voxel: tuple[float, float, float],
    *,
    orientation: Orientation,
    offset: float,
    deformation: float = 1.0,
) -> Placement:
    """A head turned, scaled and smoothly deformed at random.

    ``q = c + S R p + u(p)``: rotation of up to some 12°, scales of ±10 % and a displacement u of several
    wavelengths whose slope stays well below 1, so that the map is a diffeomorphism.

    Args:
        generator: source of randomness.
        shape: voxels ``(z, y, x)``.
        voxel: edge lengths ``(z, y, x)``, mm.
        orientation: of the slices.
        offset: of the slice from the middle of the head along its normal, mm.
        deformation: strength of displacement, rotation and scaling; 0 gives the average head, 1 is the default.

    Returns:
        Placement.
    """
    points = straight_points(shape, voxel, orientation)
    normal = torch.tensor(DIRECTIONS[orientation][0], dtype=torch.float32)
    points = points + offset * normal
    angles = [deformation * math.radians(uniform(generator, -9, 9)) for _ in range(3)]
    scales = torch.tensor([1 + deformation * uniform(generator, -0.1, 0.1) for _ in range(3)])
    moved = (points @ _rotation(*angles)) * scales
    shift = torch.tensor([deformation * uniform(generator, -6, 6) for _ in range(3)])
    moved = moved + shift * (1 - normal)
    mni = moved * torch.tensor([-1.0, -1.0, 1.0]) + torch.tensor(HEAD_CENTRE)
    for length, amplitude in ((75.0, 5.0), (35.0, 0.8)):
        field = smooth_field(generator, shape, Placement(mni, voxel).in_voxels(length), channels=3)
        mni = mni + deformation * amplitude * field.permute(1, 2, 3, 0)
    return Placement(mni, voxel, deformation)


def _rotation(a: float, b: float, c: float) -> Tensor:
    def turn(angle: float, i: int, j: int) -> Tensor:
        matrix = torch.eye(3)
        matrix[i, i] = matrix[j, j] = math.cos(angle)
        matrix[i, j], matrix[j, i] = -math.sin(angle), math.sin(angle)
        return matrix

    return turn(a, 1, 2) @ turn(b, 0, 2) @ turn(c, 0, 1)
