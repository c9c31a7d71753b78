"""SNR in absolute terms: voltages from first principles, exponents of B0, a scanner's knobs, replicas."""

import math

import pytest
import torch
from torch import Tensor

from bloch.receiver import (
    Acquisition,
    CoilArray,
    birdcage,
    correlated_noise,
    equilibrium_magnetisation,
    helmet_array,
    loop_array,
    noise_covariance_density,
    relative_snr,
    sensitivities,
    signal_factor,
    solenoid,
    volume_coil,
    voxel_snr,
)
from bloch.receiver.coil_array import conductor_field

Z, Y = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)
POINTS = torch.tensor([[0, 0, 0], [0.05, 0.02, -0.01], [-0.03, 0.06, 0.02]], dtype=torch.float64)
SCAN = Acquisition(voxel_volume=20e-9, bandwidth=20e3, n_samples=64 * 64)


def snr(array: CoilArray, B0: float, *, crossover_field: float = 0.2) -> Tensor:
    Psi = noise_covariance_density(array, B0, crossover_field=crossover_field)
    return voxel_snr(sensitivities(array, POINTS), Psi, SCAN, B0=B0)


def test_magnetisation_is_that_of_two_levels_in_boltzmann_equilibrium() -> None:
    """ρ μ tanh(μ B0 / kT), with the proton's moment 1.41060679736e-26 J/T (CODATA 2018) and 110.27 mol of protons/l."""
    for B0, temperature in ((0.05, 310.0), (7.0, 293.0)):
        moment, kT = 1.41060679736e-26, 1.380649e-23 * temperature
        expected = 110.27e3 * 6.02214076e23 * moment * math.tanh(moment * B0 / kT)
        assert equilibrium_magnetisation(B0, temperature=temperature) == pytest.approx(expected, rel=1e-4)


def test_signal_is_the_voltage_that_faraday_s_law_gives() -> None:
    """Flux of a turning moment through the coil, by reciprocity Φ = B·m, differentiated in time numerically."""
    array, B0, volume = loop_array(3), 0.4, 8e-9
    r = POINTS[1:2]
    B = conductor_field(array, r)[:, :, 0]  # (3, coil) for 1 A
    omega = 2 * math.pi * 42.577478518e6 * B0
    moment = equilibrium_magnetisation(B0) * volume
    t = torch.linspace(0, 2 * math.pi / omega, 20_001, dtype=torch.float64)
    turning = moment * torch.stack(((omega * t).cos(), -(omega * t).sin(), torch.zeros_like(t)))  # left-handed
    flux = B.T @ turning
    voltage = flux.diff(dim=-1) / t.diff()
    y = signal_factor(B0) * sensitivities(array, r)[:, 0].abs() * volume
    torch.testing.assert_close(y.double(), voltage.abs().max(-1).values, rtol=1e-4, atol=0)


def test_noise_of_a_resistor_after_demodulation_has_the_variance_of_the_docstring() -> None:
    """White voltage of density 4kTR, mixed down and averaged over the dwell time, whose noise bandwidth is 1/dwell."""
    density, rate, n_dwell, n = 3e-18, 10e6, 500, 4000
    carrier = 2.347e6
    generator = torch.Generator().manual_seed(0)
    V = math.sqrt(density * rate / 2) * torch.randn(n * n_dwell, dtype=torch.float64, generator=generator)
    t = torch.arange(n * n_dwell, dtype=torch.float64) / rate
    mixed = 2 * V * torch.polar(torch.ones_like(t), -2 * math.pi * carrier * t)
    y = mixed.reshape(n, n_dwell).mean(-1)
    assert float(y.real.var()) == pytest.approx(density * rate / n_dwell, rel=0.1)
    assert float(y.imag.var()) == pytest.approx(density * rate / n_dwell, rel=0.1)


@pytest.mark.parametrize("array", [volume_coil(), birdcage(), helmet_array(7)], ids=["pairs", "birdcage", "helmet"])
def test_exponents_of_B0_tend_to_seven_quarters_in_copper_and_to_one_in_the_body(array: CoilArray) -> None:
    for B0, exponent in ((2e-3, 1.75), (30.0, 1.0)):
        slope = (snr(array, 1.1 * B0).log() - snr(array, B0 / 1.1).log()) / (2 * math.log(1.1))
        torch.testing.assert_close(slope, torch.full_like(slope, exponent), rtol=0.01, atol=0)


@pytest.mark.parametrize(("B0", "crossover"), [(0.02, 0.2), (0.2, 0.9), (1.5, 0.05)])
def test_relative_snr_is_the_ratio_for_a_coil_of_one_channel(B0: float, crossover: float) -> None:
    ratio = snr(volume_coil(), B0, crossover_field=crossover) / snr(volume_coil(), 0.3, crossover_field=crossover)
    expected = torch.full_like(ratio, relative_snr(B0, 0.3, crossover_field=crossover))
    torch.testing.assert_close(ratio, expected, rtol=1e-6, atol=0)


