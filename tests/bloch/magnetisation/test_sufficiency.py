"""How many isochromats are enough: predictions against simulations with many more."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bloch.magnetisation import (
    Spins,
    Timeline,
    acquire,
    isochromats_needed,
    magnetisation_at_samples,
    point_spins,
    timeline,
)
from bloch.magnetisation.spins import isochromat_offsets
from bloch.sequence import Block, Readout, Sequence, block, hard_pulse, trapezoid

VOXEL = 2e-3


def spoiled(n_pulses: int, turns: float) -> Timeline:
    """A gradient echo whose spoiler turns a voxel some times in each repetition, with RF spoiling."""
    spoiler = trapezoid(turns / VOXEL, flat_time=2e-3, ramp_time=0.5e-3)
    blocks = []
    for i in range(n_pulses):
        phase = math.radians(117) * i * (i + 1) / 2
        blocks += [block(rf=hard_pulse(0.4, phase=phase)), Block(2e-3, readout=Readout(1, 1e-6, 1e-3, phase=phase))]
        blocks += [Block(6e-3, gx=spoiler)]
    return timeline(Sequence(tuple(blocks)))


def pool(T2: float = 0.06, R2_prime: float = 0.0) -> Spins:
    spins = point_spins(torch.tensor([0.9]).double(), torch.tensor([T2]).double())
    return replace(spins, extent=(VOXEL, 0.0, 0.0), R2_prime=torch.tensor([R2_prime]).double())


@pytest.mark.parametrize("n", [1, 2, 5, 16, 61, 128])
def test_isochromats_lie_evenly_along_every_axis(n: int) -> None:
    even = (torch.arange(n).double() + 0.5) / n
    for column in isochromat_offsets(n).T:
        assert torch.allclose(column.sort().values, even)


def test_isochromats_fill_the_plane_of_two_axes_better_than_chance() -> None:
    """Sums of what turns by halves along two axes at once, against their integral."""
    n = 61
    u = isochromat_offsets(n).numpy()[:, :3] - 0.5
    rng = np.random.default_rng(1)
    turns = [k for k in np.ndindex(3, 3, 3) if any(k)]
    errors, chance = [], []
    for k in turns:
        k = np.array(k) / 2
        exact = np.prod(np.sinc(k))
        errors.append(abs(np.exp(2j * np.pi * u @ k).mean() - exact))
        chance.append(abs(np.exp(2j * np.pi * (rng.random((n, 3)) - 0.5) @ k).mean() - exact))
    assert np.sqrt(np.mean(np.square(errors))) < 0.5 * np.sqrt(np.mean(np.square(chance)))


def test_the_number_needed_reaches_the_promised_accuracy() -> None:
    steps, spins = spoiled(40, 2.0), pool()
    n = isochromats_needed(spins, steps, tolerance=0.02)
    assert 11 <= n <= 131
    truth = magnetisation_at_samples(spins, steps, n_isochromats=601)
    error = (magnetisation_at_samples(spins, steps, n_isochromats=n) - truth).norm() / truth.norm()
    assert error < 0.02


def test_what_lives_longer_needs_more() -> None:
    steps = spoiled(40, 2.0)
    assert isochromats_needed(pool(T2=0.008), steps) < isochromats_needed(pool(T2=0.3), steps)
    faster = replace(pool(), R2_prime=torch.tensor([400.0]).double(), extent=(0.0, 0.0, 0.0))
    assert isochromats_needed(faster, steps) > isochromats_needed(
        replace(faster, R2_prime=faster.R2_prime / 100), steps
    )


def test_points_need_one() -> None:
    spins = replace(pool(), extent=(0.0, 0.0, 0.0))
    assert isochromats_needed(spins, spoiled(9, 2.0)) == 1


def test_too_few_isochromats_are_said_with_the_number_needed() -> None:
    steps, spins = spoiled(40, 2.0), pool()
    with pytest.warns(UserWarning, match=r"6 isochromats .* % of false signal.* About \d+ isochromats are needed"):
        acquire(spins, steps, n_isochromats=6)
    acquire(spins, steps, n_isochromats=isochromats_needed(spins, steps))  # warnings are errors
