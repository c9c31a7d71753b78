"""The magnetic field and vector potential of straight pieces of wire, in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.receiver.loop_field import VACUUM_PERMEABILITY

_WIRE = 0.01
"""Wire radius over length. Nearer to the wire than this the thin-wire field is held at its value there."""


def segment_field(points: Tensor, *, start: Tensor, end: Tensor) -> Tensor:
    """Magnetic field of straight segments that carry 1 A each from start to end (Biot–Savart, closed form).

    With r_a, r_b the vectors from the segment's ends to the point, L its length and t its direction:

        B = μ0 / (4π) · 2 L (r_a + r_b) / (r_a r_b [(r_a + r_b)² − L²]) · t × r_a

    A lone segment is no circuit: only sums over segments that close are fields which occur.

    Args:
        points: coordinates ``(..., 3)``, x y z, m, float64.
        start: ``(segment, 3)``, m.
        end: ``(segment, 3)``, m.

    Returns:
        B per unit current ``(3, segment, ...)``, T/A.

    Source: Hanson and Hirshman, Phys Plasmas 9:4410 (2002): compact expressions for a filamentary segment; derived
    here again from ∫ dl × r / r³.
    """
    r_a, r_b, direction, length = _segment_coordinates(points, start=start, end=end)
    wire = _WIRE * length
    a, b = torch.maximum(r_a.norm(dim=0), wire), torch.maximum(r_b.norm(dim=0), wire)
    thickness = torch.maximum((a + b).square() - length**2, 4 * wire**2)
    strength = VACUUM_PERMEABILITY / (4 * math.pi) * 2 * length * (a + b) / (a * b * thickness)
    return strength * torch.linalg.cross(direction.expand_as(r_a), r_a, dim=0)


def segment_vector_potential(points: Tensor, *, start: Tensor, end: Tensor) -> Tensor:
    """Magnetic vector potential of straight segments that carry 1 A each.

        A = μ0 / (4π) · t · log[(r_a + r_b + L) / (r_a + r_b − L)]   (as in :func:`segment_field`)

    Args:
        points, start, end: as in :func:`segment_field`.

    Returns:
        A per unit current ``(3, segment, ...)``, T m / A.

    Source: as :func:`segment_field`.
    """
    r_a, r_b, direction, length = _segment_coordinates(points, start=start, end=end)
    total = r_a.norm(dim=0) + r_b.norm(dim=0)
    beyond = torch.maximum(total - length, 2 * _WIRE**2 * length)
    return VACUUM_PERMEABILITY / (4 * math.pi) * ((total + length) / beyond).log() * direction


def _segment_coordinates(points: Tensor, *, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vectors from both ends (3, segment, ...), unit vectors (3, segment, 1...) and lengths (segment, 1...)."""
    shape = (3, -1, *(1,) * (points.ndim - 1))
    a, b = start.T.reshape(shape), end.T.reshape(shape)
    length = (b - a).norm(dim=0)
    r = points.movedim(-1, 0).unsqueeze(1)
    return r - a, r - b, (b - a) / length, length
