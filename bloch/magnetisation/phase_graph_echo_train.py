"""Echo trains by extended phase graphs: multi-echo and turbo spin echo, for thousands of voxels at once.

T1, T2, B1 and all else that belongs to a voxel may be numbers or tensors that broadcast; dtype and device follow
T1 (else T2, else the flip angles; numbers alone are float64 on the CPU). Gradients flow to all of them and to the
pulses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.magnetisation.extended_phase_graph import (
    Interval,
    PhaseGraph,
    decay,
    diffuse,
    interval_of,
    relax,
    shift,
    shift_half_orders,
)
from bloch.magnetisation.phase_graph_pulses import (
    Diffusion,
    Number,
    Pulses,
    Voxels,
    after_each_pulse,
    in_groups,
    like,
    orders_needed,
    pulses_of,
    voxels_of,
)


@dataclass(frozen=True, eq=False)
class EchoTrain:
    """An excitation and refocusing pulses midway between echoes: multi-echo or turbo spin echo (CPMG).

    Attributes:
        flip_angles: of the refocusing pulses, ``(echo,)``, rad.
        echo_spacing: s.
        phases: of the refocusing pulses, ``(echo,)`` or one for all, rad.
        excitation_flip_angle: rad.
        excitation_phase: rad; by default −π/2, which turns Mz onto +x, the axis of refocusing pulses of phase 0.
    """

    flip_angles: Tensor
    echo_spacing: float
    phases: Number = 0.0
    excitation_flip_angle: Number = math.pi / 2
    excitation_phase: Number = -math.pi / 2


def echo_train(
    T1: Number,
    T2: Number,
    *,
    train: EchoTrain,
    B1: Number = 1.0,
    longitudinal: Number = 1.0,
    diffusion: Diffusion | None = None,
    max_orders: int | None = None,
) -> Tensor:
    """M+ at every echo of a train.

    Crushers or the read-out gradient dephase by whole turns between pulses, so that what refocusing pulses excite
    (their free induction decays) stays away from the echoes; static off-resonance is refocused.

    Args:
        T1: s, any shape.
        T2: s, broadcasts, at most 2 T1.
        train: pulses and times.
        B1: actual over nominal flip angle, broadcasts.
        longitudinal: Mz before the excitation, in units of equilibrium, broadcasts.
        diffusion: or None for none.
        max_orders: largest number of orders to follow; None for exact.

    Returns:
        Complex ``(..., echo)``; real and positive for CPMG trains with the default phases.

    Raises:
        ValueError: a time that is not positive, T2 > 2 T1, or lengths that do not match.

    Source: Hennig, J Magn Reson 78:397 (1988); Weigel, J Magn Reson Imaging 41:266 (2015).
    """
    voxels, shape = voxels_of(
        T1, T2, flip_angles=train.flip_angles, B1=B1, longitudinal=longitudinal, diffusion=diffusion
    )
    pulses = _refocusing_pulses(train, voxels)
    orders = orders_needed(pulses, max_orders)

    def signal(group: Voxels) -> Tensor:
        start, interval, half = _echo_ladder(group, train, diffusion, orders)
        states = after_each_pulse(
            start, pulses, group.B1, lambda s, n: shift_half_orders(decay(s, interval), n), orders
        )
        return torch.stack([s.F_minus[0].conj() * half for s in states], dim=-1)

    return in_groups(signal, voxels, orders).reshape(*shape, -1)


def longitudinal_after_echo_train(
    T1: Number,
    T2: Number,
    *,
    train: EchoTrain,
    B1: Number = 1.0,
    longitudinal: Number = 1.0,
    diffusion: Diffusion | None = None,
    max_orders: int | None = None,
) -> Tensor:
    """Mean Mz of a voxel at the end of a train: at its last echo, half an echo spacing after the last pulse.

    Args and Raises are those of ``echo_train``.

    Returns:
        Real ``(...)``, in units of equilibrium.
    """
    voxels, shape = voxels_of(
        T1, T2, flip_angles=train.flip_angles, B1=B1, longitudinal=longitudinal, diffusion=diffusion
    )
    pulses = _refocusing_pulses(train, voxels)
    orders = orders_needed(pulses, max_orders)

    def end(group: Voxels) -> Tensor:
        half = interval_of(group.T1, group.T2, duration=train.echo_spacing / 2)
        between = interval_of(group.T1, group.T2, duration=train.echo_spacing)
        if diffusion is not None:
            b_unit = diffusion.dephasing**2 * train.echo_spacing
            between = diffuse(between, group.coefficient, b_unit=b_unit, first_order=0, n_orders=orders)
        E1 = half.longitudinal[0].real
        excitation = like(train.excitation_flip_angle, E1) * group.B1
        Z = (group.longitudinal * torch.cos(excitation) * E1 + half.recovery).to(half.plus.dtype)[None]
        start = PhaseGraph(torch.zeros_like(Z), torch.zeros_like(Z), Z)
        for states in after_each_pulse(start, pulses, group.B1, lambda s, n: shift(relax(s, between), n), orders):
            last = states.Z[0].real
        return last * E1 + half.recovery

    return in_groups(end, voxels, orders).reshape(shape)


def steady_echo_train(
    T1: Number,
    T2: Number,
    *,
    train: EchoTrain,
    repetition_time: float,
    B1: Number = 1.0,
    diffusion: Diffusion | None = None,
    max_orders: int | None = None,
) -> Tensor:
    """M+ at every echo of a train that is repeated until nothing changes.

    Mz at the end of a train depends linearly on Mz before it, ``a Mz + b``, and recovers until the next excitation,
    ``Mz = 1 + (a Mz + b − 1) E`` with ``E = exp(−(TR − ETL·ESP)/T1)``; so the steady state needs no iteration. Between
    trains all transverse magnetisation is taken as spoiled, and Mz as alike for all spins of a voxel.

    Args:
        T1: s, any shape.
        T2: s, broadcasts, at most 2 T1.
        train: pulses and times.
        repetition_time: from excitation to excitation, s.
        B1: actual over nominal flip angle, broadcasts.
        diffusion: or None for none.
        max_orders: largest number of orders to follow; None for exact.

    Returns:
        Complex ``(..., echo)``.

    Raises:
        ValueError: as ``echo_train``; or the train does not fit into the repetition time.
    """
    length = len(train.flip_angles) * train.echo_spacing
    if not length <= repetition_time:
        raise ValueError(
            f"{len(train.flip_angles)} echoes every {train.echo_spacing} s last {length} s, longer than the repetition "
            f"time of {repetition_time} s. Shorten the train or lengthen the repetition time; times are in s."
        )

    def end(longitudinal: float) -> Tensor:
        return longitudinal_after_echo_train(
            T1, T2, train=train, B1=B1, longitudinal=longitudinal, diffusion=diffusion, max_orders=max_orders
        )

    offset = end(0.0)
    slope = end(1.0) - offset
    E = torch.exp(-(repetition_time - length) / like(T1, offset))
    steady = (1 - E + E * offset) / (1 - E * slope)
    return echo_train(T1, T2, train=train, B1=B1, longitudinal=steady, diffusion=diffusion, max_orders=max_orders)


def _echo_ladder(
    group: Voxels, train: EchoTrain, diffusion: Diffusion | None, orders: int
) -> tuple[PhaseGraph, Interval, Tensor]:
    # States before the first refocusing pulse, evolution between pulses, and from a pulse to its echo.
    half = interval_of(group.T1, group.T2, duration=train.echo_spacing / 2).plus[0]
    between = interval_of(group.T1, group.T2, duration=train.echo_spacing)
    if diffusion is not None:
        b_unit = diffusion.dephasing**2 * train.echo_spacing
        between = diffuse(between, group.coefficient, b_unit=b_unit, first_order=0.5, n_orders=orders)
        # The wave number runs from 0 to K/2, or back, in half the time: b = (K/2)²/3 · t/2.
        half = half * torch.exp(-b_unit / 24 * group.coefficient)
    angle = like(train.excitation_flip_angle, group.T1) * group.B1
    phase = like(train.excitation_phase, group.T1)
    F = (1j * torch.exp(1j * phase) * torch.sin(angle) * group.longitudinal * half)[None]
    return PhaseGraph(F, torch.zeros_like(F), torch.zeros_like(F)), between, half


def _refocusing_pulses(train: EchoTrain, voxels: Voxels) -> Pulses:
    if not train.echo_spacing > 0:
        raise ValueError(f"The echo spacing is {train.echo_spacing} s; it must be positive.")
    return pulses_of(train.flip_angles, train.phases, voxels)
