"""How a pool's magnetisation dephases: configurations along x, y, z and frequency, as a sequence makes them."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bloch.magnetisation.stretches import Stretches
from bloch.magnetisation.timeline import Timeline

FINEST = np.array([1e-3, 1e-3, 1e-3, 1e-6])
"""Turns across the pool, and s: configurations closer than that are one."""

FAINTEST = 1e-3
"""Of the equilibrium: fainter configurations are dropped."""


@dataclass(frozen=True, eq=False)
class Configurations:
    """M = Σ_j amplitude_j exp(−2πi (dephasing_j · u + time_j Δf)), u the place in the pool in units of its extent.

    Attributes:
        dephasing: turns across the pool along x, y, z, and the time in s that frequencies had, ``(j, 4)``.
        amplitude: complex ``(j,)``.
    """

    dephasing: np.ndarray
    amplitude: np.ndarray


def configurations_at_samples(
    timeline: Timeline, parts: Stretches, *, extent: tuple[float, float, float], T1: float, T2: float, most: int
) -> Iterator[Configurations]:
    """Transverse configurations at the first, the middle and the last sample between two pulses.

    A pulse of flip angle a and phase p splits each configuration, left-handed as everywhere:

        F'(k) = cos²(a/2) F(k) + e^{2ip} sin²(a/2) F*(−k) + i e^{ip} sin a Z(k)
        Z'(k) = cos a Z(k) + (i/2) sin a (e^{−ip} F(k) − e^{ip} F*(−k))

    Its own gradient acts half before it and half after.

    Args:
        timeline: separated.
        parts: its stretches.
        extent: of the pool, m.
        T1, T2: of its tissue, s.
        most: pulses to follow; by then a sequence of many is in its steady state.

    Yields:
        Configurations.

    Source: Hennig, J Magn Reson 78:397 (1988); with several gradients: Endres et al., Magn Reson Med (2024),
    doi 10.1002/mrm.30055.
    """
    turns = timeline.moment.detach().cpu().numpy() * np.array(extent)
    steps = np.concatenate([turns, timeline.duration.detach().cpu().numpy()[:, None]], axis=1)
    until = np.concatenate([np.zeros((1, 4)), np.cumsum(steps, axis=0)])
    rf = np.concatenate([[0], np.cumsum(timeline.rf.detach().cpu().numpy())])
    spoils = np.zeros(len(turns)) if timeline.spoils is None else timeline.spoils.cpu().numpy()
    spoiled = np.append(0, np.cumsum(spoils))
    takes = np.flatnonzero(timeline.sample.cpu().numpy() >= 0)
    F = Configurations(np.zeros((0, 4)), np.zeros(0, complex))
    Z = Configurations(np.zeros((1, 4)), np.ones(1, complex))
    for first, last, is_pulse in zip(parts.first.tolist(), parts.last.tolist(), parts.is_pulse.tolist(), strict=True):
        way = until[last] - until[first]
        if is_pulse:
            most -= 1
            if most < 0:
                return
            F, Z = _evolve(F, Z, way / 2, T1, T2)
            F, Z = _split(F, Z, complex(rf[last] - rf[first]))
            F, Z = _evolve(F, Z, way / 2, T1, T2)
            continue
        inside = takes[np.searchsorted(takes, first) : np.searchsorted(takes, last)]
        for s in inside[[0, len(inside) // 2, -1]] if len(inside) else ():
            yield _evolve(F, Z, until[s + 1] - until[first], T1, T2)[0]
        F, Z = _evolve(F, Z, way, T1, T2)
        if spoiled[last] > spoiled[first]:
            F = Configurations(F.dephasing[:0], F.amplitude[:0])


def _evolve(
    F: Configurations, Z: Configurations, way: np.ndarray, T1: float, T2: float
) -> tuple[Configurations, Configurations]:
    E1, E2 = math.exp(-way[3] / T1), math.exp(-way[3] / T2)
    amplitude = Z.amplitude * E1
    amplitude[0] += 1 - E1  # the first one is not dephased
    return Configurations(F.dephasing + way, F.amplitude * E2), Configurations(Z.dephasing, amplitude)


def _split(F: Configurations, Z: Configurations, rf: complex) -> tuple[Configurations, Configurations]:
    angle, turn = abs(rf), cmath.exp(1j * cmath.phase(rf))
    c, s = math.cos(angle), math.sin(angle)
    mirrored, conjugate = -F.dephasing, F.amplitude.conj()
    transverse = np.concatenate(
        [F.amplitude * (1 + c) / 2, conjugate * turn**2 * (1 - c) / 2, 1j * turn * s * Z.amplitude]
    )
    half = 0.5j * s
    along = np.concatenate([Z.amplitude * c, half / turn * F.amplitude, -half * turn * conjugate])
    places = np.concatenate([F.dephasing, mirrored, Z.dephasing])
    still = np.zeros((1, 4))
    return (
        _merged(places, transverse),
        _merged(np.concatenate([still, Z.dephasing, F.dephasing, mirrored]), np.append(0, along), keep_first=True),
    )


def _merged(dephasing: np.ndarray, amplitude: np.ndarray, *, keep_first: bool = False) -> Configurations:
    """Sum what is dephased alike, and drop what is faint; the first may have to stay, and stay first."""
    cells = np.rint(dephasing / FINEST).astype(np.int64)
    key = cells @ np.array([1, 1_000_003, 998_244_353 * 7, 1_000_000_007 * 4_099])  # wraps; a clash would be a wonder
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    total = np.bincount(which, amplitude.real) + 1j * np.bincount(which, amplitude.imag)
    loud = abs(total) > FAINTEST
    order = np.argsort(first)
    order = order[loud[order] | (keep_first & (first[order] == 0))]
    return Configurations(dephasing[first[order]], total[order])
