"""The noise of the channels, from a noise scan and without one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pirecon.calibration import covariance_from_kspace, covariance_from_noise_scan
from pirecon.rawdata import read_mrd, sort_kspace

MIXING = torch.tensor([[1.0, 0, 0], [0.4 + 0.3j, 0.7, 0], [-0.2j, 0.1, 3.0]], dtype=torch.complex64)


def departure(matrix: torch.Tensor, truth: torch.Tensor) -> float:
    """Largest |eigenvalue − 1| of truth⁻¹ᐟ² matrix truth⁻¹ᐟ²: 0 where both agree, whatever the gains."""
    inverse = torch.linalg.inv(torch.linalg.cholesky(truth.to(torch.complex128)))
    return float((torch.linalg.eigvalsh(inverse @ matrix @ inverse.mH) - 1).abs().max())


def test_noise_scan_gives_half_of_the_expected_outer_product(noise):
    samples = MIXING @ noise((3, 200_000))
    assert departure(covariance_from_noise_scan(samples).matrix, MIXING @ MIXING.mH) < 0.02


def test_twice_the_imaging_dwell_time_halves_the_variance(noise):
    samples = noise((2, 5000))
    one = covariance_from_noise_scan(samples, bandwidth_ratio=1, receiver_noise_bandwidth=1).matrix
    two = covariance_from_noise_scan(samples, bandwidth_ratio=2, receiver_noise_bandwidth=1).matrix
    torch.testing.assert_close(two, one / 2)


def test_receiver_noise_bandwidth_raises_the_variance_to_the_level_in_the_centre(noise):
    samples = noise((2, 5000))
    given = covariance_from_noise_scan(samples, receiver_noise_bandwidth=0.793)
    flat = covariance_from_noise_scan(samples, receiver_noise_bandwidth=1)
    torch.testing.assert_close(given.matrix, flat.matrix / 0.793)
    assert "0.793 (given)" in given.source


def test_roll_off_of_the_receiver_is_measured(noise):
    """Noise of variance 2 in the central half of the band and of 1 outside: the image sees 2."""
    spectrum = noise((4, 300, 256))
    spectrum[..., 64:192] *= math.sqrt(2)
    samples = torch.fft.ifft(torch.fft.ifftshift(spectrum, dim=-1), norm="ortho").flatten(1)
    assert departure(covariance_from_noise_scan(samples).matrix, 2 * torch.eye(4)) < 0.05


def test_white_noise_is_not_taken_for_a_roll_off(noise):
    assert "bandwidth 1.000 (measured" in covariance_from_noise_scan(noise((4, 20_000))).source


def test_too_few_noise_samples_are_refused(noise):
    with pytest.raises(ValueError, match="7 samples for 4 channels"):
        covariance_from_noise_scan(noise((4, 7)))


@pytest.mark.parametrize("ratio", [0.0, -1.0])
def test_impossible_bandwidth_ratio_is_refused(noise, ratio):
    with pytest.raises(ValueError, match="bandwidth_ratio"):
        covariance_from_noise_scan(noise((2, 100)), bandwidth_ratio=ratio)


@pytest.mark.parametrize("snr", [1e-3, 3, 30])
@pytest.mark.parametrize("acceleration", [1, 3])
def test_noise_is_found_beside_the_head(scan, kspace_of, snr, acceleration):
    kspace, _, _ = scan(3, (1, 91, 96), snr)
    weights = torch.zeros(1, 1, 91, 96)
    weights[:, :, ::acceleration] = 1
    weights[:, :, 37:53] = 1
    mixed = kspace_of(torch.einsum("cd,dzyx->czyx", MIXING, kspace.data), weights)
    assert departure(covariance_from_kspace(mixed).matrix, MIXING @ MIXING.mH) < 0.15


def test_partly_sampled_readout_does_not_change_the_noise(noise, kspace_of):
    weights = torch.ones(1, 1, 128, 128)
    weights[..., :40] = 0
    covariance = covariance_from_kspace(kspace_of(noise((2, 1, 128, 128)), weights))
    assert departure(covariance.matrix, torch.eye(2)) < 0.08


def test_averages_are_counted_back_to_a_single_measurement(noise, kspace_of):
    """Half of the lines are means of 4, the others were measured once."""
    weights = torch.ones(1, 1, 128, 128)
    weights[:, :, ::2] = 0.5
    data = noise((1, 1, 128, 128)) / (2 * weights)
    covariance = covariance_from_kspace(kspace_of(data, weights, n_averages=4))
    assert departure(covariance.matrix, torch.eye(1)) < 0.05


def test_estimate_scales_with_the_file_over_twelve_decades(scan, kspace_of):
    kspace, _, _ = scan(2, (1, 64, 64), 10)
    small = covariance_from_kspace(kspace_of(kspace.data * 1e-6)).matrix
    large = covariance_from_kspace(kspace_of(kspace.data * 1e6)).matrix
    torch.testing.assert_close(small * 1e12, large * 1e-12, rtol=1e-4, atol=1e-4)


def test_zero_channel_has_no_noise_and_leaves_the_others_alone(noise, kspace_of):
    data = noise((3, 1, 96, 96))
    data[1] = 0
    matrix = covariance_from_kspace(kspace_of(data)).matrix
    assert float(matrix[1].abs().max()) == 0
    assert float(matrix[:, 1].abs().max()) == 0
    assert departure(matrix[[0, 2]][:, [0, 2]], torch.eye(2)) < 0.05


def test_zeros_that_claim_to_be_measured_are_not_noise(noise, kspace_of):
    data = noise((3, 1, 1, 96, 96))
    data[2] = 0
    covariance = covariance_from_kspace(kspace_of(data, batch_axes=("slice",)))
    assert departure(covariance.matrix, torch.eye(1)) < 0.05


def test_data_filtered_along_the_phase_encoding_are_said_to_be(noise, kspace_of):
    """With a window over the lines the mean power counts, as it is what the image's background shows."""
    window = torch.linspace(0.4, 1.6, 128)[:, None]
    covariance = covariance_from_kspace(kspace_of(noise((1, 1, 128, 128)) * window))
    assert "filtered" in covariance.source
    assert departure(covariance.matrix, torch.eye(1) * window.square().mean()) < 0.06


