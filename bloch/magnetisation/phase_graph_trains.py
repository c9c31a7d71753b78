"""Signals of echo trains and of gradient-echo trains by extended phase graphs, for thousands of voxels at once.

T1, T2, B1 and all else that belongs to a voxel may be numbers or tensors that broadcast; dtype and device follow
T1 (else T2, else the flip angles; numbers alone are float64 on the CPU). Gradients flow to all of them and to the
pulses. Voxels are taken in groups, so that memory is bounded: a group's states of all orders fill a few MB on the
CPU (its cache), some hundred on CUDA. Autograd keeps every step, so with gradients memory grows with all voxels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from bloch.magnetisation.extended_phase_graph import (
    Interval,
    PhaseGraph,
    decay,
    diffuse,
    interval_of,
    relax,
    rotate,
    shift,
    shift_half_orders,
)

Number = Tensor | float
BYTES_PER_GROUP = {"cpu": 2_000_000}
BYTES_PER_GROUP_ELSEWHERE = 256_000_000


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


@dataclass(frozen=True, eq=False)
class Diffusion:
    """Free diffusion along a gradient that is constant from pulse to pulse.

    Attributes:
        coefficient: D, broadcasts with T1, m²/s.
        dephasing: 2π γ/2π G t between two pulses (an echo spacing, a repetition time), rad/m.
    """

    coefficient: Number
    dephasing: float


@dataclass(frozen=True, eq=False)
class _Voxels:
    T1: Tensor  # all (voxel,)
    T2: Tensor
    B1: Tensor
    longitudinal: Tensor
    coefficient: Tensor
    off_resonance: Tensor


@dataclass(frozen=True, eq=False)
class _Pulses:
    flip_angles: Tensor  # (pulse,)
    phases: Tensor  # (pulse,)


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
    voxels, shape = _voxels(T1, T2, like=train.flip_angles, B1=B1, longitudinal=longitudinal, diffusion=diffusion)
    pulses = _pulses(train.flip_angles, train.phases, voxels)
    _check_positive("echo spacing", train.echo_spacing)
    orders = _n_orders(pulses, max_orders)

    def signal(group: _Voxels) -> Tensor:
        start, interval, half = _echo_ladder(group, train, diffusion, orders)
        states = _after_each_pulse(start, pulses, group.B1, lambda s, n: shift_half_orders(decay(s, interval), n), orders)
        return torch.stack([s.F_minus[0].conj() * half for s in states], dim=-1)

    return _in_groups(signal, voxels, orders).reshape(*shape, -1)


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
    voxels, shape = _voxels(T1, T2, like=train.flip_angles, B1=B1, longitudinal=longitudinal, diffusion=diffusion)
    pulses = _pulses(train.flip_angles, train.phases, voxels)
    _check_positive("echo spacing", train.echo_spacing)
    orders = _n_orders(pulses, max_orders)

    def end(group: _Voxels) -> Tensor:
        half = interval_of(group.T1, group.T2, duration=train.echo_spacing / 2)
        between = interval_of(group.T1, group.T2, duration=train.echo_spacing)
        if diffusion is not None:
            b_unit = diffusion.dephasing**2 * train.echo_spacing
            between = diffuse(between, group.coefficient, b_unit=b_unit, first_order=0, n_orders=orders)
        E1 = half.longitudinal[0].real
        excitation = torch.as_tensor(train.excitation_flip_angle).to(E1) * group.B1
        Z = (group.longitudinal * torch.cos(excitation) * E1 + half.recovery).to(half.plus.dtype)[None]
        start = PhaseGraph(torch.zeros_like(Z), torch.zeros_like(Z), Z)
        for states in _after_each_pulse(start, pulses, group.B1, lambda s, n: shift(relax(s, between), n), orders):
            last = states.Z[0].real
        return last * E1 + half.recovery

    return _in_groups(end, voxels, orders).reshape(shape)


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
    E = torch.exp(-(repetition_time - length) / torch.as_tensor(T1).to(offset))
    steady = (1 - E + E * offset) / (1 - E * slope)
    return echo_train(
        T1, T2, train=train, B1=B1, longitudinal=steady, diffusion=diffusion, max_orders=max_orders
    )


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
    voxels, shape = _voxels(T1, T2, like=train.flip_angles, B1=B1, longitudinal=longitudinal, diffusion=diffusion)
    pulses = _gradient_echo_pulses(train, voxels)
    orders = _n_orders(pulses, max_orders)

    def signal(group: _Voxels) -> Tensor:
        between = interval_of(group.T1, group.T2, duration=train.repetition_time)
        if diffusion is not None:
            b_unit = diffusion.dephasing**2 * train.repetition_time
            between = diffuse(between, group.coefficient, b_unit=b_unit, first_order=0, n_orders=orders)
        return _gradient_echoes(group, train, pulses, lambda s, n: shift(relax(s, between), n), orders)

    return _in_groups(signal, voxels, orders).reshape(*shape, -1)


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
    voxels, shape = _voxels(
        T1, T2, like=train.flip_angles, B1=B1, longitudinal=longitudinal, off_resonance=off_resonance
    )
    pulses = _gradient_echo_pulses(train, voxels)

    def signal(group: _Voxels) -> Tensor:
        between = interval_of(
            group.T1, group.T2, duration=train.repetition_time, off_resonance=group.off_resonance
        )
        return _gradient_echoes(group, train, pulses, lambda s, n: relax(s, between), 1)

    return _in_groups(signal, voxels, 1).reshape(*shape, -1)


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


def _echo_ladder(
    group: _Voxels, train: EchoTrain, diffusion: Diffusion | None, orders: int
) -> tuple[PhaseGraph, Interval, Tensor]:
    # States before the first refocusing pulse, evolution between pulses, and from a pulse to its echo.
    half = interval_of(group.T1, group.T2, duration=train.echo_spacing / 2).plus[0]
    between = interval_of(group.T1, group.T2, duration=train.echo_spacing)
    if diffusion is not None:
        b_unit = diffusion.dephasing**2 * train.echo_spacing
        between = diffuse(between, group.coefficient, b_unit=b_unit, first_order=0.5, n_orders=orders)
        half = half * torch.exp(-b_unit / 24 * group.coefficient)  # wave number from 0 to K/2, or back, in half the time
    angle = torch.as_tensor(train.excitation_flip_angle).to(group.T1) * group.B1
    phase = torch.as_tensor(train.excitation_phase).to(group.T1)
    F = (1j * torch.exp(1j * phase) * torch.sin(angle) * group.longitudinal * half)[None]
    return PhaseGraph(F, torch.zeros_like(F), torch.zeros_like(F)), between, half


def _gradient_echoes(
    group: _Voxels,
    train: GradientEchoTrain,
    pulses: _Pulses,
    advance: Callable[[PhaseGraph, int], PhaseGraph],
    orders: int,
) -> Tensor:
    to_echo = interval_of(group.T1, group.T2, duration=train.echo_time, off_resonance=group.off_resonance).plus[0]
    Z = group.longitudinal.to(to_echo.dtype)[None]
    start = PhaseGraph(torch.zeros_like(Z), torch.zeros_like(Z), Z)
    states = _after_each_pulse(start, pulses, group.B1, advance, orders)
    M_plus = torch.stack([s.F_plus[0] * to_echo for s in states], dim=-1)
    return M_plus * torch.exp(-1j * pulses.phases)


def _after_each_pulse(
    start: PhaseGraph,
    pulses: _Pulses,
    B1: Tensor,
    advance: Callable[[PhaseGraph, int], PhaseGraph],
    orders: int,
) -> Iterator[PhaseGraph]:
    states, n_pulses = start, len(pulses.flip_angles)
    for n in range(n_pulses):
        states = rotate(states, pulses.flip_angles[n] * B1, pulses.phases[n])
        yield states
        # An order comes down by one per interval: with r intervals left, orders beyond r reach no later signal.
        if n + 1 < n_pulses:
            states = advance(states, min(orders, n_pulses - n - 1))


def _in_groups(function: Callable[[_Voxels], Tensor], voxels: _Voxels, orders: int) -> Tensor:
    bytes_per_voxel = 3 * 2 * voxels.T1.element_size() * max(orders, 8) // 2
    budget = BYTES_PER_GROUP.get(voxels.T1.device.type, BYTES_PER_GROUP_ELSEWHERE)
    size = max(1, budget // bytes_per_voxel)
    split = [getattr(voxels, field.name).split(size) for field in fields(voxels)]
    return torch.cat([function(_Voxels(*group)) for group in zip(*split, strict=True)])


def _voxels(
    T1: Number,
    T2: Number,
    *,
    like: Tensor,
    B1: Number,
    longitudinal: Number,
    diffusion: Diffusion | None = None,
    off_resonance: Number = 0.0,
) -> tuple[_Voxels, torch.Size]:
    given = next((t for t in (T1, T2, like) if isinstance(t, Tensor) and t.is_floating_point()), None)
    target = torch.empty(0, dtype=torch.float64) if given is None else given
    D = 0.0 if diffusion is None else diffusion.coefficient
    tensors = [torch.as_tensor(t).to(target) for t in (T1, T2, B1, longitudinal, D, off_resonance)]
    _check_relaxation(tensors[0], tensors[1])
    if not bool((tensors[4] >= 0).all()):
        raise ValueError(f"A diffusion coefficient of {float(tensors[4].min())} m²/s is below 0.")
    tensors = torch.broadcast_tensors(*tensors)
    return _Voxels(*(t.reshape(-1) for t in tensors)), tensors[0].shape


def _pulses(flip_angles: Tensor, phases: Number, voxels: _Voxels) -> _Pulses:
    angles, turns = torch.as_tensor(flip_angles).to(voxels.T1), torch.as_tensor(phases).to(voxels.T1)
    if angles.ndim != 1 or len(angles) == 0 or (turns.ndim > 0 and turns.shape != angles.shape):
        raise ValueError(
            f"Flip angles of shape {tuple(angles.shape)} and phases of shape {tuple(turns.shape)} do not match: "
            "one flip angle per pulse is needed, and one phase per pulse or one for all."
        )
    return _Pulses(angles, turns.expand(angles.shape))


def _gradient_echo_pulses(train: GradientEchoTrain, voxels: _Voxels) -> _Pulses:
    if not 0 <= train.echo_time <= train.repetition_time or train.repetition_time <= 0:
        raise ValueError(
            f"Echo time {train.echo_time} s and repetition time {train.repetition_time} s are impossible: "
            "0 <= echo time <= repetition time is needed. Times are in s, not ms."
        )
    return _pulses(train.flip_angles, train.phases, voxels)


def _n_orders(pulses: _Pulses, max_orders: int | None) -> int:
    if max_orders is not None and max_orders < 1:
        raise ValueError(f"max_orders is {max_orders}: at least order 0 must be followed, so 1 or more (None: exact).")
    exact = (len(pulses.flip_angles) + 1) // 2  # as many orders as can go up and come down again
    return exact if max_orders is None else min(exact, max_orders)


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"The {name} is {value} s; it must be positive.")


def _check_relaxation(T1: Tensor, T2: Tensor) -> None:
    for name, value in (("T1", T1), ("T2", T2)):
        if not bool((value > 0).all()):
            raise ValueError(
                f"{name} must be positive everywhere, in s; the smallest is {float(value.min())}. "
                "Background voxels without tissue? Leave them out."
            )
    if not bool((T2 <= 2 * T1).all()):
        raise ValueError(
            f"T2 > 2 T1 somewhere (T2 up to {float(T2.max())} s, T1 down to {float(T1.min())} s), which no "
            "magnetisation can do. Are T1 and T2 swapped, or one in ms?"
        )
