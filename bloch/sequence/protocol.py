"""Sequence parameters as people say them aloud."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch

from bloch.tissue import Tissue, tissues_at

SequenceName = Literal[
    "spin_echo",
    "turbo_spin_echo",
    "inversion_recovery",
    "spoiled_gradient_echo",
    "multi_echo_gradient_echo",
    "balanced_ssfp",
    "mprage",
    "echo_planar",
    "other",
]


@dataclass(frozen=True)
class Protocol:
    """What the operator sets at the console.

    Attributes:
        name: which sequence, one of ``SequenceName``; an inversion recovery with an echo train is a FLAIR.
        echo_time: s; of a turbo spin echo the effective one.
        repetition_time: s.
        inversion_time: s, or None.
        flip_angle: rad, of the excitation.
        echo_train_length: echoes per excitation, 1 without a train.
        echo_spacing: s between echoes of a train, or None.
        fat_suppressed: fat and marrow give a tenth of their signal.
        echo_times: of every contrast, s; empty where ``echo_time`` is the only one.
        refocusing_angles: of every echo of a train, rad; empty without refocusing pulses.
    """

    name: SequenceName
    echo_time: float
    repetition_time: float
    inversion_time: float | None = None
    flip_angle: float = math.pi / 2
    echo_train_length: int = 1
    echo_spacing: float | None = None
    fat_suppressed: bool = False
    echo_times: tuple[float, ...] = ()
    refocusing_angles: tuple[float, ...] = ()


def random_protocol(generator: torch.Generator, B0: float) -> Protocol:
    """A plausible low-field brain protocol.

    Draws among T1-, T2- and proton-density-weighted spin echo, turbo spin echo, FLAIR and T1-nulling inversion
    recovery, T1- and T2*-weighted gradient echo. Times which depend on T1 follow the tissue at B0.

    Args:
        generator: source of randomness; the same state gives the same protocol.
        B0: field strength, T.

    Returns:
        Protocol, times in s.

    Source: ranges around the 0.055 T protocols of Liu et al., Nat Commun 12:7238 (2021), and the 0.55 T protocols
        of Campbell-Washburn et al., Radiology 293:384 (2019).
    """
    tissues = tissues_at(B0)
    draws = (_spin_echo, _turbo_spin_echo, _turbo_spin_echo, _inversion_recovery, _inversion_recovery, _gradient_echo)
    index = int(torch.randint(len(draws), (), generator=generator))
    protocol = draws[index](generator, tissues)
    return replace(protocol, fat_suppressed=_uniform(generator, 0, 1) < 0.2)


def _spin_echo(generator: torch.Generator, tissues: dict[str, Tissue]) -> Protocol:
    T1 = tissues["white_matter"].T1
    echo_time = _log_uniform(generator, 0.008, 0.12)
    repetition_time = max(_log_uniform(generator, 0.8, 10.0) * T1, 2 * echo_time)
    return Protocol("spin_echo", echo_time, repetition_time)


def _turbo_spin_echo(generator: torch.Generator, tissues: dict[str, Tissue]) -> Protocol:
    echo_train_length = int(torch.randint(4, 25, (), generator=generator))
    echo_spacing = _log_uniform(generator, 0.006, 0.02)
    centre = int(torch.randint(1, echo_train_length + 1, (), generator=generator))
    train = echo_train_length * echo_spacing
    repetition_time = train + _log_uniform(generator, 1.2, 10.0) * tissues["grey_matter"].T1
    return Protocol(
        "turbo_spin_echo",
        echo_time=min(centre * echo_spacing, 0.2 if centre > 1 else echo_spacing),
        repetition_time=repetition_time,
        echo_train_length=echo_train_length,
        echo_spacing=echo_spacing,
    )


def _inversion_recovery(generator: torch.Generator, tissues: dict[str, Tissue]) -> Protocol:
    """Two of three null CSF (FLAIR), the others lie anywhere between the nulls of white matter and CSF."""
    echo_time = _log_uniform(generator, 0.01, 0.13)
    csf = tissues["csf"].T1
    if _uniform(generator, 0, 1) < 2 / 3:
        repetition_time = _uniform(generator, 0.35, 2.0) * csf
        null = inversion_time_of_null(csf, repetition_time, echo_time)
        inversion_time = null * _uniform(generator, 0.9, 1.08)
    else:
        repetition_time = _uniform(generator, 4, 10) * tissues["grey_matter"].T1
        inversion_time = _log_uniform(generator, 0.9, 2.5) * tissues["white_matter"].T1
    repetition_time = max(repetition_time, inversion_time + 2 * echo_time)
    return Protocol("inversion_recovery", echo_time, repetition_time, inversion_time=inversion_time)


def _gradient_echo(generator: torch.Generator, tissues: dict[str, Tissue]) -> Protocol:
    echo_time = _log_uniform(generator, 0.003, 0.03)
    repetition_time = max(_log_uniform(generator, 0.012, 0.3), 1.5 * echo_time)
    ernst = math.acos(math.exp(-repetition_time / tissues["white_matter"].T1))
    flip_angle = min(ernst * _log_uniform(generator, 0.5, 3.0), math.pi / 2)
    return Protocol("spoiled_gradient_echo", echo_time, repetition_time, flip_angle=flip_angle)


def inversion_time_of_null(T1: float, repetition_time: float, echo_time: float) -> float:
    """The inversion time at which a tissue of this T1 gives no signal in an inversion-recovery spin echo.

    Solves ``1 − 2 exp(−TI/T1) + 2 exp(−(TR − TE/2)/T1) − exp(−TR/T1) = 0``.

    Args:
        T1: of the tissue to null, s.
        repetition_time: s.
        echo_time: s.

    Returns:
        Inversion time, s.

    Source: Hajnal et al., J Comput Assist Tomogr 16:841 (1992) (FLAIR), with the equation of ``inversion_recovery``.
    """
    rest = 1 + 2 * math.exp(-(repetition_time - echo_time / 2) / T1) - math.exp(-repetition_time / T1)
    return T1 * math.log(2 / rest)


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _log_uniform(generator: torch.Generator, low: float, high: float) -> float:
    return math.exp(_uniform(generator, math.log(low), math.log(high)))
