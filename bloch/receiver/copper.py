"""The resistance of the coil's own wire, and the crossover field that it leads one to expect."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.receiver.coil_array import CoilArray
from bloch.receiver.conducting_body import ConductingBody, ellipsoid_body, resistance_per_square_frequency
from bloch.receiver.loop_field import VACUUM_PERMEABILITY
from bloch.tissue import GYROMAGNETIC_RATIO

COPPER_RESISTIVITY = 1.72e-8
"""At 20 °C, Ω m. Source: IEC 60028, international standard of resistance for copper."""


def wire_lengths(array: CoilArray) -> Tensor:
    """Length of every conductor.

    Args:
        array: loops, then segments.

    Returns:
        Float64 ``(conductor,)``, m, on the CPU.
    """
    loops = 2 * math.pi * array.radii.to("cpu", torch.float64)
    if array.segments is None:
        return loops
    start, end = array.segments.to("cpu", torch.float64).unbind(1)
    return torch.cat((loops, (end - start).norm(dim=-1)))


def expected_crossover_field(
    array: CoilArray, *, wire_radius: float = 2e-3, body: ConductingBody | None = None
) -> float:
    """Field strength at which round copper wire alone makes as much noise as the body.

        √(μ0 ρ ω / 2) / (2π a) · W diag(length) Wᴴ = ω² W ∫ σ E_i·E_j dV Wᴴ / ω²   in the mean over the channels

    A lower bound of a real coil's crossover: capacitors, solder and the neighbours' eddy currents add losses, and turns
    that lie close together crowd their currents. Stranded (litz) wire at a few MHz can go below.

    Args:
        array: the coils.
        wire_radius: a, m, several times the skin depth (40 µm at 2.7 MHz).
        body: what conducts; a sphere of 9 cm like a head where None.

    Returns:
        B0, T, to be passed as ``crossover_field``.

    Raises:
        ValueError: a wire radius that is not above 0.

    Source: skin effect: Jackson, Classical Electrodynamics, 3rd ed., § 5.18; its place in the noise: Hoult and
    Richards, J Magn Reson 24:71 (1976); further losses: Kumar, Edelstein and Bottomley, Magn Reson Med 61:1201 (2009).
    """
    if not wire_radius > 0:
        raise ValueError(f"the wire radius must be above 0 m, but is {wire_radius}")
    body = ellipsoid_body() if body is None else body
    W = torch.eye(array.n_coils, dtype=torch.complex128) if array.combination is None else array.combination
    W = W.to("cpu", torch.complex128)
    through_body = float((W @ resistance_per_square_frequency(array, body).to(W) @ W.mH).diagonal().real.mean())
    length = float((W.abs().square() @ wire_lengths(array)).mean())
    per_root_frequency = math.sqrt(0.5 * VACUUM_PERMEABILITY * COPPER_RESISTIVITY) / (2 * math.pi * wire_radius)
    omega = (per_root_frequency * length / through_body) ** (2 / 3)
    return omega / (2 * math.pi * GYROMAGNETIC_RATIO)
