"""Receive coil arrays and their sensitivities by the principle of reciprocity."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.receiver.loop_field import loop_field, loop_vector_potential
from bloch.receiver.segment_field import segment_field, segment_vector_potential

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class CoilArray:
    """Circular loops and straight pieces of wire, wired to channels. Coordinates are x, y, z in m.

    A conductor is a loop or a segment; where they are counted, loops come first.

    Attributes:
        positions: centres of the loops ``(loop, 3)``, m.
        normals: unit vectors ``(loop, 3)``.
        radii: ``(loop,)``, m.
        combination: complex ``(coil, conductor)``: the weights with which the conductors' voltages add up to a
            channel's (the currents in them for 1 A in a linear coil); None where every loop is a channel.
        segments: start and end of straight wires ``(segment, 2, 3)``, m, or None.

    Raises:
        ValueError: shapes that do not fit, or segments that do not close to a circuit in every channel.
    """

    positions: Tensor
    normals: Tensor
    radii: Tensor
    combination: Tensor | None = None
    segments: Tensor | None = None

    def __post_init__(self) -> None:
        n = len(self.radii)
        if self.positions.shape != (n, 3) or self.normals.shape != (n, 3):
            raise ValueError(
                f"{n} loops need positions and normals of shape ({n}, 3), but got {tuple(self.positions.shape)} and "
                f"{tuple(self.normals.shape)}"
            )
        if self.combination is not None and self.combination.shape[1:] != (self.n_conductors,):
            raise ValueError(
                f"combination must be (coil, {self.n_conductors}), a column for each loop and then each segment, but "
                f"is {tuple(self.combination.shape)}"
            )
        _refuse_open_wires(self)

    @property
    def n_conductors(self) -> int:
        """Loops and segments together."""
        return len(self.radii) + (0 if self.segments is None else len(self.segments))

    @property
    def n_coils(self) -> int:
        """Number of receive channels."""
        return len(self.radii) if self.combination is None else len(self.combination)


def sensitivities(array: CoilArray, points: Tensor, *, B0_direction: Vector = (0.0, 0.0, 1.0)) -> Tensor:
    """Receive sensitivity S = (B_1 − i B_2) / 2 of every channel to the transverse magnetisation M_1 + i M_2.

    Reciprocity: the voltage is −d/dt Σ B·M with B the field of 1 A in the coil, and
    B_1 M_1 + B_2 M_2 = Re[(B_1 − i B_2)(M_1 + i M_2)], where 1, 2 and B0 form a right-handed triple
    (x, y, z for B0 along z; z, x, y for B0 along y, the permanent magnet). S is the conjugate of Hoult's B1⁻.
    Retardation is left out: at 0.55 T the wavelength in tissue is over 1 m.

    Args:
        array: the coils.
        points: coordinates ``(..., 3)``, x y z, m; sensitivities are made on their device.
        B0_direction: unit vector of the main field, along z or y (any direction is taken).

    Returns:
        Complex64 ``(coil, ...)``, T/A (about 1e-6 in the head).

    Source: Hoult, Concepts Magn Reson 12:173 (2000), eqs. 17 and 30; field: :func:`conductor_field`.
    """
    B = conductor_field(array, points)
    e1, e2 = (e.to(B) for e in transverse_axes(B0_direction))
    S = 0.5 * torch.complex(torch.tensordot(e1, B, 1), -torch.tensordot(e2, B, 1))
    if array.combination is not None:
        S = torch.tensordot(array.combination.to(S), S, 1)
    return S.to(torch.complex64)


def conductor_field(array: CoilArray, points: Tensor) -> Tensor:
    """Magnetic field of each conductor alone that carries 1 A.

    Args:
        array: loops and segments; how they are wired does not matter.
        points: coordinates ``(..., 3)``, x y z, m.

    Returns:
        Float64 ``(3, conductor, ...)``, T/A, on the points' device.
    """
    r = points.to(torch.float64)
    position, normal, radius = (v.to(r) for v in (array.positions, array.normals, array.radii))
    B = loop_field(r, position=position, normal=normal, radius=radius)
    if array.segments is None:
        return B
    start, end = array.segments.to(r).unbind(1)
    return torch.cat((B, segment_field(r, start=start, end=end)), dim=1)


def conductor_vector_potential(array: CoilArray, points: Tensor) -> Tensor:
    """Magnetic vector potential (Coulomb gauge) of each conductor alone that carries 1 A.

    Args:
        array, points: as in :func:`conductor_field`.

    Returns:
        Float64 ``(3, conductor, ...)``, T m / A, on the points' device.
    """
    r = points.to(torch.float64)
    position, normal, radius = (v.to(r) for v in (array.positions, array.normals, array.radii))
    A = loop_vector_potential(r, position=position, normal=normal, radius=radius)
    if array.segments is None:
        return A
    start, end = array.segments.to(r).unbind(1)
    return torch.cat((A, segment_vector_potential(r, start=start, end=end)), dim=1)


def warn_of_deaf_coils(
    array: CoilArray, *, B0_direction: Vector = (0.0, 0.0, 1.0), object_radius: float = 0.09, threshold: float = 0.2
) -> Tensor:
    """How much of each channel's field lies across B0, where alone it is received; warns where that is little.

        q = rms 2|S| / rms |B| over a ball round the origin, at most 1 (√2 for quadrature coils)

    Args:
        array: the coils.
        B0_direction: unit vector of the main field.
        object_radius: of the ball, m.
        threshold: of q, below which the warning is given.

    Returns:
        q, float64 ``(coil,)``.
    """
    axis = torch.linspace(-object_radius, object_radius, 9, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    ball = grid[grid.norm(dim=-1) <= object_radius]
    B = conductor_field(array, ball).to(torch.complex128)
    if array.combination is not None:
        B = torch.einsum("cw,iwp->icp", array.combination.to(B), B)
    S = sensitivities(array, ball, B0_direction=B0_direction).to(torch.complex128)
    quality = 2 * S.abs().square().mean(-1).sqrt() / B.abs().square().sum(0).mean(-1).sqrt()
    deaf = (quality < threshold).nonzero().flatten().tolist()
    if deaf:
        warnings.warn(
            f"channels {deaf} hear next to nothing: their field in the object runs along B0 {tuple(B0_direction)} or "
            "turns against the spins, and only what lies across B0 and turns with them is received. Loops must not "
            "face along B0; a solenoid needs B0 across its axis; check B0_direction.",
            stacklevel=2,
        )
    return quality


def transverse_axes(B0_direction: Vector) -> tuple[Tensor, Tensor]:
    """e1, e2 with e1 × e2 = B0: (x, y) for z, (z, x) for y, (y, z) for x.

    Args:
        B0_direction: unit vector of the main field.

    Returns:
        Two float64 unit vectors ``(3,)``.

    Raises:
        ValueError: not a unit vector.
    """
    B0 = torch.tensor(B0_direction, dtype=torch.float64)
    if not torch.isclose(B0.norm(), torch.ones((), dtype=torch.float64), atol=1e-6):
        raise ValueError(f"B0_direction must be a unit vector such as (0, 0, 1), but is {tuple(B0_direction)}")
    helper = torch.eye(3, dtype=torch.float64)[int(B0.abs().argmax()) - 1]  # the axis before B0's in the cycle x, y, z
    e1 = torch.linalg.cross(helper, B0)
    e1 = e1 / e1.norm()
    return e1, torch.linalg.cross(B0, e1)


def _refuse_open_wires(array: CoilArray) -> None:
    """Kirchhoff's law at the ends of the segments, channel by channel."""
    if array.segments is None:
        return
    if array.segments.shape[1:] != (2, 3) or array.combination is None:
        raise ValueError(
            "segments must be (segment, 2, 3), and a combination must say how they are wired to channels; got "
            f"{tuple(array.segments.shape)} and {'no' if array.combination is None else 'a'} combination"
        )
    current = array.combination[:, len(array.radii) :].to("cpu", torch.complex128).T
    ends = (array.segments.detach().cpu().double() * 1e7).round().reshape(-1, 3)  # equal to 0.1 µm is joined
    nodes, index = torch.unique(ends, dim=0, return_inverse=True)
    index = index.reshape(-1, 2)
    surplus = torch.zeros(len(nodes), current.shape[1], dtype=torch.complex128)
    surplus.index_add_(0, index[:, 1], current).index_add_(0, index[:, 0], -current)
    if len(nodes) and float(surplus.abs().max()) > 1e-6 * float(current.abs().max()):
        node, channel = divmod(int(surplus.abs().argmax()), current.shape[1])
        place = tuple(round(v * 1e-7, 4) for v in nodes[node].tolist())
        raise ValueError(
            f"the segments of channel {channel} do not close: at {place} m the currents do not add up to zero, so the "
            "wires are no circuit. Join the ends, or correct the signs in combination (current runs start to end)."
        )
