"""What every family of sequences has to keep: k-space, echo times, lines, scan time, and the sign of the signal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from bloch.scanner import Scanner
from bloch.sequence import (
    HARD_PULSE,
    Encoding,
    PulseDesign,
    SamplingPattern,
    Sequence,
    TrainDesign,
    balanced_ssfp,
    central_block,
    centric_order,
    echo_planar,
    gradient_echo,
    mprage,
    multi_echo_gradient_echo,
    scan_plan,
    spin_echo,
    spin_echo_planar,
    trajectory,
    turbo_spin_echo,
)

Build = Callable[[Encoding, Scanner], Sequence]
HARD = TrainDesign(pulse=HARD_PULSE)

FAMILIES: dict[str, Build] = {
    "gradient echo": lambda e, s: gradient_echo(
        e, s, echo_time=7e-3, repetition_time=40e-3, flip_angle=0.4, n_dummies=2
    ),
    "hard gradient echo": lambda e, s: gradient_echo(
        e, s, echo_time=5e-3, repetition_time=40e-3, flip_angle=0.4, pulse=PulseDesign(0.0, slice_selective=False)
    ),
    "monopolar": lambda e, s: multi_echo_gradient_echo(
        e, s, echo_times=(7e-3, 10e-3, 14e-3), repetition_time=40e-3, flip_angle=0.4
    ),
    "bipolar": lambda e, s: multi_echo_gradient_echo(
        e, s, echo_times=(7e-3, 9e-3, 11e-3), repetition_time=40e-3, flip_angle=0.4, bipolar=True
    ),
    "balanced SSFP": lambda e, s: balanced_ssfp(e, s, repetition_time=12e-3, flip_angle=0.8, n_dummies=3),
    "spin echo": lambda e, s: spin_echo(e, s, echo_time=20e-3, repetition_time=0.2),
    "hard spin echo": lambda e, s: spin_echo(e, s, echo_time=20e-3, repetition_time=0.2, design=HARD),
    "inversion recovery": lambda e, s: spin_echo(e, s, echo_time=20e-3, repetition_time=0.5, inversion_time=0.1),
    "turbo spin echo": lambda e, s: turbo_spin_echo(
        e, s, echo_time=30e-3, repetition_time=0.4, echo_train_length=5, echo_spacing=15e-3, n_dummies=1
    ),
    "centric turbo spin echo": lambda e, s: turbo_spin_echo(
        e, s, echo_time=15e-3, repetition_time=0.4, echo_train_length=4, echo_spacing=15e-3, order=centric_order
    ),
    "FLAIR": lambda e, s: turbo_spin_echo(
        e, s, echo_time=45e-3, repetition_time=0.6, echo_train_length=4, echo_spacing=15e-3, inversion_time=0.2
    ),
    "MPRAGE": lambda e, s: mprage(
        e, s, inversion_time=0.3, repetition_time=0.8, echo_spacing=10e-3, echo_time=4e-3, flip_angle=0.2
    ),
    "EPI": lambda e, s: echo_planar(e, s, echo_time=35e-3, repetition_time=0.3, n_shots=2),
    "spin-echo EPI": lambda e, s: spin_echo_planar(e, s, echo_time=70e-3, repetition_time=0.3, n_phase_correction=2),
}
MATRICES = ((1, 12, 13), (1, 14, 16), (5, 6, 9), (4, 8, 7))
INSTANTANEOUS = 1e-9  # s, tolerance of times
every_family = pytest.mark.parametrize("build", FAMILIES.values(), ids=FAMILIES.keys())


def nominal(sequence: Sequence) -> np.ndarray:
    """k of every sample from the labels alone, (readout, sample, 3)."""
    e = sequence.encoding
    assert e is not None
    (n_z, n_y, n_x), (fov_z, fov_y, fov_x) = e.matrix, e.field_of_view
    n = n_x * e.oversampling
    kx = (np.arange(n) - n // 2) / (fov_x * e.oversampling)
    rows = []
    for block in sequence.blocks:
        if block.readout is not None:
            line = block.readout.label
            ky, kz = (line.ky - n_y // 2) / fov_y, (line.kz - n_z // 2) / fov_z
            along = kx[::-1] if line.is_reversed else kx
            rows.append(np.stack([along, np.full(n, ky), np.full(n, kz)], axis=-1))
    return np.array(rows)


@every_family
@pytest.mark.parametrize("matrix", MATRICES, ids=str)
@pytest.mark.parametrize("oversampling", [1, 2])
def test_gradients_reach_the_k_that_the_labels_claim(build, matrix, oversampling, scanner, encoding_of) -> None:
    encoding = encoding_of(matrix, n_slices=2 if matrix[0] == 1 else 1, oversampling=oversampling)
    sequence = build(encoding, scanner)
    assert np.abs(trajectory(sequence) - nominal(sequence)).max() < 1e-6 / max(encoding.field_of_view)


@every_family
@pytest.mark.parametrize("matrix", [(1, 12, 13), (4, 6, 8)], ids=str)
def test_the_centre_of_k_space_is_read_at_the_echo_time(build, matrix, scanner, encoding_of, played) -> None:
    encoding = encoding_of(matrix, n_slices=2 if matrix[0] == 1 else 1)
    sequence = build(encoding, scanner)
    times, protocol = played(sequence), sequence.protocol
    excitations = np.array([t for t, rf in times.pulses if rf.use == "excitation"])
    k, found = trajectory(sequence), 0
    for (t, line), row in zip(times.readouts, k, strict=True):
        if (line.kz, line.ky) != (matrix[0] // 2, matrix[1] // 2) or line.phase_correction:
            continue
        at_echo = int(np.abs(row).sum(axis=1).argmin())
        assert np.abs(row[at_echo]).max() < 1e-6
        last = excitations[excitations < t[0]][-1]
        expected = protocol.echo_times[line.contrast] if protocol.echo_times else protocol.echo_time
        assert t[at_echo] - last == pytest.approx(expected, abs=INSTANTANEOUS)
        found += 1
    assert found == len(encoding.centres) * max(len(protocol.echo_times), 1)


@every_family
def test_every_line_of_the_plan_is_read_once(build, scanner, encoding_of, played) -> None:
    imaging = np.ones((1, 12), bool)
    imaging[0, [1, 3]] = False  # 10 lines: no multiple of the trains
    sampling = SamplingPattern(imaging, central_block((1, 12), 4), acceleration=(1, 1))
    encoding = encoding_of((1, 12, 8), n_slices=3, sampling=sampling, n_averages=2)
    sequence = build(encoding, scanner)
    contrasts = max(len(sequence.protocol.echo_times), 1)
    wanted = Counter(
        (line.kz, line.ky, line.slice, line.average, line.calibration, contrast)
        for line in scan_plan(encoding)
        for contrast in range(contrasts)
    )
    lines = [line for _, line in played(sequence).readouts if not line.phase_correction]
    assert wanted == Counter((i.kz, i.ky, i.slice, i.average, i.calibration, i.contrast) for i in lines)


@every_family
def test_excitations_of_a_slice_are_a_repetition_time_apart(build, scanner, encoding_of) -> None:
    encoding = encoding_of((1, 12, 8), n_slices=3)
    sequence = build(encoding, scanner)
    wanted = sequence.protocol.repetition_time
    for s in range(3):
        start, first = 0.0, []
        previous = None
        for block in sequence.blocks:
            if block.slice == s and block.readout is not None and block.readout.label.shot != previous:
                previous = block.readout.label.shot
                first.append(start - block.readout.label.segment * (sequence.protocol.echo_spacing or 0.0))
            start += block.duration
        assert np.diff(first) == pytest.approx(wanted, abs=INSTANTANEOUS)


def evolve(M: np.ndarray, rf) -> np.ndarray:
    """Left-handed turn of a spin on resonance: Rodrigues' formula with the angle reversed."""
    axis = np.array([math.cos(rf.phase), math.sin(rf.phase), 0.0])
    angle = -rf.flip_angle
    return M * math.cos(angle) + np.cross(axis, M) * math.sin(angle) + axis * (axis @ M) * (1 - math.cos(angle))


@pytest.mark.parametrize(
    "name", ["gradient echo", "monopolar", "spin echo", "turbo spin echo", "EPI", "spin-echo EPI", "balanced SSFP"]
)
def test_resting_magnetisation_gives_a_real_positive_signal(name, scanner, encoding_of) -> None:
    """One spin in the middle of the field of view without relaxation, from rest to the end of the first shots."""
    sequence = FAMILIES[name](encoding_of((1, 12, 8)), scanner)
    M, signals, excitations = np.array([0.0, 0.0, 1.0]), [], 0
    for block in sequence.blocks:
        if block.rf is not None:
            balanced = name == "balanced SSFP"
            excitations += block.rf.use == "excitation"
            if block.rf.use == "excitation" and not balanced:
                M = np.array([0.0, 0.0, 1.0])  # spoiled and recovered
            M = evolve(M, block.rf)
        if block.readout is not None:
            signals.append((M[0] + 1j * M[1]) * np.exp(-1j * block.readout.phase))
    strength = math.sin(sequence.protocol.flip_angle / (2 if name == "balanced SSFP" else 1))
    assert np.array(signals) == pytest.approx(np.full(len(signals), strength, complex), abs=1e-9)
