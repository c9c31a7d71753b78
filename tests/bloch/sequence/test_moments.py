"""Spoiling, balance, crushing and the conditions of CPMG, from the gradients that are played."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bloch.sequence import (
    GOLDEN_ANGLE,
    Sequence,
    Spoiling,
    TrainDesign,
    balanced_ssfp,
    gradient_echo,
    radial_readings,
    spin_echo,
    spiral_readings,
    trajectory,
    turbo_spin_echo,
)
from bloch.sequence.gradients import moments_until
from bloch.tissue import GYROMAGNETIC_RATIO


def moments_between(sequence: Sequence, uses: tuple[str, ...]) -> np.ndarray:
    """Moments on x, y, z from the centre of each pulse of some use to that of the next, ``(interval, 3)``."""
    total, at_pulses = np.zeros(3), []
    for block in sequence.blocks:
        if block.rf is not None and block.rf.use in uses:
            centre = np.array([block.rf.delay + block.rf.duration / 2])
            at_pulses.append(total + [float(moments_until(g, centre)[0]) for g in block.gradients])
        total = total + [0.0 if g is None else g.moment for g in block.gradients]
    return np.diff(at_pulses, axis=0)


@pytest.mark.parametrize("matrix", [(1, 9, 8), (4, 5, 7)])
@pytest.mark.parametrize("cycles", [0.0, 1.5, 4.0])
def test_a_spoiled_repetition_leaves_what_was_asked_for(matrix, cycles: float, scanner, encoding_of) -> None:
    encoding = encoding_of(matrix)
    sequence = gradient_echo(
        encoding, scanner, echo_time=8e-3, repetition_time=40e-3, flip_angle=0.3, spoiling=Spoiling(cycles=cycles)
    )
    moments = moments_between(sequence, ("excitation",)) * encoding.voxel_size[0]
    assert moments == pytest.approx(np.tile([0, 0, cycles], (len(moments), 1)), abs=1e-9)


@pytest.mark.parametrize("trajectory_name", ["cartesian", "radial", "spiral"])
@pytest.mark.parametrize("matrix", [(1, 8, 8), (4, 7, 7)])
def test_a_balanced_repetition_leaves_nothing(trajectory_name, matrix, scanner, encoding_of) -> None:
    encoding = encoding_of(matrix, fov=(0.2, 0.2))
    readings = None
    if trajectory_name == "radial":
        readings = radial_readings(encoding, scanner, n_spokes=5, angle_increment=GOLDEN_ANGLE)
    if trajectory_name == "spiral":
        readings = spiral_readings(encoding, scanner, n_interleaves=3)
    sequence = balanced_ssfp(encoding, scanner, repetition_time=14e-3, flip_angle=0.8, readings=readings)
    moments = moments_between(sequence, ("excitation",))
    assert np.abs(moments).max() < 1e-9


def test_balanced_ssfp_begins_with_half_the_angle_half_a_repetition_before(scanner, encoding_of, played) -> None:
    sequence = balanced_ssfp(encoding_of(), scanner, repetition_time=14e-3, flip_angle=0.8, n_dummies=3)
    pulses = played(sequence).pulses
    assert pulses[0][1].flip_angle == pytest.approx(0.4)
    assert pulses[1][0] - pulses[0][0] == pytest.approx(7e-3, abs=1e-9)
    assert np.diff([t for t, _ in pulses[1:]]) == pytest.approx(14e-3, abs=1e-9)
    turns = np.diff([rf.phase for _, rf in pulses])
    assert np.cos(turns) == pytest.approx(-1.0)


@pytest.mark.parametrize("n_ramp", [1, 5])
def test_a_ramp_tilts_the_magnetisation_evenly_to_half_the_angle(n_ramp: int, scanner, encoding_of) -> None:
    sequence = balanced_ssfp(encoding_of(), scanner, repetition_time=5e-3, flip_angle=0.8, n_ramp=n_ramp)
    tilt, tilts = 0.0, []
    for block in sequence.blocks:
        if block.rf is not None:  # alternating pulses turn about one axis, to and fro
            tilt += block.rf.flip_angle * math.cos(block.rf.phase)
            tilts.append(abs(tilt))
    assert tilts[:n_ramp] == pytest.approx([0.4 * (i + 1) / n_ramp for i in range(n_ramp)])
    assert tilts[n_ramp:] == pytest.approx([0.4] * len(tilts[n_ramp:]))
    assert sequence.duration == pytest.approx((12 + n_ramp) * 5e-3)


def test_rf_spoiling_is_quadratic_and_the_receiver_follows(scanner, encoding_of) -> None:
    sequence = gradient_echo(encoding_of(), scanner, echo_time=8e-3, repetition_time=40e-3, flip_angle=0.3, n_dummies=4)
    phases = np.array([b.rf.phase for b in sequence.blocks if b.rf is not None])
    second = np.diff(phases, n=2) - math.radians(117)
    assert np.cos(second) == pytest.approx(1.0)
    received = [b.readout.phase for b in sequence.blocks if b.readout is not None]
    assert np.exp(1j * (np.array(received) - phases[4:])) == pytest.approx(1j)


@pytest.mark.parametrize("matrix", [(1, 12, 8), (4, 6, 7)])
def test_a_train_obeys_cpmg(matrix, scanner, encoding_of, played) -> None:
    """Between two refocusing pulses lies twice the moment and twice the time that lie before the first."""
    encoding = encoding_of(matrix)
    sequence = turbo_spin_echo(
        encoding, scanner, echo_time=28e-3, repetition_time=0.2, echo_train_length=4, echo_spacing=14e-3
    )
    intervals = moments_between(sequence, ("excitation", "refocusing"))
    intervals = np.concatenate([intervals, np.zeros((1, 3))]).reshape(-1, 5, 3)  # a train, and what follows it
    assert intervals[:, 1:4] == pytest.approx(np.repeat(2 * intervals[:, :1], 3, axis=1), abs=1e-9)
    times = np.diff([t for t, _ in played(sequence).pulses])
    assert times[:4] == pytest.approx([7e-3, 14e-3, 14e-3, 14e-3], abs=1e-9)
    phases = [rf.phase for _, rf in played(sequence).pulses[:5]]
    assert phases == pytest.approx([0.0, *[math.pi / 2] * 4])


@pytest.mark.parametrize("cycles", [1.0, 3.0])
def test_crushers_stand_on_both_sides_of_a_refocusing_pulse(cycles: float, scanner, encoding_of) -> None:
    encoding = encoding_of()
    design = TrainDesign(crusher=cycles)
    sequence = spin_echo(encoding, scanner, echo_time=20e-3, repetition_time=0.1, design=design)
    number = next(i for i, b in enumerate(sequence.blocks) if b.rf is not None and b.rf.use == "refocusing")
    after = sequence.blocks[number + 1].gz.moment
    assert after * encoding.voxel_size[0] == pytest.approx(cycles, rel=1e-9)
    doubled = moments_between(sequence, ("excitation", "refocusing"))[0, 2]
    half_slice = sequence.blocks[number].gz.moment / 2
    assert doubled == pytest.approx(after + half_slice, rel=1e-9)


def test_trajectory_starts_at_excitations_and_turns_at_refocusing_pulses(scanner, encoding_of) -> None:
    """Against a plain sum of the gradients in steps of 1 us."""
    sequence = spin_echo(encoding_of((1, 5, 8)), scanner, echo_time=16e-3, repetition_time=40e-3)
    step, k, found = 1e-6, np.zeros(3), []
    for block in sequence.blocks[: len(sequence.blocks) // 5 * 2]:
        n = round(block.duration / step)
        t = (np.arange(n) + 0.5) * step
        G = np.array(
            [
                np.zeros(n) if g is None else np.interp(t, g.times, g.amplitudes, left=0, right=0)
                for g in block.gradients
            ]
        )
        path = np.cumsum(GYROMAGNETIC_RATIO * G * step, axis=1).T
        if block.rf is not None:
            at = path[round((block.rf.delay + block.rf.duration / 2) / step) - 1]
            k = -at if block.rf.use == "excitation" else -(k + at) - at
        if block.readout is not None:
            r = block.readout
            index = np.round((r.delay + (np.arange(r.n_samples) + 0.5) * r.dwell) / step).astype(int) - 1
            found.append(k + path[index])
        k = k + path[-1]
    assert np.array(found) == pytest.approx(trajectory(sequence)[: len(found)], abs=0.05)


def test_a_trajectory_of_unequal_readouts_is_refused(scanner, encoding_of) -> None:
    sequence = gradient_echo(encoding_of(), scanner, echo_time=8e-3, repetition_time=40e-3, flip_angle=0.3)
    last = next(i for i, b in enumerate(sequence.blocks) if b.readout is not None)
    shorter = replace(sequence.blocks[last], readout=replace(sequence.blocks[last].readout, n_samples=3))
    broken = replace(sequence, blocks=(*sequence.blocks[:last], shorter, *sequence.blocks[last + 1 :]))
    with pytest.raises(ValueError, match=r"readouts of \[3, 26\] samples"):
        trajectory(broken)
    with pytest.raises(ValueError, match="no readouts"):
        trajectory(Sequence(()))
