"""Closed-form steady-state signals of the common sequences.

Every function takes tensors (or numbers) which broadcast against each other and returns the transverse
magnetisation at the echo, in units of the equilibrium magnetisation of water; times in s, angles in rad.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Number = Tensor | float


def spin_echo(proton_density: Number, T1: Number, T2: Number, *, echo_time: float, repetition_time: float) -> Tensor:
    """Signal of a 90°–180° spin echo.

    ``S = PD (1 − 2 exp(−(TR − TE/2)/T1) + exp(−TR/T1)) exp(−TE/T2)``

    Args:
        proton_density: relative to water, any shape.
        T1: s, broadcasts.
        T2: s, broadcasts.
        echo_time: s.
        repetition_time: s, at least the echo time.

    Returns:
        Signed signal, broadcast shape.

    Raises:
        ValueError: the echo comes after the repetition time, or a time is not positive.

    Source: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), section 14.3.
    """
    _check_times(echo_time, repetition_time)
    T1, T2 = _tensor(T1), _tensor(T2)
    recovery = 1 - 2 * torch.exp(-(repetition_time - echo_time / 2) / T1) + torch.exp(-repetition_time / T1)
    return proton_density * recovery * torch.exp(-echo_time / T2)


def turbo_spin_echo(
    proton_density: Number,
    T1: Number,
    T2: Number,
    *,
    effective_echo_time: float,
    repetition_time: float,
    echo_spacing: float,
    echo_train_length: int,
) -> Tensor:
    """Signal of a turbo (fast) spin echo with 180° pulses at the echo that fills the k-space centre.

    ``S = PD (1 − exp(−(TR − ETL·ESP)/T1)) exp(−TE_eff/T2)``: magnetisation is zero at the end of the train
    and recovers until the next excitation.

    Args:
        proton_density: relative to water, any shape.
        T1: s, broadcasts.
        T2: s, broadcasts.
        effective_echo_time: s.
        repetition_time: s, longer than the echo train.
        echo_spacing: s.
        echo_train_length: number of echoes.

    Returns:
        Signal, broadcast shape.

    Raises:
        ValueError: the train does not fit into the repetition time, or the effective echo is not in the train.

    Source: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), section 16.4.
    """
    _check_times(effective_echo_time, repetition_time)
    train = echo_train_length * echo_spacing
    if train >= repetition_time:
        raise ValueError(
            f"An echo train of {echo_train_length} x {echo_spacing} s = {train} s does not fit into the repetition "
            f"time of {repetition_time} s. Shorten the train or lengthen the repetition time."
        )
    if effective_echo_time > train * (1 + 1e-9):
        raise ValueError(f"The effective echo time {effective_echo_time} s lies after the echo train of {train} s.")
    T1, T2 = _tensor(T1), _tensor(T2)
    return proton_density * (1 - torch.exp(-(repetition_time - train) / T1)) * torch.exp(-effective_echo_time / T2)


def inversion_recovery(
    proton_density: Number,
    T1: Number,
    T2: Number,
    *,
    inversion_time: float,
    echo_time: float,
    repetition_time: float,
) -> Tensor:
    """Signal of an inversion-recovery spin echo (FLAIR with a long inversion time).

    ``S = PD (1 − 2 exp(−TI/T1) + 2 exp(−(TR − TE/2)/T1) − exp(−TR/T1)) exp(−TE/T2)``

    Args:
        proton_density: relative to water, any shape.
        T1: s, broadcasts.
        T2: s, broadcasts.
        inversion_time: s.
        echo_time: s.
        repetition_time: s, from inversion to inversion.

    Returns:
        Signed signal (negative before the null), broadcast shape.

    Raises:
        ValueError: inversion and echo do not fit into the repetition time.

    Source: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), section 14.2.
    """
    _check_times(echo_time, repetition_time)
    if inversion_time <= 0 or inversion_time + echo_time > repetition_time:
        raise ValueError(
            f"Inversion time {inversion_time} s and echo time {echo_time} s do not fit into the repetition time of "
            f"{repetition_time} s."
        )
    T1, T2 = _tensor(T1), _tensor(T2)
    recovery = (
        1
        - 2 * torch.exp(-inversion_time / T1)
        + 2 * torch.exp(-(repetition_time - echo_time / 2) / T1)
        - torch.exp(-repetition_time / T1)
    )
    return proton_density * recovery * torch.exp(-echo_time / T2)


def spoiled_gradient_echo(
    proton_density: Number,
    T1: Number,
    T2_star: Number,
    *,
    flip_angle: Number,
    echo_time: float,
    repetition_time: float,
) -> Tensor:
    """Steady-state signal of an ideally spoiled gradient echo (FLASH, SPGR).

    ``S = PD sin α (1 − E1)/(1 − E1 cos α) exp(−TE/T2*)`` with ``E1 = exp(−TR/T1)``; largest at the Ernst angle
    ``cos α = E1``.

    Args:
        proton_density: relative to water, any shape.
        T1: s, broadcasts.
        T2_star: s, broadcasts.
        flip_angle: α, broadcasts, rad.
        echo_time: s.
        repetition_time: s.

    Returns:
        Signal, broadcast shape.

    Raises:
        ValueError: the echo comes after the repetition time, or a time is not positive.

    Source: Ernst & Anderson, Rev Sci Instrum 37:93 (1966); Haase et al., J Magn Reson 67:258 (1986).
    """
    _check_times(echo_time, repetition_time)
    T1, T2_star = _tensor(T1), _tensor(T2_star)
    angle = torch.as_tensor(flip_angle, dtype=T1.dtype, device=T1.device)
    E1 = torch.exp(-repetition_time / T1)
    return proton_density * torch.sin(angle) * (1 - E1) / (1 - E1 * torch.cos(angle)) * torch.exp(-echo_time / T2_star)


def balanced_steady_state(
    proton_density: Number,
    T1: Number,
    T2: Number,
    *,
    flip_angle: Number,
    echo_time: float,
    repetition_time: float,
    off_resonance: Number = 0.0,
) -> Tensor:
    """Steady-state signal of a balanced gradient echo (bSSFP, TrueFISP) with pulses of phase 0, π, 0, π, ….

    ``M+ = i PD sin α (1 − E1)(1 − E2 exp(iβ)) / D · exp(−TE/T2 − 2πi δf TE)`` with
    ``D = (1 − E1 cos α)(1 − E2 cos β) − E2 (E1 − cos α)(E2 − cos β)`` and ``β = 2π δf TR + π``, the precession per
    repetition as seen from the alternating pulses. The pass band is centred at δf = 0, dark bands at ±1/(2 TR).

    Args:
        proton_density: relative to water, any shape.
        T1: s, broadcasts.
        T2: s, broadcasts.
        flip_angle: α, broadcasts, rad.
        echo_time: s.
        repetition_time: s.
        off_resonance: δf, broadcasts, Hz.

    Returns:
        Complex M+ demodulated by the phase of the preceding pulse, broadcast shape.

    Raises:
        ValueError: the echo comes after the repetition time, or a time is not positive.

    Source: Freeman & Hill, J Magn Reson 4:366 (1971); Hargreaves et al., Magn Reson Med 46:149 (2001). The sign of β is
    that of left-handed precession.
    """
    _check_times(echo_time, repetition_time)
    T1, T2 = _tensor(T1), _tensor(T2)
    angle = torch.as_tensor(flip_angle, dtype=T1.dtype, device=T1.device)
    frequency = torch.as_tensor(off_resonance, dtype=T1.dtype, device=T1.device)
    beta = 2 * math.pi * frequency * repetition_time + math.pi
    E1, E2 = torch.exp(-repetition_time / T1), torch.exp(-repetition_time / T2)
    cosine, cos_beta = torch.cos(angle), torch.cos(beta)
    denominator = (1 - E1 * cosine) * (1 - E2 * cos_beta) - E2 * (E1 - cosine) * (E2 - cos_beta)
    amplitude = proton_density * torch.sin(angle) * (1 - E1) / denominator * torch.exp(-echo_time / T2)
    precession = torch.exp(-2j * math.pi * frequency * echo_time)
    return 1j * amplitude * (1 - E2 * torch.exp(1j * beta)) * precession


def gradient_spoiled_steady_state(
    proton_density: Number,
    T1: Number,
    T2: Number,
    *,
    flip_angle: Number,
    echo_time: float,
    repetition_time: float,
) -> Tensor:
    """Steady-state signal of a gradient echo whose gradients dephase by whole turns per repetition (FISP, GRASS).

    The mean over all precession angles β of the balanced steady state, whose denominator is ``A − B cos β``::

        M+ = i PD sin α (1 − E1) (1/R − E2 B / (R (A + R))) exp(−TE/T2),  R = √(A² − B²)
        A = 1 − E1 cos α − E2² (E1 − cos α),  B = E2 (1 − E1)(1 + cos α)

    Args:
        proton_density: relative to water, any shape.
        T1: s, broadcasts.
        T2: s, broadcasts.
        flip_angle: α, broadcasts, rad.
        echo_time: s.
        repetition_time: s.

    Returns:
        Complex M+ for pulses of phase 0, broadcast shape.

    Raises:
        ValueError: the echo comes after the repetition time, or a time is not positive.

    Source: Gyngell, Magn Reson Imaging 6:415 (1988); Hänicke & Vogel, Magn Reson Med 49:771 (2003).
    """
    _check_times(echo_time, repetition_time)
    T1, T2 = _tensor(T1), _tensor(T2)
    cosine = torch.cos(torch.as_tensor(flip_angle, dtype=T1.dtype, device=T1.device))
    sine = torch.sin(torch.as_tensor(flip_angle, dtype=T1.dtype, device=T1.device))
    E1, E2 = torch.exp(-repetition_time / T1), torch.exp(-repetition_time / T2)
    A = 1 - E1 * cosine - E2**2 * (E1 - cosine)
    B = E2 * (1 - E1) * (1 + cosine)
    R = torch.sqrt(A**2 - B**2)
    mean = (1 - E2 * B / (A + R)) / R
    return 1j * proton_density * sine * (1 - E1) * mean * torch.exp(-echo_time / T2)


def _tensor(value: Number) -> Tensor:
    return value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)


def _check_times(echo_time: float, repetition_time: float) -> None:
    if not 0 < echo_time <= repetition_time:
        raise ValueError(
            f"Echo time {echo_time} s and repetition time {repetition_time} s are impossible: "
            "0 < echo time <= repetition time is needed. Times are in s, not ms."
        )
