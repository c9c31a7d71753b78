"""Shapes of radio-frequency pulses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bloch.sequence.events import PulseUse, RFPulse

HAMMING = 0.46
HANN = 0.5


@dataclass(frozen=True)
class PulseDesign:
    """How a pulse is shaped.

    Attributes:
        duration: s, an even number of gradient raster steps; 0 for an instantaneous hard pulse.
        slice_selective: a sinc pulse under a slice gradient; otherwise a hard pulse that turns everything.
        time_bandwidth: of the sinc: bandwidth times duration.
        apodisation: a of the window 1 − a + a cos(2πt/duration) over the sinc: ``HAMMING``, ``HANN``, 0 for none.
        step: of the sinc's shape, s; a simulation takes as many steps.
    """

    duration: float = 2e-3
    slice_selective: bool = True
    time_bandwidth: float = 4.0
    apodisation: float = HAMMING
    step: float = 20e-6


SINC_PULSE = PulseDesign()
HARD_PULSE = PulseDesign(duration=0.4e-3, slice_selective=False)


def sinc_pulse(flip_angle: float, *, design: PulseDesign, use: PulseUse = "excitation") -> RFPulse:
    """An apodised sinc pulse.

        B1(t) ∝ [1 − a + a cos(2πt/T)] sinc(b t/T),   −T/2 < t < T/2,   sinc(x) = sin(πx)/(πx)

    of bandwidth b/T, sampled at the middle of every step. The small-tip approximation, which the shape stands on,
    holds for excitation; as a refocusing pulse the profile is narrower than its bandwidth says.

    Args:
        flip_angle: on resonance, rad.
        design: T, b, a and the step.
        use: what it is for.

    Returns:
        RFPulse of phase 0.

    Source: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), section 2.2 (SINC pulses).
    """
    n_steps = max(round(design.duration / design.step), 1)
    t = (np.arange(n_steps) + 0.5) / n_steps - 0.5
    window = 1 - design.apodisation + design.apodisation * np.cos(2 * np.pi * t)
    shape = window * np.sinc(design.time_bandwidth * t)
    rotations = (flip_angle * shape / shape.sum()).astype(complex)
    return RFPulse(rotations, design.duration / n_steps, use=use)


def hyperbolic_secant(
    *, duration: float = 10e-3, mu: float = 5.0, strength: float = 3.0, step: float = 50e-6
) -> RFPulse:
    """An adiabatic inversion: above a threshold its effect does not depend on the transmit field.

        B1(t) = B1_max sech(βt) exp(iμ ln sech(βt)),   γ B1_max = strength β √μ

    sweeps the frequency by ∓μβ / 2π over a band of μβ/π Hz. It is cut where the field has fallen to 1 %.

    Args:
        duration: s, an even number of gradient raster steps.
        mu: μ.
        strength: times the threshold of adiabaticity.
        step: of the shape, s.

    Returns:
        RFPulse.

    Source: Silver, Joseph and Hoult, J Magn Reson 59:347 (1984); Baum, Tycko and Pines, Phys Rev A 32:3435 (1985).
    """
    n_steps = max(round(duration / step), 1)
    t = ((np.arange(n_steps) + 0.5) / n_steps - 0.5) * duration
    beta = math.pi * hyperbolic_secant_bandwidth(duration=duration, mu=mu) / mu
    sech = 1 / np.cosh(beta * t)
    raster = duration / n_steps
    turns = strength * beta * math.sqrt(mu) * raster * sech * np.exp(1j * mu * np.log(sech))
    return RFPulse(turns, raster, use="inversion")


def hyperbolic_secant_bandwidth(*, duration: float = 10e-3, mu: float = 5.0) -> float:
    """The band that a hyperbolic secant inverts: μβ/π, β from its cut at 1 % of the peak, Hz."""
    return mu * 2 * math.acosh(100) / duration / math.pi
