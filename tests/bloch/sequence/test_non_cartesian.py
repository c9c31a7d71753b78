"""Spokes and spirals: where they go, how far, and how densely."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bloch.sequence import (
    GOLDEN_ANGLE,
    HARD_PULSE,
    TrainDesign,
    gradient_echo,
    koosh_ball_readings,
    radial_readings,
    spin_echo,
    spiral_readings,
    trajectory,
)


@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize("increment", [None, GOLDEN_ANGLE])
def test_spokes_run_through_the_centre_at_their_angles(n: int, increment, scanner, encoding_of) -> None:
    encoding = encoding_of((3, n, n), fov=(0.2, 0.2), oversampling=1)
    readings = radial_readings(encoding, scanner, n_spokes=7, angle_increment=increment)
    sequence = gradient_echo(
        encoding, scanner, echo_time=7e-3, repetition_time=20e-3, flip_angle=0.3, readings=readings
    )
    k = trajectory(sequence).reshape(7, 3, n, 3)
    radius = (np.arange(n) - n // 2) / 0.2
    for spoke in range(7):
        angle = spoke * (math.pi / 7 if increment is None else increment)
        for partition in range(3):
            kz = (partition - 1) / 15e-3
            wanted = np.stack([radius * math.cos(angle), radius * math.sin(angle), np.full(n, kz)], axis=-1)
            assert k[spoke, partition] == pytest.approx(wanted, abs=1e-9)
    assert sequence.encoding.trajectory == "radial"


def test_golden_spokes_leave_no_gap(scanner, encoding_of) -> None:
    """After a Fibonacci number of spokes the widest gap is at most golden-ratio times the narrowest, squared."""
    encoding = encoding_of((1, 8, 8), fov=(0.2, 0.2))
    spokes = radial_readings(encoding, scanner, n_spokes=21, angle_increment=GOLDEN_ANGLE).readings
    angles = np.sort([math.atan2(-r.start[1], -r.start[0]) % math.pi for r in spokes])
    gaps = np.diff([*angles, angles[0] + math.pi])
    assert gaps.max() / gaps.min() < 1.6181**2


def test_koosh_ball_covers_the_sphere_evenly(scanner, encoding_of) -> None:
    encoding = encoding_of((9, 9, 9), fov=(45e-3, 45e-3))
    readings = koosh_ball_readings(encoding, scanner, n_spokes=200).readings
    directions = np.array([-r.start / np.linalg.norm(r.start) for r in readings])
    both = np.concatenate([directions, -directions])
    assert both.T @ both / len(both) == pytest.approx(np.eye(3) / 3, abs=0.02)
    sequence = gradient_echo(
        encoding,
        scanner,
        echo_time=12e-3,
        repetition_time=30e-3,
        flip_angle=0.1,
        pulse=HARD_PULSE,
        readings=koosh_ball_readings(encoding, scanner, n_spokes=5),
    )
    k = trajectory(sequence)
    assert k[:, 9] == pytest.approx(0.0, abs=1e-8)
    assert np.linalg.norm(k[:, 0], axis=1) == pytest.approx(9 / 2 / 45e-3, rel=1e-9)


@pytest.mark.parametrize("n_interleaves", [1, 6])
def test_spirals_are_dense_and_reach_the_edge(n_interleaves: int, scanner, encoding_of) -> None:
    fov, n = 0.2, 32
    encoding = encoding_of((1, n, n), fov=(fov, fov), sample_time=8e-6)
    sequence = gradient_echo(
        encoding,
        scanner,
        echo_time=6e-3,
        repetition_time=0.1,
        flip_angle=0.3,
        readings=spiral_readings(encoding, scanner, n_interleaves=n_interleaves),
    )
    k = trajectory(sequence)[..., 0] + 1j * trajectory(sequence)[..., 1]
    assert np.abs(k[:, 0]).max() < 0.05 / fov
    assert np.abs(k).max() == pytest.approx(n / 2 / fov, rel=0.02)
    assert np.abs(np.diff(k, axis=1)).max() < 1 / fov
    # Along each ray the turns of all interleaves lie 1/FOV apart.
    for ray in (0.3, 2.0):
        crossings = []
        for leaf in k:
            angle = np.unwrap(np.angle(leaf[1:])) - ray
            turns = np.arange(math.ceil(angle.min() / (2 * math.pi)), math.floor(angle.max() / (2 * math.pi)) + 1)
            crossings += np.interp(2 * math.pi * turns, angle, np.abs(leaf[1:])).tolist()
        assert np.diff(np.sort(crossings)[1:]) == pytest.approx(1 / fov, rel=0.05)


def test_a_spin_echo_reads_spirals_and_spokes_at_its_echo(scanner, encoding_of) -> None:
    encoding = encoding_of((1, 16, 16), fov=(0.2, 0.2))
    for readings in (
        spiral_readings(encoding, scanner, n_interleaves=4),
        radial_readings(encoding, scanner, n_spokes=4),
    ):
        sequence = spin_echo(
            encoding,
            scanner,
            echo_time=24e-3,
            repetition_time=0.1,
            design=TrainDesign(pulse=HARD_PULSE),
            readings=readings,
        )
        centre = np.linalg.norm(trajectory(sequence), axis=-1).min(axis=1)
        assert centre.max() < 0.05 / 0.2


def test_an_oblong_field_of_view_is_refused(scanner, encoding_of) -> None:
    oblong = encoding_of((1, 16, 16), fov=(0.2, 0.22))
    for build in (
        lambda: radial_readings(oblong, scanner, n_spokes=4),
        lambda: spiral_readings(oblong, scanner, n_interleaves=4),
    ):
        with pytest.raises(ValueError, match="make them equal"):
            build()
    with pytest.raises(ValueError, match="0 spokes"):
        radial_readings(encoding_of((1, 16, 16), fov=(0.2, 0.2)), scanner, n_spokes=0)
