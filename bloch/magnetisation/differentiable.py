"""The Bloch equations in PyTorch: on any device, differentiable in the tissue and in the sequence."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from bloch.magnetisation.precession import precession
from bloch.magnetisation.spins import Spins
from bloch.magnetisation.stretches import Stretches
from bloch.magnetisation.timeline import Timeline
from bloch.receiver.coil_array import Vector

SAMPLES_AT_ONCE = 64  # rows of the matrix product that takes samples


def magnetisation_rows(
    spins: Spins, timeline: Timeline, parts: Stretches, *, B0: float | None, B0_direction: Vector
) -> Iterator[Tensor]:
    """Transverse magnetisation of points, a few samples at a time; the integrator is that of ``reference``.

        samples of one stretch:  M+(t_j) = M+(0) exp(−t_j/T2 − 2πi Σ cycles)

    Args:
        spins: points.
        timeline: steps, :func:`bloch.magnetisation.stretches.separated`.
        parts: its stretches.
        B0, B0_direction: for the concomitant field.

    Yields:
        Complex ``(≤ SAMPLES_AT_ONCE, spin)``, without the receiver's phase, in the order of the samples.
    """
    terms = precession(spins, timeline, B0=B0, B0_direction=B0_direction)
    places = terms.spins.double()
    device = places.device
    duration, rf = timeline.duration.to(device), timeline.rf.to(device)
    takes = timeline.sample >= 0
    M = torch.complex(torch.zeros_like(spins.T1), torch.zeros_like(spins.T1))
    Mz = spins.equilibrium
    for first, last, is_pulse in zip(parts.first, parts.last, parts.is_pulse, strict=True):
        if is_pulse:
            # In float64: a relaxation of 1e-5 in each of a thousand steps would be rounded a thousand times.
            fine, fine_z = M.to(torch.complex128), Mz.double()
            for s in range(first, last):
                fine, fine_z = _turn(fine, fine_z, spins, rf[s] * spins.transmit, duration[s], places @ terms.steps[s])
            M, Mz = fine.to(M.dtype), fine_z.to(Mz.dtype)
            continue
        time, rows = duration[first:last].cumsum(0), terms.steps[first:last].cumsum(0)
        left = torch.ones_like(time) if timeline.spoils is None else _left(timeline.spoils[first:last]).to(time)
        chosen = takes[first:last].nonzero()[:, 0].to(device)
        for some in chosen.split(SAMPLES_AT_ONCE) if len(chosen) else ():
            yield M * (left[some].to(spins.T2).unsqueeze(1) * _phasor(rows[some], time[some], places, spins))
        M = M * (left[-1].to(spins.T2) * _phasor(rows[-1:], time[-1:], places, spins)[0])
        Mz = spins.equilibrium + (Mz - spins.equilibrium) * torch.exp(-time[-1] / spins.T1.double()).to(Mz)


def _left(spoils: Tensor) -> Tensor:
    """1 until the first spoiler, 0 after it."""
    return (spoils.long().cumsum(0) == 0).double()


def _phasor(rows: Tensor, time: Tensor, places: Tensor, spins: Spins) -> Tensor:
    """exp(−t/T2 − 2πi cycles), ``(row, spin)``; whole cycles are dropped in float64."""
    cycles = rows @ places.T
    phase = (-2 * math.pi * (cycles - cycles.detach().round())).to(spins.T2)
    decay = torch.exp(-time.unsqueeze(1) / spins.T2.double()).to(spins.T2)
    return torch.polar(decay, phase)


def _turn(M: Tensor, Mz: Tensor, spins: Spins, rf: Tensor, duration: Tensor, cycles: Tensor) -> tuple[Tensor, Tensor]:
    """One step of a pulse: relax for half of it, turn left-handed about (rf, 2π cycles), relax."""
    E1, E2 = (torch.exp(-duration / (2 * T.double())) for T in (spins.T1, spins.T2))
    wx, wy, wz = -rf.real, -rf.imag, -2 * math.pi * cycles
    # Functions of the squared angle, so that an angle of 0 has a derivative.
    half_angle = (wx * wx + wy * wy + wz * wz).clamp_min(1e-40).sqrt() / 2
    scale, cosine = torch.sin(half_angle) / (2 * half_angle), torch.cos(half_angle)
    qx, qy, qz = wx * scale, wy * scale, wz * scale
    M0 = spins.equilibrium.double()
    x, y, z = M.real * E2, M.imag * E2, M0 + (Mz - M0) * E1
    tx, ty, tz = 2 * (qy * z - qz * y), 2 * (qz * x - qx * z), 2 * (qx * y - qy * x)
    x, y, z = (
        x + cosine * tx + qy * tz - qz * ty,
        y + cosine * ty + qz * tx - qx * tz,
        z + cosine * tz + qx * ty - qy * tx,
    )
    return torch.complex(x * E2, y * E2), M0 + (z - M0) * E1
