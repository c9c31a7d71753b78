"""Gradients of the isochromat engine by autograd against finite differences, in tissue and sequence."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.magnetisation import Spins, Timeline, acquire, magnetisation_at_samples, point_spins, timeline
from bloch.sequence import Readout, RFPulse, Sequence, block, hard_pulse, trapezoid

pytestmark = pytest.mark.filterwarnings("ignore:.*isochromats in a pool")  # two of them, for speed


@pytest.fixture(scope="module")
def steps() -> Timeline:
    shape = np.array([0.2, 0.0, 0.4 + 0.1j])  # a zero in the middle has a derivative too
    blocks = [
        block(
            rf=RFPulse(shape, 0.4e-3, phase=0.3, frequency_offset=90.0),
            gz=trapezoid(20, flat_time=1e-3, ramp_time=1e-4),
        ),
        block(gx=trapezoid(9, flat_time=1e-3, ramp_time=1e-4), readout=Readout(3, 0.3e-3)),
        block(rf=hard_pulse(1.3, phase=1.0)),
        block(gy=trapezoid(9, flat_time=1e-3, ramp_time=1e-4), readout=Readout(2, 0.5e-3, phase=0.4)),
    ]
    return timeline(Sequence(tuple(blocks)), concomitant=True)


@pytest.fixture(scope="module")
def spins() -> Spins:
    T1, T2 = torch.tensor([0.03, 0.05]).double(), torch.tensor([4e-3, 9e-3]).double()
    place = torch.tensor([[0.02, -0.03, 0.01], [-0.01, 0.04, 0.02]]).double()
    spins = point_spins(T1, T2, equilibrium=torch.tensor([1.0, 0.7]).double(), off_resonance=40.0, position=place)
    transmit = torch.tensor([0.9 + 0.1j, 1.2 - 0.2j], dtype=torch.complex128)
    return replace(spins, transmit=transmit, R2_prime=torch.tensor([20.0, 9.0]).double())


def seen(spins: Spins, steps: Timeline) -> Tensor:
    return magnetisation_at_samples(spins, steps, n_isochromats=2, B0=0.05)


TISSUE = ["position", "equilibrium", "T1", "T2", "R2_prime", "off_resonance", "transmit"]


@pytest.mark.parametrize("name", TISSUE)
def test_of_the_tissue(name: str, spins: Spins, steps: Timeline) -> None:
    value = getattr(spins, name).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: seen(replace(spins, **{name: v}), steps), value)


@pytest.mark.parametrize("name", ["duration", "moment", "products", "receiver_phase", "cycles"])
def test_of_the_sequence(name: str, spins: Spins, steps: Timeline) -> None:
    value = getattr(steps, name).clone().requires_grad_()
    # Products of gradients are large numbers: their step is larger.
    eps, atol = (1e-2, 1e-7) if name == "products" else (1e-7, 1e-4)
    found = lambda v: seen(spins, replace(steps, **{name: v}))  # noqa: E731
    assert torch.autograd.gradcheck(found, value, eps=eps, atol=atol, rtol=1e-3)


def test_of_the_pulses(spins: Spins, steps: Timeline) -> None:
    plays = steps.pulse >= 0
    value = steps.rf[plays].clone().requires_grad_()
    assert bool((value == 0).any())

    def found(v: Tensor) -> Tensor:
        return seen(spins, replace(steps, rf=steps.rf.index_put((plays,), v)))

    assert torch.autograd.gradcheck(found, value)


def test_of_the_sensitivities(spins: Spins, steps: Timeline) -> None:
    maps = torch.tensor([[1 + 1j, 0.5], [0.2j, 0.7 - 0.3j], [1, -1]], dtype=torch.complex128, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: acquire(spins, steps, sensitivities=v, n_isochromats=2, B0=0.05), maps)


def test_a_flip_angle_is_found_by_descent(spins: Spins) -> None:
    """What gradients are for: the angle that gives most signal from a single pulse is a right angle."""
    steps = timeline(Sequence((block(rf=hard_pulse(0.4)), block(readout=Readout(1, 1e-9)))))
    still = replace(spins, transmit=torch.ones(2, dtype=torch.complex128), R2_prime=torch.zeros(2).double())
    angle = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    for _ in range(60):
        rf = torch.where(steps.rf != 0, angle.to(torch.complex128), 0)
        signal = acquire(still, replace(steps, rf=rf)).abs().sum()
        (slope,) = torch.autograd.grad(signal, angle)
        angle = (angle + 0.3 * slope).detach().requires_grad_()
    assert abs(float(angle.detach()) - math.pi / 2) < 1e-6
