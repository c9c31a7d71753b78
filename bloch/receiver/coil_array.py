"""Receive coil arrays and their sensitivities by the principle of reciprocity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.receiver.loop_field import loop_field

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class CoilArray:
    """Circular receive loops. Coordinates are x, y, z in m, the object round the origin.

    Attributes:
        positions: centres of the loops ``(loop, 3)``, m.
        normals: unit vectors ``(loop, 3)``.
        radii: ``(loop,)``, m.
        combination: complex ``(coil, loop)``: how loops are wired to channels; None where every loop is a channel.
    """

    positions: Tensor
    normals: Tensor
    radii: Tensor
    combination: Tensor | None = None

    @property
    def n_coils(self) -> int:
        """Number of receive channels."""
        return len(self.radii) if self.combination is None else len(self.combination)


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
    radii = (2 * math.pi * cylinder / (1.5 * n_in_ring)).clamp(max=0.75 * cylinder)
    # Starting at the back of the head (+y is posterior); rings are turned by half a loop against each other.
    turns = (torch.arange(n_coils) // n_rings + 0.5 * ring) / n_in_ring + 0.25
    height = 1.5 * radii * (ring - 0.5 * (n_rings - 1))
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
    return CoilArray(positions, torch.nn.functional.normalize(inward + tilt, dim=-1), radii)


def volume_coil(*, radius: float = 0.14, B0_direction: Vector = (0.0, 0.0, 1.0)) -> CoilArray:
    """One near-homogeneous channel: a solenoid along z, or crossed Helmholtz pairs in quadrature where B0 is along z.

    Args:
        radius: of its loops, m.
        B0_direction: unit vector of the main field.

    Returns:
        CoilArray of one channel.

    Source: solenoids in transverse fields: Hoult and Richards, J Magn Reson 24:71 (1976); quadrature: Hoult, Chen and
    Sank, Magn Reson Med 1:339 (1984). Loops half a radius either side of the centre cancel the field's second
    derivative (Helmholtz).
    """
    e1, e2 = _transverse_axes(B0_direction)
    z = torch.tensor((0.0, 0.0, 1.0), dtype=torch.float64)
    if abs(B0_direction[2]) < 0.5:
        turns = torch.linspace(-1.0, 1.0, 8, dtype=torch.float64).reshape(-1, 1) * radius
        positions, normals = turns * z, z.expand(8, 3)
        wiring = torch.ones(1, 8, dtype=torch.complex128)
    else:
        normals = torch.stack((e1, e1, e2, e2))
        side = torch.tensor((-0.5, 0.5, -0.5, 0.5), dtype=torch.float64).reshape(-1, 1) * radius
        positions = side * normals
        wiring = torch.tensor([[1, 1, 1j, 1j]], dtype=torch.complex128)
    radii = torch.full((len(normals),), radius, dtype=torch.float64)
    return CoilArray(positions, normals.clone(), radii, wiring)


def sensitivities(array: CoilArray, points: Tensor, *, B0_direction: Vector = (0.0, 0.0, 1.0)) -> Tensor:
    """Receive sensitivity S = (B_1 − i B_2) / 2 of every channel to the transverse magnetisation M_1 + i M_2.

    Reciprocity: the voltage is −d/dt Σ B·M with B the field of 1 A in the coil, and
    B_1 M_1 + B_2 M_2 = Re[(B_1 − i B_2)(M_1 + i M_2)], where 1, 2 and B0 form a right-handed triple
    (x, y, z for B0 along z; z, x, y for B0 along y, the permanent magnet). S is the conjugate of Hoult's B1⁻.
    Retardation is left out: at 0.55 T the wavelength in tissue is over 1 m.

    Args:
        array: the loops.
        points: coordinates ``(..., 3)``, x y z, m; sensitivities are made on their device.
        B0_direction: unit vector of the main field, along z or y (any direction is taken).

    Returns:
        Complex64 ``(coil, ...)``, T/A (about 1e-6 in the head).

    Source: Hoult, Concepts Magn Reson 12:173 (2000), eqs. 17 and 30; field: :func:`loop_field`.
    """
    r = points.to(torch.float64)
    position, normal, radius = (v.to(r) for v in (array.positions, array.normals, array.radii))
    B = loop_field(r, position=position, normal=normal, radius=radius)
    e1, e2 = (e.to(r) for e in _transverse_axes(B0_direction))
    S = 0.5 * torch.complex(torch.tensordot(e1, B, 1), -torch.tensordot(e2, B, 1))
    if array.combination is not None:
        S = torch.tensordot(array.combination.to(S), S, 1)
    return S.to(torch.complex64)


def _transverse_axes(B0_direction: Vector) -> tuple[Tensor, Tensor]:
    """e1, e2 with e1 × e2 = B0: (x, y) for z, (z, x) for y, (y, z) for x."""
    B0 = torch.tensor(B0_direction, dtype=torch.float64)
    if not torch.isclose(B0.norm(), torch.ones((), dtype=torch.float64), atol=1e-6):
        raise ValueError(f"B0_direction must be a unit vector such as (0, 0, 1), but is {tuple(B0_direction)}")
    helper = torch.eye(3, dtype=torch.float64)[int(B0.abs().argmax()) - 1]  # the axis before B0's in the cycle x, y, z
    e1 = torch.linalg.cross(helper, B0)
    e1 = e1 / e1.norm()
    return e1, torch.linalg.cross(B0, e1)
