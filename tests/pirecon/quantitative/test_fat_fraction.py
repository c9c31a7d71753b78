"""Noise and T1 leave the fat fraction alone."""

from __future__ import annotations

import math

import pytest
import torch

from pirecon.encoding import fat_spectrum_at
from pirecon.quantitative import (
    correct_T1_weighting,
    effective_averages,
    expected_deviation,
    fat_fraction,
    fat_fraction_by_magnitude,
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
    assert float(fat_fraction_by_magnitude(water, fat).mean()) == pytest.approx(truth, abs=0.02)


def test_magnitudes_alone_have_the_bias() -> None:
    noise = torch.randn(2, 20_000, dtype=torch.complex128, generator=torch.Generator().manual_seed(1)) * math.sqrt(2)
    water, fat = (7 + noise[0]).abs(), noise[1].abs()
    assert float((fat / (water + fat)).mean()) == pytest.approx(0.15, abs=0.01)


def test_no_signal_is_no_fat() -> None:
    zero = torch.zeros(3, dtype=torch.complex64)
    assert fat_fraction(zero, zero).tolist() == fat_fraction_by_magnitude(zero, zero).tolist() == [0, 0, 0]


def test_T1_weighting_is_taken_back() -> None:
    """TR 60 ms, 20°: water of T1 0.6 s keeps 0.209, fat of 0.2 s 0.281 times sin-weighted protons (by hand)."""
    TR, angle = 0.06, math.radians(20)
    signal = [
        math.sin(angle) * (1 - math.exp(-TR / T1)) / (1 - math.cos(angle) * math.exp(-TR / T1)) for T1 in (0.6, 0.2)
    ]
    protons = torch.linspace(0, 1, 11, dtype=torch.float64)
    weighted = protons * signal[1] / (protons * signal[1] + (1 - protons) * signal[0])
    assert float((weighted - protons).abs().max()) > 0.07
    found = correct_T1_weighting(weighted, repetition_time=TR, flip_angle=angle, T1_water=0.6, T1_fat=0.2)
    torch.testing.assert_close(found, protons)
    with pytest.raises(ValueError, match=r"60 ms are 0\.06"):
        correct_T1_weighting(weighted, repetition_time=60, flip_angle=20, T1_water=0.6, T1_fat=0.2)


def test_three_phases_a_third_of_a_turn_apart_average_perfectly() -> None:
    """One line of fat at phases 0, 1/3, 2/3 of a turn: NSA 3 (Pineda 2005); at 0, 0, 0 there is no telling."""
    line = type(fat_spectrum_at(0.3))((-50.0,), (1.0,), 0.3)
    assert effective_averages((0.02, 0.02 + 1 / 150, 0.02 + 2 / 150), line) == pytest.approx(3)
    assert effective_averages((0.02, 0.021, 0.022), line) < 0.3
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
