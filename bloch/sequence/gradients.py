"""Gradient lobes: the shortest that the scanner can play for a wanted moment, and blocks made of them."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.events import Block, Gradient, trapezoid
from bloch.tissue import GYROMAGNETIC_RATIO

NEGLIGIBLE = 1e-9
"""Moments below it are none, 1/m: a turn of the phase of 1e-9 across a metre."""


@dataclass(frozen=True)
class LobeTiming:
    """Times of a trapezoid with equal ramps.

    Attributes:
        ramp_time: of each ramp, s.
        flat_time: s; 0 for a triangle.
    """

    ramp_time: float
    flat_time: float

    @property
    def duration(self) -> float:
        """s."""
        return 2 * self.ramp_time + self.flat_time


def on_raster(time: float, raster: float) -> float:
    """The first multiple of ``raster`` that is not before ``time``, s."""
    return math.ceil(time / raster - 1e-6) * raster


def shortest_lobe(moment: float, scanner: Scanner) -> LobeTiming:
    """Times of the shortest trapezoid of a moment, on the gradient raster.

    With ramps of r and a whole length of T raster steps τ, the amplitude is A = |moment| / (γ/2π (T − r) τ), which has
    to stay below ``max_gradient`` and below ``max_slew`` r τ. The smallest T for which some r ≤ T/2 does both is taken.

    Args:
        moment: γ/2π ∫ G dt, 1/m.
        scanner: its limits.

    Returns:
        LobeTiming; of no length for a negligible moment.
    """
    if abs(moment) < NEGLIGIBLE:
        return LobeTiming(0.0, 0.0)
    raster = scanner.gradient_raster
    area = abs(moment) / GYROMAGNETIC_RATIO * (1 - 1e-12)
    by_amplitude = area / (scanner.max_gradient * raster)  # T − r at least
    by_slew = area / (scanner.max_slew * raster**2)  # r (T − r) at least
    steps = max(2, math.ceil(2 * math.sqrt(by_slew)), math.ceil(by_amplitude) + 1)
    while True:
        root = max(steps**2 / 4 - by_slew, -1.0)
        ramp = max(1, math.ceil(steps / 2 - math.sqrt(root))) if root >= 0 else steps
        if 2 * ramp <= steps and steps - ramp >= by_amplitude and ramp * (steps - ramp) >= by_slew:
            return LobeTiming(ramp * raster, (steps - 2 * ramp) * raster)
        steps += 1


@functools.lru_cache(maxsize=4096)  # one object for one lobe: checks and engines know it again
def lobe(moment: float, timing: LobeTiming, *, delay: float = 0.0) -> Gradient | None:
    """A trapezoid of given times; None for a negligible moment.

    Args:
        moment: γ/2π ∫ G dt, 1/m.
        timing: its times.
        delay: from the start of the block, s.

    Returns:
        Gradient, or None.
    """
    if abs(moment) < NEGLIGIBLE:
        return None
    return trapezoid(moment, flat_time=timing.flat_time, ramp_time=timing.ramp_time, delay=delay)


def longest_lobe(moments: np.ndarray, scanner: Scanner) -> LobeTiming:
    """Times that serve all of a family of moments: those of the shortest trapezoid of the largest.

    Args:
        moments: any shape, 1/m.
        scanner: its limits.

    Returns:
        LobeTiming.
    """
    return shortest_lobe(float(np.abs(moments).max(initial=0.0)), scanner)


def moment_block(moments: np.ndarray, timing: LobeTiming, *, fill: float = 0.0) -> Block:
    """A block that moves through k-space on three axes at once.

    Args:
        moments: on x, y, z, float64 ``(3,)``, 1/m.
        timing: of every lobe.
        fill: time that the block lasts beyond its lobes, s.

    Returns:
        Block, equally long for all moments.
    """
    gx, gy, gz = (lobe(float(m), timing) for m in moments)
    return Block(timing.duration + fill, gx=gx, gy=gy, gz=gz)


def along_z(moment: float) -> np.ndarray:
    """A moment on the slice axis, ``(3,)``, 1/m."""
    return np.array([0.0, 0.0, moment])


def moments_until(gradient: Gradient | None, times: np.ndarray) -> np.ndarray:
    """γ/2π ∫₀ᵗ G dt of a gradient from the start of its block; exact, as it is piecewise linear.

    Args:
        gradient: or None.
        times: t, from the start of the block, float64 ``(time,)``, s.

    Returns:
        Moments, float64 ``(time,)``, 1/m.
    """
    if gradient is None:
        return np.zeros(len(times))
    t, G = gradient.times, gradient.amplitudes
    whole = np.concatenate([[0.0], np.cumsum(np.diff(t) * (G[1:] + G[:-1]) / 2)])
    inside = np.clip(times, t[0], t[-1])
    i = np.clip(np.searchsorted(t, inside, side="right") - 1, 0, len(t) - 2)
    since = inside - t[i]
    slope = (G[i + 1] - G[i]) / (t[i + 1] - t[i])
    return GYROMAGNETIC_RATIO * (whole[i] + G[i] * since + slope * since**2 / 2)
