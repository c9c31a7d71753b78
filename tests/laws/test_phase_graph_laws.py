"""Extended phase graphs against closed forms, conservation laws and a plain sum over isochromats."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bloch.magnetisation.extended_phase_graph import PhaseGraph, rotate, shift, shift_half_orders
from bloch.magnetisation.phase_graph_echo_train import (
    EchoTrain,
    echo_train,
    longitudinal_after_echo_train,
    steady_echo_train,
)
from bloch.magnetisation.phase_graph_gradient_echo import (
    GradientEchoTrain,
    balanced_train,
    rf_spoiling_phases,
    spoiled_train,
)
from bloch.magnetisation.phase_graph_pulses import Diffusion
from bloch.magnetisation.phase_graph_steady_state import RepeatedPulse, spoiled_steady_state
from bloch.sequence.signal_equations import (
    balanced_steady_state,
    gradient_spoiled_steady_state,
    spoiled_gradient_echo,
)

T1, T2, B1 = 0.63, 0.087, 0.83
RIGHT = math.pi / 2


class Isochromats:
    """Spins as real vectors, whose dephasing angles per unit cover a turn evenly: the definition, step by step."""

    def __init__(self, n_spins: int, T1: float, T2: float) -> None:
        self.theta = 2 * np.pi * np.arange(n_spins) / n_spins
        self.T1, self.T2 = T1, T2
        self.M = np.zeros((n_spins, 3))
        self.M[:, 2] = 1

    def pulse(self, angle: float, phase: float) -> None:
        # Rodrigues' formula with a negative angle: left-handed about (cos p, sin p, 0).
        axis = np.array([math.cos(phase), math.sin(phase), 0.0])
        along = np.outer(self.M @ axis, axis)
        self.M = along + math.cos(angle) * (self.M - along) - math.sin(angle) * np.cross(axis, self.M)

    def wait(self, time: float, turns: float) -> None:
        angle = -turns * self.theta  # left-handed precession: M+ gains exp(-i angle of the field)
        E1, E2 = math.exp(-time / self.T1), math.exp(-time / self.T2)
        x, y, z = self.M.T
        c, s = np.cos(angle), np.sin(angle)
        self.M = np.stack([E2 * (c * x - s * y), E2 * (s * x + c * y), 1 + E1 * (z - 1)], axis=1)

    def signal(self) -> complex:
        return complex(self.M[:, 0].mean(), self.M[:, 1].mean())


def random_pulses(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    angles = math.pi * torch.rand(n, dtype=torch.float64, generator=generator)
    return angles, 2 * math.pi * torch.rand(n, dtype=torch.float64, generator=generator)


def energy(states: PhaseGraph, *, half_orders: bool) -> float:
    # Mean of |M|² over the voxel; every Z_k but Z_0 stands for -k too, and F_minus repeats F_0 in its row of order 0.
    F = (states.F_plus.abs() ** 2).sum() + (states.F_minus.abs() ** 2).sum()
    Z = 2 * (states.Z.abs() ** 2).sum()
    if not half_orders:
        F, Z = F - states.F_minus[0].abs() ** 2, Z - states.Z[0].abs() ** 2
    return float(F + Z)


def test_180_degree_cpmg_decays_with_T2() -> None:
    train = EchoTrain(torch.full((13,), math.pi, dtype=torch.float64), 0.011)
    expected = torch.exp(-0.011 * torch.arange(1, 14, dtype=torch.float64) / T2)
    torch.testing.assert_close(echo_train(T1, T2, train=train), expected + 0j, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("angle", [0.3, 1.1, 2.0, math.pi])
def test_a_hahn_echo_of_any_angle_is_the_squared_sine_of_its_half(angle: float) -> None:
    train = EchoTrain(torch.tensor([angle], dtype=torch.float64), 0.02)
    echo = echo_train(math.inf, math.inf, train=train)
    assert complex(echo) == pytest.approx(math.sin(angle / 2) ** 2, abs=1e-14)


def test_three_right_angles_store_and_recall_half_the_magnetisation() -> None:
    zero = torch.zeros(1, 1, dtype=torch.complex128)
    states = PhaseGraph(zero, zero, zero + 1)
    for units in (2, 5, 2):  # the second interval is longer, so that the stimulated echo meets no other
        states = rotate(states, torch.tensor([RIGHT]).double(), torch.zeros(()).double())
        for _ in range(units):
            states = shift(states, 99)
    assert float(states.F_plus[0].abs()) == pytest.approx(0.5, abs=1e-14)


@pytest.mark.parametrize("half_orders", [False, True])
def test_pulses_and_gradients_conserve_the_length_of_the_magnetisation(half_orders: bool) -> None:
    angles, phases = random_pulses(17, seed=2)
    one, zero = torch.ones(1, 1, dtype=torch.complex128), torch.zeros(1, 1, dtype=torch.complex128)
    states = PhaseGraph(one, zero, zero) if half_orders else PhaseGraph(zero, zero, one)
    for angle, phase in zip(angles, phases, strict=True):
        states = rotate(states, angle[None], phase)
        states = shift_half_orders(states, 99) if half_orders else shift(states, 99)
    assert len(states.Z) == 18
    assert energy(states, half_orders=half_orders) == pytest.approx(1, abs=1e-13)


def test_an_echo_train_equals_the_mean_of_its_isochromats() -> None:
    n, spacing = 23, 0.009
    angles, phases = random_pulses(n, seed=3)
    excitation = (1.2, 0.4)
    spins = Isochromats(2 * n + 3, T1, T2)
    spins.pulse(B1 * excitation[0], excitation[1])
    spins.wait(spacing / 2, 1)
    expected = []
    for angle, phase in zip(angles.tolist(), phases.tolist(), strict=True):
        spins.pulse(B1 * angle, phase)
        spins.wait(spacing / 2, 1)
        expected.append(spins.signal())
        Mz = spins.M[:, 2].mean()
        spins.wait(spacing / 2, 1)
    train = EchoTrain(angles, spacing, phases, *excitation)
    signal = echo_train(T1, T2, train=train, B1=B1)
    np.testing.assert_allclose(signal.numpy(), expected, rtol=0, atol=1e-13)
    assert float(longitudinal_after_echo_train(T1, T2, train=train, B1=B1)) == pytest.approx(Mz, abs=1e-13)


def test_a_repeated_echo_train_reaches_the_steady_state_of_its_isochromats() -> None:
    n, spacing, repetition_time = 7, 0.012, 0.21
    angles, phases = random_pulses(n, seed=4)
    spins = Isochromats(2 * n + 3, T1, T2)
    for _ in range(60):
        spins.pulse(B1 * RIGHT, -RIGHT)
        spins.wait(spacing / 2, 1)
        expected = []
        for angle, phase in zip(angles.tolist(), phases.tolist(), strict=True):
            spins.pulse(B1 * angle, phase)
            spins.wait(spacing / 2, 1)
            expected.append(spins.signal())
            if len(expected) < n:
                spins.wait(spacing / 2, 1)
        spins.M[:, :2], spins.M[:, 2] = 0, spins.M[:, 2].mean()
        spins.wait(repetition_time - n * spacing, 0)
    train = EchoTrain(angles, spacing, phases)
    signal = steady_echo_train(T1, T2, train=train, repetition_time=repetition_time, B1=B1)
    np.testing.assert_allclose(signal.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rf_spoiling", [False, True], ids=["FISP", "FLASH"])
def test_a_gradient_echo_train_equals_the_mean_of_its_isochromats(rf_spoiling: bool) -> None:
    n, TR, TE = 61, 0.013, 0.004
    angles, _ = random_pulses(n, seed=5)
    phases = rf_spoiling_phases(n) if rf_spoiling else torch.full((n,), 0.7, dtype=torch.float64)
    spins = Isochromats(n + 2, T1, T2)
    spins.M[:, 2] = -0.4
    expected = []
    for angle, phase in zip(angles.tolist(), phases.tolist(), strict=True):
        spins.pulse(B1 * angle, phase)
        spins.wait(TE, 0)
        expected.append(spins.signal() * np.exp(-1j * phase))
        spins.wait(TR - TE, 1)
    train = GradientEchoTrain(angles, TR, TE, phases)
    signal = spoiled_train(T1, T2, train=train, B1=B1, longitudinal=-0.4)
    np.testing.assert_allclose(signal.numpy(), expected, rtol=0, atol=1e-13)


def test_perfect_spoiling_reaches_the_ernst_equation() -> None:
    angles = torch.full((900,), 0.31, dtype=torch.float64)
    signal = spoiled_train(T1, T2, train=GradientEchoTrain(angles, 0.02, 0.005), max_orders=1)[-1]
    expected = spoiled_gradient_echo(1.0, T1, T2, flip_angle=0.31, echo_time=0.005, repetition_time=0.02)
    assert complex(signal) == pytest.approx(1j * float(expected), rel=1e-9)


@pytest.mark.parametrize("angles_from_ernst", [1.0, 3.0])
def test_rf_spoiling_at_117_degrees_comes_near_the_ernst_equation(angles_from_ernst: float) -> None:
    n, TR = 301, 0.01
    T2 = torch.tensor([0.03, 0.08], dtype=torch.float64)
    angle = angles_from_ernst * math.acos(math.exp(-TR / T1))
    angles = torch.full((n,), angle, dtype=torch.float64)
    ideal = spoiled_gradient_echo(1.0, T1, T2, flip_angle=angle, echo_time=0.002, repetition_time=TR)
    spoiled = spoiled_train(T1, T2, train=GradientEchoTrain(angles, TR, 0.002, rf_spoiling_phases(n)))[:, -1]
    constant = spoiled_train(T1, T2, train=GradientEchoTrain(angles, TR, 0.002))[:, -1]
    assert ((spoiled.abs() / ideal - 1).abs() < 0.03).all()
    # At the Ernst angle itself any spoiling gives the same signal; beyond it, gradients alone do not spoil.
    assert ((constant.abs() / ideal - 1).abs() > 0.1).all() == (angles_from_ernst > 1)


@pytest.mark.parametrize("off_resonance", [0.0, 13.0, -31.0, 77.0])
def test_the_balanced_closed_form_is_the_limit_of_the_train(off_resonance: float) -> None:
    n, TR, TE, angle = 1500, 0.0091, 0.0034, 0.8
    train = GradientEchoTrain(
        torch.full((n,), angle, dtype=torch.float64), TR, TE, math.pi * (torch.arange(n).double() % 2)
    )
    limit = balanced_train(T1, T2, train=train, off_resonance=off_resonance)[-1]
    closed = balanced_steady_state(
        1.0, T1, T2, flip_angle=angle, echo_time=TE, repetition_time=TR, off_resonance=off_resonance
    )
    assert complex(closed) == pytest.approx(complex(limit), rel=1e-8)


T1_OF_THREE = torch.tensor([0.3, 0.9, 0.2], dtype=torch.float64)
T2_OF_THREE = torch.tensor([0.15, 0.04, 0.09], dtype=torch.float64)


def test_the_gradient_spoiled_closed_form_is_the_steady_state_of_repeated_pulses() -> None:
    pulse = RepeatedPulse(0.7, 0.021, 0.006)
    iterated = spoiled_steady_state(T1_OF_THREE, T2_OF_THREE, pulse=pulse, tolerance=1e-9)
    closed = gradient_spoiled_steady_state(
        1.0, T1_OF_THREE, T2_OF_THREE, flip_angle=0.7, echo_time=0.006, repetition_time=0.021
    )
    torch.testing.assert_close(iterated, closed, rtol=1e-7, atol=0)


@pytest.mark.parametrize("increment", [math.radians(117), math.radians(50)])
def test_the_rf_spoiled_steady_state_is_the_end_of_a_long_train(increment: float) -> None:
    n = 500
    phases = rf_spoiling_phases(n, increment=increment)
    train = GradientEchoTrain(torch.full((n,), 0.5, dtype=torch.float64), 0.02, 0.006, phases)
    end = spoiled_train(T1_OF_THREE, T2_OF_THREE, train=train, B1=B1)[:, -1]
    pulse = RepeatedPulse(0.5, 0.02, 0.006, increment)
    steady = spoiled_steady_state(T1_OF_THREE, T2_OF_THREE, pulse=pulse, B1=B1, tolerance=1e-7)
    torch.testing.assert_close(steady, end, rtol=1e-5, atol=0)


def test_on_resonance_the_balanced_signal_at_half_TR_is_that_of_its_flip_angle() -> None:
    # Far shorter repetitions than T2: M = sin a / (1 + cos a + (1 − cos a) T1/T2), the textbook limit.
    closed = balanced_steady_state(1.0, T1, T2, flip_angle=0.9, echo_time=5e-7, repetition_time=1e-6)
    expected = math.sin(0.9) / (1 + math.cos(0.9) + (1 - math.cos(0.9)) * T1 / T2)
    assert abs(complex(closed)) == pytest.approx(expected, rel=1e-4)


def test_diffusion_attenuates_a_spin_echo_as_stejskal_and_tanner_say() -> None:
    tau, D, gradient = 0.017, 2.1e-9, 0.031
    gamma = 2.675e8  # any value does: the law holds for the product
    train = EchoTrain(torch.tensor([math.pi], dtype=torch.float64), 2 * tau)
    diffusion = Diffusion(D, gamma * gradient * 2 * tau)
    b = gamma**2 * gradient**2 * tau**3 * 2 / 3
    echo = echo_train(math.inf, math.inf, train=train, diffusion=diffusion)
    assert complex(echo) == pytest.approx(math.exp(-b * D), rel=1e-12)


def test_diffusion_attenuates_a_cpmg_train_alike_from_echo_to_echo() -> None:
    # Carr & Purcell: under 180-degree pulses every echo adds the same b.
    train = EchoTrain(torch.full((5,), math.pi, dtype=torch.float64), 0.01)
    diffusion = Diffusion(2e-9, 2e5)
    signal = echo_train(math.inf, math.inf, train=train, diffusion=diffusion).real
    expected = math.exp(-2e-9 * 2e5**2 * 0.01 / 12) ** torch.arange(1, 6, dtype=torch.float64)
    torch.testing.assert_close(signal, expected, rtol=1e-12, atol=0)


def test_diffusion_attenuates_spin_and_stimulated_echoes_of_a_gradient_echo_train() -> None:
    TR, D, K = 0.02, 2e-9, 1.5e5
    angles = torch.tensor([RIGHT, RIGHT, 0.0], dtype=torch.float64)
    spin = spoiled_train(math.inf, math.inf, train=GradientEchoTrain(angles, TR, 0.0), diffusion=Diffusion(D, K))[-1]
    assert abs(complex(spin)) == pytest.approx(0.5 * math.exp(-D * K**2 * TR * 2 / 3), rel=1e-12)
    angles = torch.tensor([RIGHT, RIGHT, RIGHT, 0.0], dtype=torch.float64)
    stimulated = spoiled_train(math.inf, math.inf, train=GradientEchoTrain(angles, TR, 0.0), diffusion=Diffusion(D, K))[
        -1
    ]
    # K for TR/3 on the way out and back each, and stored with K for a whole TR.
    assert abs(complex(stimulated)) == pytest.approx(0.5 * math.exp(-D * K**2 * TR * 5 / 3), rel=1e-12)


def test_gradients_equal_finite_differences() -> None:
    def leaf(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, requires_grad=True)

    def tse(T1, T2, B1, D, angles, phases):
        return steady_echo_train(
            T1, T2, train=EchoTrain(angles, 0.02, phases), repetition_time=0.4, B1=B1, diffusion=Diffusion(D, 3e4)
        )

    def gre(T1, T2, B1, angles, phases):
        return spoiled_train(T1, T2, train=GradientEchoTrain(angles, 0.03, 0.01, phases), B1=B1)

    def balanced(T1, T2, B1, off_resonance, angles):
        return balanced_train(T1, T2, train=GradientEchoTrain(angles, 0.03, 0.01), B1=B1, off_resonance=off_resonance)

    def steady(T1, T2, B1, angle):
        pulse = RepeatedPulse(angle, 0.03, 0.01, math.radians(117))
        return spoiled_steady_state(T1, T2, pulse=pulse, B1=B1, tolerance=1e-8)

    tissue = leaf(0.5, 0.9), leaf(0.05, 0.11), leaf(0.9, 1.1)
    angles, phases = leaf(2.0, 1.4, 2.6), leaf(0.1, -0.2, 0.4)
    D = torch.tensor([0.3, 0.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *a: tse(*a[:3], 1e-8 * a[3], *a[4:]), (*tissue, D, angles, phases))
    assert torch.autograd.gradcheck(gre, (*tissue, angles, phases))
    assert torch.autograd.gradcheck(balanced, (*tissue, leaf(3.0, -4.0), angles))
    angle = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(steady, (leaf(0.1, 0.2), leaf(0.05, 0.03), leaf(0.9, 1.1), angle), atol=1e-6)
