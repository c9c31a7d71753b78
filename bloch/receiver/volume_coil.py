"""Volume coils: near-homogeneous inside; solenoids where B0 lies across the patient, quadrature where along."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.receiver.coil_array import CoilArray, Vector, transverse_axes

_BLIND = 0.3
"""Sine of the angle between B0 and a solenoid's axis below which the coil is refused: it would hear next to nothing."""


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
    if abs(B0_direction[2]) < 0.5:
        return solenoid(radius=radius, length=2 * radius, B0_direction=B0_direction)
    e1, e2 = transverse_axes(B0_direction)
    normals = torch.stack((e1, e1, e2, e2))
    side = torch.tensor((-0.5, 0.5, -0.5, 0.5), dtype=torch.float64).reshape(-1, 1) * radius
    wiring = torch.tensor([[1, 1, 1j, 1j]], dtype=torch.complex128)
    return CoilArray(side * normals, normals, torch.full((4,), radius, dtype=torch.float64), wiring)


def solenoid(
    *, radius: float = 0.14, length: float = 0.28, n_turns: int = 8, B0_direction: Vector = (0.0, 1.0, 0.0)
) -> CoilArray:
    """Turns in series round the patient's axis (z), for magnets whose field lies across it.

    Args:
        radius: of the turns, m.
        length: from the first turn to the last, m.
        n_turns: evenly spaced, at least 1; one turn lies at the origin.
        B0_direction: unit vector of the main field; only checked.

    Returns:
        CoilArray of one channel.

    Raises:
        ValueError: no turns, or B0 along the coil's axis, where a solenoid hears nothing.

    Source: Hoult and Richards, J Magn Reson 24:71 (1976).
    """
    transverse_axes(B0_direction)  # refuses what is no direction
    if n_turns < 1:
        raise ValueError(f"a solenoid needs at least one turn, but got n_turns={n_turns}")
    if math.hypot(B0_direction[0], B0_direction[1]) < _BLIND:
        raise ValueError(
            f"a solenoid along z hears nothing in B0 along {tuple(B0_direction)}: its field is parallel to B0, and "
            "only what lies across B0 is received. Take volume_coil or birdcage, or a B0_direction across z."
        )
    z = torch.tensor((0.0, 0.0, 1.0), dtype=torch.float64)
    steps = torch.linspace(-0.5, 0.5, n_turns, dtype=torch.float64) if n_turns > 1 else torch.zeros(1).double()
    positions = steps.reshape(-1, 1) * length * z
    radii = torch.full((n_turns,), radius, dtype=torch.float64)
    wiring = torch.ones(1, n_turns, dtype=torch.complex128)
    return CoilArray(positions, z.repeat(n_turns, 1), radii, wiring)


def birdcage(
    *, radius: float = 0.14, length: float = 0.25, n_rungs: int = 16, B0_direction: Vector = (0.0, 0.0, 1.0)
) -> CoilArray:
    """A birdcage round the patient's axis (z): both homogeneous modes, combined for the spins' sense of rotation.

    Rung k at angle φ_k = 2πk/N carries cos φ_k in one mode and sin φ_k in the other, and the rings carry what
    flows between the rungs: sin(φ_k + π/N) / (2 sin π/N) and −cos(φ_k + π/N) / (2 sin π/N) from rung k to k + 1.
    Their fields at the centre are −y and +x; each is weighted with the conjugate of its sensitivity there. So B0
    along z gives quadrature, and B0 along y the one linear mode that lies across it.

    Args:
        radius: of the rings, m.
        length: of the rungs, m.
        n_rungs: at least 4.
        B0_direction: unit vector of the main field.

    Returns:
        CoilArray of one channel: ``n_rungs`` rungs, then the straight pieces of the upper and the lower ring.

    Raises:
        ValueError: fewer than 4 rungs.

    Source: Hayes et al., J Magn Reson 63:622 (1985); quadrature as in :func:`volume_coil`.
    """
    if n_rungs < 4:
        raise ValueError(f"a birdcage needs at least 4 rungs for its two modes, but got n_rungs={n_rungs}")
    phi = 2 * math.pi * torch.arange(n_rungs, dtype=torch.float64) / n_rungs
    corner = radius * torch.stack((phi.cos(), phi.sin(), torch.zeros_like(phi)), dim=-1)
    half = torch.tensor((0.0, 0.0, 0.5 * length), dtype=torch.float64)
    up, down = corner + half, corner - half
    upper, lower = torch.stack((up, up.roll(-1, 0)), dim=1), torch.stack((down, down.roll(-1, 0)), dim=1)
    segments = torch.cat((torch.stack((down, up), dim=1), upper, lower))
    return CoilArray(
        torch.zeros(0, 3, dtype=torch.float64),
        torch.zeros(0, 3, dtype=torch.float64),
        torch.zeros(0, dtype=torch.float64),
        _birdcage_wiring(phi, B0_direction),
        segments,
    )


def _birdcage_wiring(phi: Tensor, B0_direction: Vector) -> Tensor:
    """Currents of rungs, upper and lower ring: complex128 (1, 3 n_rungs)."""
    e1, e2 = transverse_axes(B0_direction)
    step = math.pi / len(phi)
    ring = torch.stack(((phi + step).sin(), -(phi + step).cos())) / (2 * math.sin(step))
    modes = torch.cat((torch.stack((phi.cos(), phi.sin())), ring, -ring), dim=1)
    centre = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)  # of either mode, at the origin
    heard = torch.complex(centre @ e1, -centre @ e2)
    weights = heard.conj() / heard.abs().max()
    return (weights @ modes.to(weights)).unsqueeze(0)
