"""Slice profiles against the small-tip theory, the spin echo's closed form, and the played slice of the simulator."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bloch.magnetisation import acquire, point_spins, timeline
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    HARD_PULSE,
    TRANSAXIAL,
    Encoding,
    PulseDesign,
    TrainDesign,
    fully_sampled,
    sinc_pulse,
    spin_echo,
)
from pirecon.encoding.slice_profile import SliceProfile, box_profile, full_width, pulse_profile


def value(profile: SliceProfile, at: float) -> float:
    """Weight at a place over that of the middle."""
    w = profile.weights / profile.weights[len(profile.weights) // 2]
    return float(np.interp(at, profile.positions, w))


@pytest.mark.parametrize(
    "profile",
    [box_profile(), pulse_profile(), pulse_profile(refocused_thickness=1.5)],
    ids=["box", "echo", "spin echo"],
)
def test_weights_sum_to_one_and_are_even(profile: SliceProfile) -> None:
    assert float(profile.weights.sum()) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(profile.weights, profile.weights.flip(0), rtol=0, atol=1e-6)
    torch.testing.assert_close(profile.positions, -profile.positions.flip(0), rtol=0, atol=1e-12)


def test_the_box_is_as_wide_as_the_slice() -> None:
    assert full_width(box_profile()) == pytest.approx(1, abs=1 / 64)


@pytest.mark.parametrize("time_bandwidth", [3.0, 4.0, 8.0])
def test_small_tips_follow_the_fourier_transform_of_the_pulse(time_bandwidth: float) -> None:
    """Pauly 1989: M+(z) = i M0 ∫ γB1(t) exp(2πi γGz t) dt, with γGz T = b z/Δz."""
    design = PulseDesign(time_bandwidth=time_bandwidth)
    profile = pulse_profile(math.radians(2), design=design)
    turns = sinc_pulse(math.radians(2), design=design).rotations.real
    t = (np.arange(len(turns)) + 0.5) / len(turns) - 0.5
    z = profile.positions.numpy()
    theory = np.cos(2 * np.pi * time_bandwidth * np.outer(z, t)) @ turns
    theory /= theory.sum()
    np.testing.assert_allclose(profile.weights.numpy(), theory, atol=2e-3 * theory.max())


def test_a_refocusing_pulse_narrows_the_slice() -> None:
    plain, echo, matched = pulse_profile(), pulse_profile(refocused_thickness=1.5), pulse_profile(refocused_thickness=1)
    assert full_width(matched) < full_width(echo) < full_width(plain)


def test_a_played_spin_echo_has_this_profile() -> None:
    """Signal of thin sheets of spins in a spin echo with crushers, played by the compiled engine."""
    thickness = 5e-3
    encoding = Encoding((1, 1, 1), (thickness, 0.1, 0.1), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, 1)), 1)
    # Two turns of the crushers across a sheet, so that each of them is crushed by itself.
    sequence = spin_echo(
        encoding, Scanner(1.0, volume_coil()), echo_time=0.06, repetition_time=0.2, design=TrainDesign(crusher=40)
    )
    profile = pulse_profile(refocused_thickness=1.5)
    places = torch.tensor([0.0, 0.2, 0.35, 0.5, 0.65], dtype=torch.float64)
    sheet = (torch.arange(40, dtype=torch.float64) - 19.5) / 40 * 0.05
    position = torch.zeros(len(places) * len(sheet), 3, dtype=torch.float64)
    position[:, 2] = (places[:, None] + sheet).flatten() * thickness
    long = torch.full((len(position),), 1e6, dtype=torch.float64)
    played = []
    for i in range(len(places)):
        chosen = slice(i * len(sheet), (i + 1) * len(sheet))
        spins = point_spins(long[chosen], long[chosen], position=position[chosen])
        signal = acquire(spins, timeline(sequence))
        played.append(float(signal.abs().max()))
    expected = [value(profile, float(z)) for z in places]
    np.testing.assert_allclose(np.array(played) / played[0], expected, atol=0.05)


def test_wrong_pulses_are_refused() -> None:
    with pytest.raises(ValueError, match="without slice selection"):
        pulse_profile(design=HARD_PULSE)
    with pytest.raises(ValueError, match="leaves no signal"):
        pulse_profile(0.0)
