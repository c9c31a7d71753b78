"""Phantoms of simple bodies: ellipsoids, and blocks that look different from every side."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.phantom.canvas import Canvas
from bloch.phantom.phantom import Phantom
from bloch.phantom.random_field import Shape

# tissue, centre (x, y, z), radii (x, y, z), turn in the xy plane in degrees; units: half the field of view.
# x grows with the column, y against the row (up in the picture), z with the slice.
SHEPP_LOGAN: tuple[tuple[str, tuple[float, float, float], tuple[float, float, float], float], ...] = (
    ("fat", (0.0, 0.0, 0.0), (0.72, 0.95, 0.93), 0.0),
    ("bone", (0.0, 0.0, 0.0), (0.69, 0.92, 0.90), 0.0),
    ("grey_matter", (0.0, -0.0184, 0.0), (0.6624, 0.874, 0.88), 0.0),
    ("csf", (0.22, 0.0, -0.25), (0.11, 0.31, 0.22), -18.0),
    ("csf", (-0.22, 0.0, -0.25), (0.16, 0.41, 0.28), 18.0),
    ("white_matter", (0.0, 0.35, -0.25), (0.21, 0.25, 0.41), 0.0),
    ("tumour", (0.0, 0.1, -0.25), (0.046, 0.046, 0.046), 0.0),
    ("tumour", (0.0, -0.1, -0.25), (0.046, 0.046, 0.046), 0.0),
    ("blood", (-0.08, -0.605, -0.25), (0.046, 0.023, 0.02), 0.0),
    ("white_matter", (0.0, -0.605, -0.25), (0.023, 0.023, 0.02), 0.0),
    ("oedema", (0.06, -0.605, -0.25), (0.023, 0.046, 0.02), 0.0),
)

# tissue, then from and to along z, y and x as fractions of the field of view.
F_BLOCKS: tuple[tuple[str, tuple[float, float], tuple[float, float], tuple[float, float]], ...] = (
    ("grey_matter", (0.2, 0.8), (0.15, 0.85), (0.25, 0.40)),
    ("grey_matter", (0.2, 0.8), (0.15, 0.28), (0.25, 0.75)),
    ("grey_matter", (0.2, 0.8), (0.42, 0.54), (0.25, 0.60)),
    ("csf", (0.6, 0.9), (0.65, 0.80), (0.55, 0.80)),
)


def shepp_logan(matrix: Shape, *, field_of_view: tuple[float, float, float]) -> Phantom:
    """The Shepp–Logan head made of tissues, in 3D or (z = 1) through its most detailed plane.

    Args:
        matrix: voxels ``(z, y, x)``.
        field_of_view: along ``(z, y, x)``, m; the head fills 0.95 of it.

    Returns:
        Phantom.

    Source: Shepp & Logan, IEEE Trans Nucl Sci 21:21 (1974), with the third axis and the idea of tissues from Gach,
        Tanase & Boada, Proc. ICSEng (2008).
    """
    z, y, x = _coordinates(matrix)
    if matrix[0] == 1:
        z = z - 0.25
    canvas = Canvas(matrix, edge=2 / max(matrix[1:]))
    for tissue, centre, radii, turn in SHEPP_LOGAN:
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        dx, dy, dz = x - centre[0], -y - centre[1], z - centre[2]
        along, across = dx * cos + dy * sin, dy * cos - dx * sin
        radius = ((along / radii[0]) ** 2 + (across / radii[1]) ** 2 + (dz / radii[2]) ** 2).sqrt()
        canvas.paint(tissue, canvas.inside((radius - 1) * min(radii[:2])))
    return canvas.phantom(_millimetres(matrix, field_of_view))


def asymmetric(matrix: Shape, *, field_of_view: tuple[float, float, float]) -> Phantom:
    """A letter F of grey matter and a block of CSF: no rotation, reflection or swap of axes maps it onto itself.

    The F reads correctly when row 0 is at the top and column 0 at the left. Its arms point towards larger x at small
    y; the CSF block sits at large y, large x and large z.

    Args:
        matrix: voxels ``(z, y, x)``; with z = 1 all blocks are shown.
        field_of_view: along ``(z, y, x)``, m.

    Returns:
        Phantom with sharp edges.
    """
    canvas = Canvas(matrix, edge=1.0)
    centres = [(torch.arange(n) + 0.5) / n for n in matrix]
    for tissue, *ranges in F_BLOCKS:
        inside = [
            torch.ones(n, dtype=torch.bool) if n == 1 else (centre >= low) & (centre < high)
            for n, centre, (low, high) in zip(matrix, centres, ranges, strict=True)
        ]
        block = inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
        canvas.paint(tissue, block.float())
    return canvas.phantom(_millimetres(matrix, field_of_view))


def _coordinates(matrix: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Voxel centres in units of half the field of view, index n // 2 at 0; each ``(z, y, x)``."""
    axes = [(torch.arange(n) - n // 2) * (2 / n) for n in matrix]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return z, y, x


def _millimetres(matrix: Shape, field_of_view: tuple[float, float, float]) -> tuple[float, float, float]:
    z, y, x = (1e3 * extent / n for extent, n in zip(field_of_view, matrix, strict=True))
    return z, y, x
