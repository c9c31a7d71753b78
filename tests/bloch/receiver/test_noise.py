"""Noise: level, correlation, whiteness, and how it follows B0."""

import math

import pytest
import torch

from bloch.receiver import correlated_noise, loop_array, noise_covariance, relative_snr, volume_coil
from bloch.receiver.noise import CROSSOVER_FIELD, sample_noise_fraction


@pytest.mark.parametrize("B0", [0.01, 0.064, 0.55, 3.0])
@pytest.mark.parametrize("n_coils", [1, 3, 8, 16])
def test_covariance_is_hermitian_positive_with_unit_diagonal(n_coils: int, B0: float) -> None:
    Psi = noise_covariance(loop_array(n_coils, generator=torch.Generator().manual_seed(n_coils)), B0)
    torch.testing.assert_close(Psi, Psi.mH)
    torch.testing.assert_close(Psi.diagonal(), torch.ones(n_coils, dtype=torch.complex128))
    assert float(torch.linalg.eigvalsh(Psi).min()) > 0


def test_neighbours_share_more_noise_than_loops_a_quarter_turn_apart_and_facing_loops_share_it_inverted() -> None:
    Psi = noise_covariance(loop_array(8), 3.0).real
    assert Psi[0, 1] > 0.1 > Psi[0, 2]
    assert Psi[0, 4] < -0.1  # the currents that two facing loops drive in the head run against each other


def test_at_low_field_each_loop_hears_its_own_copper() -> None:
    array = loop_array(8)
    low, high = (noise_covariance(array, B0).real[0, 1] for B0 in (0.02, 3.0))
    assert abs(float(low)) < 0.1 * abs(float(high))


def test_volume_coil_has_one_channel_of_noise() -> None:
    torch.testing.assert_close(noise_covariance(volume_coil(), 0.064), torch.ones(1, 1, dtype=torch.complex128))


def test_noise_has_the_covariance_asked_for_and_is_white() -> None:
    Psi = noise_covariance(loop_array(4), 1.5)
    n = 200_000
    noise = correlated_noise(Psi, n, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(noise @ noise.mH / (2 * n), Psi, rtol=0, atol=5 / math.sqrt(n))
    assert float(noise.real.std()) == pytest.approx(1, abs=0.01)
    assert float(noise.imag.std()) == pytest.approx(1, abs=0.01)
    circularity = (noise @ noise.T / n).abs().max()  # real and imaginary part know nothing of each other
    assert float(circularity) < 10 / math.sqrt(n)
    neighbours = (noise[:, 1:] * noise[:, :-1].conj()).mean(-1).abs().max()
    assert float(neighbours) < 10 / math.sqrt(n)


def test_snr_grows_with_seven_quarters_of_B0_in_copper_and_linearly_in_the_patient() -> None:
    assert relative_snr(2e-4, 1e-4) == pytest.approx(2**1.75, rel=1e-3)
    assert relative_snr(2000.0, 1000.0) == pytest.approx(2.0, rel=1e-3)
    assert sample_noise_fraction(CROSSOVER_FIELD) == pytest.approx(0.5)
