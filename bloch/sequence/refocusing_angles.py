"""Refocusing angles of long trains: small ones that keep the echoes where they are wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def plateau_angles(n_echoes: int, *, plateau: float) -> tuple[float, ...]:
    """Angles that lead the echoes of a train smoothly to a constant amplitude, relaxation aside.

        S_n = S + (1 − S) / 2ⁿ,   n = 1, 2, …

    The first pulse is strong, the next ones fall, and with rising order slowly rise again: stimulated echoes then carry
    the signal, at a fraction of the power of 180° pulses and with the contrast of a shorter effective echo time.

    Args:
        n_echoes: of the train.
        plateau: S, as a fraction of the excited magnetisation, above 0 and at most 1 (all pulses of 180°).

    Returns:
        Angles, rad, for ``turbo_spin_echo``.

    Raises:
        ValueError: the plateau is not between 0 and 1, or cannot be held for so many echoes.

    Source: Alsop, Magn Reson Med 37:176 (1997).
    """
    if not 0 < plateau <= 1:
        raise ValueError(f"the plateau is a fraction of the excited signal, above 0 and at most 1, not {plateau}")
    return angles_of_amplitudes([plateau + (1 - plateau) / 2**n for n in range(1, n_echoes + 1)])


def angles_of_amplitudes(amplitudes: Sequence[float]) -> tuple[float, ...]:
    """Angles under which the echoes of a CPMG train have given amplitudes, relaxation aside.

    In the extended phase graph of a train about the axis of the magnetisation all F are real and Z = iζ. A pulse of
    angle α makes the echo

        S = F₋₁' = (F₊₁ + F₋₁)/2 + (F₋₁ − F₊₁)/2 cos α − ζ₁ sin α,

    which is solved for the α nearest to the angle before.

    Args:
        amplitudes: S of every echo, fractions of the excited magnetisation.

    Returns:
        Angles, rad, 0 to π.

    Raises:
        ValueError: an echo cannot be so strong (or weak) after those before it.

    Source: Weigel, J Magn Reson Imaging 41:266 (2015), equations of the phase graph.
    """
    n = len(amplitudes)
    plus, minus, zeta = np.zeros((3, 2 * n + 3))
    plus[1] = 1.0  # half an interval after the excitation
    angles: list[float] = []
    for number, wanted in enumerate(amplitudes, start=1):
        mean, difference = (plus[1] + minus[1]) / 2, (minus[1] - plus[1]) / 2
        radius, direction = math.hypot(difference, zeta[1]), math.atan2(-zeta[1], difference)
        cosine = (wanted - mean) / radius
        if abs(cosine) > 1 + 1e-9:
            raise ValueError(
                f"echo {number} cannot have the amplitude {wanted:.4g}: after the echoes before it any angle gives "
                f"between {mean - radius:.4g} and {mean + radius:.4g}; ask for less, or for a slower change"
            )
        turn = math.acos(min(max(cosine, -1.0), 1.0))
        roots = [math.remainder(direction + sign * turn, 2 * math.pi) for sign in (1, -1)]
        inside = [abs(root) for root in roots if root > -1e-9 or root < 1e-9 - math.pi]
        if not inside:
            raise ValueError(f"echo {number} has the amplitude {wanted:.4g} at no angle between 0 and 180 degrees")
        angle = min(inside, key=lambda root: abs(root - (angles[-1] if angles else math.pi)))
        angles.append(angle)
        plus, minus, zeta = _turn(plus, minus, zeta, angle)
        for _ in range(2):  # to the echo, and on to the next pulse
            plus, minus = _dephase(plus, minus)
    return tuple(angles)


def _turn(plus: np.ndarray, minus: np.ndarray, zeta: np.ndarray, angle: float) -> tuple[np.ndarray, ...]:
    """A pulse about the axis of the magnetisation, on every order at once."""
    c, s, sine = math.cos(angle / 2) ** 2, math.sin(angle / 2) ** 2, math.sin(angle)
    return (
        c * plus + s * minus + sine * zeta,
        s * plus + c * minus - sine * zeta,
        math.cos(angle) * zeta - sine / 2 * (plus - minus),
    )


def _dephase(plus: np.ndarray, minus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half an interval between pulses: every order one up."""
    lower = np.append(minus[1:], 0.0)
    higher = np.concatenate([[lower[0]], plus[:-1]])
    return higher, lower
