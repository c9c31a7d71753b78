"""Gradient-echo trains by extended phase graphs: FISP, FLASH and balanced, for thousands of voxels at once.

T1, T2, B1 and all else that belongs to a voxel may be numbers or tensors that broadcast; dtype and device follow
T1 (else T2, else the flip angles; numbers alone are float64 on the CPU). Gradients flow to all of them and to the
pulses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.magnetisation.extended_phase_graph import PhaseGraph, diffuse, interval_of, relax, shift
from bloch.magnetisation.phase_graph_pulses import (
    Diffusion,
    Number,
    Pulses,
    Voxels,
    after_each_pulse,
    in_groups,
    orders_needed,
    pulses_of,
    voxels_of,
)


@dataclass(frozen=True, eq=False)
class GradientEchoTrain:
    """Pulses every repetition time.

    Attributes:
        flip_angles: ``(pulse,)``, rad.
        repetition_time: s.
        echo_time: from pulse to echo, s.
        phases: ``(pulse,)`` or one for all, rad.
    """

    flip_angles: Tensor
    repetition_time: float
    echo_time: float
    phases: Number = 0.0


def spoiled_train(
    T1: Number,
    T2: Number,
    *,
    train: GradientEchoTrain,
    B1: Number = 1.0,
    longitudinal: Number = 1.0,
    diffusion: Diffusion | None = None,
    max_orders: int | None = None,
) -> Tensor:
    """M+ at the echo after every pulse of a gradient echo whose gradients dephase by whole turns per repetition.

    With constant phases FISP (gradient spoiling), with ``rf_spoiling_phases`` FLASH. ``max_orders=1`` lets nothing
    transverse survive a repetition: perfect spoiling.

    Args:
        T1: s, any shape.
        T2: s (T2* where the echo is a free induction decay's), broadcasts, at most 2 T1.
        train: pulses and times. The echo comes before the spoiler.
        B1: actual over nominal flip angle, broadcasts.
        longitudinal: Mz before the first pulse, broadcasts; e.g. 1 − 2 exp(−TI/T1) after an inversion.
        diffusion: along the spoiler, taken as constant over the repetition; None for none.
        max_orders: largest number of orders to follow; None for exact.

    Returns:
        Complex ``(..., pulse)``, demodulated by the phase of its pulse: i sin a exp(−TE/T2) after the first.

    Raises:
        ValueError: a time that is not positive, an echo after the repetition, T2 > 2 T1, or lengths that do not match.

    Source: Weigel, J Magn Reson Imaging 41:266 (2015).
    """
    voxels, shape = voxels_of(
        T1, T2, flip_angles=train.flip_angles, B1=B1, longitudinal=longitudinal, diffusion=diffusion
    )
    pulses = _gradient_echo_pulses(train, voxels)
    orders = orders_needed(pulses, max_orders)

    def signal(group: Voxels) -> Tensor:
        between = interval_of(group.T1, group.T2, duration=train.repetition_time)
        if diffusion is not None:
            b_unit = diffusion.dephasing**2 * train.repetition_time
            between = diffuse(between, group.coefficient, b_unit=b_unit, first_order=0, n_orders=orders)
        return _gradient_echoes(group, train, pulses, lambda s, n: shift(relax(s, between), n), orders)

    return in_groups(signal, voxels, orders).reshape(*shape, -1)


def balanced_train(
    T1: Number,
    T2: Number,
    *,
    train: GradientEchoTrain,
    B1: Number = 1.0,
    longitudinal: Number = 1.0,
    off_resonance: Number = 0.0,
) -> Tensor:
    """M+ at the echo after every pulse of a balanced gradient echo (bSSFP, TrueFISP), where no gradient dephases.

    Args:
        T1: s, any shape.
        T2: s, broadcasts, at most 2 T1.
        train: pulses and times; phases 0, π, 0, … put the pass band at 0 Hz.
        B1: actual over nominal flip angle, broadcasts.
        longitudinal: Mz before the first pulse, broadcasts.
        off_resonance: Hz, broadcasts.

    Returns:
        Complex ``(..., pulse)``, demodulated by the phase of its pulse.

    Raises:
        ValueError: as ``spoiled_train``.
    """
    voxels, shape = voxels_of(
        T1, T2, flip_angles=train.flip_angles, B1=B1, longitudinal=longitudinal, off_resonance=off_resonance
    )
    pulses = _gradient_echo_pulses(train, voxels)

    def signal(group: Voxels) -> Tensor:
        between = interval_of(group.T1, group.T2, duration=train.repetition_time, off_resonance=group.off_resonance)
        return _gradient_echoes(group, train, pulses, lambda s, n: relax(s, between), 1)

    return in_groups(signal, voxels, 1).reshape(*shape, -1)


def rf_spoiling_phases(n_pulses: int, *, increment: float = math.radians(117)) -> Tensor:
    """Phases of RF spoiling, φ_n = φ_n−1 + n·increment = increment n (n + 1)/2.

    Args:
        n_pulses: number of pulses.
        increment: rad; 117° spoils well for most tissues.

    Returns:
        Float64 ``(pulse,)``, 0 ≤ φ < 2π.

    Source: Zur, Wood & Neuringer, Magn Reson Med 21:251 (1991).
    """
    n = torch.arange(n_pulses, dtype=torch.float64)
    return torch.remainder(increment * n * (n + 1) / 2, 2 * math.pi)


def _gradient_echoes(
    group: Voxels,
    train: GradientEchoTrain,
    pulses: Pulses,
    advance: Callable[[PhaseGraph, int], PhaseGraph],
    orders: int,
) -> Tensor:
    to_echo = interval_of(group.T1, group.T2, duration=train.echo_time, off_resonance=group.off_resonance).plus[0]
    Z = group.longitudinal.to(to_echo.dtype)[None]
    start = PhaseGraph(torch.zeros_like(Z), torch.zeros_like(Z), Z)
    states = after_each_pulse(start, pulses, group.B1, advance, orders)
    M_plus = torch.stack([s.F_plus[0] * to_echo for s in states], dim=-1)
    return M_plus * torch.exp(-1j * pulses.phases)


def _gradient_echo_pulses(train: GradientEchoTrain, voxels: Voxels) -> Pulses:
    if not 0 <= train.echo_time <= train.repetition_time or train.repetition_time <= 0:
        raise ValueError(
            f"Echo time {train.echo_time} s and repetition time {train.repetition_time} s are impossible: "
            "0 <= echo time <= repetition time is needed. Times are in s, not ms."
        )
    return pulses_of(train.flip_angles, train.phases, voxels)
