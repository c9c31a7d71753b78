"""Exponents of B0: of the magnetisation, the voltage, and the SNR with one kind of noise or both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from bloch.receiver import equilibrium_magnetisation, signal_factor
from bloch.snr import HeadReceiver, head_receiver, intrinsic_snr, with_crossover
from experiments.field_strength_snr.anatomy import COILS

STEP = 1.001


def exponent(quantity: Callable[[float], float], B0: float) -> float:
    """Local exponent ``d log quantity / d log B0``, by a small step round B0 (T)."""
    return math.log(quantity(B0 * STEP) / quantity(B0 / STEP)) / (2 * math.log(STEP))


def exponent_between(quantity: Callable[[float], float], low: float, high: float) -> float:
    """Mean exponent from ``low`` to ``high`` (T)."""
    return math.log(quantity(high) / quantity(low)) / math.log(high / low)


def mean_snr(receiver: HeadReceiver) -> Callable[[float], float]:
    """Intrinsic SNR over the points of a receiver as a function of B0."""
    return lambda B0: float(intrinsic_snr(receiver, B0).mean())


def standard_receivers() -> dict[str, HeadReceiver]:
    """The coils round an ellipsoid like a head, at the nominal crossover field."""
    return {name: head_receiver(array, B0_direction=direction) for name, (array, direction) in COILS.items()}


def limit_exponents(receiver: HeadReceiver) -> dict[str, tuple[float, float]]:
    """Exponents in the limits, with what theory wants.

    Args:
        receiver: coils and head.

    Returns:
        Found and wanted, by name.
    """
    copper = mean_snr(replace(receiver, body_resistance=0 * receiver.body_resistance))
    body = mean_snr(replace(receiver, copper_resistance=0 * receiver.copper_resistance))
    both = mean_snr(receiver)
    return {
        "equilibrium magnetisation": (exponent(equilibrium_magnetisation, 0.5), 1.0),
        "induced voltage": (exponent(signal_factor, 0.5), 2.0),
        "SNR, copper noise alone": (exponent(copper, 0.5), 7 / 4),
        "SNR, body noise alone": (exponent(body, 0.5), 1.0),
        "SNR, both, at 1/1000 of the crossover field": (exponent(both, 0.2e-3), 7 / 4),
        "SNR, both, at 1000 times the crossover field": (exponent(both, 200.0), 1.0),
    }


def local_exponents(receiver: HeadReceiver, B0: float, ratios: tuple[float, float]) -> tuple[float, float, float]:
    """Exponent at B0 with the lowest, the nominal and the highest crossover field.

    Args:
        receiver: coils and head at the nominal crossover field.
        B0: field strength, T.
        ratios: lowest and highest crossover field over the nominal one.

    Returns:
        Three exponents.
    """
    low, high = (exponent(mean_snr(with_crossover(receiver, ratio)), B0) for ratio in ratios)
    return low, exponent(mean_snr(receiver), B0), high
