"""Trains of extended phase graphs: batches, types, bounded orders, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch

from bloch.magnetisation import phase_graph_pulses
from bloch.magnetisation.phase_graph_echo_train import EchoTrain, echo_train, steady_echo_train
from bloch.magnetisation.phase_graph_gradient_echo import (
    GradientEchoTrain,
    balanced_train,
    rf_spoiling_phases,
    spoiled_train,
)
from bloch.magnetisation.phase_graph_pulses import Diffusion
from bloch.magnetisation.phase_graph_steady_state import RepeatedPulse, spoiled_steady_state

ECHOES = EchoTrain(torch.tensor([2.1, 1.7, 2.9, 2.2, 1.3], dtype=torch.float64), 0.012)
GRADIENT_ECHOES = GradientEchoTrain(torch.full((9,), 0.4, dtype=torch.float64), 0.01, 0.004, rf_spoiling_phases(9))


def tissue() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    T1 = 0.2 + 2 * torch.rand(3, 1, 1, dtype=torch.float64, generator=generator)
    T2 = 0.02 + 0.2 * torch.rand(5, 1, dtype=torch.float64, generator=generator)
    return T1, T2, 0.7 + 0.6 * torch.rand(7, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("bytes_per_group", [1, 2000, 10**9])
def test_a_batch_equals_its_voxels_one_by_one(monkeypatch: pytest.MonkeyPatch, bytes_per_group: int) -> None:
    T1, T2, B1 = tissue()
    one_by_one = torch.stack(
        [
            torch.cat([echo_train(a, b, train=ECHOES, B1=c), spoiled_train(a, b, train=GRADIENT_ECHOES, B1=c)])
            for a in T1.flatten().tolist()
            for b in T2.flatten().tolist()
            for c in B1.tolist()
        ]
    ).reshape(3, 5, 7, 14)
    monkeypatch.setitem(phase_graph_pulses.BYTES_PER_GROUP, "cpu", bytes_per_group)
    batch = torch.cat(
        [echo_train(T1, T2, train=ECHOES, B1=B1), spoiled_train(T1, T2, train=GRADIENT_ECHOES, B1=B1)], dim=-1
    )
    torch.testing.assert_close(batch, one_by_one, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "signal",
    [
        lambda T1, T2, B1: echo_train(T1, T2, train=ECHOES, B1=B1, diffusion=Diffusion(1e-9, 1e5)),
        lambda T1, T2, B1: steady_echo_train(T1, T2, train=ECHOES, repetition_time=0.5, B1=B1),
        lambda T1, T2, B1: spoiled_train(T1, T2, train=GRADIENT_ECHOES, B1=B1),
        lambda T1, T2, B1: balanced_train(T1, T2, train=GRADIENT_ECHOES, B1=B1, off_resonance=9.0),
    ],
)
def test_single_precision_in_is_single_precision_out(signal) -> None:
    exact = signal(*tissue())
    single = signal(*(t.float() for t in tissue()))
    assert (exact.dtype, single.dtype) == (torch.complex128, torch.complex64)
    assert float((single - exact).abs().max()) < 1e-6


def test_bounding_the_orders_costs_little_where_high_orders_have_decayed() -> None:
    train = EchoTrain(torch.full((60,), 2.0, dtype=torch.float64), 0.01)
    exact = echo_train(0.8, 0.04, train=train)
    errors = [float((echo_train(0.8, 0.04, train=train, max_orders=n) - exact).abs().max()) for n in (3, 10, 20, 30)]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 1e-4 < errors[0]
    assert errors[3] < 1e-14  # half as many orders as echoes are exact


def test_phases_of_rf_spoiling_grow_by_a_growing_increment() -> None:
    phases = rf_spoiling_phases(40)
    difference = torch.remainder(torch.diff(phases) - math.radians(117) * torch.arange(1, 40).double(), 2 * math.pi)
    assert float(torch.minimum(difference, 2 * math.pi - difference).max()) < 1e-11
    assert float(phases[0]) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: echo_train(0.5, -0.1, train=ECHOES), "T2 must be positive"),
        (lambda: echo_train(torch.tensor([0.5, 0.0]), 0.1, train=ECHOES), "T1 must be positive"),
        (lambda: echo_train(torch.tensor([0.5, math.nan]), 0.1, train=ECHOES), "T1 must be positive"),
        (lambda: spoiled_train(0.1, 0.3, train=GRADIENT_ECHOES), "swapped"),
        (lambda: echo_train(0.5, 0.1, train=EchoTrain(torch.ones(3), 0.01, torch.ones(4))), "do not match"),
        (lambda: echo_train(0.5, 0.1, train=EchoTrain(torch.ones(0), 0.01)), "do not match"),
        (lambda: echo_train(0.5, 0.1, train=EchoTrain(torch.ones(3), 0.0)), "echo spacing"),
        (lambda: echo_train(0.5, 0.1, train=ECHOES, max_orders=0), "at least order 0"),
        (lambda: echo_train(0.5, 0.1, train=ECHOES, diffusion=Diffusion(-1e-9, 1.0)), "below 0"),
        (lambda: spoiled_train(0.5, 0.1, train=GradientEchoTrain(torch.ones(3), 0.01, 0.02)), "in s, not ms"),
        (lambda: balanced_train(0.5, 0.1, train=GradientEchoTrain(torch.ones(3), 0.01, -0.001)), "in s, not ms"),
        (lambda: steady_echo_train(0.5, 0.1, train=ECHOES, repetition_time=0.05), "Shorten the train"),
        (lambda: spoiled_steady_state(0.5, 0.1, pulse=RepeatedPulse(0.4, 0.01, 0.02)), "in s, not ms"),
        (lambda: spoiled_steady_state(math.inf, 0.1, pulse=RepeatedPulse(0.4, 0.01, 0.0)), "no steady state"),
        (lambda: spoiled_steady_state(0.5, 0.1, pulse=RepeatedPulse(0.4, 0.01, 0.0), tolerance=0.0), "tolerance"),
    ],
)
def test_impossible_tissue_and_timing_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
