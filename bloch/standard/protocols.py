"""Brain protocols by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bloch.sequence import Protocol, inversion_time_of_null
from bloch.tissue import tissue


class SequenceChoice(StrEnum):
    """Sequences that have a standard protocol."""

    tse = "tse"
    spin_echo = "spin-echo"
    flair = "flair"
    gre = "gre"
    multi_echo_gre = "multi-echo-gre"
    bssfp = "bssfp"
    mprage = "mprage"
    epi = "epi"


CLOSED_FORM = (SequenceChoice.tse, SequenceChoice.spin_echo, SequenceChoice.flair, SequenceChoice.gre)
"""Those whose signal has an equation, see :mod:`bloch.closed_form`."""


def standard_protocol(sequence: SequenceChoice, B0: float) -> Protocol:
    """A brain protocol for low field.

    T2-weighted TSE, T1-weighted spin echo, FLAIR, T1-weighted gradient echo, gradient echoes for fat and field,
    bSSFP, MPRAGE, and a single-shot gradient-echo EPI.

    Args:
        sequence: which.
        B0: field strength, T; the inversion time nulls CSF there, the flip angle of the gradient echo is twice the
            Ernst angle of white matter, the repetition time of the spin echo white matter's T1.

    Returns:
        Protocol.

    Source: contrasts as in Liu et al., Nat Commun 12:7238 (2021).
    """
    white = tissue("white_matter", B0).T1
    if sequence is SequenceChoice.tse:
        return Protocol("turbo_spin_echo", 0.09, 3.0, echo_train_length=12, echo_spacing=0.015)
    if sequence is SequenceChoice.spin_echo:
        return Protocol("spin_echo", 0.02, white)
    if sequence is SequenceChoice.flair:
        echo_time, repetition_time = 0.1, 6.0 if B0 < 1 else 9.0
        null = inversion_time_of_null(tissue("csf", B0).T1, repetition_time, echo_time)
        return Protocol("inversion_recovery", echo_time, repetition_time, inversion_time=null)
    if sequence is SequenceChoice.bssfp:
        return Protocol("balanced_ssfp", 0.0075, 0.015, flip_angle=math.radians(60))
    if sequence is SequenceChoice.mprage:
        return Protocol("mprage", 0.006, 2.0, inversion_time=0.6, flip_angle=math.radians(9), echo_spacing=0.014)
    if sequence is SequenceChoice.epi:
        return Protocol("echo_planar", 0.06, 1.0)
    if sequence is SequenceChoice.multi_echo_gre:
        times = (0.007, 0.021, 0.035)
        return Protocol("multi_echo_gradient_echo", times[0], 0.06, flip_angle=_ernst(0.06, white), echo_times=times)
    return Protocol("spoiled_gradient_echo", 0.006, 0.03, flip_angle=2 * _ernst(0.03, white))


@dataclass(frozen=True)
class Times:
    """What an operator changes of a standard protocol; None leaves it. In the units of a console: ms and degrees."""

    echo_time: float | None = None
    repetition_time: float | None = None
    inversion_time: float | None = None
    flip_angle: float | None = None
    echo_train_length: int | None = None
    echo_spacing: float | None = None


def adjusted(protocol: Protocol, times: Times) -> Protocol:
    """A protocol with some of its values replaced.

    Args:
        protocol: standard.
        times: what to change; of several echoes the echo time is the first, and the spacing lies between them.

    Returns:
        Protocol.
    """
    change: dict[str, Any] = {}
    for name in ("echo_time", "repetition_time", "inversion_time", "echo_spacing"):
        value = getattr(times, name)
        if value is not None:
            change[name] = value * 1e-3
    if times.flip_angle is not None:
        change["flip_angle"] = math.radians(times.flip_angle)
    if times.echo_train_length is not None:
        change["echo_train_length"] = times.echo_train_length
    changed = replace(protocol, **change)
    if protocol.echo_times:
        spacing = changed.echo_spacing or protocol.echo_times[1] - protocol.echo_times[0]
        n = times.echo_train_length or len(protocol.echo_times)
        echoes = tuple(changed.echo_time + i * spacing for i in range(n))
        changed = replace(changed, echo_times=echoes, echo_train_length=1, echo_spacing=None)
    return changed


def _ernst(repetition_time: float, T1: float) -> float:
    """cos α = exp(−TR/T1). Source: Ernst and Anderson, Rev Sci Instrum 37:93 (1966)."""
    return math.acos(math.exp(-repetition_time / T1))
