"""Sequences played to one spin off the centre: its signal has the phase −2π k·r of its place, and is real at k = 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bloch.magnetisation.reference import reference_magnetisation
from bloch.magnetisation.spins import point_spins
from bloch.magnetisation.timeline import timeline
from bloch.sequence import (
    HARD_PULSE,
    TrainDesign,
    balanced_ssfp,
    echo_planar,
    gradient_echo,
    hyperbolic_secant,
    koosh_ball_readings,
    mprage,
    multi_echo_gradient_echo,
    radial_readings,
    spin_echo,
    spin_echo_planar,
    spiral_readings,
    trajectory,
    turbo_spin_echo,
)

HARD = TrainDesign(pulse=HARD_PULSE)
SAGITTAL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # rows z, y, x
PLACE = (0.031, -0.047)  # along x and y of the image, m

IN_PLANE = {
    "gradient echo": lambda e, s: gradient_echo(e, s, echo_time=7e-3, repetition_time=0.4, flip_angle=0.6),
    "multi-echo": lambda e, s: multi_echo_gradient_echo(
        e, s, echo_times=(7e-3, 9e-3), repetition_time=0.4, flip_angle=0.6, bipolar=True
    ),
    "balanced SSFP": lambda e, s: balanced_ssfp(e, s, repetition_time=6e-3, flip_angle=0.6, n_ramp=5),
    "spin echo": lambda e, s: spin_echo(e, s, echo_time=20e-3, repetition_time=0.4),
    "turbo spin echo": lambda e, s: turbo_spin_echo(
        e, s, echo_time=24e-3, repetition_time=0.4, echo_train_length=3, echo_spacing=12e-3
    ),
    "EPI": lambda e, s: echo_planar(e, s, echo_time=20e-3, repetition_time=0.4, n_shots=2),
    "spin-echo EPI": lambda e, s: spin_echo_planar(e, s, echo_time=50e-3, repetition_time=0.4),
    "radial": lambda e, s: gradient_echo(
        e, s, echo_time=7e-3, repetition_time=0.4, flip_angle=0.6, readings=radial_readings(e, s, n_spokes=5)
    ),
    "spiral": lambda e, s: spin_echo(
        e, s, echo_time=20e-3, repetition_time=0.4, readings=spiral_readings(e, s, n_interleaves=2)
    ),
}
THROUGH_SLAB = {
    "gradient echo": lambda e, s: gradient_echo(
        e, s, echo_time=5e-3, repetition_time=0.4, flip_angle=0.6, pulse=HARD_PULSE
    ),
    "turbo spin echo": lambda e, s: turbo_spin_echo(
        e, s, echo_time=24e-3, repetition_time=0.4, echo_train_length=3, echo_spacing=12e-3, design=HARD
    ),
    "MPRAGE": lambda e, s: mprage(
        e, s, inversion_time=0.2, repetition_time=0.6, echo_spacing=10e-3, flip_angle=0.05,
        inversion_pulse=hyperbolic_secant(),
    ),
    "koosh ball": lambda e, s: gradient_echo(
        e, s, echo_time=12e-3, repetition_time=0.4, flip_angle=0.6, pulse=HARD_PULSE,
        readings=koosh_ball_readings(e, s, n_spokes=5),
    ),
}  # fmt: skip


def relative_signal(sequence, place: np.ndarray, *, T2: float = 0.05) -> np.ndarray:
    """Received samples over exp(−2πi k·r), (readout, sample), of a spin that recovers between shots."""
    r = torch.from_numpy(place @ sequence.encoding.directions[::-1])[None]
    T1 = torch.tensor([0.05], dtype=torch.float64)
    steps = timeline(sequence)
    spins = point_spins(T1, torch.full_like(T1, T2), position=r)
    received = reference_magnetisation(spins, steps)[0] * torch.exp(-1j * steps.receiver_phase)
    k = trajectory(sequence)
    return received.numpy().reshape(k.shape[:2]) / np.exp(-2j * np.pi * k @ place)


@pytest.mark.parametrize("directions", [None, SAGITTAL], ids=["transaxial", "sagittal"])
@pytest.mark.parametrize("name", IN_PLANE)
def test_a_spin_in_the_slice_is_seen_at_its_place(name: str, directions, scanner, encoding_of) -> None:
    encoding = encoding_of((1, 6, 6), fov=(0.2, 0.2))
    if directions is not None:
        encoding = replace(encoding, directions=directions)
    signal = relative_signal(IN_PLANE[name](encoding, scanner), np.array([*PLACE, 0.0]))
    # A little relaxes during a refocusing pulse and is not crushed in a single spin.
    assert np.abs(np.angle(signal)).max() < 2e-2
    assert np.abs(signal).min() > 0.05


@pytest.mark.parametrize("name", THROUGH_SLAB)
def test_a_spin_in_the_slab_is_seen_at_its_place(name: str, scanner, encoding_of) -> None:
    encoding = replace(encoding_of((6, 6, 6), fov=(0.2, 0.2)), field_of_view=(0.2, 0.2, 0.2))
    # A single spin is not spoiled by gradients either: between the close pulses of MPRAGE it has to relax.
    T2 = 2e-3 if name == "MPRAGE" else 0.05
    signal = relative_signal(THROUGH_SLAB[name](encoding, scanner), np.array([*PLACE, 0.023]), T2=T2)
    assert np.abs(np.angle(signal)).max() < 2e-2
    assert np.abs(signal).min() > 2e-3


@pytest.mark.parametrize("name", ["gradient echo", "spin echo", "turbo spin echo", "EPI"])
def test_a_slice_off_the_centre_is_in_phase_at_the_echo(name: str, scanner, encoding_of) -> None:
    """Spins through the slice add up to its thickness, as the receiver's phase has them: real and positive."""
    encoding = replace(encoding_of((1, 6, 6), fov=(0.2, 0.2)), centres=np.array([[0.0, 0.0, 13e-3]]))
    sequence = IN_PLANE[name](encoding, scanner)
    z = np.linspace(3e-3, 23e-3, 401)
    long = torch.full((len(z),), 20.0, dtype=torch.float64)
    position = torch.from_numpy(np.stack([0 * z, 0 * z, z], axis=1))
    first = replace(sequence, blocks=sequence.blocks[: 1 + next(i for i, b in enumerate(sequence.blocks) if b.readout)])
    steps = timeline(first)
    samples = reference_magnetisation(point_spins(long, long, position=position), steps)
    received = (samples * torch.exp(-1j * steps.receiver_phase)).numpy()[:, -6].sum() * (z[1] - z[0])
    flip = 0.6 if "gradient" in name else np.pi / 2
    assert abs(np.angle(received)) < 0.05
    assert abs(received) == pytest.approx(5e-3 * np.sin(flip), rel=0.2)
