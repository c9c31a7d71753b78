"""Arrays of surface loops: round the head in rings, or over it as a helmet."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.receiver.coil_array import CoilArray

_OVERLAP = 1.5
"""Distance of neighbours over their radius. Source: Roemer et al., Magn Reson Med 16:192 (1990)."""


def loop_array(
    n_coils: int,
    *,
    head_radius: float = 0.10,
    distance: float = 0.03,
    n_rings: int | None = None,
    generator: torch.Generator | None = None,
) -> CoilArray:
    """Loops on rings round the head, facing its axis (z); neighbours overlap for least mutual inductance.

    Args:
        n_coils: number of loops, at least 1.
        head_radius: of the object, m.
        distance: from the object's surface to the loops, m.
        n_rings: rings along z; by default one for up to 8 loops, two beyond.
        generator: jitters rotation, place, tilt and size of the loops; None gives the regular array.

    Returns:
        CoilArray of ``n_coils`` channels, float64, on the CPU.

    Raises:
        ValueError: fewer than one coil or ring, or more rings than coils.

    Source: Roemer et al., Magn Reson Med 16:192 (1990): circles decouple at about 1.5 radii.
    """
    n_rings = (1 if n_coils <= 8 else 2) if n_rings is None else n_rings
    if n_coils < 1 or not 1 <= n_rings <= n_coils:
        raise ValueError(f"an array needs at least one loop in each ring, but got n_coils={n_coils}, n_rings={n_rings}")
    ring = torch.arange(n_coils) % n_rings
    n_in_ring = (ring.unsqueeze(0) == ring.unsqueeze(1)).sum(1).double()
    cylinder = head_radius + distance
    radii = (2 * math.pi * cylinder / (_OVERLAP * n_in_ring)).clamp(max=0.75 * cylinder)
    # Starting at the back of the head (+y is posterior); rings are turned by half a loop against each other.
    turns = (torch.arange(n_coils) // n_rings + 0.5 * ring) / n_in_ring + 0.25
    height = _OVERLAP * radii * (ring - 0.5 * (n_rings - 1))
    shift = tilt = torch.zeros(n_coils, 3, dtype=torch.float64)
    if generator is not None:
        noise = torch.randn(n_coils, 9, dtype=torch.float64, generator=generator)
        turns = turns + torch.rand(1, dtype=torch.float64, generator=generator) + 0.15 * noise[:, 0] / n_in_ring
        height = height + 0.2 * head_radius * noise[:, 1]
        radii = radii * torch.exp(0.1 * noise[:, 2])
        shift, tilt = 0.08 * distance * noise[:, 3:6], 0.12 * noise[:, 6:9]
    angle = 2 * math.pi * turns
    inward = torch.stack((-angle.cos(), -angle.sin(), torch.zeros_like(angle)), dim=-1)
    positions = -cylinder * inward + shift
    positions[:, 2] += height
    return CoilArray(positions, _unit(inward + tilt), radii)


def helmet_array(
    n_coils: int,
    *,
    head_radius: float = 0.10,
    distance: float = 0.03,
    generator: torch.Generator | None = None,
) -> CoilArray:
    """Loops spread evenly over the upper half (z > 0) of a sphere, facing its centre; neighbours overlap.

        height of loop k: R (1 − (k + ½) / n), turned by 2π k / golden ratio² from the last

    Args:
        n_coils: number of loops, at least 1.
        head_radius: of the object, m.
        distance: from the object's surface to the loops, m.
        generator: jitters place, tilt and size of the loops; None gives the regular array.

    Returns:
        CoilArray of ``n_coils`` channels, float64, on the CPU. No loop cuts the sphere of ``head_radius``.

    Raises:
        ValueError: fewer than one coil.

    Source: spiral of equal areas: Vogel, Math Biosci 44:179 (1979), on a sphere; overlap: as :func:`loop_array`. Equal
    cells of a triangular lattice have their neighbours at √(2/√3 · area).
    """
    if n_coils < 1:
        raise ValueError(f"a helmet needs at least one loop, but got n_coils={n_coils}")
    sphere = head_radius + distance
    k = torch.arange(n_coils, dtype=torch.float64)
    height = 1 - (k + 0.5) / n_coils if n_coils > 1 else torch.ones(1, dtype=torch.float64)
    angle = 2 * math.pi * k / ((1 + math.sqrt(5)) / 2) ** 2 + 0.5 * math.pi
    across = (1 - height**2).sqrt()
    outward = torch.stack((across * angle.cos(), across * angle.sin(), height), dim=-1)
    area = 2 * math.pi * sphere**2 / n_coils
    radius = min(math.sqrt(2 / math.sqrt(3) * area) / _OVERLAP, 0.75 * sphere)
    radii = torch.full((n_coils,), radius, dtype=torch.float64)
    shift = tilt = torch.zeros(n_coils, 3, dtype=torch.float64)
    if generator is not None:
        noise = torch.randn(n_coils, 7, dtype=torch.float64, generator=generator)
        radii = radii * torch.exp(0.1 * noise[:, 0])
        shift, tilt = 0.08 * distance * noise[:, 1:4], 0.12 * noise[:, 4:7]
    return CoilArray(sphere * outward + shift, _unit(tilt - outward), radii)


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)
