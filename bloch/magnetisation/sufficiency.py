"""How many isochromats a pool needs, so that what has dephased does not come back as signal."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch

from bloch.magnetisation.configurations import Configurations, configurations_at_samples
from bloch.magnetisation.spins import Spins, isochromat_offsets
from bloch.magnetisation.stretches import separated, stretches
from bloch.magnetisation.timeline import Timeline

NUMBERS = (1, 5, 7, 11, 13, 17, 23, 29, 37, 47, 61, 79, 101, 131, 167, 211, 269, 347, 443, 563, 719, 911)
"""Tried in this order. Primes, because spoilers turn a voxel by whole numbers, 2 or 4 times, in every repetition."""

PULSES_FOLLOWED = 128
CONFIGURATIONS_WEIGHED = 48
SAMPLES_WEIGHED = 36

CENTRE = 0.02
"""Turns per voxel within which images have most of their power; beyond, it falls as the square of the distance."""


def isochromats_needed(spins: Spins, timeline: Timeline, *, tolerance: float = 0.05, least: int = 1) -> int:
    """The smallest number of isochromats whose sums stay near the integral over the pool.

    Each configuration of dephasing k and time τ contributes its amplitude times

        Π_d sinc(k_d) exp(−R2' |τ|)     by the integral,   mean_i exp(−2πi (k·u_i + τ Δf_i))     by isochromats

    and the root mean square of the difference over some samples, with the power that images have in that part of
    k-space, is compared with that of the signal, for a tissue
    whose T2 is longer than that of nine spins in ten. Pulses count by their angle at the centre of the pool.

    Args:
        spins: pools.
        timeline: steps.
        tolerance: of the difference over the signal.
        least: smallest number that is considered.

    Returns:
        Number of isochromats, at least 1; the largest of ``NUMBERS`` where none is enough.
    """
    weighed = _Weighed(spins, timeline)
    return next((n for n in NUMBERS if n >= least and weighed.error(n) <= tolerance), NUMBERS[-1])


def warn_of_aliasing(spins: Spins, timeline: Timeline, n_isochromats: int, *, tolerance: float = 0.1) -> None:
    """Warn where a number of isochromats is too small.

    Args:
        spins: pools.
        timeline: steps.
        n_isochromats: that are to be simulated.
        tolerance: error, relative to the signal, from which to warn; twice that of :func:`isochromats_needed`.
    """
    weighed = _Weighed(spins, timeline)
    error = weighed.error(n_isochromats)
    if error > tolerance:
        needed = next((n for n in NUMBERS if weighed.error(n) <= tolerance / 2), NUMBERS[-1])
        warnings.warn(
            f"{n_isochromats} isochromats in a pool leave about {100 * error:.0f} % of false signal: magnetisation "
            f"that gradients or T2' have dephased comes back (aliases). About {needed} isochromats are needed",
            stacklevel=4,  # who called the engine
        )


class _Weighed:
    """Configurations of a typical pool at some samples."""

    def __init__(self, spins: Spins, timeline: Timeline) -> None:
        self.found: list[Configurations] = []
        self.R2_prime = 0.0
        if not any(spins.extent) and float(spins.R2_prime.detach().max()) == 0:
            return
        T2, nine_tenths = spins.T2.detach(), int(0.9 * (len(spins) - 1))
        typical = int(torch.argsort(T2)[nine_tenths])
        self.R2_prime = float(spins.R2_prime.detach().sort().values[nine_tenths])
        whole = separated(timeline)
        every = configurations_at_samples(
            whole,
            stretches(whole),
            extent=spins.extent,
            T1=float(spins.T1.detach()[typical]),
            T2=float(T2[typical]),
            most=PULSES_FOLLOWED,
        )
        self.found = _some([c for c in every if len(c.amplitude)])

    def error(self, n: int) -> float:
        """Of n isochromats, relative to the signal."""
        if not self.found:
            return 0.0
        u = isochromat_offsets(n).numpy() - 0.5
        frequencies = self.R2_prime / (2 * math.pi) * np.tan(np.pi * u[:, 3])
        places = np.concatenate([u[:, :3], frequencies[:, None]], axis=1)
        wrong = right = 0.0
        for c in self.found:
            integral = np.sinc(c.dephasing[:, :3]).prod(1) * np.exp(-self.R2_prime * abs(c.dephasing[:, 3]))
            mean = np.exp(-2j * np.pi * (c.dephasing @ places.T)).mean(1)
            power = 1 / (CENTRE**2 + float((c.dephasing[:, :3] ** 2).sum(1).min()))
            wrong += power * float((abs(c.amplitude * (mean - integral)) ** 2).sum())
            right += power * float((abs(c.amplitude * integral) ** 2).sum())
        return math.sqrt(wrong / max(right, 1e-12))


def _some(found: list[Configurations]) -> list[Configurations]:
    """Evenly chosen samples, and of each the strongest configurations."""
    some: list[Configurations] = []
    if not found:
        return some
    chosen = np.unique(np.linspace(0, len(found) - 1, SAMPLES_WEIGHED).astype(int))
    for index in chosen:
        c = found[index]
        strongest = np.argsort(-abs(c.amplitude))[:CONFIGURATIONS_WEIGHED]
        some.append(Configurations(c.dephasing[strongest], c.amplitude[strongest]))
    return some
