"""Concomitant fields: against isochromats that the simulator plays, in both kinds of magnet."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.magnetisation import magnetisation_at_samples, point_spins, timeline
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    HARD_PULSE,
    Encoding,
    Sequence,
    TrainDesign,
    fully_sampled,
    gradient_echo,
    spiral_readings,
    trajectory,
    turbo_spin_echo,
)
from pirecon.encoding import Evolution, concomitant_evolution, moments_of_sequence, moments_of_trajectory
from pirecon.encoding.maxwell_moments import MaxwellMoments, slice_positions
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.trajectory import NonCartesianKSpace, Trajectory

B0 = 0.05
CENTRE = np.array([[0.01, -0.02, 0.06]])
OBLIQUE = np.linalg.qr(np.array([[0.2, 0.3, 1.0], [0.1, 1.0, -0.2], [1.0, 0.0, 0.1]]).T)[0].T
GRID = Geometry((1, 5, 6), (5e-3, 0.036, 0.03), CENTRE, OBLIQUE)
UPRIGHT = (0.0, 1.0, 0.0)


def scanner(direction=(0.0, 0.0, 1.0)) -> Scanner:
    return Scanner(B0, volume_coil(B0_direction=direction), B0_direction=direction, max_gradient=25e-3)


def encoding(n: int = 12, directions: np.ndarray = OBLIQUE) -> Encoding:
    return Encoding((1, n, n), (5e-3, 0.2, 0.2), CENTRE, directions, fully_sampled((1, n)), sample_time=20e-6)


def train() -> Sequence:
    return turbo_spin_echo(
        encoding(), scanner(), echo_time=0.03, repetition_time=0.2, echo_train_length=4, echo_spacing=0.01,
        design=TrainDesign(pulse=HARD_PULSE),
    )  # fmt: skip


def spiral() -> Sequence:
    where = encoding(32)
    readings = spiral_readings(where, scanner(), n_interleaves=3)
    return gradient_echo(
        where, scanner(), repetition_time=0.05, flip_angle=math.pi / 2, pulse=HARD_PULSE, readings=readings
    )


def played_phase(sequence: Sequence, direction: tuple[float, float, float]) -> Tensor:
    """What concomitant fields do to isochromats at the voxels' centres, (voxel, sample) on the unit circle."""
    places = slice_positions(GRID, 0).reshape(-1, 3)
    times = torch.full((len(places),), 1e9, dtype=torch.float64)
    spins = point_spins(times, times, position=places)
    parts = []
    for acting in (True, False):
        steps = timeline(sequence, concomitant=acting)
        parts.append(magnetisation_at_samples(spins, steps, B0=B0, B0_direction=direction))
    return (parts[0] / parts[1]).reshape(len(places), -1)


def dense(evolution: Evolution) -> Tensor:
    n = len(evolution.basis)
    return evolution.coefficients.reshape(n, -1).mT @ evolution.basis.reshape(n, -1)


@pytest.mark.parametrize("direction", [(0.0, 0.0, 1.0), UPRIGHT, (0.6, 0.0, 0.8)])
@pytest.mark.parametrize("make", [train, spiral])
def test_every_sample_has_the_phase_of_the_isochromats(make, direction) -> None:
    sequence = make()
    evolution = concomitant_evolution(moments_of_sequence(sequence), GRID, B0=B0, B0_direction=direction)
    found, wanted = dense(evolution), played_phase(sequence, direction)
    n = 4 * 24 if make is train else wanted.shape[1] // 3  # of the first shot: without relaxation later ones remember
    assert float(wanted[:, :n].angle().abs().max()) > 0.15  # the effect is there
    error = (found[:, :n] - wanted[:, :n]).norm() / wanted[:, :n].norm()
    assert float(error) < 3e-3


def test_a_trajectory_tells_the_moments_of_its_readouts() -> None:
    sequence = spiral()
    k = torch.from_numpy(trajectory(sequence)[..., ::-1].copy())
    kspace = NonCartesianKSpace(
        torch.zeros(1, *k.shape[:2], dtype=torch.complex64), torch.ones(1, *k.shape[:2]), Trajectory(k, ""), 1, GRID
    )
    found = moments_of_trajectory(kspace, 20e-6).moments
    wanted = moments_of_sequence(sequence).moments
    wanted = wanted - wanted[..., :1]
    assert float((found - wanted).norm() / wanted.norm()) < 0.01


def test_far_from_a_strong_field_nothing_is_added() -> None:
    evolution = concomitant_evolution(moments_of_sequence(spiral()), GRID, B0=1e6)
    assert len(evolution.basis) == 1
    torch.testing.assert_close(dense(evolution), torch.ones_like(dense(evolution)), rtol=0, atol=1e-4)


def test_bad_input() -> None:
    moments = MaxwellMoments(torch.zeros(6, 1, 4), "none")
    with pytest.raises(ValueError, match="above 0 T"):
        concomitant_evolution(moments, GRID, B0=0.0)
    with pytest.raises(ValueError, match="unit vector"):
        concomitant_evolution(moments, GRID, B0=0.05, B0_direction=(0.0, 2.0, 0.0))
    with pytest.raises(ValueError, match="one length"):
        moments_of_sequence(Sequence(()))
