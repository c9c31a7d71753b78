"""A straight line through the phase of a noisy complex profile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

N_REFINEMENTS = 4


@dataclass(frozen=True)
class PhaseLine:
    """arg D(p) ≈ a + 2π b p / n, p counted from n // 2.

    Attributes:
        constant: a, rad.
        delay: b, samples of the profile's transform.
        constant_error: its standard deviation, from the residuals.
        delay_error: likewise.
        coherence: |Σ D exp(−i line)| / Σ |D|: 1 where the line says it all, about 1/√n for noise.
    """

    constant: float
    delay: float
    constant_error: float
    delay_error: float
    coherence: float


def fit_phase_line(product: np.ndarray) -> PhaseLine:
    """Weighted least squares with weights |D|, since the phase of D = conj(f) g has a variance of about 2σ²/|D|.

    The slope starts from the phase between neighbours, which no wrap disturbs.

    Args:
        product: D, complex ``(pixel,)``.

    Returns:
        The line; all of D zero gives a line of coherence 0.

    Source: start: Ahn C. B., Cho Z. H., IEEE Trans Med Imaging 6:32 (1987).
    """
    n = len(product)
    p, weights = np.arange(n) - n // 2, np.abs(product)
    if n < 3 or not weights.any():
        return PhaseLine(0.0, 0.0, math.inf, math.inf, 0.0)
    slope = float(np.angle(np.sum(product[:-1].conj() * product[1:])))
    constant = float(np.angle(np.sum(product * np.exp(-1j * slope * p))))
    design = np.stack([np.ones(n), p], axis=1)
    normal = design.T @ (weights[:, None] * design)
    covariance = np.zeros((2, 2))
    for _ in range(N_REFINEMENTS):
        residual = np.angle(product * np.exp(-1j * (constant + slope * p)))
        step = np.linalg.solve(normal, design.T @ (weights * residual))
        constant, slope = constant + float(step[0]), slope + float(step[1])
        covariance = np.linalg.inv(normal) * float(weights @ (residual - design @ step) ** 2) / (n - 2)
    coherence = abs(np.sum(product * np.exp(-1j * (constant + slope * p)))) / float(weights.sum())
    samples = n / (2 * math.pi)
    errors = np.sqrt(np.diag(covariance))
    wrapped = math.remainder(constant, 2 * math.pi)
    return PhaseLine(wrapped, slope * samples, float(errors[0]), float(errors[1]) * samples, float(coherence))
