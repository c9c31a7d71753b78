"""The isochromat engine against closed forms, conservation laws and an independent linear system, in float64.

Both of its paths, compiled and differentiable, must keep every law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.magnetisation import Spins, Timeline, magnetisation_at_samples, point_spins, timeline
from bloch.magnetisation.phase_graph_echo_train import EchoTrain, echo_train
from bloch.sequence import Block, Gradient, Readout, RFPulse, Sequence, block, hard_pulse, trapezoid
from bloch.tissue import GYROMAGNETIC_RATIO

Engine = Callable[[Spins, Timeline], Tensor]
RIGHT = math.pi / 2
LONG = 1e12  # s: no relaxation


def differentiable(spins: Spins, steps: Timeline, n_isochromats: int = 1) -> Tensor:
    asked = replace(spins, equilibrium=spins.equilibrium.clone().requires_grad_())
    return magnetisation_at_samples(asked, steps, n_isochromats=n_isochromats).detach()


@pytest.fixture(params=[magnetisation_at_samples, differentiable], ids=["compiled", "differentiable"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


def many(n: int, *, seed: int = 7) -> Spins:
    """Spins of all kinds."""
    g = torch.Generator().manual_seed(seed)

    def between(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, dtype=torch.float64, generator=g)

    T1 = between(0.2, 2.5, n)
    spins = point_spins(
        T1,
        T1 * between(0.04, 0.6, n),
        equilibrium=between(0.3, 2, n),
        off_resonance=between(-80, 80, n),
        position=between(-0.1, 0.1, n, 3),
    )
    return replace(spins, transmit=torch.polar(between(0.7, 1.3, n), between(-1, 1, n)))


def one(T1: float = 0.7, T2: float = 0.09, off_resonance: float = 0.0) -> Spins:
    return point_spins(torch.tensor([T1]).double(), torch.tensor([T2]).double(), off_resonance=off_resonance)


def steps_of(*blocks: Block) -> Timeline:
    return timeline(Sequence(blocks))


def echo(delay: float, duration: float) -> Block:
    """One sample at ``delay`` in a block."""
    return Block(duration, readout=Readout(1, 1e-6, delay - 0.5e-6))


def test_free_precession_and_relaxation_are_exact(engine: Engine) -> None:
    spins = replace(many(37), transmit=torch.ones(37, dtype=torch.complex128))
    ramps = Gradient(np.array([0.0, 1e-3, 4e-3, 7e-3]), np.array([0.0, 6e-3, -2e-3, 0.0]))
    readout = Readout(23, 0.2e-3, 0.4e-3, phase=0.8)
    steps = steps_of(block(rf=hard_pulse(1.1, phase=0.4)), Block(8e-3, gx=ramps, gz=ramps, readout=readout))
    t = 0.4e-3 + (np.arange(23) + 0.5) * 0.2e-3
    fine = np.linspace(0, 8e-3, 8001)  # every corner of the gradient is a node
    G = np.interp(fine, ramps.times, ramps.amplitudes)
    area = np.append(0, np.cumsum((G[1:] + G[:-1]) / 2 * 1e-6))
    k = torch.from_numpy(GYROMAGNETIC_RATIO * np.interp(t, fine, area)).unsqueeze(0)
    time = torch.from_numpy(t)
    place = (spins.position[:, 0] + spins.position[:, 2]).unsqueeze(1)
    turns = spins.off_resonance.unsqueeze(1) * time + place * k
    decay = spins.equilibrium.unsqueeze(1) * torch.exp(-time / spins.T2.unsqueeze(1))
    expected = 1j * math.sin(1.1) * decay * torch.exp(1j * (0.4 - 0.8 - 2 * math.pi * turns))
    assert (engine(spins, steps) - expected).abs().max() < 1e-12


def test_recovery_is_exact(engine: Engine) -> None:
    spins = replace(many(31), off_resonance=torch.zeros(31).double(), transmit=torch.ones(31, dtype=torch.complex128))
    steps = steps_of(Block(0.31, rf=hard_pulse(2.3)), block(rf=hard_pulse(RIGHT)), echo(1e-9, 1e-6))
    along = 1 + (math.cos(2.3) - 1) * torch.exp(-0.31 / spins.T1)
    # The first pulse leaves y, which the second one turns away: z comes to y.
    expected = 1j * spins.equilibrium * along * torch.exp(-1e-9 / spins.T2)
    assert (engine(spins, steps)[:, 0] - expected).abs().max() < 1e-12


def test_a_train_of_pulses_reaches_the_ernst_equation(engine: Engine) -> None:
    T1, T2, TR, angle = 0.8, 0.004, 0.12, math.acos(math.exp(-0.12 / 0.8))
    steps = steps_of(*[Block(TR, rf=hard_pulse(angle), readout=Readout(1, 1e-6, 1e-3 - 0.5e-6))] * 150)
    E1 = math.exp(-TR / T1)
    expected = 1j * math.sin(angle) * (1 - E1) / (1 - E1 * math.cos(angle)) * math.exp(-1e-3 / T2)
    assert abs(engine(one(T1, T2), steps)[0, -1].item() - expected) < 1e-9


def test_a_balanced_train_reaches_the_steady_state_of_its_linear_system() -> None:
    T1, T2, TR, angle, offset = 0.35, 0.12, 5e-3, 0.7, 31.0
    pulses = [Block(TR, rf=hard_pulse(angle, phase=math.pi * (i % 2)), readout=Readout(1, 1e-9)) for i in range(1600)]
    found = magnetisation_at_samples(one(T1, T2, offset), steps_of(*pulses))[0, -1].item()
    E1, E2, turn = math.exp(-TR / T1), math.exp(-TR / T2), 2 * math.pi * offset * TR + math.pi
    c, s = math.cos(turn), math.sin(turn)  # left-handed about z, in the frame of the alternating pulses
    free = np.array([[E2 * c, E2 * s, 0], [-E2 * s, E2 * c, 0], [0, 0, E1]])
    c, s = math.cos(angle), math.sin(angle)
    pulse = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    M = np.linalg.solve(np.eye(3) - pulse @ free, pulse @ [0, 0, 1 - E1])
    assert abs(found - -(M[0] + 1j * M[1])) < 1e-6  # the last pulse has phase π


def test_a_refocusing_pulse_undoes_off_resonance(engine: Engine) -> None:
    spins = replace(many(29), transmit=torch.ones(29, dtype=torch.complex128))
    half = 11e-3
    refocus = hard_pulse(math.pi, phase=RIGHT)
    steps = steps_of(
        Block(half, rf=hard_pulse(RIGHT)), Block(half + 1e-3, rf=refocus, readout=Readout(1, 2e-9, half - 1e-9))
    )
    expected = 1j * spins.equilibrium * torch.exp(-2 * half / spins.T2)
    assert (engine(spins, steps)[:, 0] - expected).abs().max() < 1e-11


@pytest.mark.parametrize("angle", [180.0, 150.0])
def test_an_echo_train_equals_its_phase_graph(angle: float) -> None:
    spacing, n, crusher = 12e-3, 9, trapezoid(2 / 3e-3, flat_time=2e-3, ramp_time=1e-3)
    T1, T2 = 0.5, 0.08
    blocks = [Block(spacing / 2, rf=hard_pulse(RIGHT, phase=-RIGHT), gx=crusher)]
    for _ in range(n):
        blocks += [Block(spacing / 2, rf=hard_pulse(math.radians(angle)), gx=crusher)]
        blocks += [Block(spacing / 2, gx=crusher, readout=Readout(1, 1e-9))]
    # One sample a nanosecond after each echo's centre; crushers turn a voxel of 3 mm twice in each half.
    spins = replace(one(T1, T2), extent=(3e-3, 0.0, 0.0))
    found = magnetisation_at_samples(spins, steps_of(*blocks), n_isochromats=61)[0]
    train = EchoTrain(torch.full((n,), math.radians(angle), dtype=torch.float64), spacing)
    expected = echo_train(torch.tensor(T1, dtype=torch.float64), T2, train=train)
    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()
    if angle == 180.0:
        decay = torch.exp(-spacing * torch.arange(1, n + 1, dtype=torch.float64) / T2)
        assert (found - decay).abs().max() < 1e-6


def test_three_right_angles_store_and_recall_half_the_magnetisation(engine: Engine) -> None:
    turn = trapezoid(1 / 2e-3, flat_time=0.5e-3, ramp_time=0.5e-3)
    store = trapezoid(5 / 2e-3, flat_time=2e-3, ramp_time=0.5e-3)
    pulse = hard_pulse(RIGHT)
    steps = steps_of(
        block(rf=pulse, gx=turn), Block(4e-3, rf=pulse, gx=store), block(rf=pulse, gx=turn), echo(1e-9, 1e-3)
    )
    spins = point_spins(torch.tensor([LONG]).double(), torch.tensor([LONG]).double())
    found = engine(replace(spins, extent=(2e-3, 0.0, 0.0)), steps, n_isochromats=101)
    assert abs(abs(found[0, 0].item()) - 0.5) < 1e-9


def test_without_relaxation_the_magnetisation_keeps_its_length(engine: Engine) -> None:
    shape = np.hanning(33)[1:-1] * 0.09 * np.exp(0.2j * np.arange(31))
    pulse = block(rf=RFPulse(shape, 25e-6, phase=0.7), gz=trapezoid(300, flat_time=0.5e-3, ramp_time=0.2e-3))
    spins = replace(many(17), T1=torch.full((17,), LONG).double(), T2=torch.full((17,), LONG).double())
    spins = replace(spins, transmit=torch.ones_like(spins.transmit))
    start = [pulse, Block(3e-3), pulse, pulse]
    across = engine(spins, steps_of(*start, echo(1e-9, 1e-6)))[:, 0]
    turned = engine(spins, steps_of(*start, block(rf=hard_pulse(RIGHT)), echo(1e-9, 1e-6)))[:, 0]
    along = turned.imag  # a right angle about x makes z the imaginary part
    assert (across.abs() ** 2 + along**2 - spins.equilibrium**2).abs().max() < 1e-5


def test_the_integrator_is_of_second_order() -> None:
    """Errors of a shaped pulse fall fourfold where its raster is halved."""
    length, spins = 2e-3, many(11)
    spins = replace(spins, T1=spins.T1 * 0 + 6e-3, T2=spins.T2 * 0 + 2e-3, off_resonance=spins.off_resonance * 6)

    def after(n: int) -> Tensor:
        edges = np.linspace(0, 2 * np.pi, n + 1)
        shape = np.diff(edges - np.sin(edges)) / (2 * np.pi) * 2.2  # a raised cosine, integrated over each step
        return magnetisation_at_samples(spins, steps_of(block(rf=RFPulse(shape, length / n)), echo(1e-9, 1e-6)))

    truth = after(4096)
    errors = [float((after(n) - truth).norm()) for n in (16, 32, 64, 128)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(abs(orders - 2) < 0.1), orders


def test_a_small_angle_excites_the_fourier_transform_of_its_pulse(engine: Engine) -> None:
    n, raster, strength = 161, 20e-6, 8e-3
    t = (np.arange(n) - n // 2) * raster
    shape = np.sinc(t / 0.5e-3) * np.hanning(n)
    shape *= 1e-3 / shape.sum()
    length = n * raster
    selection = Gradient(np.array([0.0, length]), np.array([strength, strength]))
    rephasing = Gradient(np.array([0.0, length / 2]), np.array([-strength, -strength]))
    z = torch.linspace(-12e-3, 12e-3, 41, dtype=torch.float64)
    place = torch.stack([torch.zeros_like(z), torch.zeros_like(z), z], dim=1)
    long = torch.full_like(z, LONG)
    steps = steps_of(block(rf=RFPulse(shape, raster), gz=selection), block(gz=rephasing), echo(1e-9, 1e-6))
    found = engine(point_spins(long, long, position=place), steps)[:, 0].numpy()
    f = GYROMAGNETIC_RATIO * strength * z.numpy()
    expected = 1j * (shape * np.exp(2j * np.pi * np.outer(f, t))).sum(1)
    # The engine turns and precesses at once in each step: a pulse of boxes, whose transform carries a sinc.
    assert abs(found - expected * np.sinc(f * raster)).max() < 1e-3 * abs(expected).max()


def test_a_lorentzian_of_frequencies_decays_and_rephases() -> None:
    R2_prime, half = 40.0, 20e-3
    spins = replace(one(LONG, LONG), R2_prime=torch.tensor([R2_prime]).double())
    refocus = hard_pulse(math.pi, phase=RIGHT)
    readout = Readout(31, 1e-3, 4.5e-3)
    blocks = [Block(half, rf=hard_pulse(RIGHT)), Block(2 * half, rf=refocus, readout=readout)]
    found = magnetisation_at_samples(spins, steps_of(*blocks), n_isochromats=401)[0]
    from_echo = (5e-3 + np.arange(31) * 1e-3) - half
    # The outermost frequencies of a Lorentzian stand for long tails: errors of a few 1/n.
    assert abs(found.abs().numpy() - np.exp(-R2_prime * abs(from_echo))).max() < 8 / 401
    assert abs(abs(found[15].item()) - 1) < 1e-9