def test_nothing_measured_is_refused(kspace_of):
    with pytest.raises(ValueError, match="no k-space sample was measured"):
        covariance_from_kspace(kspace_of(torch.zeros(1, 1, 8, 8, dtype=torch.complex64), torch.zeros(1, 1, 8, 8)))


def test_empty_data_are_refused(kspace_of):
    with pytest.raises(ValueError, match="fewer than 2 readouts"):
        covariance_from_kspace(kspace_of(torch.zeros(2, 1, 8, 8, dtype=torch.complex64)))


@pytest.mark.parametrize("name", ["6A_FLAIR", "6A_GRE", "7A_FSE", "S6A_FSE", "S6A_GRE"])
def test_estimate_agrees_with_the_background_of_real_images(shared_data, name):
    kspace = sort_kspace(read_mrd(shared_data / f"brain_0.055T_{name}.h5"))
    data = kspace.data[:, 0, 0].numpy()  # (slice, ky, kx)
    image = np.fft.ifft2(np.fft.ifftshift(data, axes=(-2, -1)), norm="ortho") / math.sqrt(
        float(kspace.weights[0].mean())
    )
    image = np.fft.fftshift(image, axes=(-2, -1))
    corners = np.concatenate(
        [image[:, r, c].ravel() for r in (slice(8), slice(-8, None)) for c in (slice(8), slice(-8, None))]
    )
    background = math.sqrt(float(np.median(np.abs(corners) ** 2)) / math.log(2) / 2)
    estimate = math.sqrt(float(covariance_from_kspace(kspace).matrix.real) / kspace.n_averages)
    assert estimate == pytest.approx(background, rel=0.15)


def test_estimate_agrees_with_the_difference_of_two_real_averages(shared_data):
    raw = read_mrd(shared_data / "brain_0.055T_interference_caged.h5")
    first, second = (sort_kspace(raw, average=a).data for a in (0, 1))
    difference = float((first - second).abs().square().mean()) / 4  # two measurements, two parts
    estimate = float(covariance_from_kspace(sort_kspace(raw)).matrix.real)
    assert math.sqrt(estimate) == pytest.approx(math.sqrt(difference), rel=0.2)


def test_noise_scan_and_imaging_data_of_an_independent_simulation_agree(shared_data):
    kspace = sort_kspace(read_mrd(shared_data / "shepp_logan_r2_noise_scan.h5"))
    assert departure(covariance_from_kspace(kspace).matrix, 0.05**2 * torch.eye(4)) < 0.15
