"""From water and fat to the fraction of fat, without the bias of noise and of T1."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def fat_fraction(water: Tensor, fat: Tensor) -> Tensor:
    """Re F / (W + F): the share of fat where both start with one phase, unbiased by noise.

    |F| / (|W| + |F|) is never 0 and never 1, because magnitudes of noise have a positive mean. F / (W + F) is analytic
    in both, so circular complex noise averages out of it, to all orders but for the rare zeros of W + F; noise alone
    takes it below 0 and above 1.

    Args:
        water, fat: complex, any one shape.

    Returns:
        Float, same shape; 0 where there is no signal at all.

    Source: Liu et al., Magn Reson Med 58:354 (2007): phase-constrained reconstruction against noise bias.
    """
    total = water + fat
    power = total.abs().square()
    share = (fat * total.conj()).real / power.clamp_min(torch.finfo(power.dtype).tiny)
    return torch.where(power > 0, share, torch.zeros_like(share))


def correct_T1_weighting(
    fraction: Tensor, *, repetition_time: float, flip_angle: float, T1_water: float, T1_fat: float
) -> Tensor:
    """Fraction of protons from a fraction of signal: each species over sin α (1 − E1) / (1 − cos α E1).

    E1 = exp(−TR/T1), the steady state of a spoiled gradient echo.

    Args:
        fraction: of the signal at echo time 0, float, any shape.
        repetition_time: s.
        flip_angle: rad.
        T1_water, T1_fat: s; of the tissue in question at this field.

    Returns:
        Float, same shape.

    Source: Liu et al., Magn Reson Med 58:354 (2007); Ernst and Anderson, Rev Sci Instrum 37:93 (1966).
    """
    water, fat = (_spoiled(repetition_time, flip_angle, T1) for T1 in (T1_water, T1_fat))
    share = fraction / fat
    return share / (share + (1 - fraction) / water)


def _spoiled(repetition_time: float, flip_angle: float, T1: float) -> float:
    if not (repetition_time > 0 and T1 > 0 and 0 < flip_angle < math.pi):
        raise ValueError(
            f"TR {repetition_time} s, T1 {T1} s and flip angle {flip_angle} rad: expected all above 0 and the angle "
            "below π; SI units, so 60 ms are 0.06 and 5 degrees 0.087"
        )
    recovery = math.exp(-repetition_time / T1)
    return math.sin(flip_angle) * (1 - recovery) / (1 - math.cos(flip_angle) * recovery)