def test_a_scanner_s_knobs_turn_the_snr_as_they_do() -> None:
    S, Psi = sensitivities(loop_array(4), POINTS), noise_covariance_density(loop_array(4), 0.3)
    reference = voxel_snr(S, Psi, SCAN, B0=0.3)
    for scan, factor in (
        (Acquisition(20e-9, 20e3, 64 * 64, averages=9), 3.0),
        (Acquisition(20e-9, 5e3, 64 * 64), 2.0),
        (Acquisition(5e-9, 20e3, 64 * 64), 0.25),
        (Acquisition(20e-9, 20e3, 4 * 64 * 64), 2.0),
    ):
        torch.testing.assert_close(voxel_snr(S, Psi, scan, B0=0.3), factor * reference)
    half = voxel_snr(S, Psi, SCAN, B0=0.3, magnetisation=-0.5)
    torch.testing.assert_close(half, 0.5 * reference)


def test_units_of_volt_cancel_turns_make_no_difference() -> None:
    """A coil of twice the voltage has four times the noise power: gain and turns in series leave the SNR alone."""
    coil = volume_coil()
    assert coil.combination is not None
    doubled = CoilArray(coil.positions, coil.normals, coil.radii, 2j * coil.combination)
    torch.testing.assert_close(snr(doubled, 0.1), snr(coil, 0.1))


def test_a_further_channel_never_costs_snr() -> None:
    array = loop_array(9)
    S, Psi = sensitivities(array, POINTS), noise_covariance_density(array, 0.5)
    before = torch.zeros(len(POINTS), dtype=torch.float64)
    for n in range(1, 10):
        now = voxel_snr(S[:n], Psi[:n, :n], SCAN, B0=0.5)
        assert (now >= before - 1e-9).all()
        before = now


def test_quadrature_gains_the_square_root_of_two_over_one_linear_mode() -> None:
    coil = birdcage()
    linear = birdcage(B0_direction=Y)
    both = voxel_snr(sensitivities(coil, POINTS[:1]), noise_covariance_density(coil, 1.5), SCAN, B0=1.5)
    S = sensitivities(linear, POINTS[:1], B0_direction=Y)
    one = voxel_snr(S, noise_covariance_density(linear, 1.5), SCAN, B0=1.5)
    assert float(both / one) == pytest.approx(math.sqrt(2), rel=1e-3)


def test_snr_of_simulated_replicas_is_the_one_predicted() -> None:
    """One voxel, all its samples, noise of the predicted covariance, the optimal combination: mean over deviation."""
    array, B0, n, replicas = loop_array(4), 0.064, 50, 4000
    scan = Acquisition(voxel_volume=3e-8, bandwidth=10e3, n_samples=n)
    S, Psi = sensitivities(array, POINTS[1:2]).to(torch.complex128), noise_covariance_density(array, B0)
    noise = correlated_noise(Psi * scan.bandwidth, n * replicas, generator=torch.Generator().manual_seed(4))
    signal = signal_factor(B0) * scan.voxel_volume * S
    y = (signal + noise).reshape(4, replicas, n).mean(-1)  # the Fourier sum at the voxel, its phase taken off
    weights = torch.linalg.solve(Psi, S)
    image = (weights.mH @ y)[0] / (weights.mH @ S).real[0]
    measured = float(image.real.mean() / image.real.std())
    assert measured == pytest.approx(float(voxel_snr(S, Psi, scan, B0=B0)), rel=0.03)


def test_solenoid_and_quadrature_coil_are_of_one_order_at_low_field() -> None:
    """A solenoid across B0 hears with all its field; both are within a factor 2 for a head (Hoult and Richards)."""
    across = solenoid()
    S = sensitivities(across, POINTS[:1], B0_direction=Y)
    vertical = float(voxel_snr(S, noise_covariance_density(across, 0.05), SCAN, B0=0.05))
    assert 0.5 < vertical / float(snr(volume_coil(), 0.05)[0]) < 2


def test_points_of_any_shape_are_taken() -> None:
    array = loop_array(2)
    S = sensitivities(array, torch.zeros(2, 1, 3, 3))
    assert voxel_snr(S, noise_covariance_density(array, 0.1), SCAN, B0=0.1).shape == (2, 1, 3)


def test_what_cannot_be_is_refused() -> None:
    for B0, temperature in ((0.0, 310.0), (0.1, 0.0), (math.nan, 310.0)):
        with pytest.raises(ValueError, match="above 0"):
            equilibrium_magnetisation(B0, temperature=temperature)
    for values in ((0.0, 1e4, 64), (1e-9, 0.0, 64), (1e-9, 1e4, 0), (1e-9, 1e4, 64, 0)):
        with pytest.raises(ValueError, match="above 0"):
            Acquisition(*values)  # type: ignore[arg-type]
