"""The strength of a regulariser tuned against the truth: an advantage that no real reconstruction has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pirecon.report.metrics import psnr

RATIO = 1.5  # between neighbouring strengths; half of it costs a few hundredths of a dB at a flat maximum
MOST_STEPS = 12


@dataclass(frozen=True)
class Tuned:
    """The best image, at which strength, and its PSNR in dB."""

    image: Tensor
    strength: float
    psnr: float


def tune_strength(solve: Callable[[float], Tensor], truth: Tensor, *, start: float) -> Tuned:
    """The strength with the highest PSNR: uphill in steps of 1.5 from ``start``, then the vertex of a parabola.

    The parabola goes through the best strength and its two neighbours, in log strength; the best of all images tried
    is kept.

    Args:
        solve: strength > 0 → image.
        truth: shape of the image.
        start: first strength.
    """
    tried: dict[int, Tuned] = {}

    def attempt(exponent: float) -> Tuned:
        strength = start * RATIO**exponent
        image = solve(strength)
        return Tuned(image, strength, psnr(image, truth))

    tried = {0: attempt(0), 1: attempt(1)}
    direction = 1 if tried[1].psnr > tried[0].psnr else -1
    best = max(0, direction)
    for _ in range(MOST_STEPS):
        if best + direction not in tried:
            tried[best + direction] = attempt(best + direction)
        if tried[best + direction].psnr <= tried[best].psnr:
            break
        best += direction
    if best - 1 in tried and best + 1 in tried:
        refined = attempt(best + _vertex(*(tried[best + step].psnr for step in (-1, 0, 1))))
        if refined.psnr > tried[best].psnr:
            return refined
    return tried[best]


def _vertex(left: float, middle: float, right: float) -> float:
    """Where the parabola through (−1, left), (0, middle), (1, right) is highest, if it is curved downwards."""
    curvature = left - 2 * middle + right
    if not math.isfinite(curvature) or curvature >= 0:
        return 0.0
    return max(-1.0, min(1.0, (left - right) / (2 * curvature)))
