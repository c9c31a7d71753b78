"""Closed-form signals against limits, extrema and a step-by-step evolution of the magnetisation."""

from __future__ import annotations

import math

import pytest
import torch

from bloch.sequence import Protocol, inversion_time_of_null, random_protocol
from bloch.sequence.signal_equations import inversion_recovery, spin_echo, spoiled_gradient_echo, turbo_spin_echo

PD, T1, T2 = 0.8, 0.6, 0.09


def relax(Mz: float, time: float) -> float:
    return PD + (Mz - PD) * math.exp(-time / T1)


def test_spoiled_gradient_echo_peaks_at_the_ernst_angle() -> None:
    repetition_time = 0.05
    angles = torch.linspace(0.001, math.pi / 2, 2001, dtype=torch.float64)
    signal = torch.stack(
        [
            spoiled_gradient_echo(PD, T1, T2, flip_angle=float(a), echo_time=0.005, repetition_time=repetition_time)
            for a in angles
        ]
    )
    best = float(angles[signal.argmax()])
    assert best == pytest.approx(math.acos(math.exp(-repetition_time / T1)), abs=0.001)


def test_spoiled_gradient_echo_is_the_steady_state_of_repeated_pulses() -> None:
    angle, repetition_time, echo_time = 0.7, 0.03, 0.004
    Mz = PD
    for _ in range(2000):
        transverse, Mz = Mz * math.sin(angle), relax(Mz * math.cos(angle), repetition_time)
    expected = transverse * math.exp(-echo_time / T2)
    signal = spoiled_gradient_echo(PD, T1, T2, flip_angle=angle, echo_time=echo_time, repetition_time=repetition_time)
    assert float(signal) == pytest.approx(expected, rel=1e-12)


def test_spin_echo_is_the_steady_state_of_90_and_180_degree_pulses() -> None:
    echo_time, repetition_time = 0.08, 0.5
    Mz = PD
    for _ in range(20):
        transverse = Mz
        Mz = relax(-relax(0.0, echo_time / 2), repetition_time - echo_time / 2)
    expected = transverse * math.exp(-echo_time / T2)
    signal = spin_echo(PD, T1, T2, echo_time=echo_time, repetition_time=repetition_time)
    assert float(signal) == pytest.approx(expected, rel=1e-12)


def test_inversion_recovery_is_the_steady_state_of_180_90_and_180_degree_pulses() -> None:
    inversion_time, echo_time, repetition_time = 0.3, 0.06, 1.1
    Mz = PD
    for _ in range(30):
        transverse = relax(-Mz, inversion_time)
        rest = repetition_time - inversion_time - echo_time / 2
        Mz = relax(-relax(0.0, echo_time / 2), rest)
    signal = inversion_recovery(
        PD, T1, T2, inversion_time=inversion_time, echo_time=echo_time, repetition_time=repetition_time
    )
    assert float(signal) == pytest.approx(transverse * math.exp(-echo_time / T2), rel=1e-12)


def test_turbo_spin_echo_recovers_from_zero_after_the_train() -> None:
    echo_spacing, length, repetition_time = 0.012, 16, 1.4
    signal = turbo_spin_echo(
        PD,
        T1,
        T2,
        effective_echo_time=0.096,
        repetition_time=repetition_time,
        echo_spacing=echo_spacing,
        echo_train_length=length,
    )
    expected = relax(0.0, repetition_time - length * echo_spacing) * math.exp(-0.096 / T2)
    assert float(signal) == pytest.approx(expected, rel=1e-12)


def test_long_repetition_and_short_echo_leave_proton_density() -> None:
    times = {"echo_time": 1e-9, "repetition_time": 1e3}
    assert float(spin_echo(PD, T1, T2, **times)) == pytest.approx(PD, rel=1e-6)
    assert float(spoiled_gradient_echo(PD, T1, T2, flip_angle=math.pi / 2, **times)) == pytest.approx(PD, rel=1e-6)
    assert float(inversion_recovery(PD, T1, T2, inversion_time=500.0, **times)) == pytest.approx(PD, rel=1e-6)
    assert float(inversion_recovery(PD, T1, T2, inversion_time=1e-9, **times)) == pytest.approx(-PD, rel=1e-6)


@pytest.mark.parametrize("repetition_time", [1.5, 4.0, 9.0])
def test_the_null_inversion_time_nulls(repetition_time: float) -> None:
    csf = 4.3
    inversion_time = inversion_time_of_null(csf, repetition_time, 0.1)
    signal = inversion_recovery(
        1.0, csf, 2.0, inversion_time=inversion_time, echo_time=0.1, repetition_time=repetition_time
    )
    assert abs(float(signal)) < 1e-12


def test_tensors_broadcast_and_keep_their_dtype() -> None:
    PD, T1, T2 = torch.rand(3, 1), torch.rand(1, 5) + 0.1, torch.rand(5) + 0.01
    signal = spin_echo(PD, T1, T2, echo_time=0.1, repetition_time=1.0)
    assert signal.shape == (3, 5)
    assert signal.dtype == torch.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spin_echo(PD, T1, T2, echo_time=80.0, repetition_time=0.5), "in s, not ms"),
        (lambda: spin_echo(PD, T1, T2, echo_time=0.0, repetition_time=0.5), "impossible"),
        (
            lambda: inversion_recovery(PD, T1, T2, inversion_time=2.0, echo_time=0.1, repetition_time=2.0),
            "do not fit into the repetition time",
        ),
        (
            lambda: turbo_spin_echo(
                PD, T1, T2, effective_echo_time=0.1, repetition_time=0.3, echo_spacing=0.02, echo_train_length=20
            ),
            "does not fit into the repetition",
        ),
        (
            lambda: turbo_spin_echo(
                PD, T1, T2, effective_echo_time=0.5, repetition_time=3.0, echo_spacing=0.02, echo_train_length=20
            ),
            "after the echo train",
        ),
    ],
)
def test_impossible_timing_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("B0", [0.05, 0.3, 0.55])
def test_random_protocols_are_possible_and_repeatable(B0: float) -> None:
    first = [random_protocol(g, B0) for g in [torch.Generator().manual_seed(5)] for _ in range(100)]
    again = [random_protocol(g, B0) for g in [torch.Generator().manual_seed(5)] for _ in range(100)]
    assert first == again
    assert {p.name for p in first} == {"spin_echo", "turbo_spin_echo", "inversion_recovery", "spoiled_gradient_echo"}
    for protocol in first:
        assert 0 < protocol.echo_time < protocol.repetition_time
        assert 0 < protocol.flip_angle <= math.pi / 2
        if protocol.inversion_time is not None:
            assert protocol.inversion_time + protocol.echo_time <= protocol.repetition_time
        if protocol.echo_spacing is not None:
            assert protocol.echo_train_length * protocol.echo_spacing < protocol.repetition_time


def test_a_protocol_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Protocol("spin_echo", 0.1, 1.0).echo_time = 0.2  # type: ignore[misc]
