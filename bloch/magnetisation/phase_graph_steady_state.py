"""Steady states of gradient echoes that dephase by whole turns per repetition: RF-spoiled FLASH and FISP.

FISP has a closed form too, ``bloch.sequence.signal_equations.gradient_spoiled_steady_state``.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from bloch.magnetisation.extended_phase_graph import PhaseGraph, diffuse, interval_of, relax, rotate, shift
from bloch.magnetisation.phase_graph_pulses import Diffusion, Number, Voxels, in_groups, like, pulses_of, voxels_of

QUIET_PULSES = 8
"""The signal must stand still this many pulses: RF spoiling makes it pause on its way."""


@dataclass(frozen=True, eq=False)
class RepeatedPulse:
    """One pulse for ever.

    Attributes:
        flip_angle: rad.
        repetition_time: s.
        echo_time: from pulse to echo, s.
        phase_increment: of RF spoiling, rad: the n-th pulse has phase increment n (n + 1)/2. 0 is FISP.
    """

    flip_angle: Number
    repetition_time: float
    echo_time: float
    phase_increment: float = 0.0


def spoiled_steady_state(
    T1: Number,
    T2: Number,
    *,
    pulse: RepeatedPulse,
    B1: Number = 1.0,
    diffusion: Diffusion | None = None,
    tolerance: float = 1e-4,
) -> Tensor:
    """M+ at the echo of a gradient-spoiled or RF-spoiled gradient echo in its steady state.

    Pulses are repeated from the steady state of perfect spoiling on. One repetition shrinks any deviation by at least
    q = max(E1, E2), so a change from pulse to pulse below ``tolerance (1 − q)`` leaves an error of about the
    tolerance, and after log(tolerance)/log(q) pulses nothing remains. A state that reaches order k and comes back
    has been transverse for 2 k repetitions: orders with ``exp(−2 k TR/T2) < tolerance`` are not followed.

    Args:
        T1: s, any shape.
        T2: s, broadcasts, at most 2 T1.
        pulse: repeated pulse.
        B1: actual over nominal flip angle, broadcasts.
        diffusion: along the spoiler, taken as constant over the repetition; None for none.
        tolerance: of the signal, in units of equilibrium. With float32 no less than 1e-5.

    Returns:
        Complex ``(...)``, demodulated by the phase of the pulse.

    Raises:
        ValueError: T1 or T2 infinite, no pulse, impossible times, or a tolerance outside 0 to 1.

    Source: Weigel, J Magn Reson Imaging 41:266 (2015); Zur, Wood & Neuringer, Magn Reson Med 21:251 (1991).
    """
    angles = torch.atleast_1d(torch.as_tensor(pulse.flip_angle))
    voxels, shape = voxels_of(T1, T2, flip_angles=angles, B1=B1, longitudinal=1.0, diffusion=diffusion)
    angle = pulses_of(like(pulse.flip_angle, voxels.T1).reshape(-1), 0.0, voxels).flip_angles
    _check(pulse, voxels, tolerance)

    def orders_of(T2: Tensor) -> int:
        return 1 + math.ceil(float(T2.detach().max()) * math.log(1 / tolerance) / (2 * pulse.repetition_time))

    def signal(group: Voxels) -> Tensor:
        orders = orders_of(group.T2)
        between = interval_of(group.T1, group.T2, duration=pulse.repetition_time)
        E1 = 1 - between.recovery
        Z = ((1 - E1) / (1 - E1 * torch.cos(angle * group.B1))).to(between.plus.dtype)[None]
        if diffusion is not None:
            b_unit = diffusion.dephasing**2 * pulse.repetition_time
            between = diffuse(between, group.coefficient, b_unit=b_unit, first_order=0, n_orders=orders)
        start = PhaseGraph(torch.zeros_like(Z), torch.zeros_like(Z), Z)
        slowest = float(torch.maximum(group.T1, group.T2).detach().max())
        q = math.exp(-pulse.repetition_time / slowest)

        states, signals = start, deque([torch.zeros_like(Z[0])], maxlen=QUIET_PULSES)
        for n in range(math.ceil(math.log(tolerance) / math.log(q)) + QUIET_PULSES):
            phase = math.remainder(pulse.phase_increment * n * (n + 1) / 2, 2 * math.pi)
            states = rotate(states, angle * group.B1, like(phase, group.T1))
            signals.append(states.F_plus[0] * complex(math.cos(phase), -math.sin(phase)))
            if n % QUIET_PULSES == QUIET_PULSES - 1 and _largest_step(signals) < tolerance * (1 - q):
                break
            states = shift(relax(states, between), orders)
        return signals[-1] * interval_of(group.T1, group.T2, duration=pulse.echo_time).plus[0]

    # Voxels of alike T2 share a group, so that long T2 costs its many orders only where it is.
    by_T2 = torch.argsort(voxels.T2.detach())
    ordered = Voxels(*(getattr(voxels, field.name)[by_T2] for field in fields(voxels)))
    return in_groups(signal, ordered, orders_of(voxels.T2))[torch.argsort(by_T2)].reshape(shape)


def _largest_step(signals: deque[Tensor]) -> float:
    return float(torch.diff(torch.stack(list(signals)).detach(), dim=0).abs().max())


def _check(pulse: RepeatedPulse, voxels: Voxels, tolerance: float) -> None:
    if not 0 <= pulse.echo_time <= pulse.repetition_time or pulse.repetition_time <= 0:
        raise ValueError(
            f"Echo time {pulse.echo_time} s and repetition time {pulse.repetition_time} s are impossible: "
            "0 <= echo time <= repetition time is needed. Times are in s, not ms."
        )
    if not bool((voxels.T1.isfinite() & voxels.T2.isfinite()).all()):
        raise ValueError("Without relaxation (an infinite T1 or T2) there is no steady state to reach.")
    if not 0 < tolerance < 1:
        raise ValueError(f"A tolerance of {tolerance} is outside 0 to 1, in units of the equilibrium magnetisation.")
