"""Noise and T1 leave the fat fraction alone."""

from __future__ import annotations

import math

import pytest
import torch

from pirecon.encoding import fat_spectrum_at
from pirecon.quantitative import (
    correct_T1_weighting,
    expected_deviation,
    fat_fraction,
)
from pirecon.quantitative.echo_model import echo_model
from pirecon.quantitative.precision import precision_from_neighbours


@pytest.mark.parametrize("truth", [0.0, 0.1, 0.5, 0.95, 1.0])
def test_noise_makes_no_bias(truth: float) -> None:
    """SNR 7, where magnitudes alone would make 15 % fat of pure water."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(2, 200_000, dtype=torch.complex128, generator=generator) * math.sqrt(2)
    water, fat = 7 * (1 - truth) + noise[0], 7 * truth + noise[1]
    assert float(fat_fraction(water, fat).mean()) == pytest.approx(truth, abs=0.003)


def test_magnitudes_alone_have_the_bias() -> None:
    noise = torch.randn(2, 20_000, dtype=torch.complex128, generator=torch.Generator().manual_seed(1)) * math.sqrt(2)
    water, fat = (7 + noise[0]).abs(), noise[1].abs()
    assert float((fat / (water + fat)).mean()) == pytest.approx(0.15, abs=0.01)


def test_no_signal_is_no_fat() -> None:
    zero = torch.zeros(3, dtype=torch.complex64)
    assert fat_fraction(zero, zero).tolist() == [0, 0, 0]


def test_T1_weighting_is_taken_back() -> None:
    """By hand, TR 60 ms at 20°: water of T1 0.6 s gives 0.2174 of its protons, fat of 0.2 s 0.2917.

    sin 20° = 0.3420, cos 20° = 0.9397; E1 = exp(−0.1) = 0.9048 of water and exp(−0.3) = 0.7408 of fat:
    0.3420 · 0.0952 / 0.1497 = 0.2174 and 0.3420 · 0.2592 / 0.3039 = 0.2917.
    """
    weighted = torch.tensor([0.0, 0.2917 / (0.2174 + 0.2917), 0.2917 / (3 * 0.2174 + 0.2917), 1.0], dtype=torch.float64)
    found = correct_T1_weighting(weighted, repetition_time=0.06, flip_angle=math.radians(20), T1_water=0.6, T1_fat=0.2)
    assert found.tolist() == pytest.approx([0, 1 / 2, 1 / 4, 1], abs=1e-4)
    with pytest.raises(ValueError, match=r"60 ms are 0\.06"):
        correct_T1_weighting(weighted, repetition_time=60, flip_angle=20, T1_water=0.6, T1_fat=0.2)


def test_three_phases_a_third_of_a_turn_apart_tell_best() -> None:
    """One line of fat at phases 0, 1/3, 2/3 of a turn: AᴴA = 3, three averages of either species (Pineda 2005).

    So ½ has √(½² + ½²) / √3 of the noise of an echo; phases close together are far worse, and two echoes tell nothing.
    """
    line = type(fat_spectrum_at(0.3))((-50.0,), (1.0,), 0.3)
    third = expected_deviation((0.02, 0.02 + 1 / 150, 0.02 + 2 / 150), line, snr=20, R2_star=0.0, known_maps=True)
    assert third == pytest.approx(math.sqrt(1 / 6) / 20)
    assert expected_deviation((0.02, 0.021, 0.022), line, snr=20, R2_star=0.0, known_maps=True) > 2 * third
    assert expected_deviation((0.02, 0.03), line, snr=20) == math.inf


def test_bound_is_what_repeated_fits_scatter() -> None:
    """Least squares with known field and R2*, 4000 noisy voxels."""
    spectrum, times = fat_spectrum_at(0.3), [0.003 + 0.0035 * i for i in range(6)]
    model = echo_model(torch.tensor(times, dtype=torch.float64), spectrum)
    A = model.basis(torch.tensor(20.0, dtype=torch.float64))
    clean = A @ torch.tensor([0.7 * 25, 0.3 * 25], dtype=torch.complex128)
    noise = torch.randn(6, 4000, dtype=torch.complex128, generator=torch.Generator().manual_seed(0)) * math.sqrt(2)
    water, fat = torch.linalg.pinv(A) @ (clean[:, None] + noise)
    bound = expected_deviation(times, spectrum, snr=25, fat_fraction=0.3, known_maps=True)
    assert float(fat_fraction(water, fat).std()) == pytest.approx(bound, rel=0.05)
    assert expected_deviation(times, spectrum, snr=25, fat_fraction=0.3) > bound
    assert expected_deviation(times, fat_spectrum_at(0.03), snr=25, fat_fraction=0.3) > 0.3


def test_neighbours_add_what_a_gaussian_field_on_a_torus_has() -> None:
    """Against the inverse of the whole precision matrix of a ring of 32 voxels."""
    h, q, n = 0.3, 2.0, 32
    ring = torch.eye(n, dtype=torch.float64) * (h + 2 * q)
    ring -= q * (torch.eye(n).roll(1, 0) + torch.eye(n).roll(-1, 0)).double()
    variance = float(torch.linalg.inv(ring)[0, 0])
    found = precision_from_neighbours(torch.tensor([h], dtype=torch.float64), [q])
    assert float(1 / (h + found[0])) == pytest.approx(variance, rel=0.03)
