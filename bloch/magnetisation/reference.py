"""The Bloch equations, step by step, in float64: slow, plain, and the truth that the other engines are held to."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation.precession import precession
from bloch.magnetisation.spins import Spins
from bloch.magnetisation.timeline import Timeline
from bloch.receiver.coil_array import Vector


def reference_magnetisation(
    spins: Spins, timeline: Timeline, *, B0: float | None = None, B0_direction: Vector = (0.0, 0.0, 1.0)
) -> Tensor:
    """Transverse magnetisation of every spin at every sample.

    Each step relaxes for half its duration, turns, and relaxes for the other half (Strang's splitting):

        M(t + Δt) = Λ(Δt/2) R(θ n) Λ(Δt/2) M(t),     θ n = −(Re rf · B1, Im rf · B1, 2π cycles)
        Λ(t): M_xy → M_xy exp(−t/T2),  M_z → M0 + (M_z − M0) exp(−t/T1)

    exact without a pulse, since precession and relaxation commute; of second order in Δt during a pulse. The turn
    is left-handed, as dM/dt = γ M × B has it.

    Args:
        spins: points; their R2' plays no part (see :func:`bloch.magnetisation.spins.subdivide`).
        timeline: steps.
        B0, B0_direction: for the concomitant field, see :func:`bloch.magnetisation.precession.precession`.

    Returns:
        Complex128 ``(spin, sample)``, without the receiver's phase; on the CPU.

    Source: Bloch, Phys Rev 70:460 (1946), eq. 38; Strang, SIAM J Numer Anal 5:506 (1968).
    """
    terms = precession(spins, timeline, B0=B0, B0_direction=B0_direction)
    cycles = terms.steps.double().detach().cpu().numpy() @ terms.spins.double().detach().cpu().numpy().T
    duration, rf = timeline.duration.detach().numpy(), timeline.rf.detach().numpy()
    M0, T1, T2 = (v.double().detach().cpu().numpy() for v in (spins.equilibrium, spins.T1, spins.T2))
    B1 = spins.transmit.to(torch.complex128).detach().cpu().numpy()
    M = np.stack([np.zeros_like(M0), np.zeros_like(M0), M0])  # (xyz, spin)
    found = np.zeros((len(M0), timeline.n_samples), complex)
    for s, sample in enumerate(timeline.sample.tolist()):
        turn = rf[s] * B1
        M = relax(M, M0, T1, T2, duration[s] / 2)
        M = rotate(M, -np.stack([turn.real, turn.imag, 2 * np.pi * cycles[s]]))
        M = relax(M, M0, T1, T2, duration[s] / 2)
        if timeline.spoils is not None and timeline.spoils[s]:
            M[:2] = 0
        if sample >= 0:
            found[:, sample] = M[0] + 1j * M[1]
    return torch.from_numpy(found)


def relax(M: np.ndarray, M0: np.ndarray, T1: np.ndarray, T2: np.ndarray, time: float) -> np.ndarray:
    """Relaxation of ``(xyz, spin)`` for a time in s."""
    E1, E2 = np.exp(-time / T1), np.exp(-time / T2)
    return np.stack([M[0] * E2, M[1] * E2, M0 + (M[2] - M0) * E1])


def rotate(M: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Right-handed turn of ``(xyz, spin)`` by |rotation| rad about ``rotation``, by the formula of Rodrigues."""
    angle = np.linalg.norm(rotation, axis=0)
    n = rotation / np.where(angle == 0, 1, angle)
    along = (n * M).sum(0)
    return M * np.cos(angle) + np.cross(n, M, axis=0) * np.sin(angle) + n * along * (1 - np.cos(angle))
