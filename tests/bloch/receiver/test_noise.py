"""Noise: level, correlation, whiteness, and how it follows B0."""

import math

import pytest
import torch

from bloch.receiver import (
    CoilArray,
    birdcage,
    correlated_noise,
    ellipsoid_body,
    helmet_array,
    loop_array,
    noise_covariance,
    noise_covariance_density,
    relative_snr,
    solenoid,
    volume_coil,
)
from bloch.receiver.noise import CROSSOVER_FIELD, noise_resistance, sample_noise_fraction


@pytest.mark.parametrize("B0", [0.01, 3.0])
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


@pytest.mark.parametrize(("B0", "published"), [(1.0, 3.0), (1.5, 1.9), (3.0, 0.8), (7.0, 0.2), (9.4, 0.1)])
def test_share_of_the_copper_follows_published_noise_figures_of_a_loop(B0: float, published: float) -> None:
    """Coil noise figures in dB of 3 cm wire loops: Kumar, Edelstein and Bottomley, Magn Reson Med 61:1201 (2009)."""
    figure = -10 * math.log10(sample_noise_fraction(B0, crossover_field=1.0))
    assert figure == pytest.approx(published, abs=0.06)


ARRAYS = [volume_coil(), solenoid(), birdcage(), loop_array(1), loop_array(8), loop_array(12), helmet_array(9)]


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("crossover", [0.03, 0.5])
def test_body_and_copper_are_equally_loud_at_the_crossover_field(array: CoilArray, crossover: float) -> None:
    R_body, R_coil = noise_resistance(array, crossover, crossover_field=crossover)
    assert float(R_body.diagonal().real.mean()) == pytest.approx(float(R_coil.diagonal().real.mean()))


@pytest.mark.parametrize("array", ARRAYS)
def test_density_is_hermitian_positive_definite_from_1_mT_to_20_T(array: CoilArray) -> None:
    for B0 in (1e-3, 20.0):
        Psi = noise_covariance_density(array, B0)
        torch.testing.assert_close(Psi, Psi.mH)
        assert float(torch.linalg.eigvalsh(Psi).min()) > 1e-3 * float(Psi.diagonal().real.min())


def test_body_grows_with_the_square_and_copper_with_the_root_of_frequency() -> None:
    (low_body, low_coil), (high_body, high_coil) = (noise_resistance(loop_array(3), B0) for B0 in (0.1, 0.4))
    torch.testing.assert_close(high_body, 16 * low_body)
    torch.testing.assert_close(high_coil, 2 * low_coil)


def test_copper_noise_is_each_loop_s_own_and_longer_wires_have_more() -> None:
    array = loop_array(6, generator=torch.Generator().manual_seed(2))
    _, R_coil = noise_resistance(array, 0.1)
    resistance = R_coil.diagonal().real
    torch.testing.assert_close(R_coil, torch.diag(resistance).to(R_coil))
    torch.testing.assert_close(resistance / resistance[0], array.radii / array.radii[0])


def test_overlapping_loops_share_the_body_s_noise() -> None:
    R_body, _ = noise_resistance(loop_array(8), 1.5)
    own = R_body.diagonal().real.sqrt()
    correlation = R_body.real / own / own.unsqueeze(1)
    assert 0.2 < float(correlation[0, 1]) < 0.9


def test_a_resistor_of_50_ohm_at_310_K_has_the_noise_of_the_textbook() -> None:
    """0.92 nV/√Hz: the density is 4kT for each ohm, times the preamplifier's noise figure."""
    array = loop_array(1)
    R_body, R_coil = noise_resistance(array, 0.5)
    R = float((R_body + R_coil).real)
    quiet, loud = (float(noise_covariance_density(array, 0.5, noise_figure=F).real) for F in (0.0, 3.0103))
    assert math.sqrt(quiet * 50 / R) == pytest.approx(0.9253e-9, rel=1e-3)
    assert loud == pytest.approx(2 * quiet, rel=1e-4)


def test_channels_that_share_loops_share_their_noise_by_the_wiring() -> None:
    loops = loop_array(4)
    W = torch.tensor([[1, 1j, 0, 0], [0, 1, -1, 0.5j], [0, 0, 0.3, 1]], dtype=torch.complex128)
    wired = CoilArray(loops.positions, loops.normals, loops.radii, W)
    R_body, _ = noise_resistance(loops, 3.0)
    R_wired, _ = noise_resistance(wired, 3.0)
    torch.testing.assert_close(R_wired, W @ R_body @ W.mH)


def test_a_given_coupling_replaces_the_correlation_and_keeps_each_channel_s_own_noise() -> None:
    array, B0 = loop_array(3), 3.0
    K = torch.tensor([[1, 0.4j, 0.1], [-0.4j, 1, 0.2], [0.1, 0.2, 1]], dtype=torch.complex128)
    model, given = noise_covariance_density(array, B0), noise_covariance_density(array, B0, coupling=K)
    torch.testing.assert_close(given.diagonal(), model.diagonal())
    f = sample_noise_fraction(B0)
    assert complex(given[0, 1]) / abs(complex(given[0, 0])) == pytest.approx(0.4j * f, rel=1e-3)
    with pytest.raises(ValueError, match="correlation matrix"):
        noise_covariance_density(array, B0, coupling=2 * K)
    with pytest.raises(ValueError, match="correlation matrix"):
        noise_covariance_density(array, B0, coupling=torch.eye(3) + 3 * (torch.ones(3, 3) - torch.eye(3)))
    with pytest.raises(ValueError, match="a row for each channel"):
        noise_covariance_density(array, B0, coupling=K[:2, :2])


def test_a_larger_head_is_louder() -> None:
    small, large = (noise_resistance(loop_array(4), 1.5, body=ellipsoid_body((r, r, r)))[0] for r in (0.06, 0.09))
    assert (large.diagonal().real > 2 * small.diagonal().real).all()


def test_what_cannot_be_is_refused() -> None:
    array = loop_array(2)
    for B0, crossover in ((0.0, 0.2), (-1.0, 0.2), (math.inf, 0.2), (0.1, -0.1)):
        with pytest.raises(ValueError, match="above 0"):
            noise_covariance_density(array, B0, crossover_field=crossover)
    with pytest.raises(ValueError, match="noise figure"):
        noise_covariance_density(array, 0.1, noise_figure=-1.0)
    mute = CoilArray(array.positions, array.normals, array.radii, torch.zeros(1, 2, dtype=torch.complex128))
    with pytest.raises(ValueError, match="no current in the body"):
        noise_covariance_density(mute, 0.1)
