"""Sines, cosines and exponentials that numba turns into vector instructions, which those of libm are not."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types
from numba.extending import overload


def _series(first: int, n: int) -> list[float]:
    """Coefficients of sin (first = 1) or cos (first = 0) of π x in powers of x²."""
    return [(-1) ** k * math.pi ** (2 * k + first) / math.factorial(2 * k + first) for k in range(n)]


# Up to ±π/2 the first omitted terms are below half a unit in the last place.
S8, C8 = tuple(_series(1, 12)), tuple(_series(0, 12))
S4, C4 = tuple(map(np.float32, _series(1, 7))), tuple(map(np.float32, _series(0, 7)))
E8 = tuple(1 / math.factorial(k) for k in range(14))


@njit(nogil=True, fastmath=True)
def _half_single(x):  # type: ignore[no-untyped-def]
    """sin πx, cos πx for |x| ≤ ½, float32."""
    u = x * x
    s = x * (S4[0] + u * (S4[1] + u * (S4[2] + u * (S4[3] + u * (S4[4] + u * (S4[5] + u * S4[6]))))))
    c = C4[0] + u * (C4[1] + u * (C4[2] + u * (C4[3] + u * (C4[4] + u * (C4[5] + u * C4[6])))))
    return s, c


@njit(nogil=True, fastmath=True)
def half_double(x: float) -> tuple[float, float]:
    """sin πx, cos πx for |x| ≤ ½, float64."""
    u = x * x
    s = S8[6] + u * (S8[7] + u * (S8[8] + u * (S8[9] + u * (S8[10] + u * S8[11]))))
    c = C8[6] + u * (C8[7] + u * (C8[8] + u * (C8[9] + u * (C8[10] + u * C8[11]))))
    s = S8[0] + u * (S8[1] + u * (S8[2] + u * (S8[3] + u * (S8[4] + u * (S8[5] + u * s)))))
    c = C8[0] + u * (C8[1] + u * (C8[2] + u * (C8[3] + u * (C8[4] + u * (C8[5] + u * c)))))
    return x * s, c


def half(x: float) -> tuple[float, float]:
    """sin πx and cos πx for |x| ≤ ½ in the precision of x."""
    return math.sin(math.pi * x), math.cos(math.pi * x)


@overload(half, inline="always")
def _half_compiled(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        return lambda x: _half_single(x)
    return lambda x: half_double(x)


@njit(nogil=True, fastmath=True)
def exp_minus(x: float) -> float:
    """exp(−x) for 0 ≤ x, float64; 2^−k as the bits of a float."""
    y = min(x, 700.0)
    k = np.rint(y * 1.4426950408889634)
    r = k * 0.6931471805599453 - y  # |r| ≤ ln 2 / 2
    p = E8[7] + r * (E8[8] + r * (E8[9] + r * (E8[10] + r * (E8[11] + r * (E8[12] + r * E8[13])))))
    p = E8[0] + r * (E8[1] + r * (E8[2] + r * (E8[3] + r * (E8[4] + r * (E8[5] + r * (E8[6] + r * p))))))
    return p * np.int64(np.int64(1023 - np.int64(k)) << np.int64(52)).view(np.float64)
